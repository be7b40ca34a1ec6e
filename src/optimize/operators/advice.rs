//! The operator `advice`: adds general advice for outputs without right values in the data, such as queries and summaries.
//!
//! A small reflector writes such advice badly, so the sentences are fixed; the gate decides which of them help.

use rand::Rng;
use rand::seq::SliceRandom;

use super::input::OperatorInput;
use super::text_operator::{Begun, TextOperator};
use crate::optimize::reflection::profile::Wording;
use crate::optimize::reflection::unusable::Unusable;
use crate::program::ModuleText;
use crate::program::layout::{Layout, Turn};

/// The most sentences that are added at once. Of the sentences on a query, each of which describes the whole query, only the first
/// is used.
const MAX_SENTENCES: usize = 2;

/// What a module's open output is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// A retrieval step searches for it.
    Query,
    /// Later modules or steps read it.
    Intermediate,
    /// It is the program's answer, and the training data has no right values for it.
    FreeAnswer,
}

impl Use {
    fn advice(self) -> &'static [&'static str] {
        match self {
            Self::Query => &[
                "Write a search query with the names of people, places and works in the inputs, without other words.",
                "Write the question again, with the full names that were found in place of the words that describe them.",
            ],
            Self::Intermediate => &[
                "Quote the sentences that matter word for word, with all names, dates and numbers.",
                "Write only what the inputs say; what they do not say, do not guess.",
                "Leave out whatever is about something else, however alike it looks.",
                "Name whatever leads to the answer, and say what is still missing.",
            ],
            Self::FreeAnswer => &[
                "Follow every requirement to the letter: length, form, words to use and words to avoid.",
                "Write nothing before it and nothing after it: no greeting, no explanation.",
                "Check each requirement before you end.",
            ],
        }
    }
}

/// Adds general advice on how to write the outputs.
pub(super) struct Advice;

impl TextOperator for Advice {
    fn applies(&self, input: &OperatorInput<'_>) -> bool {
        let fits =
            |sentence: &String| input.with_instruction(&input.instruction_with_lines(std::slice::from_ref(sentence))).is_ok();
        with_gathering_sentence(input).is_some() || remaining_advice(input).iter().any(fits)
    }

    /// Adds the sentence on gathering facts if it is new; for a query the first sentence; else random sentences, as many as fit.
    fn begin(&self, input: &OperatorInput<'_>, random: &mut dyn Rng) -> Result<Begun, Unusable> {
        if let Some(text) = with_gathering_sentence(input) {
            return Ok(Begun::Text(text));
        }
        let mut advice = remaining_advice(input);
        if open_output_use(input) == Some(Use::Query) {
            let text = advice.into_iter().next().and_then(|first| with_task_sentence(input, first));
            return Ok(Begun::Text(text.unwrap_or_else(|| input.text.clone())));
        }
        advice.shuffle(random);
        advice.truncate(MAX_SENTENCES);
        let with_first = |count: usize| input.with_instruction(&input.instruction_with_lines(&advice[..count])).ok();
        let text = (1..=advice.len()).rev().find_map(with_first);
        Ok(Begun::Text(text.unwrap_or_else(|| input.text.clone())))
    }
}

/// Returns the use of the first open output. None if the training data has values for all outputs, or the task file gives the
/// shape of those without: worked examples help more than advice there.
fn open_output_use(input: &OperatorInput<'_>) -> Option<Use> {
    let use_of = |name: &String| match input.profile.iter().find(|output| output.name == *name) {
        None if input.position.search_queries.contains(name) => Some(Use::Query),
        None if input.position.read_outputs.contains(name) => Some(Use::Intermediate),
        None => (!input.module.shapes.contains_key(name)).then_some(Use::FreeAnswer),
        Some(_) => None,
    };
    input.module.outputs.iter().find_map(use_of)
}

/// Returns the sentence for a module that reads search results and writes for other modules. None for other modules.
///
/// Without it, a small model answers the question from its memory, and the names that the next search needs are lost; or it
/// reads only the last search results and forgets the earlier ones. If only the module that answers comes next, the sentence asks
/// for an answer at the end, since this module has seen the search results themselves.
fn gathering_sentence(input: &OperatorInput<'_>) -> Option<String> {
    let position = input.position;
    if open_output_use(input) != Some(Use::Intermediate) || position.search_results.is_empty() || !is_english(input) {
        return None;
    }
    let is_source = |name: &String| {
        let is_new_to_readers = position.written_inputs.contains(name) && !position.shared_with_readers.contains(name);
        position.search_results.contains(name) || is_new_to_readers
    };
    let (sources, topics): (Vec<&String>, Vec<&String>) = input.module.inputs.iter().partition(|&name| is_source(name));
    let listed = |names: &[&String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
    let tell = format!("Say in full sentences what {} tell", listed(&sources));
    // What another module wrote can be a topic but is no question.
    let questions: Vec<&String> = topics.iter().copied().filter(|&name| !position.written_inputs.contains(name)).collect();
    let name = if topics.len() == 1 { "names" } else { "name" };
    let about = if topics.is_empty() { String::new() } else { format!(" about everything that {} {name}", listed(&topics)) };
    let end = match (listed(&questions), position.is_last_but_one) {
        (questions, _) if questions.is_empty() => String::new(),
        (questions, true) => format!(" Then answer {questions}."),
        (questions, false) => format!(" Do not answer {questions}."),
    };
    Some(format!("{tell}{about}.{end}"))
}

fn is_english(input: &OperatorInput<'_>) -> bool {
    Wording::for_instruction(&input.text.instruction) == Wording::English
}

/// Whether the instruction only lists the fields, so that it can be replaced without a loss.
fn only_lists_fields(input: &OperatorInput<'_>) -> bool {
    const FILLERS: [&str; 14] =
        ["given", "the", "a", "an", "and", "from", "field", "fields", "input", "inputs", "output", "outputs", "produce", "write"];
    let is_field = |word: &str| input.module.inputs.iter().chain(&input.module.outputs).any(|name| name == word);
    let words = input.text.instruction.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    input.module.keep.is_empty()
        && words.into_iter().all(|word| is_field(word) || FILLERS.contains(&word.to_lowercase().as_str()))
}

/// Returns the text with a sentence that describes the whole task. It replaces an instruction that only lists fields, and else is
/// added to it. The instruction is moved below the fields: above long passages, a small model ignores it.
fn with_task_sentence(input: &OperatorInput<'_>, sentence: String) -> Option<ModuleText> {
    let instruction = if only_lists_fields(input) { sentence } else { input.instruction_with_lines(&[sentence]) };
    let text = input.with_instruction(&instruction).ok()?;
    let layout = Layout { instruction: Turn::Below, ..input.module.layout_of(&text) };
    Some(input.with_layout(text, layout))
}

/// Returns the text with [`gathering_sentence`]. None if there is no such sentence or the instruction has it already.
fn with_gathering_sentence(input: &OperatorInput<'_>) -> Option<ModuleText> {
    let is_new = |sentence: &String| !input.text.instruction.contains(sentence);
    with_task_sentence(input, gathering_sentence(input).filter(is_new)?)
}

/// Returns the suitable sentences that the instruction does not have yet. Empty for instructions that are not in English.
fn remaining_advice(input: &OperatorInput<'_>) -> Vec<String> {
    let Some(output_use) = open_output_use(input).filter(|_| is_english(input)) else { return Vec::new() };
    let mut advice: Vec<String> = output_use.advice().iter().map(|&sentence| sentence.to_owned()).collect();
    let written = &input.position.written_inputs;
    // A warning about a written input needs at least two other inputs to compare it with.
    if output_use != Use::Query && written.len() + 1 < input.module.inputs.len() {
        advice.extend(written.iter().map(|name| format!("`{name}` can be wrong: where other inputs say otherwise, trust them.")));
    }
    advice.retain(|sentence| !input.text.instruction.contains(sentence));
    advice
}
