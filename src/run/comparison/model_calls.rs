//! What a search asked each model, from the journal of its run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use serde::Serialize;

use crate::config::Plan;
use crate::engine::Usage;
use crate::evaluate::Verdict;
use crate::event::Decision;
use crate::journal::{self, Record};
use crate::run_directory::RunDirectoryError;

/// What a search asked one model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ModelCalls {
    /// The answers of the model. An answer that was known from an equal call is not counted.
    pub calls: u64,
    /// Tokens that it read and wrote. A shared beginning of prompts is counted once.
    pub tokens: u64,
}

/// Calls and tokens by the name of the model in the task file.
pub type CallsByModel = BTreeMap<String, ModelCalls>;

/// Returns what the search of the run in `folder` asked each model. Test evaluations are left out.
///
/// # Errors
/// [`RunDirectoryError`] if the journal cannot be read.
pub(super) fn of_search(folder: &Path, plan: &Plan) -> Result<CallsByModel, RunDirectoryError> {
    let by_module: BTreeMap<&str, &str> =
        plan.modules.iter().map(|module| (module.name.as_str(), module.model.name.as_str())).collect();
    // Which of several judges answered is not recorded.
    let judges: BTreeSet<&str> = plan.metric.judges().iter().map(|judge| judge.model.name.as_str()).collect();
    let judge = judges.into_iter().collect::<Vec<_>>().join(", ");
    let mut found = CallsByModel::new();
    let mut add = |model: &str, calls: u64, usage: &Usage| {
        let of_model = found.entry(model.to_owned()).or_default();
        of_model.calls += calls;
        of_model.tokens += usage.counted();
    };
    // The reflectors whose answers are in the next record of reflections, each with its number of questions.
    let mut asked: VecDeque<(String, usize)> = VecDeque::new();
    journal::read(folder, &mut |_, record| {
        match record {
            Record::Rollouts { rollouts, .. } => {
                for scored in &rollouts {
                    for step in scored.rollout.steps.iter().filter(|step| step.usage.counted() > 0) {
                        by_module.get(step.module.as_str()).into_iter().for_each(|model| add(model, 1, &step.usage));
                    }
                    if let Verdict::Judged(judgement) = &scored.verdict {
                        judgement.answers.iter().for_each(|answer| add(&judge, 1, &answer.usage));
                    }
                }
            }
            Record::Reflections { completions, .. } => {
                let mut completions = completions.iter();
                for (reflector, questions) in asked.drain(..) {
                    completions.by_ref().take(questions).for_each(|answer| add(&reflector, 1, &answer.usage));
                }
            }
            // The answer that is scored is that of the last module.
            Record::Scores { log_probabilities, cost, .. } => {
                let last = plan.modules.last().map_or("", |module| module.model.name.as_str());
                add(last, log_probabilities.len() as u64, &cost.usage);
            }
            Record::Note { event: Decision::Iteration { .. } } => asked.clear(),
            Record::Note {
                event: Decision::Reflecting { reflector, questions, .. } | Decision::Diagnosing { reflector, questions, .. },
            } => asked.push_back((reflector, questions)),
            Record::Header { .. } | Record::Limits { .. } | Record::Note { .. } | Record::Test { .. } => {}
        }
        Ok(())
    })?;
    Ok(found)
}
