//! `[[step]]`, and conditions.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::command::{self, CommandPlan};
use super::section::{Section, nearest};
use crate::data::{Dataset, Indexing, listed};
use crate::program::Condition;
use crate::program::flow::Test;
use crate::program::tools::template_fields;

/// `[[step]]`: what runs between modules and asks no model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepPlan {
    /// Its name, unique among modules and steps.
    pub name: String,
    /// As of a module; None: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// What it does.
    #[serde(flatten)]
    pub does: StepKind,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum StepKind {
    /// Takes the rows of a corpus that fit a query best.
    Retrieve {
        /// The rows.
        corpus: PathBuf,
        /// The field to search for.
        query: String,
        /// The field that the rows come into, the best first.
        output: String,
        /// How many rows are fetched at most.
        k: usize,
        /// What is searched, and how.
        #[serde(flatten)]
        indexing: Indexing,
        /// What of a row is shown; left out: what is searched.
        show: Vec<String>,
        /// What names a row in traces and for the metric `retrieval`; left out: the first of `fields`.
        key: String,
    },
    /// Asks an outside program.
    Command {
        /// The program.
        #[serde(flatten)]
        command: CommandPlan,
        /// Fields that it reads.
        inputs: Vec<String>,
        /// Fields that it writes; `error` is none.
        outputs: Vec<String>,
    },
    /// Fills fields into a text.
    Template {
        /// A text with fields in it, in Jinja: `"{{ question }} ({{ year }})"`.
        template: String,
        /// The field that it comes into.
        output: String,
    },
}

impl StepPlan {
    /// The fields it reads.
    #[must_use]
    pub fn inputs(&self) -> Vec<String> {
        match &self.does {
            StepKind::Retrieve { query, .. } => vec![query.clone()],
            StepKind::Command { inputs, .. } => inputs.clone(),
            StepKind::Template { template, .. } => template_fields(template).unwrap_or_default(),
        }
    }

    /// The fields it writes.
    #[must_use]
    pub fn outputs(&self) -> Vec<String> {
        match &self.does {
            StepKind::Retrieve { output, .. } | StepKind::Template { output, .. } => vec![output.clone()],
            StepKind::Command { outputs, .. } => outputs.clone(),
        }
    }
}

const KINDS: [&str; 3] = ["retrieve", "command", "template"];

/// Reads all steps, each with the line that it stands in.
pub(super) fn read_steps(root: &Section<'_>, base: &Path) -> Vec<(usize, StepPlan)> {
    root.list_of_tables("step").into_iter().filter_map(|section| read_step(section, base)).collect()
}

fn read_step(section: Section<'_>, base: &Path) -> Option<(usize, StepPlan)> {
    let name = section.required_text("name");
    let does = match section.required_text("kind").as_str() {
        "retrieve" => read_retrieve(&section, base),
        "command" => StepKind::Command {
            command: command::read(&section, base),
            inputs: required_texts(&section, "inputs"),
            outputs: required_texts(&section, "outputs"),
        },
        "template" => {
            let template = section.required_text("template");
            if let Err(problem) = template_fields(&template) {
                section.problem("template", format!("cannot be read: {problem}"));
            }
            StepKind::Template { template, output: section.required_text("output") }
        }
        "" => return None,
        other => {
            section.problem("kind", format!("there is no step `{other}`; {}", nearest(other, &KINDS)));
            return None;
        }
    };
    check_slips(&section, &does);
    let step = StepPlan { name, when: read_condition(&section, "when"), does };
    let line = section.line();
    section.finish();
    Some((line, step))
}

/// Slips in a step that only scores of 0 would tell of.
fn check_slips(section: &Section<'_>, does: &StepKind) {
    match does {
        StepKind::Command { outputs, .. } if outputs.iter().any(|output| output == "error") => {
            section.problem("outputs", "cannot have `error`: with it, a program says why it made nothing");
        }
        StepKind::Retrieve { corpus, indexing, show, key, .. } => {
            // What is left out may be missing: a corpus of texts without titles goes by its ids.
            let mut named: Vec<(&str, &String)> = Vec::new();
            if indexing.fields != ["title", "text"] {
                named.extend(indexing.fields.iter().map(|field| ("fields", field)));
            }
            if *show != indexing.fields {
                named.extend(show.iter().map(|field| ("show", field)));
            }
            if Some(key) != indexing.fields.first() && key != "id" {
                named.push(("key", key));
            }
            let known = if named.is_empty() { BTreeSet::new() } else { fields_of(corpus, &named) };
            for (from, field) in named.into_iter().filter(|(_, field)| !known.is_empty() && !known.contains(*field)) {
                let (path, known) = (corpus.display(), listed(&known));
                section.problem(from, format!("names `{field}`, which no row of {path} has; they have {known}"));
            }
        }
        _ => {}
    }
}

/// The fields of a corpus's rows, up to the one with which all that are named were found; none where it cannot be read, which is
/// told when it is opened.
fn fields_of(corpus: &Path, named: &[(&str, &String)]) -> BTreeSet<String> {
    /// Nearly all corpora have all their fields among so many rows: where the others begin is not even looked for.
    const FIRST: usize = 1000;
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut seen = 0;
    for limit in [Some(FIRST), None] {
        let Ok(rows) = Dataset::open(corpus, limit) else { return BTreeSet::new() };
        for row in (seen..rows.len()).filter_map(|row| rows.get(row).ok()) {
            known.extend(row.fields.into_iter().map(|(field, _)| field));
            if named.iter().all(|(_, field)| known.contains(*field)) {
                return known;
            }
        }
        seen = rows.len();
    }
    known
}

pub(super) fn required_texts(section: &Section<'_>, key: &'static str) -> Vec<String> {
    let texts = section.texts(key).unwrap_or_default();
    if texts.is_empty() {
        section.problem(key, "must name at least one field");
    }
    texts
}

fn read_retrieve(section: &Section<'_>, base: &Path) -> StepKind {
    if !section.has("corpus") {
        section.problem("corpus", "is missing; name a JSONL file with the rows to retrieve");
    }
    let fields = section.texts("fields").unwrap_or_else(|| vec!["title".into(), "text".into()]);
    if fields.is_empty() {
        section.problem("fields", "must name at least one field");
    }
    let show = section.texts("show").unwrap_or_else(|| fields.clone());
    if section.has("show") && show.is_empty() {
        section.problem("show", "must name at least one field; leave it out to show what is searched");
    }
    StepKind::Retrieve {
        corpus: section.path("corpus", base).unwrap_or_default(),
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

/// `{ field = "…", equals = "…" }`, or `contains`, or `empty`; `not = true` turns it around.
pub(super) fn read_condition(section: &Section<'_>, key: &'static str) -> Option<Condition> {
    let condition = section.table(key)?;
    let field = condition.required_text("field");
    let test = match (condition.text("equals"), condition.text("contains"), condition.flag("empty")) {
        (Some(text), None, None) => Test::Equals(text),
        (None, Some(text), None) => Test::Contains(text),
        (None, None, Some(empty)) => Test::Empty(empty),
        _ => {
            condition.problem("field", "give one of `equals`, `contains` and `empty`");
            Test::Empty(true)
        }
    };
    let not = condition.flag("not").unwrap_or(false);
    condition.finish();
    Some(Condition { field, test, not })
}
