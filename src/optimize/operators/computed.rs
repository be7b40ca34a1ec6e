//! Texts that an operator computes without a reflector and without rollouts, for optimizers other than GEPA.

use rand::Rng;

use super::evidence::Evidence;
use super::input::OperatorInput;
use super::text_operator::Begun;
use crate::config::Operator;
use crate::engine::ModelId;
use crate::optimize::reflection::profile::profile_module;
use crate::optimize::session::Session;
use crate::program::ModuleText;

/// Returns the text of a module that `operator` computes from `text` and the training data. It may fill `room`, a share from 0 to 1, of
/// the tokens that the module may have. `reflector` is the model whose context the operator may count on; it is not asked. None if the
/// operator cannot change the text, or asks a reflector.
pub fn computed_text(
    session: &Session<'_>,
    reflector: ModelId,
    module_index: usize,
    text: &ModuleText,
    (operator, room): (Operator, f64),
    random: &mut dyn Rng,
) -> Option<ModuleText> {
    let evidence = Evidence {
        reflector,
        module_index,
        text,
        profile: &profile_module(&session.program().modules[module_index], session.train()),
        rollouts: &[],
        minibatch: &[],
        correct_calls: &[],
        seen: &[],
        contrasts: &[],
        rejected: &[],
        diagnoses: &[],
    };
    let operator = operator.implementation();
    let begun = evidence.with_input(session, |input| {
        let max_text_tokens = (input.max_text_tokens as f64 * room) as usize;
        let input = OperatorInput { max_text_tokens, ..*input };
        operator.applies(&input).then(|| operator.begin(&input, random))
    });
    match begun {
        Some(Ok(Begun::Text(text))) => Some(text),
        _ => None,
    }
}
