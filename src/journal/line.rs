//! One line of the journal: a record and its checksum.

use std::io::{BufRead, Read};

use serde::Deserialize;

use super::{Limits, Record};

const BEFORE_SUM: &str = "{\"crc\":\"";
const AFTER_SUM: &str = "\",\"record\":";
const SUM_LENGTH: usize = 8;

/// The most bytes of a line: far more than a sub-wave of rollouts has. Of a file without lines no more is read.
const LONGEST: u64 = 512 << 20;

/// Reads the next line with its end, or what there is without one. Returns its bytes.
///
/// # Errors
/// The reader's; [`ErrorKind::InvalidData`](std::io::ErrorKind::InvalidData) where the line has no end.
pub(super) fn read(reader: &mut impl BufRead, bytes: &mut Vec<u8>) -> std::io::Result<usize> {
    bytes.clear();
    let length = reader.take(LONGEST).read_until(b'\n', bytes)?;
    if length as u64 == LONGEST && bytes.last() != Some(&b'\n') {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "a line of it has no end"));
    }
    Ok(length)
}

/// The line of a record, with its end.
pub(super) fn encode(record: &Record) -> Vec<u8> {
    // A record is made of maps with text keys, texts and finite numbers: it always has a JSON form.
    let body = serde_json::to_vec(record).unwrap_or_default();
    let mut line = format!("{BEFORE_SUM}{:08x}{AFTER_SUM}", crc32fast::hash(&body)).into_bytes();
    line.extend_from_slice(&body);
    line.extend_from_slice(b"}\n");
    line
}

/// Whether a file that begins with `start` can be a journal; one that was torn in its first line can.
pub(super) fn is_beginning(start: &[u8]) -> bool {
    let count = start.len().min(BEFORE_SUM.len());
    start[..count] == BEFORE_SUM.as_bytes()[..count]
}

/// The record's bytes of a whole line.
///
/// # Errors
/// What is wrong with it.
fn body(line: &[u8]) -> Result<&[u8], String> {
    let parts = || {
        let rest = line.strip_prefix(BEFORE_SUM.as_bytes())?;
        let (sum, rest) = rest.split_at_checked(SUM_LENGTH)?;
        Some((sum, rest.strip_prefix(AFTER_SUM.as_bytes())?.strip_suffix(b"}\n")?))
    };
    let (sum, body) = parts().ok_or("the line is no journal record")?;
    // Compared as it is written: a digit in capitals is a changed byte, too.
    if format!("{:08x}", crc32fast::hash(body)).as_bytes() != sum {
        return Err("the checksum does not match: the line was changed".into());
    }
    Ok(body)
}

/// The record of a whole line.
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode(line: &[u8]) -> Result<Record, String> {
    serde_json::from_slice(body(line)?).map_err(unreadable)
}

/// Whether a last line without its end is whole but for its last byte: it was changed then, and not torn.
pub(super) fn has_another_end(line: &[u8]) -> bool {
    let Some((_, before)) = line.split_last() else { return false };
    body(&[before, b"\n"].concat()).is_ok()
}

fn unreadable(error: serde_json::Error) -> String {
    format!("the record cannot be read: {error}")
}

/// What a scan keeps of a record.
#[derive(Debug, PartialEq)]
pub(super) enum Outline {
    Header {
        version: u32,
    },
    /// Answers the optimizer in order; seconds where it has cost any.
    Ordered(Option<f64>),
    Limits(Limits),
    Test(String),
}

/// The few fields that a scan reads; all else of a record is passed over, so that a long journal is scanned quickly.
#[derive(Deserialize)]
struct Sketch {
    kind: Kind,
    version: Option<u32>,
    key: Option<String>,
    limits: Option<Limits>,
    cost: Option<Clock>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Header,
    Rollouts,
    Reflections,
    Limits,
    Note,
    Test,
}

#[derive(Deserialize)]
struct Clock {
    elapsed: f64,
}

/// The outline of a whole line's record.
///
/// # Errors
/// What is wrong with it.
pub(super) fn outline(line: &[u8]) -> Result<Outline, String> {
    let Sketch { kind, version, key, limits, cost } = serde_json::from_slice(body(line)?).map_err(unreadable)?;
    Ok(match kind {
        // A header without a version would be older than any.
        Kind::Header => Outline::Header { version: version.unwrap_or(0) },
        Kind::Test => Outline::Test(key.ok_or("the record of a test has no key")?),
        Kind::Limits => Outline::Limits(limits.ok_or("the record of limits has none")?),
        Kind::Rollouts | Kind::Reflections | Kind::Note => Outline::Ordered(cost.map(|clock| clock.elapsed)),
    })
}
