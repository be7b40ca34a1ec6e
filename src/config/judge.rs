//! `kind = "judge"`: a model that grades.

use serde::Serialize;

use super::metric::Reader;
use super::section::nearest;

/// `[metric]` with `kind = "judge"`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgePlan {
    /// Its `[model.NAME]`.
    pub model: String,
    /// What makes a grade good or bad, here or in a file of its own.
    pub rubric: String,
    /// The row's fields, or the program's outputs, that it reads beside the answer; left out: none.
    pub inputs: Vec<String>,
    /// What is graded; left out: the last module's.
    pub output: String,
    /// The highest grade; the lowest is 1.
    pub scale: u32,
    /// An odd number of grades, whose median counts.
    pub samples: usize,
    /// Of its answers; left out: 0, or 0.7 with several samples.
    pub temperature: f32,
    /// The most tokens of its answer.
    pub max_tokens: u32,
    /// A field with a grade that others gave: `eval` and `doctor` tell how far it agrees; left out: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// A field with the text that got that grade; left out: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labelled: Option<String>,
}

/// Tokens of its answer, unless said otherwise: a sentence and a number.
const MAX_TOKENS: u32 = 256;

/// The temperature of several samples, unless said otherwise.
const TEMPERATURE: f64 = 0.7;

pub(super) fn read(reader: &Reader<'_, '_>) -> JudgePlan {
    let section = reader.section;
    let model = section.required_text("model");
    if !model.is_empty() && !reader.models.contains(&model.as_str()) {
        section.problem("model", format!("there is no [model.{model}]; {}", nearest(&model, reader.models)));
    }
    let missing = "say what makes a grade good or bad in `rubric` or `rubric_file`";
    let advice = (missing, "say what makes a grade good or bad");
    let rubric = section.text_or_file(("rubric", "rubric_file"), reader.base, advice);
    let samples = section.integer("samples", 1..=99).unwrap_or(1usize);
    if samples.is_multiple_of(2) {
        section.problem("samples", format!("must be odd, so that there is a median; not {samples}"));
    }
    let temperature = section.number("temperature", 0.0..=2.0);
    if samples > 1 && temperature == Some(0.0) {
        section.problem("temperature", "is 0, where all samples say the same; leave `samples` out, or let it be higher");
    }
    if samples == 1 && temperature.is_some_and(|temperature| temperature > 0.0) {
        section.problem("temperature", "draws a grade by chance; leave it out, or set `samples` to 3 or more");
    }
    let (labels, labelled) = (section.text("labels"), section.text("labelled"));
    if labels.is_some() != labelled.is_some() {
        let key = if labels.is_some() { "labels" } else { "labelled" };
        section.problem(
            key,
            "needs the other: `labels` is the field with a grade that others gave, `labelled` that with the text that got it",
        );
    }
    JudgePlan {
        model,
        rubric,
        inputs: section.texts("inputs").unwrap_or_default(),
        output: reader.output(),
        scale: section.integer("scale", 2..=10).unwrap_or(5),
        samples,
        temperature: temperature.unwrap_or(if samples > 1 { TEMPERATURE } else { 0.0 }) as f32,
        max_tokens: section.integer("max_tokens", 1..=100_000).unwrap_or(MAX_TOKENS),
        labels,
        labelled,
    }
}

impl JudgePlan {
    /// What it is shown that no module or step writes: the example must have it.
    #[must_use]
    pub fn reads(&self, is_written: impl Fn(&str) -> bool) -> Vec<String> {
        self.inputs.iter().filter(|name| !is_written(name)).cloned().collect()
    }
}
