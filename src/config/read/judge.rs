//! Reads the keys of `kind = "judge"`.

use super::metric_section::MetricSection;
use super::model;
use super::section::TextOrFile;
use crate::config::metric::JudgePlan;
use crate::config::model::ModelRef;
use crate::engine::ModelId;

/// The default of `max_tokens`: enough for a sentence and a number.
const DEFAULT_MAX_TOKENS: u32 = 256;

/// The default of `temperature` with several samples.
const DEFAULT_TEMPERATURE: f64 = 0.7;

const RUBRIC: TextOrFile = TextOrFile {
    key: "rubric",
    file_key: "rubric_file",
    if_missing: "say what makes a grade good or bad in `rubric` or `rubric_file`",
    if_empty: "say what makes a grade good or bad",
};

pub(super) fn read(reader: &MetricSection<'_, '_>) -> JudgePlan {
    let section = reader.section;
    let name = section.required_text("model");
    let model = match name.is_empty() {
        true => ModelRef { name, id: ModelId(0) },
        false => model::find(section, "model", name, reader.scope.models),
    };
    let rubric = section.text_or_file(&RUBRIC, reader.scope.folder);
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
        temperature: temperature.unwrap_or(if samples > 1 { DEFAULT_TEMPERATURE } else { 0.0 }) as f32,
        max_tokens: section.integer("max_tokens", 1..=100_000).unwrap_or(DEFAULT_MAX_TOKENS),
        labels,
        labelled,
    }
}
