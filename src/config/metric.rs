//! `[metric]`: how answers are judged.

use std::collections::BTreeMap;

use regex::Regex;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::command::{self, CommandPlan};
use super::fingerprint::Keys;
use super::model::ModelRef;
use crate::metric::{CodeSettings, Counting, Fetched, Kind, Normalization};

/// `[metric]`
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum MetricPlan {
    /// An output must be the expected label.
    Label {
        /// The field of the row with the expected label.
        field: String,
        /// The output that is compared with it; left out: the output of the same name.
        output: String,
    },
    /// An output must be the expected number.
    Number {
        /// The field of the row with the expected number. It must be one number or fraction and nothing else, apart from a
        /// currency, a unit or a percent sign, or a worked solution that ends with `#### 42`.
        field: String,
        /// The output that is compared with it; left out: the output of the same name.
        output: String,
        /// A field of the row with a worked solution, for the feedback and for demonstrations; left out: none.
        #[serde(skip_serializing_if = "Option::is_none")]
        solution: Option<String>,
        /// The largest difference, as a share of the expected number; left out: none is allowed between whole numbers, and
        /// `1e-9` between others. If `absolute` is given too, one of both is enough.
        #[serde(skip_serializing_if = "Option::is_none")]
        relative: Option<f64>,
        /// The largest difference; left out: see `relative`.
        #[serde(skip_serializing_if = "Option::is_none")]
        absolute: Option<f64>,
    },
    /// Several fields are compared, with weights.
    Json {
        /// The name of the row's field with an object, and of the output that holds JSON; None: each field is an output.
        #[serde(skip_serializing_if = "Option::is_none")]
        field: Option<String>,
        /// The weights of the fields, like `{ team = 2, order = 1 }`; left out: equal weights for all fields of the row's object,
        /// or for all outputs of the last module.
        weights: BTreeMap<String, f64>,
    },
    /// An output must be the expected text.
    Exact {
        /// The field of the row with the expected text, or with a list of texts of which one is enough.
        field: String,
        /// The output that is compared with it; left out: the output of the same name.
        output: String,
        /// What does not count.
        normalize: Normalization,
    },
    /// The words of an output are compared with the words of the expected text.
    F1 {
        /// The field of the row with the expected text, or with a list of texts of which the best counts.
        field: String,
        /// The output that is compared with it; left out: the output of the same name.
        output: String,
        /// What does not count.
        normalize: Normalization,
    },
    /// The items of a list are compared with those of the expected list. Their order does not count.
    Set {
        /// The field of the row with the expected list, or with a text that holds one.
        field: String,
        /// The output that holds the list; left out: the output of the same name.
        output: String,
        /// For items that are objects: the fields that must be equal; left out: all fields of the row's objects that are not in
        /// `close`.
        #[serde(skip_serializing_if = "Option::is_none")]
        equal: Option<Vec<String>>,
        /// For items that are objects: the fields whose words may be partly right, as by `f1`; left out: none.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        close: Vec<String>,
    },
    /// Texts must occur in an output.
    Contains {
        /// The field of the row with a text, or with a list of texts.
        field: String,
        /// The output in which they must occur; left out: the output of the same name.
        output: String,
    },
    /// A regular expression must match a part of an output.
    Regex {
        /// The field of the row with a regular expression. Give this or `pattern`.
        #[serde(skip_serializing_if = "Option::is_none")]
        field: Option<String>,
        /// A regular expression for all rows.
        #[serde(skip_serializing_if = "Option::is_none")]
        pattern: Option<Pattern>,
        /// The output that is searched; left out: the last output of the last module.
        output: String,
    },
    /// An output must meet constraints on its form.
    Constraints {
        /// The output that is checked; left out: the last output of the last module.
        output: String,
        /// Two fields of the row: a list of kinds, and a list of their arguments; left out: `["instruction_id_list", "kwargs"]`
        /// if there is no `constraint`.
        #[serde(skip_serializing_if = "Option::is_none")]
        fields: Option<[String; 2]>,
        /// How the constraints are counted.
        score: Counting,
        /// `[[metric.constraint]]`: a constraint on every answer, with its `kind` and arguments; left out: none.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        constraint: Vec<ConstraintPlan>,
    },
    /// Steps must retrieve the expected rows.
    Retrieval {
        /// The field of the row with the keys of the rows that should be retrieved.
        field: String,
        /// The steps that are counted; left out: all steps that retrieve.
        steps: Vec<String>,
        /// How the retrieved rows are counted.
        score: Fetched,
    },
    /// Leakage of personal data is weighed against quality.
    Privacy(PrivacyPlan),
    /// A model grades an output.
    Judge(JudgePlan),
    /// An outside program scores the answers.
    Command(CommandPlan),
    /// Tests are run on code.
    Code(CodeSettings),
    /// Several metrics are added, with weights.
    Sum {
        /// `[[metric.part]]`, two or more. Each has `kind` and the keys of that kind, a `name` (left out: the kind) and a
        /// `weight` (left out: 1).
        part: Vec<PartPlan>,
    },
}

/// The keys of all kinds of metrics. The tables of `part` and `quality` are metrics again.
pub(super) static KEYS: Keys = Keys {
    inside: "kind field output solution relative absolute normalize equal close weights pattern fields score constraint steps",
    tables: &[("part", &PART_KEYS), ("quality", &KEYS)],
    same_table: &[&PRIVACY_KEYS, &JUDGE_KEYS, &command::KEYS, &CODE_KEYS],
    ..Keys::NONE
};

/// The keys of [`CodeSettings`] that no other kind has.
static CODE_KEYS: Keys = Keys { inside: "setup entry python build file test_file memory prints disk read unsafe", ..Keys::NONE };

/// `[[metric.constraint]]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConstraintPlan {
    /// The kind of the constraint.
    pub kind: String,
    /// The arguments of the constraint.
    #[serde(flatten)]
    pub arguments: Map<String, Value>,
}

/// `[[metric.part]]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartPlan {
    /// The name of the part, which is an objective of the sum.
    pub name: String,
    /// The weight of the part in the sum.
    pub weight: f64,
    /// The metric of the part.
    #[serde(flatten)]
    pub metric: MetricPlan,
}

static PART_KEYS: Keys = Keys { inside: "name weight", same_table: &[&KEYS], ..Keys::NONE };

/// `[metric]` with `kind = "privacy"`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PrivacyPlan {
    /// The output that is searched for personal data. Give this or `sent_to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The module or step whose inputs are searched for personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_to: Option<String>,
    /// The field of the row with a list of texts that must not leak; left out: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed: Option<String>,
    /// The fields of the row in which personal data is detected; left out: the fields that the program reads.
    pub fields: Vec<String>,
    /// The kinds of personal data that are detected; left out: all of these.
    pub detect: Vec<Kind>,
    /// `[metric.quality]`: a metric for the quality of the answers; None: only leakage counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<Box<MetricPlan>>,
}

static PRIVACY_KEYS: Keys = Keys { inside: "sent_to listed detect", ..Keys::NONE };

/// `[metric]` with `kind = "judge"`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgePlan {
    /// The `[model.NAME]` that grades.
    pub model: ModelRef,
    /// What makes a grade good or bad, here or in a file.
    pub rubric: String,
    /// Fields of the row, or outputs of the program, that the judge reads besides the graded output; left out: none.
    pub inputs: Vec<String>,
    /// The output that is graded; left out: the last output of the last module.
    pub output: String,
    /// The highest grade. The lowest is 1.
    pub scale: u32,
    /// The number of grades for each answer. It must be odd, because their median counts.
    pub samples: usize,
    /// The temperature of the judge's answers; left out: 0, or 0.7 with several samples.
    pub temperature: f32,
    /// The most tokens of one answer of the judge.
    pub max_tokens: u32,
    /// The field of the row with a grade from somebody else. `eval` and `doctor` report how well the judge agrees with it; left
    /// out: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// The field of the row with the text that has this grade; left out: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labelled: Option<String>,
}

static JUDGE_KEYS: Keys =
    Keys { inside: "model rubric inputs scale samples temperature max_tokens labels labelled", ..Keys::NONE };

/// A regular expression. Two are equal if their texts are equal.
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
    /// Whether the scores of this metric can have objectives.
    #[must_use]
    pub fn names_objectives(&self) -> bool {
        match self {
            Self::Json { .. } | Self::Constraints { .. } | Self::Retrieval { .. } | Self::Code(_) | Self::Sum { .. } => true,
            // An outside program may name objectives or not. This is checked on the seed's verdicts.
            Self::Privacy(_) | Self::Judge(_) | Self::Command(_) => true,
            _ => false,
        }
    }

    /// Returns the names of the outputs that are judged.
    #[must_use]
    pub fn outputs(&self) -> Vec<&str> {
        match self {
            Self::Label { output, .. }
            | Self::Number { output, .. }
            | Self::Exact { output, .. }
            | Self::F1 { output, .. }
            | Self::Set { output, .. }
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

    /// Returns the judges in the metric and its parts.
    #[must_use]
    pub fn judges(&self) -> Vec<&JudgePlan> {
        match self {
            Self::Judge(judge) => vec![judge],
            Self::Privacy(plan) => plan.quality.iter().flat_map(|quality| quality.judges()).collect(),
            Self::Sum { part } => part.iter().flat_map(|part| part.metric.judges()).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the judges in the metric and its parts, to be changed.
    pub(super) fn judges_mut(&mut self) -> Vec<&mut JudgePlan> {
        match self {
            Self::Judge(judge) => vec![judge],
            Self::Privacy(plan) => plan.quality.iter_mut().flat_map(|quality| quality.judges_mut()).collect(),
            Self::Sum { part } => part.iter_mut().flat_map(|part| part.metric.judges_mut()).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the field of the row that each output is compared with, for outputs with another name than that field.
    pub(super) fn labels(&self) -> BTreeMap<String, String> {
        match self {
            Self::Label { field, output }
            | Self::Number { field, output, .. }
            | Self::Exact { field, output, .. }
            | Self::F1 { field, output, .. }
            | Self::Set { field, output, .. }
                if field != output =>
            {
                BTreeMap::from([(output.clone(), field.clone())])
            }
            Self::Privacy(PrivacyPlan { quality: Some(quality), .. }) => quality.labels(),
            Self::Sum { part } => part.iter().flat_map(|part| part.metric.labels()).collect(),
            _ => BTreeMap::new(),
        }
    }

    /// Whether the metric or a part of it counts what the step called `step` retrieves.
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

impl JudgePlan {
    /// Returns the inputs of the judge that every example must have, because no module or step writes them.
    #[must_use]
    pub fn reads(&self, is_written: impl Fn(&str) -> bool) -> Vec<String> {
        self.inputs.iter().filter(|name| !is_written(name)).cloned().collect()
    }
}
