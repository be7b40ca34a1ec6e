//! Compares prompts and adapters: scores prompts, each with an adapter or without one, on the same examples.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::{ModelSource, Plan};
use crate::data::split::Split;
use crate::engine::{ModelId, Usage};
use crate::error::RunError;
use crate::evaluate::Scored;
use crate::gguf;
use crate::hooks::Hooks;
use crate::models;
use crate::program::Candidate;
use crate::report::interval::Interval;
use crate::report::paired::{Conclusion, Paired};
use crate::run::eval::{EvalRequest, EvalResult, evaluate};

/// A prompt and an adapter that are scored together.
#[derive(Debug, Clone)]
pub struct Contender {
    /// Its name in the comparison.
    pub name: String,
    /// The prompt.
    pub candidate: Candidate,
    /// The file of the adapter; None: the models as the plan has them.
    pub adapter: Option<PathBuf>,
}

/// The score of a prompt with an adapter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContenderResult {
    /// Its name in the comparison.
    pub name: String,
    /// The file of the adapter; None if it has none.
    pub adapter: Option<PathBuf>,
    /// The mean score; None if nothing was scored.
    pub score: Option<f64>,
    /// The 95% interval of `score`; None for fewer than two examples.
    pub interval_95: Option<Interval>,
    /// The differences to the first one on the same examples; None for the first, and if no example was scored for both.
    pub against_first: Option<Paired>,
    /// What these differences allow to conclude.
    pub conclusion: Option<Conclusion>,
    /// The score of each example by its id; None if the metric failed on it.
    pub scores: BTreeMap<String, Option<f64>>,
    /// Tokens of the rollouts and of the metric's requests.
    pub tokens: Usage,
    /// Seconds that the rollouts took, without the time to load models.
    pub seconds: f64,
}

/// Scores each contender on examples of a plan. `on_contender` is called with the name of each before it is scored.
///
/// # Errors
/// [`RunError`]; [`RunError::Plan`] before anything is scored if an adapter cannot be read, or the plan has no place for one.
pub fn compare_adapters(
    plan: &Plan,
    contenders: &[Contender],
    split: Split,
    limit: Option<usize>,
    on_contender: &mut dyn FnMut(&str),
    hooks: &mut Hooks<'_>,
) -> Result<Vec<ContenderResult>, RunError> {
    let plans = contenders.iter().map(|contender| match &contender.adapter {
        Some(adapter) => with_adapter(plan, adapter),
        None => Ok(plan.clone()),
    });
    let plans = plans.collect::<Result<Vec<Plan>, RunError>>()?;
    let mut results: Vec<ContenderResult> = Vec::new();
    for (contender, plan) in contenders.iter().zip(&plans) {
        on_contender(&contender.name);
        let request = EvalRequest { candidate: contender.candidate.clone(), split, limit };
        let evaluated = evaluate(plan, &request, hooks)?;
        results.push(result(contender, &evaluated, results.first()));
    }
    Ok(results)
}

/// Returns the result of a contender. `first` is that of the first one; None if it is the first.
fn result(contender: &Contender, evaluated: &EvalResult, first: Option<&ContenderResult>) -> ContenderResult {
    let ids = evaluated.examples.iter().map(|example| example.id.clone());
    let scores: BTreeMap<String, Option<f64>> = ids.zip(evaluated.rollouts.iter().map(Scored::score)).collect();
    let against_first = first.and_then(|first| Paired::new(&borrowed(&first.scores), &borrowed(&scores)));
    let scored: Vec<f64> = scores.values().copied().flatten().collect();
    ContenderResult {
        name: contender.name.clone(),
        adapter: contender.adapter.clone(),
        score: evaluated.mean(),
        interval_95: Interval::of_mean(&scored),
        conclusion: against_first.as_ref().map(Paired::conclusion),
        against_first,
        scores,
        tokens: evaluated.usage,
        seconds: evaluated.seconds,
    }
}

/// Returns scores with borrowed ids.
fn borrowed(scores: &BTreeMap<String, Option<f64>>) -> BTreeMap<&str, Option<f64>> {
    scores.iter().map(|(id, score)| (id.as_str(), *score)).collect()
}

/// Returns the plan with an adapter for the model that its modules ask.
///
/// # Errors
/// [`RunError::Plan`] if the modules ask several models, if the model is no model file or is asked by the metric as well, and if the
/// adapter cannot be read.
fn with_adapter(plan: &Plan, adapter: &Path) -> Result<Plan, RunError> {
    let unfit = |cause: String| RunError::Plan(format!("the adapter {}: {cause}", adapter.display()));
    let asked: BTreeSet<ModelId> = plan.modules.iter().map(|module| module.model.id).collect();
    let (Some(&id), 1) = (asked.first(), asked.len()) else {
        return Err(unfit(format!("the modules ask {} models; a comparison with adapters needs one", asked.len())));
    };
    if plan.metric.judges().iter().any(|judge| judge.model.id == id) {
        return Err(unfit(
            "the metric asks the model of the modules, and its grades would change; give it a [model.NAME] of its own".into(),
        ));
    }
    let mut plan = plan.clone();
    let base = match plan.models.get_mut(id.0).map(|model| (&model.name, &mut model.source)) {
        Some((_, ModelSource::Llama { gguf, lora, .. })) => {
            *lora = Some(adapter.to_owned());
            models::resolve(gguf, Path::new(""))?
        }
        Some((name, _)) => return Err(unfit(format!("[model.{name}] names no model file (`gguf`), so it takes no adapter"))),
        None => return Err(unfit("the plan has no model for its modules".into())),
    };
    let read = |path: &Path| gguf::read(path).map_err(|error| unfit(error.to_string()));
    read(adapter)?.check_adapter_of(&read(&base)?).map_err(|cause| unfit(format!("it {cause}")))?;
    Ok(plan)
}
