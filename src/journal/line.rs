//! One line of the journal: a record and its checksum.

use std::io::{BufRead, Error, ErrorKind, Read, Result as IoResult};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::record::Limits;

const BEFORE_SUM: &str = "{\"crc\":\"";
const AFTER_SUM: &str = "\",\"record\":";
const SUM_LENGTH: usize = 8;

/// The most bytes of a line. A sub-wave of rollouts has far fewer. A file without line feeds is not read beyond this.
const MOST_BYTES: u64 = 512 << 20;

/// Reads the next line with its line feed into `bytes`, or the rest of the file if no line feed follows. Returns the number of
/// bytes; 0 at the end of the file.
///
/// # Errors
/// Those of `reader`; [`ErrorKind::InvalidData`] if the line is longer than [`MOST_BYTES`].
pub(super) fn read(reader: &mut impl BufRead, bytes: &mut Vec<u8>) -> IoResult<usize> {
    bytes.clear();
    let length = reader.take(MOST_BYTES).read_until(b'\n', bytes)?;
    if length as u64 == MOST_BYTES && bytes.last() != Some(&b'\n') {
        return Err(Error::new(ErrorKind::InvalidData, "one of its lines has no end"));
    }
    Ok(length)
}

/// Returns the line of a record, with its line feed.
pub(super) fn encode(record: &impl Serialize) -> Vec<u8> {
    // A record consists of maps with text keys, texts and finite numbers, so it always has a JSON form.
    let body = serde_json::to_vec(record).unwrap_or_default();
    let mut line = format!("{BEFORE_SUM}{:08x}{AFTER_SUM}", crc32fast::hash(&body)).into_bytes();
    line.extend_from_slice(&body);
    line.extend_from_slice(b"}\n");
    line
}

/// Returns whether a file that begins with `start` can be a journal. A journal that was torn in its first line is one too.
pub(super) fn is_beginning(start: &[u8]) -> bool {
    let count = start.len().min(BEFORE_SUM.len());
    start[..count] == BEFORE_SUM.as_bytes()[..count]
}

/// Returns the bytes of the record in a complete line.
///
/// # Errors
/// What is wrong with the line.
fn body(line: &[u8]) -> Result<&[u8], String> {
    let parts = || {
        let rest = line.strip_prefix(BEFORE_SUM.as_bytes())?;
        let (sum, rest) = rest.split_at_checked(SUM_LENGTH)?;
        Some((sum, rest.strip_prefix(AFTER_SUM.as_bytes())?.strip_suffix(b"}\n")?))
    };
    let (sum, body) = parts().ok_or("the line is not a journal record")?;
    // The digits are compared as text, so that a digit in upper case is a changed byte too.
    if format!("{:08x}", crc32fast::hash(body)).as_bytes() != sum {
        return Err("the checksum does not match: the line was changed".into());
    }
    Ok(body)
}

/// Returns the record of a complete line.
///
/// # Errors
/// What is wrong with the line.
pub(super) fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body(line)?).map_err(unreadable)
}

/// Returns whether a last line without a line feed is complete except for its last byte. Such a line was changed, not torn.
pub(super) fn has_changed_end(line: &[u8]) -> bool {
    let Some((_, before)) = line.split_last() else { return false };
    body(&[before, b"\n"].concat()).is_ok()
}

fn unreadable(error: serde_json::Error) -> String {
    format!("the record cannot be read: {error}")
}

/// What opening a journal needs of a record.
#[derive(Debug, PartialEq)]
pub(super) enum Outline {
    /// The first record, with the version of the format.
    Header(u32),
    /// A record that answers the optimizer in order, with the run's clock in seconds if the record has a cost.
    Ordered(Option<f64>),
    /// A change of the limits.
    Limits(Limits),
    /// A test evaluation, with its key.
    Test(String),
}

/// The fields of a record that make its [`Outline`]. The other fields are skipped, so that a long journal is opened quickly.
#[derive(Deserialize)]
struct OutlineFields {
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
    Scores,
    Limits,
    Note,
    Test,
}

#[derive(Deserialize)]
struct Clock {
    elapsed: f64,
}

/// Returns the outline of the record in a complete line.
///
/// # Errors
/// What is wrong with the line.
pub(super) fn outline(line: &[u8]) -> Result<Outline, String> {
    let fields: OutlineFields = serde_json::from_slice(body(line)?).map_err(unreadable)?;
    Ok(match fields.kind {
        // A header without a version counts as older than every version.
        Kind::Header => Outline::Header(fields.version.unwrap_or(0)),
        Kind::Test => Outline::Test(fields.key.ok_or("the record of a test has no key")?),
        Kind::Limits => Outline::Limits(fields.limits.ok_or("the record of limits has no limits")?),
        Kind::Rollouts | Kind::Reflections | Kind::Scores | Kind::Note => {
            Outline::Ordered(fields.cost.map(|clock| clock.elapsed))
        }
    })
}
