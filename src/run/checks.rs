//! Checks of a plan against its data and models, and notes on settings that have no effect.

use crate::config::{Keep, Method, OptimizePlan, Parents, Plan};
use crate::data::split::Splits;
use crate::engine::Engine;
use crate::error::RunError;

/// The number of training examples beyond which more rarely help.
pub(super) const ENOUGH_TRAINING: usize = 100;

/// Returns notes on the settings of a plan that have no effect, and on data that would be of more use elsewhere.
pub(super) fn notes(plan: &Plan, splits: &Splits) -> Vec<String> {
    let mut notes = Vec::new();
    if splits.train.len() > ENOUGH_TRAINING {
        let count = splits.train.len();
        notes.push(format!(
            "there are {count} training examples; more than {ENOUGH_TRAINING} rarely help, and rows moved to `val` or `test` \
             would tell candidates apart more surely"
        ));
    }
    let method = plan.optimize.optimizer;
    if method != Method::Gepa {
        let defaults = OptimizePlan { optimizer: method, ..OptimizePlan::from_preset(plan.optimize.preset) };
        let given: Vec<&str> = changed_gepa_settings(&plan.optimize, &defaults);
        if !given.is_empty() {
            // The note does not name the method, so that the comparison of several methods shows it once.
            notes.push(format!("{} in [optimize] has no effect: only GEPA uses it", given.join(", ")));
        }
        let open: Vec<&str> = plan.modules.iter().filter(|m| !m.frozen).map(|m| m.name.as_str()).collect();
        if method.is_for_one_prompt() && open.len() > 1 {
            let (name, modules) = (method.name(), open.join(", "));
            notes.push(format!("`{name}` is made for one prompt: it changed one module at a time, in turn: {modules}"));
        }
        if method == Method::Reflexion {
            notes.push("`reflexion` improves single answers, not the prompt: the best candidate is the seed".into());
        }
        return notes;
    }
    // Only a user who has set `max_merges` expects merges.
    let default_merges = OptimizePlan::from_preset(plan.optimize.preset).max_merges;
    if plan.optimize.merge && plan.optimize.max_merges != default_merges && plan.modules.len() == 1 {
        notes.push("nothing was merged: candidates of a program with one module have nothing to cross".into());
    }
    notes
}

/// Returns the settings that only GEPA uses and that differ from the defaults.
fn changed_gepa_settings(plan: &OptimizePlan, default: &OptimizePlan) -> Vec<&'static str> {
    let keys = [
        ("`candidate_selection`", plan.candidate_selection != default.candidate_selection),
        ("`module_selection`", plan.module_selection != default.module_selection),
        ("`frontier`", plan.frontier != default.frontier),
        ("`gate`", plan.gate != default.gate),
        ("`proposals`", plan.proposals != default.proposals),
        ("`operators`", plan.operators != default.operators),
        ("`hints`", plan.hints != default.hints),
        ("`fixed_prompt`", plan.fixed_prompt != default.fixed_prompt),
        ("`prune`", plan.prune != default.prune),
        ("`merge`", plan.merge != default.merge),
        ("`max_merges`", plan.max_merges != default.max_merges),
        ("`parents`", plan.parents.is_some_and(|parents| parents != Parents::Same)),
        ("`keep`", plan.keep.is_some_and(|keep| keep != Keep::Best)),
        ("`epsilon`", plan.epsilon.is_some()),
        ("`top_k`", plan.top_k.is_some()),
        ("`minibatch`", plan.minibatch != default.minibatch && plan.optimizer != Method::Random),
    ];
    keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}

/// Checks that the budget is large enough to score the seed on the validation examples.
///
/// # Errors
/// [`RunError::Plan`] with a budget that is large enough.
pub(super) fn check_budget(plan: &Plan, splits: &Splits) -> Result<(), RunError> {
    let Some(most) = plan.optimize.budget.most_rollouts(plan.modules.len(), splits.val.len()) else {
        return Ok(());
    };
    let validation = splits.val.len();
    let batch = plan.optimize.minibatch.min(splits.train.len());
    let iteration = (1 + plan.optimize.proposals) * batch + validation;
    if most >= validation as u64 {
        return Ok(());
    }
    Err(RunError::Plan(format!(
        "a budget of {most} rollouts cannot even score the seed on {validation} validation examples; one iteration needs up to \
         {iteration} more: give --budget {} or larger, or a smaller `val`",
        4 * iteration
    )))
}

/// The fewest tokens that a context must have left for the prompt.
const LEAST_PROMPT_TOKENS: usize = 64;

/// Checks that the contexts of the models hold answers of the most tokens besides a prompt, and that the task file's instructions and
/// demonstrations are not longer than allowed.
///
/// # Errors
/// [`RunError::Plan`] with the setting to change.
pub(super) fn check_context(plan: &Plan, engine: &dyn Engine) -> Result<(), RunError> {
    let modules = plan.modules.iter().map(|m| (&m.model, m.max_tokens, format!("`max_tokens` of module `{}`", m.name)));
    let tokens = plan.optimize.reflection_tokens;
    let reflectors = plan.optimize.reflectors.iter().map(|model| (model, tokens, "`optimize.reflection_tokens`".to_owned()));
    let judges =
        plan.metric.judges().into_iter().map(|judge| (&judge.model, judge.max_tokens, "`max_tokens` of the judge".to_owned()));
    for (model, tokens, key) in modules.chain(reflectors).chain(judges) {
        let (context, model) = (engine.context_length(model.id), &model.name);
        if tokens as usize + LEAST_PROMPT_TOKENS > context {
            return Err(RunError::Plan(format!(
                "{key} is {tokens}, but `{model}` has a context of {context} tokens for prompt and answer together; \
                 lower it, or raise `model.{model}.context`"
            )));
        }
    }
    for (module, text) in plan.modules.iter().zip(plan.seed_candidate().0) {
        if text.demonstrations.is_empty() {
            continue;
        }
        let id = module.model.id;
        let tokens = text.tokens(&|text| engine.count_tokens(id, text));
        let most = plan.optimize.most_prompt_tokens(engine.context_length(id));
        if tokens > most {
            return Err(RunError::Plan(format!(
                "the instruction and the `demonstrations` of module `{}` have {tokens} tokens, of which {most} are allowed; give \
                 fewer, or raise `optimize.max_prompt_tokens`",
                module.name
            )));
        }
    }
    Ok(())
}
