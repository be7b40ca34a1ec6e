//! Adds general advice on how to write what no closed set of values answers: sentences that suit what a module writes, and
//! who reads it. A small reflector writes such sentences badly; the gate tells which of these help.

use rand::Rng;
use rand::seq::SliceRandom;

use super::Work;
use crate::optimize::reflection::profile::Wording;
use crate::program::ModuleText;
use crate::program::layout::{Layout, Turn, layout_of};

/// Sentences that are added at once; of those on a query, each of which says how to write all of it, the first.
const AT_ONCE: usize = 2;

/// What a module's output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// A step searches for it.
    Search,
    /// Later modules or steps read it.
    Passed,
    /// It is the program's answer, and no data has one.
    Free,
}

impl Use {
    fn advice(self) -> &'static [&'static str] {
        match self {
            Self::Search => &[
                "Write a search query with the names of people, places and works in the inputs, without other words.",
                "Write the question again, with the full names that were found in place of the words that describe them.",
            ],
            Self::Passed => &[
                "Quote the sentences that matter word for word, with all names, dates and numbers.",
                "Write only what the inputs say; what they do not say, do not guess.",
                "Leave out whatever is about something else, however alike it looks.",
                "Name whatever leads to the answer, and say what is still missing.",
            ],
            Self::Free => &[
                "Follow every requirement to the letter: length, form, words to use and words to avoid.",
                "Write nothing before it and nothing after it: no greeting, no explanation.",
                "Check each requirement before you end.",
            ],
        }
    }
}

/// What the outputs are for; None where the data has all of them: worked examples say more than advice.
fn purpose(work: &Work<'_>) -> Option<Use> {
    let of = |name: &String| match work.profile.iter().find(|output| output.name == *name) {
        None if work.place.searched.contains(name) => Some(Use::Search),
        None if work.place.read.contains(name) => Some(Use::Passed),
        None => (!work.module.shapes.contains_key(name)).then_some(Use::Free),
        Some(_) => None,
    };
    work.module.outputs.iter().find_map(of)
}

/// What a module is to do that reads what a step has found and writes for others. Left to itself, a small model answers the
/// question instead, out of its memory, and the names that the next search needs are lost; left to what was found last, it forgets
/// what was found before. Where nothing but the answer comes next, it answers last: whoever sees what was found knows more than who
/// reads of it.
fn gathering(work: &Work<'_>) -> Option<String> {
    if purpose(work) != Some(Use::Passed) || work.place.found.is_empty() || !is_english(work) {
        return None;
    }
    let place = work.place;
    let (told, asked): (Vec<&String>, Vec<&String>) = (work.module.inputs.iter())
        .partition(|&name| place.found.contains(name) || (place.made.contains(name) && !place.alongside.contains(name)));
    let named = |names: &[&String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
    let tell = format!("Say in full sentences what {} tell", named(&told));
    // What was made can be told of and is no question.
    let questions: Vec<&String> = asked.iter().copied().filter(|&name| !place.made.contains(name)).collect();
    let name = if asked.len() == 1 { "names" } else { "name" };
    let about = if asked.is_empty() { String::new() } else { format!(" about everything that {} {name}", named(&asked)) };
    let end = match (named(&questions), place.is_last_but_one) {
        (questions, _) if questions.is_empty() => String::new(),
        (questions, true) => format!(" Then answer {questions}."),
        (questions, false) => format!(" Do not answer {questions}."),
    };
    Some(format!("{tell}{about}.{end}"))
}

fn is_english(work: &Work<'_>) -> bool {
    Wording::of(&work.text.instruction) == Wording::English
}

/// Whether an instruction says nothing but which fields there are, so that nothing is lost with it.
fn is_bare(work: &Work<'_>) -> bool {
    const BARE: [&str; 14] =
        ["given", "the", "a", "an", "and", "from", "field", "fields", "input", "inputs", "output", "outputs", "produce", "write"];
    let is_name = |word: &str| work.module.inputs.iter().chain(&work.module.outputs).any(|name| name == word);
    let words = work.text.instruction.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    work.module.keep.is_empty() && words.into_iter().all(|word| is_name(word) || BARE.contains(&word.to_lowercase().as_str()))
}

/// The text with a sentence that says all of what the module is to do: in place of an instruction that says nothing, else behind
/// it. It stands below the fields: above some long passages a small model reads over it, and answers the question.
fn told(work: &Work<'_>, sentence: String) -> Option<ModuleText> {
    let instruction = if is_bare(work) { sentence } else { work.with_lines(&[sentence]) };
    let text = work.with_instruction(&instruction).ok()?;
    let layout = Layout { instruction: Turn::Below, ..layout_of(work.module, &text) };
    Some(work.laid_out(text, layout))
}

/// The text that is told to gather facts, where that is new.
fn gathered(work: &Work<'_>) -> Option<ModuleText> {
    told(work, gathering(work).filter(|sentence| !work.text.instruction.contains(sentence))?)
}

/// The sentences that suit and are not there yet, in an instruction in English.
fn left(work: &Work<'_>) -> Vec<String> {
    let Some(purpose) = purpose(work).filter(|_| is_english(work)) else { return Vec::new() };
    let mut advice: Vec<String> = purpose.advice().iter().map(|&sentence| sentence.to_owned()).collect();
    // Where there is something to hold it against.
    if purpose != Use::Search && work.place.made.len() + 1 < work.module.inputs.len() {
        advice.extend(
            work.place.made.iter().map(|name| format!("`{name}` can be wrong: where other inputs say otherwise, trust them.")),
        );
    }
    advice.retain(|sentence| !work.text.instruction.contains(sentence));
    advice
}

pub(super) fn applies(work: &Work<'_>) -> bool {
    gathered(work).is_some()
        || left(work).iter().any(|sentence| work.with_instruction(&work.with_lines(std::slice::from_ref(sentence))).is_ok())
}

/// To gather facts, or to write a query in one way; else some sentences by chance, one where there is no room for more.
pub(super) fn apply(work: &Work<'_>, random: &mut impl Rng) -> ModuleText {
    if let Some(text) = gathered(work) {
        return text;
    }
    let mut advice = left(work);
    if purpose(work) == Some(Use::Search) {
        return advice.into_iter().next().and_then(|first| told(work, first)).unwrap_or_else(|| work.text.clone());
    }
    advice.shuffle(random);
    advice.truncate(AT_ONCE);
    let fitting = (1..=advice.len()).rev().find_map(|count| work.with_instruction(&work.with_lines(&advice[..count])).ok());
    fitting.unwrap_or_else(|| work.text.clone())
}
