//! A module of a program: one call of a model.

use std::collections::BTreeMap;

use serde::Serialize;

use super::candidate::ModuleText;
use super::layout::Layout;
use crate::engine::{ModelId, Shape};

/// One call of a model, without the text that a candidate has for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Module {
    /// The module's name, unique in the program.
    pub name: String,
    /// The fields that the module reads: fields of the example, or outputs of earlier modules and steps.
    pub inputs: Vec<String>,
    /// The fields that the module writes.
    pub outputs: Vec<String>,
    /// The shapes of those outputs that are more than text. If there are any, answers are decoded under a grammar.
    pub shapes: BTreeMap<String, Shape>,
    /// The most tokens of an answer, at least 1.
    pub max_tokens: u32,
    /// The sampling temperature; 0 is greedy decoding.
    pub temperature: f32,
    /// The nucleus mass of sampling, in (0, 1]; without effect on greedy decoding.
    pub top_p: f32,
    /// The model that answers.
    pub model: ModelId,
    /// The layout of the module's prompt, unless a candidate's text brings another.
    pub layout: Layout,
    /// Whether the search must leave the module's text unchanged.
    pub frozen: bool,
    /// Sentences that must stay in the module's instruction, word for word.
    pub keep: Vec<String>,
    /// The example's field that holds the right value of an output, by output. Outputs whose field has their own name are left
    /// out.
    pub labels: BTreeMap<String, String>,
}

impl Module {
    /// Returns the name of the example's field that holds the right value of `output`.
    #[must_use]
    pub fn label<'a>(&'a self, output: &'a str) -> &'a str {
        self.labels.get(output).map_or(output, String::as_str)
    }

    /// Returns the layout of the module's prompt with `text`: the layout of the text if it has one, otherwise the module's.
    #[must_use]
    pub fn layout_of(&self, text: &ModuleText) -> Layout {
        text.layout.unwrap_or(self.layout)
    }
}
