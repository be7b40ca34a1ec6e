//! Candidates: a text for every module of a program.

use std::borrow::Cow;
use std::ops::Index;

use serde::{Deserialize, Serialize};

use super::index::ModuleIndex;
use super::layout::Layout;
use super::similarity;
use crate::data::Example;
use crate::hash::sha256_hex;

/// What a candidate has for one module: everything that the search may change in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModuleText {
    /// The text that tells the module what to do.
    pub instruction: String,
    /// Demonstrations from the training data, in the order in which the prompt shows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub demonstrations: Vec<Demonstration>,
    /// The number of demonstrations that a prompt shows: those whose inputs are the most similar to the inputs of the call, the
    /// most similar last. None: all of them, in the same prompt for every call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<usize>,
    /// Whether the model is asked to reason before it answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reasoning: bool,
    /// The layout of the prompt, if it differs from the module's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
}

impl ModuleText {
    /// Creates a text of an instruction alone: no demonstrations, no reasoning, the module's layout.
    pub fn new(instruction: impl Into<String>) -> Self {
        Self { instruction: instruction.into(), demonstrations: Vec::new(), nearest: None, reasoning: false, layout: None }
    }

    /// Returns the number of demonstrations that a prompt shows.
    #[must_use]
    pub fn shown_demonstrations(&self) -> usize {
        self.nearest.map_or(self.demonstrations.len(), |most| most.min(self.demonstrations.len()))
    }

    /// Returns the most tokens that the instruction and the demonstrations have in a prompt. Where the demonstrations are chosen
    /// for each call, the longest are counted. `count` returns the tokens of a text.
    #[must_use]
    pub fn tokens(&self, count: &dyn Fn(&str) -> usize) -> usize {
        let mut shown: Vec<usize> = self.demonstrations.iter().map(|shown| shown.tokens(count)).collect();
        shown.sort_unstable_by(|a, b| b.cmp(a));
        count(&self.instruction) + shown.iter().take(self.shown_demonstrations()).sum::<usize>()
    }

    /// Returns the text as a call with `inputs` shows it: without the demonstrations that give away the answer to `example`, and
    /// of the others the nearest, if the text chooses them for each call. `reads` are the fields that the program reads from an
    /// example.
    ///
    /// A demonstration gives the answer away if it is taken from `example` itself, or has the same `inputs`. Rows of two files may
    /// share an id (rows without an id are numbered by line). A demonstration whose id is that of `example`, but which differs from
    /// it in one of the fields in `reads`, is taken from another row and stays.
    #[must_use]
    pub fn for_call(&self, example: &Example, reads: &[String], inputs: &[(String, String)]) -> Cow<'_, Self> {
        let differs =
            |(name, value): &(String, String)| reads.contains(name) && example.input(name).unwrap_or_default() != *value;
        let is_example = |shown: &Demonstration| shown.id == example.id && !shown.inputs.iter().any(differs);
        let gives_away = |shown: &Demonstration| is_example(shown) || shown.inputs == inputs;
        self.showing(|shown| !gives_away(shown), inputs)
    }

    /// Whether every call is shown the demonstration of the training example with this id.
    #[must_use]
    pub fn shows(&self, id: &str) -> bool {
        self.nearest.is_none() && self.demonstrations.iter().any(|demonstration| demonstration.id == id)
    }

    /// Returns the text with the demonstrations that a call with `inputs` shows: the nearest, if the text chooses them for each
    /// call, else all.
    #[must_use]
    pub fn with_nearest(&self, inputs: &[(String, String)]) -> Cow<'_, Self> {
        self.showing(|_| true, inputs)
    }

    /// Returns the text with those of the usable demonstrations that a call with `inputs` shows.
    fn showing(&self, is_usable: impl Fn(&Demonstration) -> bool, inputs: &[(String, String)]) -> Cow<'_, Self> {
        let usable: Vec<&Demonstration> = self.demonstrations.iter().filter(|shown| is_usable(shown)).collect();
        let demonstrations = match self.nearest {
            None if usable.len() == self.demonstrations.len() => return Cow::Borrowed(self),
            None => usable.into_iter().cloned().collect(),
            Some(most) => {
                let nearest = similarity::nearest(usable.iter().map(|shown| shown.inputs.as_slice()), inputs, most);
                nearest.into_iter().map(|index| usable[index].clone()).collect()
            }
        };
        let Self { instruction, reasoning, layout, .. } = self;
        Cow::Owned(Self {
            instruction: instruction.clone(),
            demonstrations,
            nearest: None,
            reasoning: *reasoning,
            layout: *layout,
        })
    }
}

/// A demonstration in a prompt: inputs with the right answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Demonstration {
    /// The id of the training example that it is taken from.
    pub id: String,
    /// The module's inputs, names and values, in the module's order.
    pub inputs: Vec<(String, String)>,
    /// The answer as the prompt shows it in the assistant's turn.
    pub answer: String,
}

/// An estimate of the tokens that a chat template adds for one user turn and one assistant turn.
const TURN_TOKENS: usize = 10;

impl Demonstration {
    /// Returns the number of tokens of the demonstration in a prompt, with an estimate for the chat template. `count` returns the
    /// tokens of a text.
    #[must_use]
    pub fn tokens(&self, count: &dyn Fn(&str) -> usize) -> usize {
        let inputs = self.inputs.iter().map(|(name, value)| count(name) + count(value) + 2);
        inputs.sum::<usize>() + count(&self.answer) + TURN_TOKENS
    }
}

/// A module text for every module of a program, in the program's order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Candidate(pub Vec<ModuleText>);

impl Candidate {
    /// Creates a candidate of instructions alone, one for each module.
    pub fn new<S: Into<String>>(instructions: impl IntoIterator<Item = S>) -> Self {
        Self(instructions.into_iter().map(ModuleText::new).collect())
    }

    /// Returns the candidate with `text` for the module at `index`.
    ///
    /// # Panics
    /// If the candidate has no module at `index`.
    #[must_use]
    pub fn with(&self, index: usize, text: ModuleText) -> Self {
        let mut changed = self.clone();
        changed.0[index] = text;
        changed
    }

    /// Returns the candidate's key: 16 hexadecimal digits of a hash of its texts. The journal stores rollouts under it.
    #[must_use]
    pub fn key(&self) -> String {
        let mut hash = sha256_hex(serde_json::json!(self).to_string().as_bytes());
        hash.truncate(16);
        hash
    }
}

impl Index<ModuleIndex> for Candidate {
    type Output = ModuleText;

    fn index(&self, index: ModuleIndex) -> &ModuleText {
        &self.0[index.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_shows_the_nearest_demonstrations_but_not_its_own() {
        let inputs = |text: &str| vec![("q".to_owned(), text.to_owned())];
        let demonstration =
            |text: &str| Demonstration { id: text.into(), inputs: inputs(text), answer: format!("answer to {text}") };
        let demonstrations = ["red car", "green tree", "red tree", "blue sea"].map(demonstration).to_vec();
        let text = ModuleText { demonstrations, nearest: Some(2), ..ModuleText::new("A.") };
        let fields = serde_json::json!({ "q": "red tree" }).as_object().unwrap().clone();
        let example = Example { id: "red tree".into(), fields };
        let shown = text.for_call(&example, &["q".to_owned()], &inputs("red tree"));
        let ids: Vec<&str> = shown.demonstrations.iter().map(|shown| shown.id.as_str()).collect();
        assert_eq!((ids, shown.nearest), (vec!["red car", "green tree"], None));
        let words = |text: &str| text.split_whitespace().count();
        assert_eq!(text.tokens(&words), 1 + 2 * (1 + 2 + 2 + 4 + TURN_TOKENS));
        assert_eq!(text.shown_demonstrations(), 2);
    }

    #[test]
    fn a_demonstration_is_not_shown_with_its_own_example() {
        let inputs = |text: &str| vec![("q".to_owned(), text.to_owned())];
        let demonstration = |id: &str| Demonstration { id: id.into(), inputs: inputs(id), answer: String::new() };
        let text = ModuleText { demonstrations: vec![demonstration("1"), demonstration("2")], ..ModuleText::new("A.") };
        let own = |id: &str| serde_json::json!({ "q": id }).as_object().unwrap().clone();
        let example = |id: &str| Example { id: id.into(), fields: own(id) };
        let reads = ["q".to_owned()];
        assert_eq!(text.for_call(&example("1"), &reads, &inputs("x")).demonstrations, [demonstration("2")]);
        assert_eq!(text.for_call(&example("3"), &reads, &inputs("1")).demonstrations, [demonstration("2")]);
        assert_eq!(text.for_call(&example("3"), &reads, &inputs("x")).demonstrations.len(), 2);
        // Line 1 of another file.
        let other = Example { id: "1".into(), fields: serde_json::json!({ "q": "x" }).as_object().unwrap().clone() };
        assert_eq!(text.for_call(&other, &reads, &inputs("x")).demonstrations.len(), 2);
    }
}
