//! Adds a few words on each value of a closed set, each written from training examples of it.

use std::collections::BTreeMap;

use rand::Rng;
use rand::seq::SliceRandom;

use super::{Questions, Work, format};
use crate::data::Example;
use crate::engine::{Completion, Message};
use crate::optimize::reflection::answer::{self, Unusable};
use crate::optimize::reflection::profile::{self, Kind, Wording};
use crate::program::ModuleText;

/// The most values that are described.
const MOST_VALUES: usize = 24;

/// Training examples that a description is written from.
const EXAMPLES: usize = 6;

/// The most tokens of a description.
const TOKENS: u32 = 40;

/// The most words of a description: somewhat more than is asked for.
const MOST_WORDS: usize = 20;

/// The most characters of an example.
const LENGTH: usize = 300;

/// The output that is described, and its values.
fn set<'a>(work: &Work<'a>) -> Option<(&'a str, &'a BTreeMap<String, usize>)> {
    work.profile.iter().find_map(|output| match &output.kind {
        Kind::Set(values) if (2..=MOST_VALUES).contains(&values.len()) => Some((output.name.as_str(), values)),
        _ => None,
    })
}

/// What the module reads of an example, in a line; None where the example has nothing of it.
fn line(work: &Work<'_>, example: &Example) -> Option<String> {
    let input = work.module.inputs.iter().filter_map(|field| example.text(field)).collect::<Vec<_>>().join(" | ");
    let cut: String = input.chars().take(LENGTH).collect();
    (!input.trim().is_empty()).then(|| format!("- {}\n", cut.replace('\n', " ")))
}

/// The values that have examples to be described from.
fn told<'a>(work: &Work<'_>, name: &str, values: &'a BTreeMap<String, usize>) -> Vec<&'a String> {
    let label = work.module.label(name);
    let shows = |value: &String| {
        work.train.iter().any(|example| example.text(label).as_ref() == Some(value) && line(work, example).is_some())
    };
    values.keys().filter(|value| shows(value)).collect()
}

pub(super) fn applies(work: &Work<'_>) -> bool {
    set(work).is_some_and(|(name, values)| {
        work.tokens(work.text) + values.len() * TOKENS as usize / 2 <= work.most_tokens && told(work, name, values).len() > 1
    })
}

pub(super) fn ask(work: &Work<'_>, random: &mut impl Rng) -> Questions {
    let Some((name, values)) = set(work) else {
        return Questions { max_tokens: TOKENS, ..Questions::default() };
    };
    let (mut chats, mut examples) = (Vec::new(), 0);
    let label = work.module.label(name);
    for value in told(work, name, values) {
        let mut of_value: Vec<_> = work.train.iter().filter(|e| e.text(label).as_ref() == Some(value)).collect();
        of_value.shuffle(random);
        of_value.truncate(EXAMPLES);
        examples += of_value.len();
        let shown: String = of_value.into_iter().filter_map(|example| line(work, example)).collect();
        chats.push(vec![Message::user(format!(
            "{shown}\nWhat do all of these have in common? They are filed under `{value}`. Answer with at most 12 plain \
             words that would fit new ones as well, in the language of the texts. Do not quote them, and write nothing else."
        ))]);
    }
    Questions { chats, max_tokens: TOKENS, examples, left_out: 0 }
}

/// The instruction with a line for each value in the place of the plain list.
pub(super) fn finish(work: &Work<'_>, answers: &[Completion]) -> Result<ModuleText, Unusable> {
    let Some((name, values)) = set(work) else {
        return Err(Unusable::Empty);
    };
    let inputs: Vec<String> =
        work.train.iter().flat_map(|e| work.module.inputs.iter().filter_map(|field| e.text(field))).collect();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let wording = Wording::of(&work.text.instruction);
    let mut lines = vec![match wording {
        Wording::English => format!("The `{name}` is one of:"),
        Wording::Signs => format!("`{name}`:"),
    }];
    let (mut failed, told) = (Vec::new(), told(work, name, values));
    for value in values.keys() {
        let Some(completion) = told.iter().position(|other| *other == value).and_then(|place| answers.get(place)) else {
            lines.push(format!("- {value}"));
            continue;
        };
        let others = values.keys().filter(|other| *other != value);
        let sentence = answer::sentence(completion, &inputs).and_then(|words| brief(value, words));
        let sentence = sentence.and_then(|words| {
            // Words that name another value draw the student to it.
            let names_another = others.clone().any(|other| words.contains(&format!("`{other}`")));
            if names_another { Err(Unusable::NotAPrompt) } else { Ok(words) }
        });
        match sentence {
            Ok(words) => lines.push(format!("- {value}: {words}")),
            // A value that nothing could be said of stays on the list.
            Err(unusable) => {
                failed.push(unusable);
                lines.push(format!("- {value}"));
            }
        }
    }
    if let Some(first) = failed.first().filter(|_| failed.len() * 2 > told.len()) {
        return Err(*first);
    }
    let described = lines.join("\n");
    // What is known of other outputs is said as well.
    let text = format::where_it_applies(work);
    // The plain list, or what was said of the values before, makes way.
    let output = work.profile.iter().find(|output| output.name == name);
    let plain = output.map(|output| profile::statement(std::slice::from_ref(output), wording)).unwrap_or_default();
    let instruction = &text.instruction;
    let of_value = |line: &str, value: &String| line == format!("- {value}") || line.starts_with(&format!("- {value}:"));
    let begins = |line: &&str| values.keys().any(|value| of_value(line.trim(), value));
    let left: Vec<&str> = instruction.lines().filter(|line| *line != plain && *line != lines[0] && !begins(line)).collect();
    work.with_instruction(&format!("{}\n{described}", left.join("\n").trim_end()))
}

/// The words of a description, without the value's name in front of them.
fn brief<'a>(value: &str, words: &'a str) -> Result<&'a str, Unusable> {
    // What goes on is another word that begins like the value.
    let named = words.trim_start_matches(['`', '"']).strip_prefix(value);
    let named = named.filter(|rest| rest.trim_start().starts_with(['`', '"', ':', '-', '–']) || rest.trim().is_empty());
    let words = named.map_or(words, |rest| rest.trim_start_matches(['`', '"', ':', ' ', '-', '–']));
    match words.split_whitespace().count() {
        0 => Err(Unusable::Empty),
        1..=MOST_WORDS => Ok(words),
        _ => Err(Unusable::TooLong),
    }
}

#[cfg(test)]
mod tests {
    use super::{Unusable, brief};

    #[test]
    fn the_name_is_taken_off_and_no_part_of_a_word() {
        for (value, words, left) in [
            ("refund", "`refund`: money back", Ok("money back")),
            ("refund", "refund - money back", Ok("money back")),
            ("refund", "refunds and money back", Ok("refunds and money back")),
            ("order", "orders that never arrived", Ok("orders that never arrived")),
            ("refund", "`refund`", Err(Unusable::Empty)),
        ] {
            assert_eq!(brief(value, words), left);
        }
    }
}
