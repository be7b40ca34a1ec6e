//! Reads the tables `[optimize.NAME]`.

use super::section::Section;
use crate::config::methods::{
    ApePlan, BootstrapRsPlan, EvopromptPlan, FewshotPlan, Miprov2Plan, OproPlan, PromptbreederPlan, SimbaPlan, Strength,
    TextgradPlan,
};

/// The largest number of anything that a key counts.
const MOST: usize = 100_000;

/// Reads `preset`.
fn preset(section: &Section<'_>) -> Strength {
    section.choice("preset").unwrap_or(Strength::Reference)
}

/// Reads `[optimize.fewshot]`.
pub(super) fn fewshot(section: Section<'_>) -> FewshotPlan {
    let default = FewshotPlan::default();
    let plan = FewshotPlan {
        draws: section.integer("draws", 1..=MOST),
        room: section.number("room", 0.01..=1.0).unwrap_or(default.room),
    };
    section.report_unknown_keys();
    plan
}

/// Reads `[optimize.bootstrap-rs]`.
pub(super) fn bootstrap_rs(section: Section<'_>) -> BootstrapRsPlan {
    let default = BootstrapRsPlan::of(preset(&section));
    let plan = BootstrapRsPlan {
        preset: default.preset,
        sets: section.integer("sets", 0..=MOST).unwrap_or(default.sets),
        bootstrapped: section.integer("bootstrapped", 1..=MOST).unwrap_or(default.bootstrapped),
        labelled: section.integer("labelled", 0..=MOST).unwrap_or(default.labelled),
        threshold: section.number("threshold", 0.0..=1.0),
    };
    section.report_unknown_keys();
    plan
}

/// Reads `[optimize.simba]`.
pub(super) fn simba(section: Section<'_>) -> SimbaPlan {
    let default = SimbaPlan::of(preset(&section));
    let plan = SimbaPlan {
        preset: default.preset,
        minibatch: section.integer("minibatch", 1..=MOST).unwrap_or(default.minibatch),
        candidates: section.integer("candidates", 1..=1000).unwrap_or(default.candidates),
        steps: section.integer("steps", 1..=MOST).unwrap_or(default.steps),
        demonstrations: section.integer("demonstrations", 0..=1000).unwrap_or(default.demonstrations),
        answer_temperature: section.number("answer_temperature", 0.0..=2.0).unwrap_or(default.answer_temperature),
        sampling_temperature: section.number("sampling_temperature", 0.01..=100.0).unwrap_or(default.sampling_temperature),
        candidate_temperature: section.number("candidate_temperature", 0.01..=100.0).unwrap_or(default.candidate_temperature),
    };
    section.report_unknown_keys();
    plan
}

/// Reads `[optimize.miprov2]`.
pub(super) fn miprov2(section: Section<'_>) -> Miprov2Plan {
    let default = Miprov2Plan::of(preset(&section));
    let plan = Miprov2Plan {
        preset: default.preset,
        effort: section.choice("effort").unwrap_or(default.effort),
        sets: section.integer("sets", 1..=1000).or(default.sets),
        instructions: section.integer("instructions", 1..=1000).or(default.instructions),
        trials: section.integer("trials", 1..=MOST).or(default.trials),
        bootstrapped: section.integer("bootstrapped", 0..=1000).unwrap_or(default.bootstrapped),
        labelled: section.integer("labelled", 0..=1000).or(default.labelled),
        threshold: section.number("threshold", 0.0..=1.0),
        minibatch: section.integer("minibatch", 1..=MOST).unwrap_or(default.minibatch),
        whole: section.integer("whole", 0..=MOST).unwrap_or(default.whole),
        validate_every: section.integer("validate_every", 1..=MOST).unwrap_or(default.validate_every),
        summary_rows: section.integer("summary_rows", 1..=1000).unwrap_or(default.summary_rows),
        summary_batches: section.integer("summary_batches", 1..=1000).unwrap_or(default.summary_batches),
        module_descriptions: section.flag("module_descriptions").unwrap_or(default.module_descriptions),
        temperature: section.number("temperature", 0.0..=2.0).unwrap_or(default.temperature),
    };
    section.report_unknown_keys();
    plan
}

/// Reads `[optimize.ape]`.
pub(super) fn ape(section: Section<'_>) -> ApePlan {
    let default = ApePlan::of(preset(&section));
    let plan = ApePlan {
        preset: default.preset,
        candidates: section.integer("candidates", 1..=1000).unwrap_or(default.candidates),
        pairs: section.integer("pairs", 1..=1000).unwrap_or(default.pairs),
        parts: section.integer("parts", 1..=1000).or(default.parts),
        exploration: section.number("exploration", 0.0..=1000.0).unwrap_or(default.exploration),
    };
    section.report_unknown_keys();
    plan
}

/// Reads `[optimize.opro]`.
pub(super) fn opro(section: Section<'_>) -> OproPlan {
    let default = OproPlan::of(preset(&section));
    let plan = OproPlan {
        preset: default.preset,
        proposals: section.integer("proposals", 1..=1000).unwrap_or(default.proposals),
        trajectory: section.integer("trajectory", 0..=MOST).unwrap_or(default.trajectory),
        exemplars: section.integer("exemplars", 0..=1000).unwrap_or(default.exemplars),
        rows: section.number("rows", 0.0001..=1.0).or(default.rows),
        temperature: section.number("temperature", 0.0..=2.0).unwrap_or(default.temperature),
    };
    section.report_unknown_keys();
    plan
}

/// Reads `[optimize.evoprompt]`.
pub(super) fn evoprompt(section: Section<'_>) -> EvopromptPlan {
    let default = EvopromptPlan::of(preset(&section));
    let plan = EvopromptPlan {
        preset: default.preset,
        population: section.integer("population", 3..=1000).unwrap_or(default.population),
        generations: section.integer("generations", 1..=MOST).unwrap_or(default.generations),
        label_seeds: section.flag("label_seeds").unwrap_or(default.label_seeds),
        worked_example: section.flag("worked_example").unwrap_or(default.worked_example),
    };
    section.report_unknown_keys();
    plan
}

/// Reads `[optimize.promptbreeder]`.
pub(super) fn promptbreeder(section: Section<'_>) -> PromptbreederPlan {
    let default = PromptbreederPlan::of(preset(&section));
    let plan = PromptbreederPlan {
        preset: default.preset,
        units: section.integer("units", 2..=1000).unwrap_or(default.units),
        demonstrations: section.integer("demonstrations", 0..=1000).unwrap_or(default.demonstrations),
        crossover: section.number("crossover", 0.0..=1.0).unwrap_or(default.crossover),
    };
    section.report_unknown_keys();
    plan
}

/// Reads `[optimize.textgrad]`.
pub(super) fn textgrad(section: Section<'_>) -> TextgradPlan {
    let default = TextgradPlan::of(preset(&section));
    let plan = TextgradPlan {
        preset: default.preset,
        minibatch: section.integer("minibatch", 1..=1000).unwrap_or(default.minibatch),
        epochs: section.integer("epochs", 1..=MOST).unwrap_or(default.epochs),
        context: section.flag("context").unwrap_or(default.context),
        criticism_tokens: section.integer("criticism_tokens", 16..=100_000).or(default.criticism_tokens),
    };
    section.report_unknown_keys();
    plan
}
