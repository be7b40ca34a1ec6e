//! Finds the form of rows and converts them.

use super::converted::Converted;
use super::{annotation, chat, code, evals, passages, preference, promptfoo, squad, tokens};
use crate::data::Example;

/// Converts rows that have a form of another program: chats, preferences, promptfoo's tests, samples of OpenAI's
/// `evals`, SQuAD's spans, and exports of Label Studio and doccano.
/// None if they have none.
///
/// # Errors
/// What the rows are and why they cannot be converted, with what to do.
pub fn convert(rows: &[Example]) -> Result<Option<Converted>, String> {
    let forms = [
        preference::convert,
        chat::convert,
        promptfoo::convert,
        evals::convert,
        passages::refuse,
        squad::convert,
        code::refuse,
        tokens::refuse,
        annotation::label_studio,
        annotation::doccano,
    ];
    for form in forms {
        if let Some(converted) = form(rows)? {
            return Ok(Some(converted));
        }
    }
    Ok(None)
}
