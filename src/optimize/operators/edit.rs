//! The operator `edit`: asks a reflector for one small change of the instruction: a sentence to add, to replace or to delete.
//!
//! The answer is decoded under a grammar, so that a small reflector can neither write a whole prompt nor copy an example at length.

use rand::Rng;
use rand::seq::SliceRandom;

use super::describe::example_line;
use super::input::OperatorInput;
use super::rollout_prompt::{opening, rejected};
use super::text_operator::{Begun, Questions, TextOperator, single_answer};
use crate::data::Example;
use crate::engine::{Completion, Ended, Grammar};
use crate::optimize::reflection::contrast::{Confusion, addition, confusions};
use crate::optimize::reflection::packing;
use crate::optimize::reflection::sentences::{removable, replaced, without};
use crate::optimize::reflection::unusable::Unusable;
use crate::program::ModuleText;

/// The most lessons of one kind that one is drawn from.
const MOST_LESSONS: usize = 3;

/// The most examples that are shown of each of two confused values.
const EXAMPLES_OF_A_VALUE: usize = 3;

/// The most sentences that the reflector can replace or delete.
const MOST_PARTS: usize = 9;

/// The most characters of a new sentence.
const MOST_CHARACTERS: usize = 200;

/// The most tokens of the answer.
const MAX_TOKENS: u32 = 80;

/// Adds, replaces or deletes one sentence.
pub(super) struct Edit;

impl TextOperator for Edit {
    fn asks_reflector(&self) -> bool {
        true
    }

    /// Shows one lesson of the search: two values that are confused, an example that another candidate got right, or, if there is
    /// neither, a failure.
    fn begin(&self, input: &OperatorInput<'_>, random: &mut dyn Rng) -> Result<Begun, Unusable> {
        let mut lessons = lessons(input);
        lessons.shuffle(random);
        let fits = |lesson: &Lesson| {
            let prompt = prompt(input, lesson);
            let tokens = (input.count_reflector_tokens)(&prompt) + packing::TEMPLATE_TOKENS;
            (tokens <= input.prompt_room).then_some((prompt, lesson.examples))
        };
        let (prompt, examples) = lessons.iter().find_map(fits).ok_or(Unusable::NoRoom)?;
        let grammar = Some(grammar(parts(input).len()));
        Ok(Begun::Ask(Questions { examples, grammar, ..Questions::single(prompt, MAX_TOKENS) }, read_answers))
    }
}

/// What a reflector is shown.
struct Lesson {
    text: String,
    /// The number of examples in the text.
    examples: usize,
}

/// Returns the lessons of the search for a module: confusions and contrasts, or failures of the minibatch if there are neither.
fn lessons(input: &OperatorInput<'_>) -> Vec<Lesson> {
    let confused = confusions(input.module, input.profile, input.seen).into_iter().take(MOST_LESSONS);
    let mut lessons: Vec<Lesson> = confused.map(|(confusion, rollouts)| confusion_lesson(input, &confusion, &rollouts)).collect();
    // The latest examples come first: they are of the present minibatch or of the one before it.
    lessons.extend(input.contrasts.iter().rev().filter_map(|contrast| {
        let lost = packing::rollout_text(input.module, &contrast.lost)?;
        let won = packing::shown_call(input.module, &contrast.won)?;
        let added = addition(&input.text.instruction, &contrast.winner.0.get(input.module_index)?.instruction);
        let by = if added.is_empty() { String::new() } else { format!(" with an instruction that also says: {added}") };
        let text = format!("One answer that was wrong, or not wholly right:\n\n{lost}The same input was answered better{by}\nThere the assistant wrote:\n{}\n\n", won.answer);
        Some(Lesson { text, examples: 1 })
    }).take(MOST_LESSONS));
    if lessons.is_empty() {
        let failed = input.rollouts.iter().filter(|scored| scored.score().is_some_and(|score| score < 1.0));
        let texts = failed.filter_map(|scored| packing::rollout_text(input.module, scored)).take(MOST_LESSONS);
        lessons.extend(texts.map(|text| Lesson {
            text: format!("Here is one answer that was wrong, or not wholly right.\n\n{text}"),
            examples: 1,
        }));
    }
    lessons
}

/// Returns a lesson on two values that are confused. The rows that were answered wrong stand first.
fn confusion_lesson(input: &OperatorInput<'_>, confusion: &Confusion, rollouts: &[usize]) -> Lesson {
    let Confusion { output, right, answered } = confusion;
    let label = input.module.label(output);
    let failed: Vec<&Example> = rollouts.iter().map(|&rollout| input.seen[rollout].0).collect();
    let with_value = |value: &String| {
        let is_other = |example: &&Example| failed.iter().all(|failed| failed.id != example.id);
        let value = value.clone();
        input.train.iter().filter(is_other).filter(move |example| example.text(label).as_ref() == Some(&value))
    };
    let lines = |examples: Vec<&Example>| -> Vec<String> {
        examples.into_iter().filter_map(|example| example_line(input, example)).take(EXAMPLES_OF_A_VALUE).collect()
    };
    let of_right = lines(failed.iter().copied().chain(with_value(right)).collect());
    let of_answered = lines(with_value(answered).collect());
    let text = format!(
        "The assistant confuses two values of {output}: it writes `{answered}` where `{right}` is right.\n\n\
         `{right}` is right for these:\n{}\n`{answered}` is right for these:\n{}\n",
        of_right.concat(),
        of_answered.concat(),
    );
    Lesson { text, examples: of_right.len() + of_answered.len() }
}

/// Returns the sentences that can be replaced or deleted.
fn parts<'a>(input: &OperatorInput<'a>) -> Vec<&'a str> {
    let mut parts = removable(&input.text.instruction, &input.module.keep);
    parts.truncate(MOST_PARTS);
    parts
}

fn prompt(input: &OperatorInput<'_>, lesson: &Lesson) -> String {
    let parts = parts(input);
    let numbered: String = parts.iter().enumerate().map(|(index, part)| format!("{}. {}\n", index + 1, part.trim())).collect();
    let (can_change, forms) = if parts.is_empty() {
        (String::new(), "Write `add:` and one new sentence for the instruction".to_owned())
    } else {
        let forms = "Write one of these:\n\
            - `add:` and a new sentence for the instruction\n\
            - `replace`, the number of a sentence, a colon, and a better sentence in its place\n\
            - `delete` and the number of a sentence that misleads\n\
            Write one line";
        (format!("These of its sentences can be changed:\n{numbered}\n"), forms.to_owned())
    };
    let rule = if input.has_open_output() {
        "It must serve inputs on all other subjects: no names, dates or numbers of this one."
    } else {
        "Say in general words what in an input shows which value is right, and spell the values exactly."
    };
    format!(
        "{}{can_change}{}{}Make one small change of the instruction, by which such mistakes are avoided. {rule} At most 25 words, in the \
         language of the instruction, without quoting an input. {forms} and nothing else.\n",
        opening(input),
        rejected(input),
        lesson.text,
    )
}

/// Returns the grammar of the answer, for an instruction with so many sentences that can be changed.
fn grammar(parts: usize) -> Grammar {
    let delete: Vec<String> = (1..=parts).map(|part| format!("delete {part}")).collect();
    let replace = (1..=parts).map(|part| format!("replace {part}:"));
    let before_text: Vec<String> = std::iter::once("add:".to_owned()).chain(replace).collect();
    Grammar::command(&delete, &before_text, MOST_CHARACTERS)
}

/// Returns the text with the change in a reflector's answer.
///
/// # Errors
/// [`Unusable::NotAPrompt`] if the answer is no such change; other reasons if the sentence cannot be used.
fn read_answers(input: &OperatorInput<'_>, answers: &[Completion]) -> Result<ModuleText, Unusable> {
    let completion = single_answer(answers)?;
    if let Ended::Refused(_) = completion.ended {
        return Err(Unusable::Refused);
    }
    let instruction = &input.text.instruction;
    let parts = parts(input);
    let part = |number: &str| {
        let number: usize = number.trim().parse().ok()?;
        parts.get(number.checked_sub(1)?).copied()
    };
    let line = completion.text.trim();
    if let Some(number) = line.strip_prefix("delete ") {
        return input.with_instruction(&without(instruction, part(number).ok_or(Unusable::NotAPrompt)?));
    }
    let (command, sentence) = line.split_once(':').ok_or(Unusable::NotAPrompt)?;
    let completion = Completion { text: sentence.trim().to_owned(), ..completion.clone() };
    let sentence = input.check_words(input.read_sentence(&completion)?)?;
    match command.strip_prefix("replace ") {
        Some(number) => input.with_instruction(&replaced(instruction, part(number).ok_or(Unusable::NotAPrompt)?, sentence)),
        None if command == "add" && instruction.contains(sentence) => Err(Unusable::Unchanged),
        None if command == "add" => input.with_instruction(&input.instruction_with_lines(&[sentence.to_owned()])),
        None => Err(Unusable::NotAPrompt),
    }
}
