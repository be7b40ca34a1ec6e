//! Reads `[metric]`.

use std::collections::BTreeMap;

use regex::Regex;

use super::metric_section::{MetricSection, Scope};
use super::section::Section;
use super::suggestion::suggestion;
use super::{code, command, judge, privacy};
use crate::config::metric::{ConstraintPlan, MetricPlan, PartPlan, Pattern};
use crate::config::step::StepKind;
use crate::metric::{Constraint, Counting, Fetched, Normalization};

/// The values of `kind`.
const KINDS: [&str; 15] = [
    "label",
    "number",
    "json",
    "exact",
    "f1",
    "set",
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

pub(super) fn read(root: &Section<'_>, scope: Scope<'_>) -> MetricPlan {
    let Some(section) = root.table("metric") else {
        root.problem("metric", "is missing; say how answers are judged: [metric] kind = \"label\"");
        return placeholder();
    };
    let reader = MetricSection { section: &section, scope };
    let kind = section.required_text("kind");
    let plan = if kind == "sum" { Some(reader.sum()) } else { reader.metric(&kind) };
    // The keys of an unknown kind are not reported.
    let Some(plan) = plan else { return placeholder() };
    section.report_unknown_keys();
    plan
}

/// Returns the metric that stands for one that could not be read.
fn placeholder() -> MetricPlan {
    MetricPlan::Label { field: String::new(), output: String::new() }
}

impl MetricSection<'_, '_> {
    /// Reads a metric of any kind but `sum`. None if there is no such kind.
    fn metric(&self, kind: &str) -> Option<MetricPlan> {
        let section = self.section;
        Some(match kind {
            "label" => self.comparison(|field, output| MetricPlan::Label { field, output }),
            "number" => self.comparison(|field, output| {
                let tolerance = |key| section.number(key, 0.0..=f64::MAX);
                let (relative, absolute) = (tolerance("relative"), tolerance("absolute"));
                MetricPlan::Number { field, output, solution: section.text("solution"), relative, absolute }
            }),
            "exact" => self.comparison(|field, output| MetricPlan::Exact { field, output, normalize: self.normalize() }),
            "f1" => self.comparison(|field, output| MetricPlan::F1 { field, output, normalize: self.normalize() }),
            "set" => self.set(),
            "contains" => self.comparison(|field, output| MetricPlan::Contains { field, output }),
            "json" => self.json(),
            "regex" => self.regex(),
            "constraints" => self.constraints(),
            "retrieval" => self.retrieval(),
            "privacy" => {
                let mut plan = privacy::read_without_quality(self);
                plan.quality = self.quality().map(Box::new);
                MetricPlan::Privacy(plan)
            }
            "judge" => MetricPlan::Judge(judge::read(self)),
            "command" => MetricPlan::Command(command::read(section, self.scope.folder)),
            "code" => MetricPlan::Code(code::read(self)),
            "" => placeholder(),
            other => {
                section.problem("kind", format!("there is no metric `{other}`; {}", suggestion(other, &KINDS)));
                return None;
            }
        })
    }

    /// Reads `field` and `output`. The default of `output` is the output with the name of the field.
    fn comparison(&self, plan: impl FnOnce(String, String) -> MetricPlan) -> MetricPlan {
        let field = self.section.required_text("field");
        let output = self.section.text("output").unwrap_or_else(|| field.clone());
        self.check_output(if self.section.has("output") { "output" } else { "field" }, &output);
        plan(field, output)
    }

    fn normalize(&self) -> Normalization {
        self.section.choice("normalize").unwrap_or_default()
    }

    fn set(&self) -> MetricPlan {
        let equal = self.section.texts("equal");
        let close = self.section.texts("close").unwrap_or_default();
        if let Some(both) = equal.iter().flatten().find(|name| close.contains(name)) {
            self.section.problem("close", format!("has `{both}`, which is in `equal` too"));
        }
        self.comparison(|field, output| MetricPlan::Set { field, output, equal, close })
    }

    fn json(&self) -> MetricPlan {
        let section = self.section;
        let field = section.text("field");
        let mut weights: BTreeMap<String, f64> = section.numbers("weights").unwrap_or_default().into_iter().collect();
        match &field {
            Some(field) => self.check_output("field", field),
            None if weights.is_empty() => {
                let outputs = self.scope.modules.last().map(|module| module.outputs.clone()).unwrap_or_default();
                weights = outputs.into_iter().map(|output| (output.name, 1.0)).collect();
            }
            None => weights.keys().for_each(|name| self.check_output("weights", name)),
        }
        let is_bad = |weight: &f64| !weight.is_finite() || *weight < 0.0;
        if weights.values().any(is_bad) || (!weights.is_empty() && weights.values().sum::<f64>() <= 0.0) {
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
        let report = |error: &regex::Error| section.problem("pattern", format!("is no regular expression: {error}"));
        let pattern = pattern.and_then(|pattern| Regex::new(&pattern).inspect_err(report).ok()).map(Pattern);
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
        let score = section.choice("score").unwrap_or(Counting::Loose);
        MetricPlan::Constraints { output: self.output(), fields, score, constraint }
    }

    fn retrieval(&self) -> MetricPlan {
        let (section, steps) = (self.section, self.scope.steps);
        let can_retrieve = steps.iter().filter(|step| !matches!(step.does, StepKind::Template { .. }));
        let can_retrieve: Vec<&str> = can_retrieve.map(|step| step.name.as_str()).collect();
        let counted = section.texts("steps").unwrap_or_else(|| {
            let retrieve = steps.iter().filter(|step| matches!(step.does, StepKind::Retrieve { .. }));
            retrieve.map(|step| step.name.clone()).collect()
        });
        if counted.is_empty() {
            section.problem("steps", "must name a step that retrieves; there is no [[step]] with kind = \"retrieve\"");
        }
        for step in counted.iter().filter(|step| !can_retrieve.contains(&step.as_str())) {
            section.problem("steps", format!("no step `{step}` retrieves; {}", suggestion(step, &can_retrieve)));
        }
        let score = section.choice("score").unwrap_or(Fetched::Recall);
        MetricPlan::Retrieval { field: section.required_text("field"), steps: counted, score }
    }

    /// Reads `[metric.quality]` of a metric for privacy. None if there is none.
    fn quality(&self) -> Option<MetricPlan> {
        let section = self.section.table("quality")?;
        let reader = MetricSection { section: &section, scope: self.scope };
        let plan = match section.required_text("kind").as_str() {
            "privacy" => {
                section.problem("kind", "privacy cannot be its own quality");
                None
            }
            "sum" => Some(reader.sum()),
            kind => reader.metric(kind),
        }?;
        section.report_unknown_keys();
        Some(plan)
    }

    fn sum(&self) -> MetricPlan {
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
            let reader = MetricSection { section: &section, scope: self.scope };
            let metric = match kind.as_str() {
                "sum" => {
                    section.problem("kind", "a sum cannot be a part of a sum");
                    continue;
                }
                kind => reader.metric(kind),
            };
            if let Some(metric) = metric {
                section.report_unknown_keys();
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
    let arguments = section.json_without("kind");
    if !kind.is_empty()
        && let Err(problem) = Constraint::read_written(&kind, &arguments)
    {
        section.problem("kind", problem);
    }
    ConstraintPlan { kind, arguments }
}
