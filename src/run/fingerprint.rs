//! The fingerprint of a run: everything that its answers and scores depend on.

use std::collections::BTreeMap;
use std::path::Path;

use super::sub_wave;
use super::task::Task;
use crate::config::{CommandPlan, MetricPlan, Plan, StepKind, StepPlan};
use crate::data::split::Splits;
use crate::engine::Engine;
use crate::evaluate::evaluator::SUB_WAVE;
use crate::hash::sha256_hex;
use crate::program::Program;

/// Increased whenever the same plan would give other answers or scores, for example because of another layout, another way to read
/// answers, or another metric. Runs with different numbers must not be mixed.
const BEHAVIOUR: u32 = 20;

/// Returns the fingerprint of a run as pairs of names and values. `sub_wave` is the most rollouts of a sub-wave.
pub(super) fn fingerprint(task: &Task<'_>, splits: &Splits, engine: &dyn Engine, sub_wave: usize) -> BTreeMap<String, String> {
    let mut pairs = common(task.plan, task.program(), engine);
    if sub_wave != SUB_WAVE {
        pairs.insert(sub_wave::NAME.into(), sub_wave.to_string());
    }
    pairs.extend(splits.hashes.iter().cloned());
    pairs.extend(task.start.iter().map(|start| ("start".to_owned(), start.key())));
    pairs.extend(metric_programs(&task.plan.metric));
    pairs
}

/// Returns what the answers of a program to new rows depend on, besides candidate and rows. Metric, data and search do not count,
/// except for the seed of answers that are drawn at random.
pub(super) fn of_answers(plan: &Plan, program: &Program, engine: &dyn Engine) -> BTreeMap<String, String> {
    let mut pairs = common(plan, program, engine);
    let is_other = |key: &str| ["metric", "data", "optimize"].contains(&key.split('.').next().unwrap_or(key));
    pairs.retain(|key, _| !is_other(key) || key == "optimize.seed");
    pairs
}

/// Returns what the fingerprints of all commands have in common.
fn common(plan: &Plan, program: &Program, engine: &dyn Engine) -> BTreeMap<String, String> {
    let mut pairs = plan.fingerprint();
    pairs.extend(engine.fingerprint());
    let tools = program.tools.iter();
    pairs.extend(tools.filter_map(|tool| Some((format!("step.{}.sha256", tool.name), tool.action.sha256()?))));
    pairs.extend(step_programs(plan));
    pairs.insert("gepard".into(), format!("{} behaviour {BEHAVIOUR}", env!("CARGO_PKG_VERSION")));
    pairs
}

/// Returns the hashes of the files that the outside programs of a metric are made of. Verdicts of two versions of a program must not
/// be mixed in one run.
fn metric_programs(metric: &MetricPlan) -> Vec<(String, String)> {
    match metric {
        MetricPlan::Command(command) => files_of("metric", command),
        MetricPlan::Privacy(privacy) => privacy.quality.as_deref().map(metric_programs).unwrap_or_default(),
        MetricPlan::Sum { part } => part.iter().flat_map(|part| metric_programs(&part.metric)).collect(),
        _ => Vec::new(),
    }
}

/// Returns the hashes of the files that the outside programs of steps are made of.
fn step_programs(plan: &Plan) -> Vec<(String, String)> {
    let files = |step: &StepPlan| match &step.does {
        StepKind::Command { command, .. } => files_of(&format!("step.{}", step.name), command),
        _ => Vec::new(),
    };
    plan.steps.iter().flat_map(files).collect()
}

/// Returns the SHA-256 of every file that stands among a command's arguments, by name. `owner` is the first part of the name.
fn files_of(owner: &str, CommandPlan { command, folder, .. }: &CommandPlan) -> Vec<(String, String)> {
    // A program with an absolute path is part of the system and does not count.
    let own = command.iter().enumerate().filter(|(index, part)| *index > 0 || !Path::new(part).is_absolute());
    let file = |(_, part): (usize, &String)| {
        // `metrics.py:name` is a name in a file.
        let name = part.rsplit_once(':').map_or(part.as_str(), |(file, _)| file);
        let path = Some(folder.join(name)).filter(|path| path.is_file())?;
        let bytes = std::fs::read(path).ok()?;
        Some((format!("{owner}.command.{name}.sha256"), sha256_hex(&bytes)))
    };
    own.filter_map(file).collect()
}
