use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::line::{self, Outline};
use super::{CandidateExamples, Journal, Limits, Record, SubWaveRequest, VERSION, fingerprint};
use crate::evaluate::Cost;
use crate::event::Decision;
use crate::event::tests::any_decision;
use crate::run_directory::{RunDirectoryError, files::OVERWRITTEN};
use proptest::prelude::*;
use std::fs;

fn run_fingerprint() -> BTreeMap<String, String> {
    BTreeMap::from([("seed".into(), "0".into())])
}

fn note(n: u64) -> Record {
    Record::Note { event: Decision::NothingToMerge { iteration: n } }
}

fn written(count: u64) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), &run_fingerprint()).unwrap();
    for n in 0..count {
        journal.append(&note(n)).unwrap();
    }
    let path = folder.path().join("journal.jsonl");
    (folder, path)
}

fn replayed(folder: &Path) -> Vec<Record> {
    let mut journal = Journal::open(folder, &run_fingerprint()).unwrap();
    std::iter::from_fn(|| journal.replay().unwrap()).collect()
}

#[test]
fn what_was_appended_is_replayed_in_order() {
    let (folder, _) = written(3);
    assert_eq!(replayed(folder.path()), [note(0), note(1), note(2)]);
}

#[test]
fn a_torn_last_line_is_dropped_wherever_it_was_torn() {
    let (folder, path) = written(2);
    let whole = fs::read(&path).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|&b| b == b'\n').unwrap() + 1;
    for end in last..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        assert_eq!(replayed(folder.path()), [note(0)], "torn at {end}");
        let mut journal = Journal::open(folder.path(), &run_fingerprint()).unwrap();
        journal.append(&note(1)).unwrap();
        drop(journal);
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
}

#[test]
fn any_other_changed_bit_is_found_and_its_line_named() {
    let (folder, path) = written(3);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        // The lowest bit, and the one that differs between lower and upper case letters.
        for bit in [0, 5] {
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            fs::write(&path, &changed).unwrap();
            let line = 1 + whole[..at].iter().filter(|&&b| b == b'\n').count();
            match Journal::open(folder.path(), &run_fingerprint()) {
                Err(RunDirectoryError::Damaged { line: named, .. }) => assert_eq!(named, line, "byte {at}, bit {bit}"),
                other => panic!("byte {at}, bit {bit}: {other:?}"),
            }
            assert_eq!(fs::read(&path).unwrap(), changed, "the file must not be changed");
        }
    }
}

#[test]
fn files_of_other_programs_are_refused_and_not_changed() {
    // A file of another program that consists of one line is not a torn line, which would be dropped.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    for content in ["dear diary", "{\"day\": 1}", "{\"crc\":\"", "\0\0\0"] {
        fs::write(&path, content).unwrap();
        let opened = Journal::open(folder.path(), &run_fingerprint());
        let is_torn = content.starts_with("{\"crc");
        assert_eq!(opened.is_ok(), is_torn, "{content}");
        assert_eq!(fs::read_to_string(&path).unwrap() == content, !is_torn);
    }
    // A folder without a journal, but with files that a run would overwrite.
    for name in OVERWRITTEN {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), "mine").unwrap();
        let error = Journal::open(folder.path(), &run_fingerprint()).unwrap_err();
        assert!(matches!(&error, RunDirectoryError::Foreign { found, .. } if *found == name), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no file must be made");
    }
}

#[test]
fn a_directory_that_is_removed_or_replaced_is_an_error_at_the_next_record() {
    for replaced in [false, true] {
        let (folder, path) = written(1);
        let mut journal = Journal::open(folder.path(), &run_fingerprint()).unwrap();
        fs::remove_file(&path).unwrap();
        if replaced {
            fs::write(&path, "another").unwrap();
        }
        assert!(matches!(journal.append(&note(1)), Err(RunDirectoryError::Gone { .. })));
    }
}

#[test]
fn a_record_can_be_read_again() {
    let (folder, _) = written(2);
    let mut journal = Journal::open(folder.path(), &run_fingerprint()).unwrap();
    assert_eq!(journal.last_id(), None);
    let mut stored = Vec::new();
    for n in 0..2 {
        assert_eq!(journal.replay().unwrap(), Some(note(n)));
        stored.extend(journal.last_id());
    }
    journal.append(&note(2)).unwrap();
    stored.extend(journal.last_id());
    for n in [2, 0, 1] {
        assert_eq!(journal.reread(stored[n as usize]).unwrap(), Some(note(n)));
    }
    journal.append(&note(3)).unwrap();
    drop(journal);
    assert_eq!(replayed(folder.path()), [note(0), note(1), note(2), note(3)]);
}

#[test]
fn two_processes_cannot_share_a_run() {
    let (folder, _) = written(1);
    let _first = Journal::open(folder.path(), &run_fingerprint()).unwrap();
    assert!(matches!(Journal::open(folder.path(), &run_fingerprint()), Err(RunDirectoryError::Locked { .. })));
}

#[test]
fn another_plan_is_refused_and_the_difference_named() {
    let (folder, _) = written(1);
    let other = BTreeMap::from([("seed".into(), "1".into()), ("new".into(), "x".into())]);
    let Err(RunDirectoryError::OtherPlan { differences, .. }) = Journal::open(folder.path(), &other) else { panic!() };
    assert_eq!(differences, ["  new: the run has (not set), now it is x", "  seed: the run has 0, now it is 1"]);
}

#[test]
fn other_versions_of_the_format_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let opened = |record: &[u8]| {
        let line = format!("{{\"crc\":\"{:08x}\",\"record\":", crc32fast::hash(record));
        fs::write(folder.path().join("journal.jsonl"), [line.as_bytes(), record, b"}\n"].concat()).unwrap();
        Journal::open(folder.path(), &run_fingerprint()).unwrap_err()
    };
    let newer = opened(format!("{{\"kind\":\"header\",\"version\":{},\"unknown\":\"value\"}}", VERSION + 1).as_bytes());
    assert!(matches!(newer, RunDirectoryError::Newer { version, .. } if version == VERSION + 1), "{newer}");
    assert!(newer.to_string().ends_with("use a newer gepard"), "{newer}");
    let older = opened(b"{\"kind\":\"header\",\"version\":1,\"fingerprint\":{}}");
    assert!(matches!(older, RunDirectoryError::Older { version: 1, .. }), "{older}");
    assert!(older.to_string().contains("start again with another --run"), "{older}");
}

#[test]
fn test_records_are_found_by_key_and_do_not_disturb_the_order() {
    let folder = tempfile::tempdir().unwrap();
    let ask = SubWaveRequest { split: crate::data::split::Split::Test, candidates: Vec::new(), drawn: false };
    let test = Record::Test { key: "c/0".into(), ask, rollouts: Vec::new(), cost: Cost::default() };
    let mut journal = Journal::open(folder.path(), &run_fingerprint()).unwrap();
    for record in [note(0), test.clone(), note(1)] {
        journal.append(&record).unwrap();
    }
    drop(journal);
    assert_eq!(replayed(folder.path()), [note(0), note(1)]);
    let mut journal = Journal::open(folder.path(), &run_fingerprint()).unwrap();
    assert_eq!(journal.test("c/0").unwrap(), Some(test));
    assert_eq!(journal.test("c/1").unwrap(), None);
}

#[test]
fn an_unknown_decision_is_an_error_that_names_its_line() {
    let (folder, path) = written(1);
    let record = r#"{"kind":"note","event":{"event":"invented","iteration":1}}"#;
    let line = format!("{{\"crc\":\"{:08x}\",\"record\":{record}}}\n", crc32fast::hash(record.as_bytes()));
    fs::write(&path, fs::read_to_string(&path).unwrap() + &line).unwrap();
    let mut journal = Journal::open(folder.path(), &run_fingerprint()).unwrap();
    assert_eq!(journal.replay().unwrap(), Some(note(0)));
    let error = journal.replay().unwrap_err().to_string();
    assert!(error.contains("journal.jsonl:3: ") && error.contains("unknown variant `invented`"), "{error}");
}

#[test]
fn scores_come_back_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let cost = Cost { elapsed: 0.1 + 0.2, engine: 1.0 / 3.0, ..Cost::default() };
    let record = Record::Reflections { ask: "a".into(), read: Vec::new(), completions: Vec::new(), cost };
    Journal::open(folder.path(), &run_fingerprint()).unwrap().append(&record).unwrap();
    assert_eq!(replayed(folder.path()), [record]);
}

#[test]
fn long_texts_are_shown_from_shortly_before_their_difference() {
    let long = |end: &str| BTreeMap::from([("instruction".to_owned(), "x".repeat(300) + end)]);
    let line = fingerprint::differences(&long("one"), &long("two")).remove(0);
    assert!(line.contains("one, now it is …") && line.ends_with("two"), "{line}");
}

/// Returns any record, with any characters in its texts.
fn any_record() -> impl Strategy<Value = Record> {
    let text = || "\\PC{0,20}|[\\x00-\\x1f\u{80}-\u{9f}]{0,5}";
    let event = any_decision().prop_map(|event| Record::Note { event });
    let reflections = (text(), 0.0..1e9).prop_map(|(ask, elapsed)| {
        let cost = Cost { elapsed, ..Cost::default() };
        Record::Reflections { ask, read: Vec::new(), completions: Vec::new(), cost }
    });
    let test = (text(), text()).prop_map(|(key, id)| {
        let candidates = vec![CandidateExamples { candidate: key.clone(), examples: vec![id] }];
        let ask = SubWaveRequest { split: crate::data::split::Split::Test, candidates, drawn: false };
        Record::Test { key, ask, rollouts: Vec::new(), cost: Cost::default() }
    });
    let limits = (any::<Option<u64>>(), any::<Option<u64>>(), 0.0..1.0).prop_map(|(rollouts, seconds, score)| Record::Limits {
        limits: Limits { rollouts, seconds, tokens: rollouts.or(seconds), reflections: seconds, patience: rollouts, score },
    });
    let scores =
        (text(), prop::collection::vec(prop::option::of(-1e9..0.0), 0..4), 0.0..1e9).prop_map(|(ask, found, elapsed)| {
            Record::Scores { ask, log_probabilities: found, cost: Cost { elapsed, ..Cost::default() } }
        });
    prop_oneof![event, reflections, scores, test, limits]
}

proptest! {
    /// Any record that is encoded can be decoded, and its outline agrees with it.
    #[test]
    fn any_record_comes_back(record in any_record()) {
        let line = line::encode(&record);
        prop_assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
        let outline = match &record {
            Record::Test { key, .. } => Outline::Test(key.clone()),
            Record::Limits { limits } => Outline::Limits(*limits),
            Record::Reflections { cost, .. } | Record::Scores { cost, .. } => Outline::Ordered(Some(cost.elapsed)),
            _ => Outline::Ordered(None),
        };
        prop_assert_eq!(line::outline(&line), Ok(outline));
        prop_assert_eq!(line::decode(&line), Ok(record));
    }

    /// Arbitrary bytes are an error or a torn line, never a panic and never a record.
    #[test]
    fn any_bytes_are_no_record(bytes in prop::collection::vec(any::<u8>(), 0..200), has_frame in any::<bool>()) {
        let line = match has_frame {
            true => [b"{\"crc\":\"00000000\",\"record\":", bytes.as_slice(), b"}\n"].concat(),
            false => bytes,
        };
        prop_assert!(line::decode::<Record>(&line).is_err());
        prop_assert!(line::outline(&line).is_err());
    }

    /// A record with a right checksum can hold anything; reading it never panics.
    #[test]
    fn any_json_with_a_right_checksum_is_read_or_refused(text in "[a-z0-9\"{}\\[\\],:. ]{0,80}", whole in any::<bool>()) {
        let text = if whole { format!("{{\"kind\":\"rollouts\",{text}") } else { text };
        let line = format!("{{\"crc\":\"{:08x}\",\"record\":{text}}}\n", crc32fast::hash(text.as_bytes()));
        if line::decode::<Record>(line.as_bytes()).is_ok() {
            prop_assert!(line::outline(line.as_bytes()).is_ok());
        }
    }
}
