//! The fingerprint of a run: reading it from a journal, and comparing two.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::line;
use super::record::Record;
use crate::run_directory::files::JOURNAL;

/// The most bytes of a journal's first line that are read. A file without line feeds is not read beyond this.
const MOST_HEADER_BYTES: u64 = 16 << 20;

/// Characters of a value that a difference shows. A longer value is shown in part.
const SHOWN_CHARACTERS: usize = 100;

/// Characters before the first difference that are shown of a long value.
const CONTEXT_CHARACTERS: usize = 20;

/// Returns the fingerprint with which the run in `folder` was begun; an empty map if there is no run or its first line is
/// damaged. [`Journal::open`](super::Journal::open) reports the damage.
#[must_use]
pub fn recorded_fingerprint(folder: &Path) -> BTreeMap<String, String> {
    let mut first = Vec::new();
    let file = File::open(folder.join(JOURNAL));
    let read = file.and_then(|file| BufReader::new(file.take(MOST_HEADER_BYTES)).read_until(b'\n', &mut first));
    match read.ok().and_then(|_| line::decode(&first).ok()) {
        Some(Record::Header { fingerprint, .. }) => fingerprint,
        _ => BTreeMap::new(),
    }
}

/// Returns a line of text for each key in which two fingerprints differ, in the order of the keys.
pub(super) fn differences(recorded: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Vec<String> {
    let keys: BTreeSet<&String> = recorded.keys().chain(wanted.keys()).collect();
    let difference = |key: &String| {
        let (before, now) = (recorded.get(key), wanted.get(key));
        let equal_characters = before.zip(now).map_or(0, |(a, b)| a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count());
        format!("  {key}: the run has {}, now it is {}", excerpt(before, equal_characters), excerpt(now, equal_characters))
    };
    keys.into_iter().filter(|key| recorded.get(*key) != wanted.get(*key)).map(difference).collect()
}

/// Returns a value as a difference shows it. A long value is shown from shortly before its first difference, which follows
/// `equal_characters` equal ones.
fn excerpt(value: Option<&String>, equal_characters: usize) -> String {
    let Some(text) = value else { return "(not set)".into() };
    let characters = text.chars().count();
    let start = if characters > SHOWN_CHARACTERS { equal_characters.saturating_sub(CONTEXT_CHARACTERS) } else { 0 };
    let shown: String = text.chars().skip(start).take(SHOWN_CHARACTERS).collect();
    let before = if start > 0 { "…" } else { "" };
    let after = if characters > start + SHOWN_CHARACTERS { "…" } else { "" };
    format!("{before}{shown}{after}")
}
