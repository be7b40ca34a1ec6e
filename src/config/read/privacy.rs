//! Reads the keys of `kind = "privacy"`.

use super::metric_section::MetricSection;
use super::suggestion::suggestion;
use crate::config::metric::PrivacyPlan;
use crate::metric::Kind;

/// Reads the plan without `[metric.quality]`.
pub(super) fn read_without_quality(reader: &MetricSection<'_, '_>) -> PrivacyPlan {
    let section = reader.section;
    let (output, sent_to) = (section.text("output"), section.text("sent_to"));
    match (&output, &sent_to) {
        (Some(output), None) => reader.check_output("output", output),
        (None, Some(name)) => {
            let modules = reader.scope.modules.iter().map(|module| module.name.as_str());
            let known: Vec<&str> = modules.chain(reader.scope.steps.iter().map(|step| step.name.as_str())).collect();
            if !known.contains(&name.as_str()) {
                section.problem("sent_to", format!("there is no module or step `{name}`; {}", suggestion(name, &known)));
            }
        }
        _ => section.problem(
            "output",
            "give either `output`, what must hold no personal data, or `sent_to`, a module that must see none",
        ),
    }
    let listed = section.text("listed");
    let fields = section.texts("fields").unwrap_or_else(|| row_fields(reader));
    let names = Kind::ALL.map(Kind::name);
    let mut detect = Vec::new();
    for name in section.texts("detect").unwrap_or_else(|| names.map(str::to_owned).to_vec()) {
        match Kind::ALL.into_iter().find(|kind| kind.name() == name) {
            Some(kind) => detect.push(kind),
            None => section.problem("detect", format!("nothing detects `{name}`; {}", suggestion(&name, &names))),
        }
    }
    if listed.is_none() && (detect.is_empty() || fields.is_empty()) {
        section.problem("listed", "is missing, and nothing is detected: no row has personal data then");
    }
    PrivacyPlan { output, sent_to, listed, fields, detect, quality: None }
}

/// Returns the fields that modules and steps read from the row, because nothing writes them.
fn row_fields(reader: &MetricSection<'_, '_>) -> Vec<String> {
    let written = reader.written_fields();
    let of_modules = reader.scope.modules.iter().flat_map(|module| module.inputs.clone());
    let mut fields: Vec<String> = Vec::new();
    for name in of_modules.chain(reader.scope.steps.iter().flat_map(|step| step.inputs())) {
        if !written.contains(&name) && !fields.contains(&name) {
            fields.push(name);
        }
    }
    fields
}
