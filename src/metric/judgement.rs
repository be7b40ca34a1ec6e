//! What a metric returns for one rollout.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::Completion;

/// The result of a metric on one rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The score, in [0, 1].
    pub score: f64,
    /// Words for the reflector: what was expected, what was given, which part failed.
    pub feedback: String,
    /// More feedback about single modules, by module name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub module_feedback: BTreeMap<String, String>,
    /// The scores of single modules in [0, 1], by module name, where the metric can separate them. They are not part of the
    /// score. They decide which calls become demonstrations. If it is empty, the score counts for every module.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub module_scores: BTreeMap<String, f64>,
    /// The outputs that single modules should have written, by module name and output, where the metric knows more than the
    /// example's labels. They are not part of the score. A demonstration of a wrong call shows them in place of its answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub module_labels: BTreeMap<String, BTreeMap<String, String>>,
    /// How near a wrong answer comes to the right one, in [0, 1]. It is not part of the score: it decides between candidates
    /// that both score 0. None where the metric cannot tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closeness: Option<f64>,
    /// Named parts of the score, each in [0, 1].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub objectives: BTreeMap<String, f64>,
    /// The answers of models to the metric's questions, unchanged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Completion>,
}

impl Judgement {
    /// Creates a judgement with a score and feedback. All other fields are empty.
    pub fn new(score: f64, feedback: impl Into<String>) -> Self {
        Self {
            score,
            feedback: feedback.into(),
            module_feedback: BTreeMap::new(),
            module_scores: BTreeMap::new(),
            module_labels: BTreeMap::new(),
            closeness: None,
            objectives: BTreeMap::new(),
            answers: Vec::new(),
        }
    }

    /// Sets the closeness.
    #[must_use]
    pub fn with_closeness(self, closeness: f64) -> Self {
        Self { closeness: Some(closeness), ..self }
    }

    /// Adds a sentence to a module's feedback.
    pub fn add_module_feedback(&mut self, module: impl Into<String>, sentence: &str) {
        let feedback = self.module_feedback.entry(module.into()).or_default();
        if !feedback.is_empty() {
            feedback.push(' ');
        }
        feedback.push_str(sentence);
    }
}
