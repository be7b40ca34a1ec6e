//! What must hold of a new instruction, whichever method asked for it.

use super::read_answer::read_text;
use super::unusable::Unusable;
use crate::engine::Completion;
use crate::optimize::session::Session;
use crate::program::{Module, ModuleText, language};

/// Returns the most tokens of a module's instruction and demonstrations together.
#[must_use]
pub fn max_text_tokens(session: &Session<'_>, module_index: usize) -> usize {
    session.plan().most_prompt_tokens(session.context_length(session.program().modules[module_index].model))
}

/// Whether the text of a module has more tokens than the plan allows. Such a text is not run, unless it is the task file's.
#[must_use]
pub fn is_too_long(session: &Session<'_>, module_index: usize, text: &ModuleText) -> bool {
    let model = session.program().modules[module_index].model;
    text.tokens(&|words| session.count_tokens(model, words)) > max_text_tokens(session, module_index)
}

/// Returns the text with another instruction. Sentences that the module must keep and that the instruction lacks are put in front.
///
/// # Errors
/// [`Unusable::Unchanged`]
pub fn replace_instruction(module: &Module, text: &ModuleText, instruction: &str) -> Result<ModuleText, Unusable> {
    let missing: Vec<&str> = module.keep.iter().map(String::as_str).filter(|sentence| !instruction.contains(sentence)).collect();
    let instruction = [missing.join("\n").as_str(), instruction.trim()].join("\n");
    let instruction = instruction.trim();
    if instruction == text.instruction.trim() {
        return Err(Unusable::Unchanged);
    }
    Ok(ModuleText { instruction: instruction.to_owned(), ..text.clone() })
}

/// Returns a reflector's words unless they are plainly in another language than the instruction of `text`.
///
/// # Errors
/// [`Unusable::OtherLanguage`]
pub fn check_language<'t>(words: &'t str, text: &ModuleText) -> Result<&'t str, Unusable> {
    if language::differ(words, &text.instruction) { Err(Unusable::OtherLanguage) } else { Ok(words) }
}

/// Returns `text`, the present text of a module, with the instruction in a reflector's answer. `inputs` are the values that the
/// reflector read of examples; the instruction must not quote them.
///
/// # Errors
/// [`Unusable`]
pub fn read_instruction(
    session: &Session<'_>,
    module_index: usize,
    text: &ModuleText,
    inputs: &[&str],
    completion: &Completion,
) -> Result<ModuleText, Unusable> {
    let module = &session.program().modules[module_index];
    let words = check_language(read_text(completion, inputs)?, text)?;
    let text = replace_instruction(module, text, words)?;
    if is_too_long(session, module_index, &text) { Err(Unusable::TooLong) } else { Ok(text) }
}
