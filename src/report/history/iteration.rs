//! What an iteration of a search tried.

use serde::Serialize;

use crate::event::{Origin, Unusable};
use crate::program::PoolIndex;
use crate::report::texts::Text;

/// One iteration of a search.
#[derive(Debug, Clone, Default)]
pub struct Iteration {
    /// The number of the iteration, from 1.
    pub number: u64,
    /// The pool indices of the candidates to be improved, or of the two that are merged.
    pub parents: Vec<PoolIndex>,
    /// The ids of the training examples of the minibatch. Of a merge, the ids of the validation examples of its gate.
    pub examples: Vec<String>,
    /// The merged candidate. None where the iteration is no merge.
    pub merge: Option<Proposal>,
    /// The pool indices of the parents that were perfect on the minibatch.
    pub perfect: Vec<PoolIndex>,
    /// The reflections, in order, and the attempts that failed without one.
    pub reflections: Vec<Reflection>,
    /// The proposed candidates, in order.
    pub proposals: Vec<Proposal>,
}

/// The questions to a reflector for one module text or one diagnosis. It also stands for an attempt that needed no reflector and
/// had no text to try.
#[derive(Debug, Clone, Default)]
pub struct Reflection {
    /// The number of the proposal within its iteration, from 1. None for a diagnosis, which serves all proposals.
    pub proposal: Option<usize>,
    /// The pool index of the candidate to be improved. None where the journal does not have it.
    pub parent: Option<PoolIndex>,
    /// The name of the module.
    pub module: String,
    /// The name of the operator or step that was to change the module, or "diagnosis".
    pub operator: String,
    /// The name of the reflector. None where none was asked.
    pub reflector: Option<String>,
    /// Whether the reflector was asked a second time because its first answer was unusable.
    pub again: bool,
    /// The number of rollouts that did not fit the reflector's context.
    pub left_out: usize,
    /// The number of questions.
    pub questions: usize,
    /// The chat of each question. Empty while the answers are not recorded yet.
    pub chats: Vec<Chat>,
    /// The sentences of a diagnosis.
    pub sentences: Vec<String>,
    /// Why there was no text to try. None where there was one.
    pub unusable: Option<UnusableText>,
}

/// Why a proposal has no text that could be tried.
#[derive(Debug, Clone, Copy)]
pub struct UnusableText {
    /// The reason.
    pub reason: Unusable,
    /// The reflector's answer, or the cause why it was not asked.
    pub text: Text,
}

/// A question to a reflector and its answer.
#[derive(Debug, Clone)]
pub struct Chat {
    /// The messages of the question, each with the name of its role.
    pub read: Vec<(String, Text)>,
    /// The reasoning before the answer. None where there is none.
    pub thought: Option<Text>,
    /// The answer.
    pub wrote: Text,
    /// How the answer ended: "cut off", or "refused" with the cause. None where the model ended it.
    pub ended: Option<String>,
}

/// A proposed or merged candidate.
#[derive(Debug, Clone, Default)]
pub struct Proposal {
    /// The number of the proposal within its iteration, from 1; 0 for a merge.
    pub number: usize,
    /// The pool index of the parent; of a merge, that of the first parent.
    pub parent: PoolIndex,
    /// The pool index of the parents' common ancestor. None where the proposal is no merge.
    pub ancestor: Option<PoolIndex>,
    /// The name of each changed module, with the operator or step that changed it.
    pub operators: Vec<(String, Origin)>,
    /// The name of each changed module, with its new instruction. A merge has all modules.
    pub instructions: Vec<(String, String)>,
    /// The name of each changed module that has demonstrations, with the ids of their examples.
    pub demonstrations: Vec<(String, Vec<String>)>,
    /// What became of the proposal.
    pub fate: Fate,
    /// Why, as a clause. Empty where nothing is known.
    pub why: String,
    /// The pool index of the candidate. None where it did not join the pool.
    pub candidate: Option<PoolIndex>,
    /// The candidate's key, under which the journal stores its rollouts.
    pub key: String,
    /// The index of its rollouts in [`History::runs`](super::History::runs). None where it was not run.
    pub run: Option<usize>,
}

/// What became of a proposal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is not decided yet.
    #[default]
    Open,
    /// It was compared with others on a part of the data, and nothing more.
    Tried,
    /// It failed the gate.
    Rejected,
    /// It passed the gate, but another proposal was kept instead.
    PassedOver,
    /// It joined the pool partially validated.
    Partial,
    /// It joined the pool after a full validation.
    Accepted,
}
