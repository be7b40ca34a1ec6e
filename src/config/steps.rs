//! `[[step]]`, `[[loop]]`, conditions, and the order in which modules and steps run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::plan::ModulePlan;
use super::section::{Section, nearest};
use crate::data::{Dataset, Indexing};
use crate::program::flow::Test;
use crate::program::tools::template_fields;
use crate::program::{Condition, Flow, Next, Op};

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
        /// The program and its arguments.
        command: Vec<String>,
        /// Where it runs; left out: the task file's folder.
        folder: PathBuf,
        /// Fields that it reads.
        inputs: Vec<String>,
        /// Fields that it writes; `error` is none.
        outputs: Vec<String>,
        /// Seconds that an answer may take.
        timeout: u64,
        /// How many run at a time; left out: one a core.
        slots: usize,
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

/// `[[loop]]`: neighbours in the order that run again and again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoopPlan {
    /// Neighbours in the order, which run again and again.
    pub over: Vec<String>,
    /// How often they run at most.
    pub repeat: usize,
    /// Until this holds, a condition like `when`; None: always to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Condition>,
}

/// `[program]`
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ProgramPlan {
    /// Modules and steps in the order in which they run; left out: that of the file.
    pub order: Vec<String>,
}

/// The longest a call of an outside program may take, in seconds, unless the task file says otherwise.
const TIMEOUT: u64 = 30;

/// The most rounds of a loop.
const MOST_ROUNDS: usize = 20;

const KINDS: [&str; 3] = ["retrieve", "command", "template"];

/// Reads all steps, each with the line that it stands in.
pub(super) fn read_steps(root: &Section<'_>, base: &Path) -> Vec<(usize, StepPlan)> {
    root.list_of_tables("step").into_iter().filter_map(|section| read_step(section, base)).collect()
}

fn read_step(section: Section<'_>, base: &Path) -> Option<(usize, StepPlan)> {
    let name = section.required_text("name");
    let does = match section.required_text("kind").as_str() {
        "retrieve" => read_retrieve(&section, base),
        "command" => {
            let (command, folder) = read_command(&section, base);
            StepKind::Command {
                command,
                folder,
                inputs: required_texts(&section, "inputs"),
                outputs: required_texts(&section, "outputs"),
                timeout: read_timeout(&section),
                slots: read_slots(&section),
            }
        }
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
            let known = if named.is_empty() { BTreeSet::new() } else { fields_of(corpus) };
            let listed = known.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
            for (from, field) in named.into_iter().filter(|(_, field)| !known.is_empty() && !known.contains(*field)) {
                let path = corpus.display();
                section.problem(from, format!("names `{field}`, which none of the first rows of {path} has; they have {listed}"));
            }
        }
        _ => {}
    }
}

/// The fields of a corpus's first rows; none where it cannot be read, which is told when it is opened.
fn fields_of(corpus: &Path) -> BTreeSet<String> {
    const ROWS: usize = 1000;
    let Ok(rows) = Dataset::open(corpus, Some(ROWS)) else { return BTreeSet::new() };
    let rows = (0..rows.len()).filter_map(|row| rows.get(row).ok());
    rows.flat_map(|row| row.fields.into_iter().map(|(field, _)| field)).collect()
}

fn required_texts(section: &Section<'_>, key: &'static str) -> Vec<String> {
    let texts = section.texts(key).unwrap_or_default();
    if texts.is_empty() {
        section.problem(key, "must name at least one field");
    }
    texts
}

/// The program with its arguments, and the folder it runs in: the task file's, unless said otherwise.
pub(super) fn read_command(section: &Section<'_>, base: &Path) -> (Vec<String>, PathBuf) {
    let command = section.texts("command").unwrap_or_default();
    if command.first().is_none_or(|program| program.is_empty()) {
        section.problem("command", "must be a program and its arguments, like [\"python3\", \"metric.py\"]");
    }
    (command, section.path("folder", base).unwrap_or_else(|| base.to_owned()))
}

/// Seconds that a call may take.
pub(super) fn read_timeout(section: &Section<'_>) -> u64 {
    section.integer("timeout", 1..=86_400).unwrap_or(TIMEOUT)
}

/// Programs at a time: one a core, unless said otherwise.
pub(super) fn read_slots(section: &Section<'_>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    section.integer("slots", 1..=1024).unwrap_or(cores)
}

fn read_retrieve(section: &Section<'_>, base: &Path) -> StepKind {
    if !section.has("corpus") {
        section.problem("corpus", "is missing; name a JSONL file with the rows to retrieve");
    }
    let fields = section.texts("fields").unwrap_or_else(|| vec!["title".into(), "text".into()]);
    if fields.is_empty() {
        section.problem("fields", "must name at least one field");
    }
    StepKind::Retrieve {
        corpus: section.path("corpus", base).unwrap_or_default(),
        query: section.required_text("query"),
        output: section.text("output").unwrap_or_else(|| "passages".into()),
        k: section.integer("k", 1..=1000).unwrap_or(5),
        show: section.texts("show").unwrap_or_else(|| fields.clone()),
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

/// Reads the order: what `[program]` says, else that of the file. `named` has the names of modules and steps with their lines.
pub(super) fn read_order(root: &Section<'_>, named: &mut [(usize, String)]) -> ProgramPlan {
    for (index, (line, name)) in named.iter().enumerate() {
        if named[..index].iter().any(|(_, other)| other == name) {
            root.problem_at(*line, "name", format!("`{name}` stands twice; modules and steps need names of their own"));
        }
    }
    named.sort();
    let written: Vec<String> = named.iter().map(|(_, name)| name.clone()).collect();
    let Some(section) = root.table("program") else {
        return ProgramPlan { order: written };
    };
    let order = section.texts("order").unwrap_or(written.clone());
    for name in &order {
        if !written.contains(name) {
            let known: Vec<&str> = written.iter().map(String::as_str).collect();
            section.problem("order", format!("there is no module or step `{name}`; {}", nearest(name, &known)));
        }
    }
    for name in &written {
        match order.iter().filter(|other| *other == name).count() {
            1 => {}
            0 => section.problem("order", format!("lacks `{name}`")),
            _ => section.problem("order", format!("has `{name}` twice; what runs again stands in a [[loop]]")),
        }
    }
    section.finish();
    ProgramPlan { order }
}

/// Reads the loops, each over neighbours in the order; one may stand in another, but none half in another.
pub(super) fn read_loops(root: &Section<'_>, order: &[String]) -> Vec<LoopPlan> {
    let mut loops: Vec<LoopPlan> = Vec::new();
    for section in root.list_of_tables("loop") {
        let over = required_texts(&section, "over");
        let span = span(&over, order);
        if span.is_none() && !over.is_empty() {
            section.problem("over", "must be neighbours in the order in which modules and steps run");
        }
        let crosses = |other: &LoopPlan| match (span, self::span(&other.over, order)) {
            (Some((a, b)), Some((c, d))) => (a < c && c <= b && b < d) || (c < a && a <= d && d < b),
            _ => false,
        };
        if loops.iter().any(crosses) {
            section.problem("over", "lies half in another loop; it must lie in it, or beside it");
        }
        if !section.has("repeat") {
            section.problem("repeat", "is missing; say how often the loop runs at most");
        }
        let repeat = section.integer("repeat", 1..=MOST_ROUNDS).unwrap_or(1);
        loops.push(LoopPlan { over, repeat, until: read_condition(&section, "until") });
        section.finish();
    }
    loops
}

/// First and last place of neighbours in the order.
fn span(over: &[String], order: &[String]) -> Option<(usize, usize)> {
    let first = order.iter().position(|name| Some(name) == over.first())?;
    let last = first + over.len() - 1;
    (order.get(first..=last)? == over).then_some((first, last))
}

/// What a module or step reads and writes, and whether it may run not at all or more than once.
struct Fields {
    is_module: bool,
    inputs: Vec<String>,
    outputs: Vec<String>,
    varies: bool,
}

/// An input that only something later writes can never be there. A field has one writer, unless another one writes it on a
/// condition or in a loop.
pub(super) fn check_fields(
    root: &Section<'_>,
    lines: &[(usize, String)],
    order: &[String],
    (modules, steps, loops): (&[ModulePlan], &[StepPlan], &[LoopPlan]),
) {
    let fields = |name: &String| {
        let in_loop = loops.iter().any(|l| l.over.contains(name));
        if let Some(module) = modules.iter().find(|module| module.name == *name) {
            let outputs = module.outputs.iter().map(|output| output.name.clone()).collect();
            let varies = in_loop || module.when.is_some();
            return Some(Fields { is_module: true, inputs: module.inputs.clone(), outputs, varies });
        }
        let step = steps.iter().find(|step| step.name == *name)?;
        Some(Fields { is_module: false, inputs: step.inputs(), outputs: step.outputs(), varies: in_loop || step.when.is_some() })
    };
    let all: Vec<(&String, Fields)> = order.iter().filter_map(|name| Some((name, fields(name)?))).collect();
    for (place, (name, own)) in all.iter().enumerate() {
        let line = lines.iter().find(|(_, other)| other == *name).map_or(0, |(line, _)| *line);
        let kind = if own.is_module { "module" } else { "step" };
        for input in &own.inputs {
            let earlier = all[..place].iter().any(|(_, other)| other.outputs.contains(input));
            if let Some((later, _)) = all[place..].iter().find(|(_, other)| !earlier && other.outputs.contains(input)) {
                let message = format!("`{input}` is written by `{later}`, which does not run before `{name}`");
                root.problem_at(line, &format!("{kind}.inputs"), message);
            }
        }
        for output in &own.outputs {
            let other = all[..place].iter().find(|(_, other)| other.outputs.contains(output) && !other.varies && !own.varies);
            if let Some((other, _)) = other {
                let message = format!(
                    "`{output}` is written by `{other}` already; two may write it only where one runs on a condition (`when`) or in a \
                     [[loop]]"
                );
                root.problem_at(line, &format!("{kind}.outputs"), message);
            }
        }
    }
}

/// The flow of a plan.
pub(super) fn flow(order: &[String], modules: &[ModulePlan], steps: &[StepPlan], loops: &[LoopPlan]) -> Flow {
    let mut ops: Vec<Op> = Vec::new();
    let mut begins: Vec<usize> = Vec::new();
    for (place, name) in order.iter().enumerate() {
        begins.push(ops.len());
        if let Some(index) = modules.iter().position(|module| module.name == *name) {
            ops.push(Op::Call { next: Next::Module(index), when: modules[index].when.clone() });
        } else if let Some(index) = steps.iter().position(|step| step.name == *name) {
            ops.push(Op::Call { next: Next::Tool(index), when: steps[index].when.clone() });
        }
        // Of loops that end here, the shortest is the innermost.
        let mut ending: Vec<&LoopPlan> =
            loops.iter().filter(|l| span(&l.over, order).is_some_and(|(_, last)| last == place)).collect();
        ending.sort_by_key(|l| l.over.len());
        for plan in ending {
            if let Some((first, _)) = span(&plan.over, order) {
                ops.push(Op::Again { to: begins[first], most: plan.repeat, until: plan.until.clone() });
            }
        }
    }
    Flow::new(ops)
}

impl StepKind {
    /// How the outside program of a `command` is run.
    #[must_use]
    pub fn process(&self) -> Option<crate::process::Command> {
        let Self::Command { command, folder, timeout, slots, .. } = self else { return None };
        let (argv, folder, timeout) = (command.clone(), folder.clone(), Duration::from_secs(*timeout));
        Some(crate::process::Command { argv, folder, timeout, slots: *slots })
    }
}
