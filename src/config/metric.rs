//! `[metric]`: how answers are judged.

use std::collections::BTreeMap;
use std::path::Path;

use regex::Regex;

use super::metric_plan::{ConstraintPlan, MetricPlan, PartPlan, Pattern};
use super::named::{Named, choice};
use super::plan::ModulePlan;
use super::section::{Section, nearest};
use super::steps::{StepKind, StepPlan};
use super::{code, command, judge, privacy};
use crate::metric::{Constraint, Counting, Fetched};

impl Named for Counting {
    const NAMES: &'static [(&'static str, Self)] =
        &[("loose", Self::Loose), ("strict", Self::Strict), ("loose-all", Self::LooseAll), ("strict-all", Self::StrictAll)];
}

impl Named for Fetched {
    const NAMES: &'static [(&'static str, Self)] = &[("recall", Self::Recall), ("f1", Self::F1)];
}

/// The kinds, for who mistypes one.
const KINDS: [&str; 14] = [
    "label",
    "number",
    "json",
    "exact",
    "f1",
    "contains",
    "regex",
    "constraints",
    "retrieval",
    "code",
    "privacy",
    "judge",
    "command",
    "sum",
];

pub(super) fn read(
    root: &Section<'_>,
    (modules, steps): (&[ModulePlan], &[StepPlan]),
    models: &[&str],
    base: &Path,
) -> MetricPlan {
    let Some(section) = root.table("metric") else {
        root.problem("metric", "is missing; say how answers are judged: [metric] kind = \"label\"");
        return MetricPlan::nothing();
    };
    let reader = Reader { section: &section, modules, steps, models, base };
    let plan = match section.required_text("kind").as_str() {
        "sum" => Some(reader.sum()),
        kind => reader.metric(kind),
    };
    // Of a kind that is not known, no key is.
    let Some(plan) = plan else { return MetricPlan::nothing() };
    section.finish();
    plan
}

/// A metric's table, and what it may speak of.
pub(super) struct Reader<'s, 'a> {
    pub(super) section: &'s Section<'a>,
    pub(super) modules: &'s [ModulePlan],
    pub(super) steps: &'s [StepPlan],
    /// The names of all models.
    pub(super) models: &'s [&'s str],
    /// The task file's folder.
    pub(super) base: &'s Path,
}

impl Reader<'_, '_> {
    /// A metric that is no sum; None where there is no such kind.
    pub(super) fn metric(&self, kind: &str) -> Option<MetricPlan> {
        let section = self.section;
        Some(match kind {
            "label" => {
                let (field, output) = self.field_and_output();
                MetricPlan::Label { field, output }
            }
            "number" => {
                let (field, output) = self.field_and_output();
                MetricPlan::Number { field, output, solution: section.text("solution") }
            }
            "json" => self.json(),
            "exact" => {
                let (field, output) = self.field_and_output();
                MetricPlan::Exact { field, output }
            }
            "f1" => {
                let (field, output) = self.field_and_output();
                MetricPlan::F1 { field, output }
            }
            "contains" => {
                let (field, output) = self.field_and_output();
                MetricPlan::Contains { field, output }
            }
            "regex" => self.regex(),
            "constraints" => self.constraints(),
            "retrieval" => self.retrieval(),
            "privacy" => MetricPlan::Privacy(privacy::read(self)),
            "judge" => MetricPlan::Judge(judge::read(self)),
            "command" => MetricPlan::Command(command::read(section, self.base)),
            "code" => MetricPlan::Code(code::read(section, self.base, self.output())),
            "" => MetricPlan::nothing(),
            other => {
                section.problem("kind", format!("there is no metric `{other}`; {}", nearest(other, &KINDS)));
                return None;
            }
        })
    }

    pub(super) fn outputs(&self) -> Vec<String> {
        let of_modules = self.modules.iter().flat_map(|m| m.outputs.iter().map(|output| output.name.clone()));
        of_modules.chain(self.steps.iter().flat_map(StepPlan::outputs)).collect()
    }

    pub(super) fn check_output(&self, key: &str, name: &str) {
        let outputs = self.outputs();
        let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        if !name.is_empty() && !outputs.contains(&name) {
            self.section.problem(key, format!("no module writes `{name}`; {}", nearest(name, &outputs)));
        }
    }

    /// The example's field, and the output that is compared with it: of the same name unless said otherwise.
    fn field_and_output(&self) -> (String, String) {
        let field = self.section.required_text("field");
        let output = self.section.text("output").unwrap_or_else(|| field.clone());
        self.check_output(if self.section.has("output") { "output" } else { "field" }, &output);
        (field, output)
    }

    /// The output that is judged: the last module's, unless said otherwise.
    pub(super) fn output(&self) -> String {
        let last = || self.modules.last().and_then(|m| m.outputs.last()).map(|output| output.name.clone()).unwrap_or_default();
        let output = self.section.text("output").unwrap_or_else(last);
        self.check_output("output", &output);
        output
    }

    fn json(&self) -> MetricPlan {
        let section = self.section;
        let field = section.text("field");
        let mut weights: BTreeMap<String, f64> = section.numbers("weights").unwrap_or_default().into_iter().collect();
        match &field {
            Some(field) => self.check_output("field", field),
            None if weights.is_empty() => {
                let last = self.modules.last().map(|m| m.outputs.clone()).unwrap_or_default();
                weights = last.into_iter().map(|output| (output.name, 1.0)).collect();
            }
            None => weights.keys().for_each(|name| self.check_output("weights", name)),
        }
        if weights.values().any(|w| !w.is_finite() || *w < 0.0) || (!weights.is_empty() && weights.values().sum::<f64>() <= 0.0) {
            section.problem("weights", "must not be negative, and at least one must be above 0");
        }
        MetricPlan::Json { field, weights }
    }

    fn regex(&self) -> MetricPlan {
        let section = self.section;
        let (field, pattern) = (section.text("field"), section.text("pattern"));
        if field.is_some() == pattern.is_some() {
            section.problem("pattern", "give either `pattern`, or `field` where each example has its own");
        }
        let wrong = |error: &regex::Error| section.problem("pattern", format!("is no regular expression: {error}"));
        let pattern = pattern.and_then(|pattern| Regex::new(&pattern).inspect_err(wrong).ok()).map(Pattern);
        MetricPlan::Regex { field, pattern, output: self.output() }
    }

    fn constraints(&self) -> MetricPlan {
        let section = self.section;
        let constraint: Vec<ConstraintPlan> = section.list_of_tables("constraint").into_iter().map(read_constraint).collect();
        let fields = match section.texts("fields").map(<[String; 2]>::try_from) {
            Some(Ok(fields)) => Some(fields),
            Some(Err(_)) => {
                section.problem("fields", "must be two: the field with the kinds, and the one with their arguments");
                None
            }
            None if constraint.is_empty() => Some(["instruction_id_list".into(), "kwargs".into()]),
            None => None,
        };
        let score = choice(section, "score", Counting::Loose);
        MetricPlan::Constraints { output: self.output(), fields, score, constraint }
    }

    fn retrieval(&self) -> MetricPlan {
        let section = self.section;
        let fetching: Vec<&str> = self
            .steps
            .iter()
            .filter(|step| !matches!(step.does, StepKind::Template { .. }))
            .map(|step| step.name.as_str())
            .collect();
        let steps = section.texts("steps").unwrap_or_else(|| {
            let retrieve = self.steps.iter().filter(|step| matches!(step.does, StepKind::Retrieve { .. }));
            retrieve.map(|step| step.name.clone()).collect()
        });
        if steps.is_empty() {
            section.problem("steps", "must name a step that retrieves; there is no [[step]] with kind = \"retrieve\"");
        }
        for step in steps.iter().filter(|step| !fetching.contains(&step.as_str())) {
            section.problem("steps", format!("no step `{step}` retrieves; {}", nearest(step, &fetching)));
        }
        let score = choice(section, "score", Fetched::Recall);
        MetricPlan::Retrieval { field: section.required_text("field"), steps, score }
    }

    pub(super) fn sum(&self) -> MetricPlan {
        let sections = self.section.list_of_tables("part");
        if sections.len() < 2 {
            self.section.problem("part", "must be two [[metric.part]] or more, each with a kind of its own");
        }
        let mut part: Vec<PartPlan> = Vec::new();
        for section in sections {
            let kind = section.required_text("kind");
            let name = section.text("name").unwrap_or_else(|| kind.clone());
            if part.iter().any(|other| other.name == name) {
                section.problem("name", format!("`{name}` stands twice; each part needs a name of its own"));
            }
            let weight = section.number("weight", 0.0..=1e6).unwrap_or(1.0);
            let reader = Reader { section: &section, ..*self };
            let metric = match kind.as_str() {
                "sum" => {
                    section.problem("kind", "a sum cannot be a part of a sum");
                    continue;
                }
                kind => reader.metric(kind),
            };
            if let Some(metric) = metric {
                section.finish();
                part.push(PartPlan { name, weight, metric });
            }
        }
        if !part.is_empty() && part.iter().map(|part| part.weight).sum::<f64>() <= 0.0 {
            self.section.problem("part", "at least one `weight` must be above 0");
        }
        MetricPlan::Sum { part }
    }
}

fn read_constraint(section: Section<'_>) -> ConstraintPlan {
    let kind = section.required_text("kind");
    let arguments = section.all_but("kind");
    if !kind.is_empty()
        && let Err(problem) = Constraint::read_written(&kind, &arguments)
    {
        section.problem("kind", problem);
    }
    ConstraintPlan { kind, arguments }
}
