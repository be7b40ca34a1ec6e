//! How a search makes the input of an operator.

use super::input::OperatorInput;
use crate::data::Example;
use crate::engine::ModelId;
use crate::evaluate::Scored;
use crate::optimize::reflection::contrast::Contrast;
use crate::optimize::reflection::instruction::max_text_tokens;
use crate::optimize::reflection::profile::OutputProfile;
use crate::optimize::reflection::reflectors::prompt_room;
use crate::optimize::session::Session;
use crate::program::{Demonstration, ModuleText};

/// What a search has gathered about the text that an operator is to change. The session adds the rest of an [`OperatorInput`].
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The model that is asked, if the operator asks one.
    pub reflector: ModelId,
    /// The index of the module whose text is changed.
    pub module_index: usize,
    /// The parent's text.
    pub text: &'a ModuleText,
    /// The profiles of the module's outputs, as far as the training data gives them.
    pub profile: &'a [OutputProfile],
    /// The parent's rollouts on the minibatch.
    pub rollouts: &'a [&'a Scored],
    /// The examples of the minibatch, in the order of the rollouts.
    pub minibatch: &'a [&'a Example],
    /// Calls of this module with right answers.
    pub correct_calls: &'a [Demonstration],
    /// The candidate's rollouts on training examples so far, with those of the minibatch; empty if the search does not keep them.
    pub seen: &'a [(&'a Example, &'a Scored)],
    /// The training examples on which another candidate scored higher; empty if the search does not keep rollouts.
    pub contrasts: &'a [Contrast],
    /// What earlier rejected children added to this text, the latest last.
    pub rejected: &'a [String],
    /// A reflector's sentence on each diagnosed failure.
    pub diagnoses: &'a [String],
}

impl Evidence<'_> {
    /// Calls `act` with the operator's input and returns its result.
    pub fn with_input<R>(&self, session: &Session<'_>, act: impl FnOnce(&OperatorInput<'_>) -> R) -> R {
        let module = &session.program().modules[self.module_index];
        act(&OperatorInput {
            module,
            module_index: self.module_index,
            text: self.text,
            profile: self.profile,
            rollouts: self.rollouts,
            minibatch: self.minibatch,
            train: session.train(),
            reads: &session.program().reads,
            correct_calls: self.correct_calls,
            seen: self.seen,
            contrasts: self.contrasts,
            rejected: self.rejected,
            hints: &session.plan().hints,
            diagnoses: self.diagnoses,
            prompt_room: prompt_room(session, self.reflector),
            answer_tokens: session.plan().reflection_tokens,
            max_text_tokens: max_text_tokens(session, self.module_index),
            solution: &|example| session.solution(example),
            count_reflector_tokens: &|text| session.count_tokens(self.reflector, text),
            count_task_tokens: &|text| session.count_tokens(module.model, text),
        })
    }
}
