//! `kind = "privacy"`: leakage against quality.

use serde::Serialize;

use super::metric::Reader;
use super::metric_plan::MetricPlan;
use super::section::nearest;
use crate::metric::Kind;

/// `[metric]` with `kind = "privacy"`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PrivacyPlan {
    /// The output that is searched for personal data; this or `sent_to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The module whose inputs are searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_to: Option<String>,
    /// A field with a list of what must not leak; left out: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed: Option<String>,
    /// The row's fields in which it is detected; left out: those that the program reads.
    pub fields: Vec<String>,
    /// What is detected; left out: all of these.
    pub detect: Vec<Kind>,
    /// `[metric.quality]`: a metric of its own; None: only leakage counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<Box<MetricPlan>>,
}

pub(super) fn read(reader: &Reader<'_, '_>) -> PrivacyPlan {
    let section = reader.section;
    let (output, sent_to) = (section.text("output"), section.text("sent_to"));
    match (&output, &sent_to) {
        (Some(output), None) => reader.check_output("output", output),
        (None, Some(module)) => {
            let modules: Vec<&str> = reader.modules.iter().map(|module| module.name.as_str()).collect();
            let steps = reader.steps.iter().map(|step| step.name.as_str());
            let known: Vec<&str> = modules.into_iter().chain(steps).collect();
            if !known.contains(&module.as_str()) {
                section.problem("sent_to", format!("there is no module or step `{module}`; {}", nearest(module, &known)));
            }
        }
        _ => section.problem(
            "output",
            "give either `output`, what must hold no personal data, or `sent_to`, a module that must see none",
        ),
    }
    let listed = section.text("listed");
    // What nothing writes is the user's own text.
    let written = reader.outputs();
    let inputs = reader.modules.iter().flat_map(|module| module.inputs.clone());
    let inputs = inputs.chain(reader.steps.iter().flat_map(|step| step.inputs()));
    let mut own: Vec<String> = Vec::new();
    inputs.filter(|name| !written.contains(name)).for_each(|name| {
        if !own.contains(&name) {
            own.push(name);
        }
    });
    let fields = section.texts("fields").unwrap_or(own);
    let names = Kind::ALL.map(Kind::name);
    let mut detect = Vec::new();
    for name in section.texts("detect").unwrap_or_else(|| names.map(str::to_owned).to_vec()) {
        match Kind::ALL.into_iter().find(|kind| kind.name() == name) {
            Some(kind) => detect.push(kind),
            None => section.problem("detect", format!("nothing detects `{name}`; {}", nearest(&name, &names))),
        }
    }
    if listed.is_none() && (detect.is_empty() || fields.is_empty()) {
        section.problem("listed", "is missing, and nothing is detected: no row has personal data then");
    }
    let quality = section.table("quality").and_then(|section| {
        let reader = Reader { section: &section, ..*reader };
        let kind = section.required_text("kind");
        let plan = match kind.as_str() {
            "privacy" => {
                section.problem("kind", "privacy cannot be its own quality");
                None
            }
            "sum" => Some(reader.sum()),
            kind => reader.metric(kind),
        };
        let plan = plan?;
        section.finish();
        Some(Box::new(plan))
    });
    PrivacyPlan { output, sent_to, listed, fields, detect, quality }
}
