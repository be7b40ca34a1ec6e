//! `best.json`, the best candidate of a finished run, and `pool.json`, all of its candidates.

use serde::{Deserialize, Serialize};

use super::frontier::FrontierPoint;
use crate::engine::Message;
use crate::program::{Candidate, Demonstration, Layout, Module, ModuleText, PoolIndex};

/// The content of `best.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestFile {
    /// The candidate's index in the pool.
    pub candidate: PoolIndex,
    /// The candidate's mean score on the validation examples, in [0, 1].
    pub score: f64,
    /// The modules, in the program's order.
    pub modules: Vec<BestModule>,
}

/// A candidate in `pool.json`, which is a list of all candidates in the order of the pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolFileEntry {
    /// The candidate, in the form of `best.json`. Its score is that on the validation examples that it was run on.
    #[serde(flatten)]
    pub file: BestFile,
    /// Tokens of its instructions and demonstrations.
    pub prompt_tokens: usize,
    /// Whether it was run on all validation examples.
    pub complete: bool,
}

impl PoolFileEntry {
    /// Returns score and length of the candidate; None if it was validated in part.
    #[must_use]
    pub fn frontier_point(&self) -> Option<FrontierPoint> {
        let BestFile { candidate, score, .. } = self.file;
        self.complete.then_some(FrontierPoint { prompt_tokens: self.prompt_tokens, score, candidate })
    }
}

/// A module in `best.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestModule {
    /// The module's name.
    pub name: String,
    /// The instruction.
    pub instruction: String,
    /// The demonstrations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub demonstrations: Vec<Demonstration>,
    /// The number of demonstrations that a prompt shows, those most similar to the inputs of the call; None: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<usize>,
    /// Whether the model reasons before it answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reasoning: bool,
    /// The layout of the chat; None if it is the layout of the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// The chat that is sent, with `{field}` for the text of each input field. Where the demonstrations are chosen for each call,
    /// it shows those that are chosen for these placeholders.
    pub messages: Vec<Message>,
}

impl BestModule {
    /// Returns the module text.
    #[must_use]
    pub fn text(&self) -> ModuleText {
        ModuleText {
            instruction: self.instruction.clone(),
            demonstrations: self.demonstrations.clone(),
            nearest: self.nearest,
            reasoning: self.reasoning,
            layout: self.layout,
        }
    }
}

impl BestFile {
    /// Reads the candidate from the content of a `best.json`, for a program whose modules have the given names.
    ///
    /// # Errors
    /// What is wrong with the content, in words that a message can end with.
    pub fn read_candidate(text: &str, names: &[&str]) -> Result<Candidate, String> {
        let file: Self = serde_json::from_str(text).map_err(|cause| format!("not a valid best.json: {cause}"))?;
        file.into_candidate(names).map_err(|name| format!("it has no prompt for the module `{name}`"))
    }

    /// Returns the candidate for a program whose modules have the given names.
    ///
    /// # Errors
    /// The name of the first module that the file has no text for.
    fn into_candidate(self, names: &[&str]) -> Result<Candidate, String> {
        let text = |name: &&str| {
            let module = self.modules.iter().find(|module| module.name == **name);
            module.map(BestModule::text).ok_or_else(|| (*name).to_owned())
        };
        Ok(Candidate(names.iter().map(text).collect::<Result<Vec<_>, _>>()?))
    }
}

/// Returns each input field of a module with the text that stands for it in the chats of `best.json`: `{field}`.
#[must_use]
pub fn braced_fields(module: &Module) -> Vec<(String, String)> {
    module.inputs.iter().map(|field| (field.clone(), format!("{{{field}}}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_has_the_texts_of_the_named_modules_in_their_order() {
        let module = |name: &str| format!(r#"{{"name": "{name}", "instruction": "Do {name}.", "messages": []}}"#);
        let text = format!(r#"{{"candidate": 1, "score": 0.5, "modules": [{}, {}]}}"#, module("a"), module("b"));
        assert_eq!(BestFile::read_candidate(&text, &["b", "a"]), Ok(Candidate::new(["Do b.", "Do a."])));
        assert_eq!(BestFile::read_candidate(&text, &["c"]), Err("it has no prompt for the module `c`".into()));
        let damaged = BestFile::read_candidate("{", &["a"]).unwrap_err();
        assert!(damaged.starts_with("not a valid best.json: "), "{damaged}");
    }
}
