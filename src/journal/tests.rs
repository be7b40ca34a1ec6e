use super::*;
use std::fs;

fn fingerprint() -> BTreeMap<String, String> {
    BTreeMap::from([("seed".into(), "0".into())])
}

fn note(n: u64) -> Record {
    Record::Note { event: serde_json::json!({ "n": n }) }
}

fn written(count: u64) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), &fingerprint()).unwrap();
    for n in 0..count {
        journal.append(&note(n)).unwrap();
    }
    let path = folder.path().join("journal.jsonl");
    (folder, path)
}

fn replayed(folder: &Path) -> Vec<Record> {
    let mut journal = Journal::open(folder, &fingerprint()).unwrap();
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
        let mut journal = Journal::open(folder.path(), &fingerprint()).unwrap();
        journal.append(&note(1)).unwrap();
        drop(journal);
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
}

#[test]
fn any_other_changed_byte_is_found_and_its_line_named() {
    let (folder, path) = written(3);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() - 1 {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        if changed[at] == b'\n' || whole[at] == b'\n' {
            continue;
        }
        fs::write(&path, &changed).unwrap();
        let line = 1 + whole[..at].iter().filter(|&&b| b == b'\n').count();
        match Journal::open(folder.path(), &fingerprint()) {
            Err(JournalError::Damaged { line: named, .. }) => assert_eq!(named, line, "byte {at}"),
            other => panic!("byte {at}: {other:?}"),
        }
        assert_eq!(fs::read(&path).unwrap(), changed, "the file is left as it was");
    }
}

#[test]
fn two_processes_cannot_share_a_run() {
    let (folder, _) = written(1);
    let _first = Journal::open(folder.path(), &fingerprint()).unwrap();
    assert!(matches!(Journal::open(folder.path(), &fingerprint()), Err(JournalError::Locked { .. })));
}

#[test]
fn another_plan_is_refused_and_the_difference_named() {
    let (folder, _) = written(1);
    let other = BTreeMap::from([("seed".into(), "1".into()), ("new".into(), "x".into())]);
    let Err(JournalError::OtherPlan { differences, .. }) = Journal::open(folder.path(), &other) else { panic!() };
    assert_eq!(differences, ["  new: the run has (not set), now it is x", "  seed: the run has 0, now it is 1"]);
}

#[test]
fn a_newer_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let header = Record::Header { version: VERSION + 1, fingerprint: fingerprint() };
    fs::write(folder.path().join("journal.jsonl"), line::encode(&header)).unwrap();
    assert!(
        matches!(Journal::open(folder.path(), &fingerprint()), Err(JournalError::Newer { version, .. }) if version == VERSION + 1)
    );
}

#[test]
fn test_records_are_found_by_key_and_do_not_disturb_the_order() {
    let folder = tempfile::tempdir().unwrap();
    let ask = RolloutAsk { split: crate::data::split::Split::Test, of: Vec::new() };
    let test = Record::Test { key: "c/0".into(), ask, rollouts: Vec::new(), cost: Cost::default() };
    let mut journal = Journal::open(folder.path(), &fingerprint()).unwrap();
    for record in [note(0), test.clone(), note(1)] {
        journal.append(&record).unwrap();
    }
    drop(journal);
    assert_eq!(replayed(folder.path()), [note(0), note(1)]);
    let mut journal = Journal::open(folder.path(), &fingerprint()).unwrap();
    assert_eq!(journal.test("c/0").unwrap(), Some(test));
    assert_eq!(journal.test("c/1").unwrap(), None);
}

#[test]
fn scores_come_back_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let cost = Cost { elapsed: 0.1 + 0.2, engine: 1.0 / 3.0, ..Cost::default() };
    let record = Record::Reflections { ask: "a".into(), read: Vec::new(), completions: Vec::new(), cost };
    Journal::open(folder.path(), &fingerprint()).unwrap().append(&record).unwrap();
    assert_eq!(replayed(folder.path()), [record]);
}

#[test]
fn long_texts_are_shown_from_where_they_part() {
    let long = |end: &str| BTreeMap::from([("instruction".to_owned(), "x".repeat(300) + end)]);
    let line = differences(&long("one"), &long("two")).remove(0);
    assert!(line.contains("one, now it is …") && line.ends_with("two"), "{line}");
}
