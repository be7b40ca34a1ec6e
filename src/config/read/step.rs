//! Reads `[[step]]`.

use std::collections::BTreeSet;
use std::path::Path;

use super::command;
use super::condition::read_condition;
use super::located::Located;
use super::section::Section;
use super::suggestion::suggestion;
use crate::config::step::{StepKind, StepPlan};
use crate::data::{Dataset, Indexing, listed};
use crate::program::tools::{template_fields, unknown_call};

const KINDS: [&str; 3] = ["retrieve", "command", "template"];

/// Reads all steps, in the order of the file.
pub(super) fn read_all(root: &Section<'_>, folder: &Path) -> Vec<Located<StepPlan>> {
    root.list_of_tables("step").into_iter().filter_map(|section| read(section, folder)).collect()
}

/// Reads one step. None if its kind is missing or unknown: its other keys cannot be judged then.
fn read(section: Section<'_>, folder: &Path) -> Option<Located<StepPlan>> {
    let name = section.required_text("name");
    let does = match section.required_text("kind").as_str() {
        "retrieve" => read_retrieve(&section, folder),
        "command" => StepKind::Command {
            command: command::read(&section, folder),
            inputs: section.required_names("inputs"),
            outputs: section.required_names("outputs"),
        },
        "template" => {
            let template = section.required_text("template");
            if let Some(problem) = template_fields(&template).err().or_else(|| unknown_call(&template)) {
                section.problem("template", format!("cannot be read: {problem}"));
            }
            StepKind::Template { template, output: section.required_text("output") }
        }
        "" => return None,
        other => {
            section.problem("kind", format!("there is no step `{other}`; {}", suggestion(other, &KINDS)));
            return None;
        }
    };
    check_names(&section, &does);
    let plan = StepPlan { name, when: read_condition(&section, "when"), does };
    let line = section.line();
    section.report_unknown_keys();
    Some(Located { line, plan })
}

fn read_retrieve(section: &Section<'_>, folder: &Path) -> StepKind {
    if !section.has("corpus") {
        section.problem("corpus", "is missing; name a JSONL file with the rows to retrieve");
    }
    let fields = section.texts("fields").unwrap_or_else(default_fields);
    if fields.is_empty() {
        section.problem("fields", "must name at least one field");
    }
    let show = section.texts("show").unwrap_or_else(|| fields.clone());
    if section.has("show") && show.is_empty() {
        section.problem("show", "must name at least one field; leave it out to show what is searched");
    }
    StepKind::Retrieve {
        corpus: section.path("corpus", folder).unwrap_or_default(),
        query: section.required_text("query"),
        output: section.text("output").unwrap_or_else(|| "passages".into()),
        k: section.integer("k", 1..=1000).unwrap_or(5),
        show,
        key: section.text("key").or_else(|| fields.first().cloned()).unwrap_or_default(),
        indexing: Indexing {
            fields,
            stem: section.flag("stem").unwrap_or(true),
            stop_words: section.flag("stop_words").unwrap_or(true),
        },
    }
}

/// The default of `fields` of a step that retrieves.
fn default_fields() -> Vec<String> {
    vec!["title".into(), "text".into()]
}

/// Checks names whose misspelling would only show in scores of 0.
fn check_names(section: &Section<'_>, does: &StepKind) {
    match does {
        StepKind::Command { outputs, .. } if outputs.iter().any(|output| output == "error") => {
            section.problem("outputs", "cannot have `error`: with it, a program says why it made nothing");
        }
        StepKind::Retrieve { corpus, indexing, show, key, .. } => {
            // Only fields that the user names must exist. The default fields may be missing: a corpus may have no titles.
            let mut named: Vec<(&str, &String)> = Vec::new();
            if indexing.fields != default_fields() {
                named.extend(indexing.fields.iter().map(|field| ("fields", field)));
            }
            if *show != indexing.fields {
                named.extend(show.iter().map(|field| ("show", field)));
            }
            if Some(key) != indexing.fields.first() && key != "id" {
                named.push(("key", key));
            }
            let known = if named.is_empty() { BTreeSet::new() } else { corpus_fields(corpus, &named) };
            for (key, field) in named.into_iter().filter(|(_, field)| !known.is_empty() && !known.contains(*field)) {
                let (path, known) = (corpus.display(), listed(&known));
                section.problem(key, format!("names `{field}`, which no row of {path} has; they have {known}"));
            }
        }
        _ => {}
    }
}

/// Returns the fields that the rows of a corpus have. Reading stops at the row with which all `named` fields were found. Empty if
/// the corpus cannot be read; that error is reported when the corpus is opened.
fn corpus_fields(corpus: &Path, named: &[(&str, &String)]) -> BTreeSet<String> {
    /// The number of rows that are read first. In nearly all corpora they have all fields, so the others are not even located.
    const FIRST_ROWS: usize = 1000;
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut read = 0;
    for limit in [Some(FIRST_ROWS), None] {
        let Ok(rows) = Dataset::open(corpus, limit) else { return BTreeSet::new() };
        for row in (read..rows.len()).filter_map(|index| rows.get(index).ok()) {
            known.extend(row.fields.into_iter().map(|(field, _)| field));
            if named.iter().all(|(_, field)| known.contains(*field)) {
                return known;
            }
        }
        read = rows.len();
    }
    known
}
