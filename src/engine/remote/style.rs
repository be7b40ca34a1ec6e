//! How the requests for a model are written: its name, the software of its servers, and what these can do.

use super::identity::Software;

/// What a server can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Abilities {
    /// It continues an answer that the request begins.
    pub(super) begun: bool,
    /// Its reply to such a request has the beginning of the request, and then what the model wrote.
    pub(super) repeats_begun: bool,
    /// It holds an answer that the request begins to a JSON schema.
    pub(super) begun_schema: bool,
    /// It holds an answer to a grammar.
    pub(super) grammar: bool,
    /// It holds an answer to a JSON schema.
    pub(super) schema: bool,
    /// It bounds the tokens of reasoning.
    pub(super) budget: bool,
    /// It scores given continuations.
    pub(super) scores: bool,
}

impl Abilities {
    /// Returns the names of what it can do, for the fingerprint of a run.
    pub(super) fn names(self) -> String {
        let all = [
            ("begun", self.begun),
            ("repeats-begun", self.repeats_begun),
            ("begun-schema", self.begun_schema),
            ("grammar", self.grammar),
            ("schema", self.schema),
            ("budget", self.budget),
            ("scores", self.scores),
        ];
        all.iter().filter(|(_, can)| *can).map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
    }
}

/// What all requests for a model have in common.
#[derive(Debug, Clone)]
pub(super) struct Style {
    /// The name under which the servers offer the model.
    pub(super) model: String,
    pub(super) software: Software,
    pub(super) abilities: Abilities,
    /// The most tokens of reasoning before each answer.
    pub(super) thinking: u32,
}
