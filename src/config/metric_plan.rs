//! What `[metric]` says: the kinds of metrics with their keys.

use std::collections::BTreeMap;

use regex::Regex;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::command::CommandPlan;
use super::judge::JudgePlan;
use super::privacy::PrivacyPlan;
use crate::metric::{CodeSettings, Counting, Fetched};

/// `[metric]`
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum MetricPlan {
    /// One field is the expected label.
    Label {
        /// The row's field with the expected label.
        field: String,
        /// What is compared with it; left out: the output of the same name.
        output: String,
    },
    /// One field is the expected number.
    Number {
        /// The row's field with the expected number: one number and nothing else, but for a currency, a unit, a percent sign, or
        /// a worked solution that ends with `#### 42`.
        field: String,
        /// Where it is read; left out: the output of the same name.
        output: String,
        /// A field with the way to it, for the feedback and for worked examples; left out: none.
        #[serde(skip_serializing_if = "Option::is_none")]
        solution: Option<String>,
    },
    /// Several fields with weights.
    Json {
        /// The row's object, and the output that holds JSON; None: each field is an output of its own.
        #[serde(skip_serializing_if = "Option::is_none")]
        field: Option<String>,
        /// `{ team = 2, order = 1 }`; left out: all that the row has, or all outputs of the last module, equally.
        weights: BTreeMap<String, f64>,
    },
    /// The same text, but for case, marks and articles; where that would leave nothing of what is expected (`A`, `+`), these count.
    Exact {
        /// The row's field with the expected text, or a list of which one is enough.
        field: String,
        /// What is compared with it; left out: the output of the same name.
        output: String,
    },
    /// The overlap of words.
    F1 {
        /// The row's field with the expected text, or a list of which the best counts.
        field: String,
        /// What is compared with it; left out: the output of the same name.
        output: String,
    },
    /// Texts that must occur.
    Contains {
        /// The row's field with a text, or a list of them.
        field: String,
        /// Where they must occur; left out: the output of the same name.
        output: String,
    },
    /// A pattern that must be found.
    Regex {
        /// The row's field with its pattern; this or `pattern`.
        #[serde(skip_serializing_if = "Option::is_none")]
        field: Option<String>,
        /// A pattern for all rows.
        #[serde(skip_serializing_if = "Option::is_none")]
        pattern: Option<Pattern>,
        /// Where it is looked for; left out: the last module's.
        output: String,
    },
    /// What was asked of an answer's form.
    Constraints {
        /// What is checked; left out: the last module's.
        output: String,
        /// The row's lists of kinds and of their arguments; left out: `["instruction_id_list", "kwargs"]` where there is no
        /// `constraint`.
        #[serde(skip_serializing_if = "Option::is_none")]
        fields: Option<[String; 2]>,
        /// What the score is.
        score: Counting,
        /// `[[metric.constraint]]`: what is asked of every answer, by `kind` and its arguments; left out: nothing.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        constraint: Vec<ConstraintPlan>,
    },
    /// What steps fetched.
    Retrieval {
        /// The row's field with the keys that are wanted.
        field: String,
        /// The steps that count; left out: all that retrieve.
        steps: Vec<String>,
        /// What the score is.
        score: Fetched,
    },
    /// Leakage of personal data against quality.
    Privacy(PrivacyPlan),
    /// A model grades.
    Judge(JudgePlan),
    /// An outside program says.
    Command(CommandPlan),
    /// Tests that are run on code.
    Code(CodeSettings),
    /// Several metrics with weights.
    Sum {
        /// `[[metric.part]]`, two or more: `kind` and its keys, `name` (that of the kind) and `weight` (1).
        part: Vec<PartPlan>,
    },
}

/// `[[metric.constraint]]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConstraintPlan {
    /// Its kind.
    pub kind: String,
    /// Its arguments.
    #[serde(flatten)]
    pub arguments: Map<String, Value>,
}

/// `[[metric.part]]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartPlan {
    /// The name of its objective.
    pub name: String,
    /// Its weight in the sum.
    pub weight: f64,
    /// What it measures.
    #[serde(flatten)]
    pub metric: MetricPlan,
}

/// A regular expression, as it is written. Two are equal where they are spelled alike.
#[derive(Debug, Clone)]
pub struct Pattern(pub Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl MetricPlan {
    /// Whether its verdicts have named parts, which a front can be over.
    #[must_use]
    pub fn names_objectives(&self) -> bool {
        match self {
            Self::Json { .. } | Self::Constraints { .. } | Self::Retrieval { .. } | Self::Code(_) | Self::Sum { .. } => true,
            // A program may name some; whether it did is found out with the seed's verdicts.
            Self::Privacy(_) | Self::Judge(_) | Self::Command(_) => true,
            _ => false,
        }
    }

    /// What stands in for a metric that could not be read.
    pub(super) fn nothing() -> Self {
        Self::Label { field: String::new(), output: String::new() }
    }

    /// The outputs that it judges.
    #[must_use]
    pub fn outputs(&self) -> Vec<&str> {
        match self {
            Self::Label { output, .. }
            | Self::Number { output, .. }
            | Self::Exact { output, .. }
            | Self::F1 { output, .. }
            | Self::Contains { output, .. }
            | Self::Regex { output, .. }
            | Self::Constraints { output, .. } => vec![output],
            Self::Judge(judge) => vec![&judge.output],
            Self::Code(settings) => vec![&settings.output],
            Self::Json { field: Some(field), .. } => vec![field],
            Self::Json { weights, .. } => weights.keys().map(String::as_str).collect(),
            Self::Sum { part } => part.iter().flat_map(|part| part.metric.outputs()).collect(),
            Self::Retrieval { .. } | Self::Privacy(_) | Self::Command(_) => Vec::new(),
        }
    }

    /// The judges in it.
    #[must_use]
    pub fn judges(&self) -> Vec<&JudgePlan> {
        match self {
            Self::Judge(judge) => vec![judge],
            Self::Privacy(plan) => plan.quality.iter().flat_map(|quality| quality.judges()).collect(),
            Self::Sum { part } => part.iter().flat_map(|part| part.metric.judges()).collect(),
            _ => Vec::new(),
        }
    }

    /// The field that each output is compared with, where their names differ.
    pub(super) fn labels(&self) -> BTreeMap<String, String> {
        match self {
            Self::Label { field, output }
            | Self::Number { field, output, .. }
            | Self::Exact { field, output }
            | Self::F1 { field, output }
                if field != output =>
            {
                BTreeMap::from([(output.clone(), field.clone())])
            }
            Self::Privacy(PrivacyPlan { quality: Some(quality), .. }) => quality.labels(),
            Self::Sum { part } => part.iter().flat_map(|part| part.metric.labels()).collect(),
            _ => BTreeMap::new(),
        }
    }

    /// Whether it counts what a step retrieves.
    #[must_use]
    pub fn counts(&self, step: &str) -> bool {
        match self {
            Self::Retrieval { steps, .. } => steps.iter().any(|name| name == step),
            Self::Privacy(PrivacyPlan { quality: Some(quality), .. }) => quality.counts(step),
            Self::Sum { part } => part.iter().any(|part| part.metric.counts(step)),
            _ => false,
        }
    }
}
