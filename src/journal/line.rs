//! One line of the journal: a record and its checksum.

use super::Record;

const BEFORE_SUM: &str = "{\"crc\":\"";
const AFTER_SUM: &str = "\",\"record\":";
const SUM_LENGTH: usize = 8;

/// The line of a record, with its end.
pub(super) fn encode(record: &Record) -> Vec<u8> {
    // A record is made of maps with text keys, texts and finite numbers: it always has a JSON form.
    let body = serde_json::to_vec(record).unwrap_or_default();
    let mut line = format!("{BEFORE_SUM}{:08x}{AFTER_SUM}", crc32fast::hash(&body)).into_bytes();
    line.extend_from_slice(&body);
    line.extend_from_slice(b"}\n");
    line
}

/// The record of a whole line.
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode(line: &[u8]) -> Result<Record, String> {
    let parts = || {
        let rest = line.strip_prefix(BEFORE_SUM.as_bytes())?;
        let (sum, rest) = rest.split_at_checked(SUM_LENGTH)?;
        let body = rest.strip_prefix(AFTER_SUM.as_bytes())?.strip_suffix(b"}\n")?;
        let sum = std::str::from_utf8(sum).ok()?;
        Some((u32::from_str_radix(sum, 16).ok()?, body))
    };
    let (sum, body) = parts().ok_or("the line is no journal record")?;
    if crc32fast::hash(body) != sum {
        return Err("the checksum does not match: the line was changed".into());
    }
    serde_json::from_slice(body).map_err(|e| format!("the record cannot be read: {e}"))
}
