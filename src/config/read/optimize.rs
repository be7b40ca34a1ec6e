//! Reads `[optimize]`.

use std::path::Path;

use super::section::Section;
use super::suggestion::suggestion;
use super::{methods, model};
use crate::config::budget::Budget;
use crate::config::model::ModelRef;
use crate::config::operator::Operator;
use crate::config::optimize::{CandidateSelection, Keep, OptimizePlan, Parents, Preset};

/// The default of `epsilon`.
const DEFAULT_EPSILON: f64 = 0.1;

/// The default of `top_k`.
const DEFAULT_TOP_K: usize = 5;

/// Reads `[optimize]`. `models` are the names of all models. `first_model` is the model of the first module.
/// `folder` is the folder of the task file.
pub(super) fn read(root: &Section<'_>, models: &[&str], first_model: &str, folder: &Path) -> OptimizePlan {
    let section = root.table_or_empty("optimize");
    let candidate_selection = section.choice("candidate_selection").unwrap_or(CandidateSelection::Pareto);
    let epsilon = section.number("epsilon", 0.0..=1.0);
    let top_k = section.integer("top_k", 1..=100_000);
    let is_greedy = candidate_selection == CandidateSelection::EpsilonGreedy;
    let is_top_k = candidate_selection == CandidateSelection::TopKPareto;
    check_effect(&section, "epsilon", "candidate_selection = \"epsilon-greedy\"", is_greedy);
    check_effect(&section, "top_k", "candidate_selection = \"top-k-pareto\"", is_top_k);
    let preset = section.choice("preset").unwrap_or(Preset::Default);
    let default = OptimizePlan::from_preset(preset);
    let proposals = section.integer("proposals", 1..=64).unwrap_or(default.proposals);
    let has_several = proposals > 1;
    let parents = section.choice("parents").unwrap_or(Parents::Same);
    let keep = section.choice("keep").unwrap_or(Keep::Best);
    check_effect(&section, "parents", "`proposals` above 1", has_several);
    check_effect(&section, "keep", "`proposals` above 1", has_several);
    let plan = OptimizePlan {
        optimizer: section.choice("optimizer").unwrap_or(default.optimizer),
        preset,
        reflectors: read_reflectors(&section, models, first_model),
        budget: read_budget(&section),
        seed: section.integer("seed", 0..=i64::MAX).map_or(default.seed, i64::unsigned_abs),
        minibatch: section.integer("minibatch", 1..=1000).unwrap_or(default.minibatch),
        candidate_selection,
        epsilon: is_greedy.then_some(epsilon.unwrap_or(DEFAULT_EPSILON)),
        top_k: is_top_k.then_some(top_k.unwrap_or(DEFAULT_TOP_K)),
        module_selection: section.choice("module_selection").unwrap_or(default.module_selection),
        frontier: section.choice("frontier").unwrap_or(default.frontier),
        gate: section.choice("gate").unwrap_or(default.gate),
        race: section.flag("race").unwrap_or(default.race),
        proposals,
        parents: has_several.then_some(parents),
        keep: has_several.then_some(keep),
        merge: section.flag("merge").unwrap_or(default.merge),
        max_merges: section.integer("max_merges", 0..=100_000).unwrap_or(default.max_merges),
        stop_at_score: section.number("stop_at_score", 0.0..=1.0).unwrap_or(default.stop_at_score),
        patience: section.integer("patience", 1..=1_000_000),
        max_reflections: section.integer("max_reflections", 1..=1_000_000),
        operators: read_operators(&section).unwrap_or(default.operators),
        hints: read_hints(&section, folder),
        fixed_prompt: section.flag("fixed_prompt").unwrap_or(default.fixed_prompt),
        prune: section.flag("prune").unwrap_or(default.prune),
        max_prompt_tokens: section.integer("max_prompt_tokens", 1..=1_000_000),
        reflection_tokens: section.integer("reflection_tokens", 16..=100_000).unwrap_or(default.reflection_tokens),
        reflection_temperature: section
            .number("reflection_temperature", 0.0..=2.0)
            .map_or(default.reflection_temperature, |temperature| temperature as f32),
        fewshot: methods::fewshot(section.table_or_empty("fewshot")),
        bootstrap_rs: methods::bootstrap_rs(section.table_or_empty("bootstrap-rs")),
        simba: methods::simba(section.table_or_empty("simba")),
        miprov2: methods::miprov2(section.table_or_empty("miprov2")),
        ape: methods::ape(section.table_or_empty("ape")),
        opro: methods::opro(section.table_or_empty("opro")),
        evoprompt: methods::evoprompt(section.table_or_empty("evoprompt")),
        promptbreeder: methods::promptbreeder(section.table_or_empty("promptbreeder")),
        textgrad: methods::textgrad(section.table_or_empty("textgrad")),
    };
    section.report_unknown_keys();
    plan
}

fn read_operators(section: &Section<'_>) -> Option<Vec<Operator>> {
    let names = section.texts("operators")?;
    let all = || Operator::ALL.into_iter().chain([Operator::Paper]);
    let known: Vec<&str> = all().map(Operator::name).collect();
    let mut operators = Vec::new();
    for name in &names {
        match all().find(|operator| operator.name() == name) {
            Some(operator) => operators.push(operator),
            None => section.problem("operators", format!("there is no `{name}`; {}", suggestion(name, &known))),
        }
    }
    if names.is_empty() {
        section.problem("operators", "must name at least one; leave it out for all");
    }
    Some(operators)
}

/// Reads the sentences of the user: a list, or the lines of a text file.
fn read_hints(section: &Section<'_>, folder: &Path) -> Vec<String> {
    if !section.is_text("hints") {
        return section.texts("hints").unwrap_or_default();
    }
    let path = section.path("hints", folder).unwrap_or_default();
    let hints: Vec<String> = match std::fs::read_to_string(&path) {
        Ok(text) => text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect(),
        Err(cause) => {
            section.problem("hints", format!("cannot read {}: {cause}", path.display()));
            return Vec::new();
        }
    };
    if hints.is_empty() {
        section.problem("hints", format!("{} has no sentences; leave `hints` out if there are none", path.display()));
    }
    hints
}

fn read_reflectors(section: &Section<'_>, models: &[&str], first_model: &str) -> Vec<ModelRef> {
    let names = section.texts("reflectors").unwrap_or_else(|| vec![first_model.to_owned()]);
    if names.is_empty() {
        section.problem("reflectors", "must name a model; leave it out and the task model reflects on itself");
    }
    if models.is_empty() {
        // The missing table [model.NAME] is reported already.
        return Vec::new();
    }
    names.into_iter().map(|name| model::find(section, "reflectors", name, models)).collect()
}

fn read_budget(section: &Section<'_>) -> Budget {
    let Some(text) = section.text_or_number("budget") else {
        return Budget::DEFAULT;
    };
    Budget::parse(&text).unwrap_or_else(|| {
        let forms = "must be a number of rollouts, like \"300\", or one of \"light\", \"medium\", \"heavy\"; a time, \"30m\"; a number of \
                     tokens, \"2M tokens\"; or several of these, \"300, 30m\"";
        section.problem("budget", forms);
        Budget::DEFAULT
    })
}

/// Reports a key that is given although it has no effect. `with` is the setting that would give it one.
fn check_effect(section: &Section<'_>, key: &str, with: &str, has_effect: bool) {
    if section.has(key) && !has_effect {
        section.problem(key, format!("has an effect only with {with}"));
    }
}
