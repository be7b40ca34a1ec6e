//! The operator `describe`: adds a few words on each value of a closed set. A reflector writes each description from training
//! examples with that value.

use std::collections::BTreeMap;

use rand::Rng;
use rand::seq::SliceRandom;

use super::format::format_if_possible;
use super::input::OperatorInput;
use super::text_operator::{Begun, Questions, TextOperator};
use crate::data::Example;
use crate::engine::{Completion, Message};
use crate::optimize::reflection::profile::{self, OutputProfile, ValueKind, Wording};
use crate::optimize::reflection::unusable::Unusable;
use crate::program::ModuleText;

/// The most values of a set that is described.
const MAX_VALUES: usize = 24;

/// The most training examples that a description is written from.
const MAX_EXAMPLES: usize = 6;

/// The most tokens of a description.
const MAX_TOKENS: u32 = 40;

/// The most words of a description: somewhat more than the prompt asks for.
const MAX_WORDS: usize = 20;

/// The most characters of an example in the prompt.
const MAX_EXAMPLE_LENGTH: usize = 300;

/// Describes the values of a closed set.
pub(super) struct Describe;

impl TextOperator for Describe {
    fn applies(&self, input: &OperatorInput<'_>) -> bool {
        ClosedSet::find(input).is_some_and(|set| {
            let tokens = input.count_text(input.text) + set.values.len() * MAX_TOKENS as usize / 2;
            tokens <= input.max_text_tokens && set.values_with_examples(input).len() > 1
        })
    }

    fn asks_reflector(&self) -> bool {
        true
    }

    fn begin(&self, input: &OperatorInput<'_>, random: &mut dyn Rng) -> Result<Begun, Unusable> {
        let set = ClosedSet::find(input).ok_or(Unusable::NoLabels)?;
        let (mut chats, mut examples) = (Vec::new(), 0);
        let label = input.module.label(&set.output.name);
        for value in set.values_with_examples(input) {
            let mut with_value: Vec<_> = input.train.iter().filter(|e| e.text(label).as_ref() == Some(value)).collect();
            with_value.shuffle(random);
            with_value.truncate(MAX_EXAMPLES);
            examples += with_value.len();
            let shown: String = with_value.into_iter().filter_map(|example| example_line(input, example)).collect();
            chats.push(vec![Message::user(format!(
                "{shown}\nWhat do all of these have in common? They are filed under `{value}`. Answer with at most 12 plain \
                 words that would fit new ones as well, in the language of the texts. Do not quote them, and write nothing else."
            ))]);
        }
        let questions = Questions { chats, max_tokens: MAX_TOKENS, examples, ..Questions::default() };
        Ok(Begun::Ask(questions, read_answers))
    }
}

/// An output whose right values are a closed set.
struct ClosedSet<'a> {
    output: &'a OutputProfile,
    /// The values, with the number of training examples of each.
    values: &'a BTreeMap<String, usize>,
}

impl<'a> ClosedSet<'a> {
    /// Returns the first output with a closed set of a size that can be described.
    fn find(input: &OperatorInput<'a>) -> Option<Self> {
        input.profile.iter().find_map(|output| match &output.kind {
            ValueKind::Set(values) if (2..=MAX_VALUES).contains(&values.len()) => Some(Self { output, values }),
            _ => None,
        })
    }

    /// Returns the values with at least one training example that has an input to show.
    fn values_with_examples(&self, input: &OperatorInput<'_>) -> Vec<&'a String> {
        let label = input.module.label(&self.output.name);
        let has_example = |value: &String| {
            input
                .train
                .iter()
                .any(|example| example.text(label).as_ref() == Some(value) && example_line(input, example).is_some())
        };
        self.values.keys().filter(|value| has_example(value)).collect()
    }
}

/// Returns a line with the module's inputs in an example. None if the example has none of them.
pub(super) fn example_line(input: &OperatorInput<'_>, example: &Example) -> Option<String> {
    let values = input.module.inputs.iter().filter_map(|field| example.text(field)).collect::<Vec<_>>().join(" | ");
    let cut: String = values.chars().take(MAX_EXAMPLE_LENGTH).collect();
    (!values.trim().is_empty()).then(|| format!("- {}\n", cut.replace('\n', " ")))
}

/// Returns the text with a line for each value in the place of the plain list or of earlier descriptions. A value without a usable
/// description keeps its line without words; if that is more than half of those asked about, the first reason is returned.
fn read_answers(input: &OperatorInput<'_>, answers: &[Completion]) -> Result<ModuleText, Unusable> {
    let set = ClosedSet::find(input).ok_or(Unusable::NoLabels)?;
    let asked = set.values_with_examples(input);
    let ClosedSet { output, values } = set;
    let name = &output.name;
    let wording = Wording::for_instruction(&input.text.instruction);
    let mut lines = vec![match wording {
        Wording::English => format!("The `{name}` is one of:"),
        Wording::Signs => format!("`{name}`:"),
    }];
    let mut failures = Vec::new();
    for value in values.keys() {
        let Some(completion) = asked.iter().position(|other| *other == value).and_then(|index| answers.get(index)) else {
            lines.push(format!("- {value}"));
            continue;
        };
        let mut others = values.keys().filter(|other| *other != value);
        let description = input.read_sentence(completion).and_then(|words| without_value(value, words));
        // A description that names another value leads the task model to answer that one.
        match description {
            Ok(words) if others.any(|other| words.contains(&format!("`{other}`"))) => failures.push(Unusable::NotAPrompt),
            Ok(words) => {
                lines.push(format!("- {value}: {words}"));
                continue;
            }
            Err(unusable) => failures.push(unusable),
        }
        lines.push(format!("- {value}"));
    }
    if let Some(first) = failures.first().filter(|_| failures.len() * 2 > asked.len()) {
        return Err(*first);
    }
    // The lines on other outputs are added as well.
    let instruction = format_if_possible(input).instruction;
    let plain_list = profile::statement(std::slice::from_ref(output), wording);
    let is_of_value =
        |line: &str| values.keys().any(|value| line == format!("- {value}") || line.starts_with(&format!("- {value}:")));
    let is_other = |line: &&str| *line != plain_list && *line != lines[0] && !is_of_value(line.trim());
    let others: Vec<&str> = instruction.lines().filter(is_other).collect();
    input.with_instruction(&format!("{}\n{}", others.join("\n").trim_end(), lines.join("\n")))
}

/// Returns the words of a description without the value's name in front of them.
///
/// # Errors
/// [`Unusable::Empty`] if nothing else is left; [`Unusable::TooLong`].
fn without_value<'a>(value: &str, words: &'a str) -> Result<&'a str, Unusable> {
    // If the name goes on directly, it is another word that only begins like the value.
    let rest = words.trim_start_matches(['`', '"']).strip_prefix(value);
    let rest = rest.filter(|rest| rest.trim_start().starts_with(['`', '"', ':', '-', '–']) || rest.trim().is_empty());
    let words = rest.map_or(words, |rest| rest.trim_start_matches(['`', '"', ':', ' ', '-', '–']));
    match words.split_whitespace().count() {
        0 => Err(Unusable::Empty),
        1..=MAX_WORDS => Ok(words),
        _ => Err(Unusable::TooLong),
    }
}

#[cfg(test)]
mod tests {
    use super::{Unusable, without_value};

    #[test]
    fn the_name_of_the_value_is_removed_but_no_part_of_a_longer_word() {
        for (value, words, left) in [
            ("refund", "`refund`: money back", Ok("money back")),
            ("refund", "refund - money back", Ok("money back")),
            ("refund", "refunds and money back", Ok("refunds and money back")),
            ("order", "orders that never arrived", Ok("orders that never arrived")),
            ("refund", "`refund`", Err(Unusable::Empty)),
        ] {
            assert_eq!(without_value(value, words), left);
        }
    }
}
