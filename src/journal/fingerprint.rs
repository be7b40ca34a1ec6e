//! What a run depends on: read from its journal, and compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::{Record, line};

/// The most bytes of a journal's first line that are read before it is known to be one.
const LONGEST_HEADER: u64 = 16 << 20;

/// What the run in `folder` was begun with; empty where there is none. What is damaged is for [`Journal::open`](super::Journal::open) to tell.
#[must_use]
pub fn recorded_fingerprint(folder: &Path) -> BTreeMap<String, String> {
    let mut first = Vec::new();
    let file = File::open(folder.join("journal.jsonl"));
    let read = file.and_then(|file| BufReader::new(file.take(LONGEST_HEADER)).read_until(b'\n', &mut first));
    match read.ok().and_then(|_| line::decode(&first).ok()) {
        Some(Record::Header { fingerprint, .. }) => fingerprint,
        _ => BTreeMap::new(),
    }
}

/// A line for each key in which two runs differ.
pub(super) fn differences(recorded: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Vec<String> {
    let keys: BTreeSet<&String> = recorded.keys().chain(wanted.keys()).collect();
    // Long texts are shown from a little before where they part.
    let show = |value: Option<&String>, same: usize| match value {
        None => "(not set)".to_owned(),
        Some(text) => {
            let from = if text.chars().count() > 100 { same.saturating_sub(20) } else { 0 };
            let shown: String = text.chars().skip(from).take(100).collect();
            let (before, after) = (from > 0, text.chars().count() > from + 100);
            format!("{}{shown}{}", if before { "…" } else { "" }, if after { "…" } else { "" })
        }
    };
    let difference = |key: &String| {
        let (was, is) = (recorded.get(key), wanted.get(key));
        let same = was.zip(is).map_or(0, |(a, b)| a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count());
        format!("  {key}: the run has {}, now it is {}", show(was, same), show(is, same))
    };
    keys.into_iter().filter(|key| recorded.get(*key) != wanted.get(*key)).map(difference).collect()
}
