//! Reads the text of a reflector's answer, and decides whether it can be tried.

use std::collections::BTreeSet;

use super::fence::without_fence;
use super::unusable::Unusable;
use crate::engine::{Completion, Ended};
use crate::program::language;

/// An input of at least this many words must not occur in an instruction word for word.
const MIN_QUOTE_WORDS: usize = 4;

/// A text with at least this many names from examples is about these examples.
const MIN_NAMES: usize = 2;

/// Returns the text in a reflector's answer, without the fence around it. `inputs` are the values that the reflector read of
/// examples; the text must not quote them.
///
/// # Errors
/// [`Unusable`]
pub fn read_text<'a>(completion: &'a Completion, inputs: &[&str]) -> Result<&'a str, Unusable> {
    match completion.ended {
        Ended::Refused(_) => return Err(Unusable::Refused),
        Ended::Length => return Err(Unusable::CutOff),
        Ended::Stop | Ended::Grammar => {}
    }
    let text = without_fence(completion.text.trim());
    if text.is_empty() {
        return Err(Unusable::Empty);
    }
    if matches!(serde_json::from_str(text), Ok(serde_json::Value::Object(_) | serde_json::Value::Array(_))) {
        return Err(Unusable::NotAPrompt);
    }
    let is_quoted = |input: &str| input.split_whitespace().count() >= MIN_QUOTE_WORDS && text.contains(input);
    if inputs.iter().any(|input| is_quoted(input.trim())) {
        return Err(Unusable::QuotesAnExample);
    }
    Ok(text)
}

/// Returns the text unless it has names from single examples. `inputs` are the values that the reflector read of them; names in
/// `before`, the present instruction, may stay. Only English text is checked, since only there capitals mark names.
///
/// # Errors
/// [`Unusable::AboutAnExample`]
pub fn check_general<'t>(text: &'t str, inputs: &[&str], before: &str) -> Result<&'t str, Unusable> {
    if !language::is_english(text) {
        return Ok(text);
    }
    let read: BTreeSet<&str> = inputs.iter().flat_map(|input| words(input)).collect();
    let known: BTreeSet<&str> = words(before).collect();
    let named: BTreeSet<&str> = names(text).filter(|name| read.contains(name) && !known.contains(name)).collect();
    if named.len() < MIN_NAMES { Ok(text) } else { Err(Unusable::AboutAnExample) }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Returns the words with a capital that do not begin a sentence, and the numbers of at least two digits.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let is_name = move |word: &&str| {
        let at = word.as_ptr() as usize - text.as_ptr() as usize;
        let before = text[..at].trim_end_matches([' ', '"', '`', '\'', '(', '*']);
        let begins_sentence = before.is_empty() || before.ends_with(['.', ':', '!', '?', '\n', '-', '•']);
        let is_capitalized = word.chars().next().is_some_and(char::is_uppercase) && word.chars().any(char::is_lowercase);
        is_capitalized && !begins_sentence || word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_digit())
    };
    words(text).filter(is_name)
}

/// Returns the first line of an answer that should be one sentence, without a list mark and quotes around it.
///
/// # Errors
/// [`Unusable`]
pub fn read_sentence<'a>(completion: &'a Completion, inputs: &[&str]) -> Result<&'a str, Unusable> {
    // If the answer was cut off after its first line, that line is complete.
    let has_whole_line = completion.ended == Ended::Length && completion.text.trim().contains('\n');
    let answer = match has_whole_line {
        true => Completion { ended: Ended::Stop, ..completion.clone() },
        false => completion.clone(),
    };
    read_text(&answer, inputs)?;
    let line = without_fence(completion.text.trim()).lines().map(str::trim).find(|line| !line.is_empty());
    let line = line.map_or("", |line| without_quotes(line.trim_start_matches(['-', '*', '•', ' '])));
    if line.is_empty() { Err(Unusable::Empty) } else { Ok(line) }
}

/// Returns a line without the quotes around all of it, and without a quote that is never closed or opened.
fn without_quotes(line: &str) -> &str {
    let mut line = line.trim();
    for quote in ['"', '`'] {
        let count = line.matches(quote).count();
        if count <= 1 || count == 2 && line.starts_with(quote) && line.ends_with(quote) {
            line = line.trim_matches(quote).trim();
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Usage;
    use proptest::prelude::*;

    const LONG_INPUT: &str = "my parcel has not come for three weeks and nobody answers";

    fn answer(text: &str, ended: Ended) -> Completion {
        Completion { text: text.into(), reasoning: None, ended, usage: Usage::default(), served: None }
    }

    fn read(words: &str) -> Result<String, Unusable> {
        read_text(&answer(words, Ended::Stop), &[LONG_INPUT, "short"]).map(str::to_owned)
    }

    #[test]
    fn a_prompt_is_found_with_and_without_fences() {
        for text in [
            "New.",
            "```\nNew.\n```",
            "Here it is:\n```text\nNew.\n```\nHope it helps!",
            "```New.```",
            "```\nNew.",
            "```markdown\nNew.\n```",
        ] {
            assert_eq!(read(text).as_deref(), Ok("New."), "{text}");
        }
    }

    #[test]
    fn two_fenced_blocks_do_not_yield_what_is_between_them() {
        let text = "```\nAnswer like this:\n```\na: b\n```\nNothing else.\n```";
        assert_eq!(read(text).unwrap(), "Answer like this:\n```\na: b\n```\nNothing else.");
    }

    #[test]
    fn a_fenced_sample_within_an_unfenced_prompt_stays_there() {
        let text = "Sort every message by its team. The teams are billing, for whatever is about money, and shipping, for parcels.\n```\nteam: billing\n```";
        assert_eq!(read(text).as_deref(), Ok(text));
    }

    #[test]
    fn a_fence_within_a_sentence_is_a_part_of_it() {
        for text in [
            "Write the function. Put it between ``` and ```, with nothing else.",
            "Put the code in a ```python block and nothing else.",
        ] {
            assert_eq!(read(text).as_deref(), Ok(text));
            assert_eq!(read_sentence(&answer(text, Ended::Stop), &[]), Ok(text));
        }
        assert_eq!(read("Here: ```New.```").as_deref(), Ok("New."));
    }

    #[test]
    fn a_sentence_keeps_its_last_quotation_whole() {
        for (text, line) in [
            ("If money is to come back, answer `refund`", "If money is to come back, answer `refund`"),
            ("`refund` is for money", "`refund` is for money"),
            ("\"Answer `refund`\"", "Answer `refund`"),
            ("`Always answer.`", "Always answer."),
            ("Always answer.\"", "Always answer."),
        ] {
            assert_eq!(read_sentence(&answer(text, Ended::Stop), &[]), Ok(line));
        }
    }

    #[test]
    fn a_first_word_is_no_language_tag() {
        assert_eq!(read("```Classify the text.\nUse one word.\n```").unwrap(), "Classify the text.\nUse one word.");
    }

    #[test]
    fn unusable_answers_have_a_reason() {
        for (text, reason) in [
            ("", Unusable::Empty),
            ("```\n\n```", Unusable::Empty),
            ("```json\n{\"task\": \"classify\"}\n```", Unusable::NotAPrompt),
            (&format!("Say y for: {LONG_INPUT}!"), Unusable::QuotesAnExample),
        ] {
            assert_eq!(read(text), Err(reason), "{text}");
        }
        assert_eq!(read("A short quotation is none."), Ok("A short quotation is none.".into()));
        assert_eq!(read_text(&answer("New.", Ended::Length), &[]), Err(Unusable::CutOff));
        assert_eq!(read_text(&answer("", Ended::Refused("long".into())), &[]), Err(Unusable::Refused));
    }

    #[test]
    fn a_text_about_a_single_example_is_unusable() {
        let inputs = ["MacArthur Road was closed in 1987 by plastic barriers.", "Who closed the Road? The County did."];
        let read = |text: &'static str| check_general(text, &inputs, "Answer as the County would.");
        assert_eq!(read("Look for barriers along MacArthur Road."), Err(Unusable::AboutAnExample));
        assert_eq!(read("If the input has MacArthur, write 1987."), Err(Unusable::AboutAnExample));
        for text in [
            "Name the road that the County closed. Who did it comes last. Write `Road` first.",
            "Read the whole input before you answer, and quote the sentence that has the year.",
            "The name of Wikipedia and of Paris are no examples.",
        ] {
            assert_eq!(read(text), Ok(text));
        }
        let german = "Schreibe, welche Straße gemeint ist: die MacArthur Road oder eine andere, die 1987 gesperrt wurde.";
        assert_eq!(check_general(german, &inputs, ""), Ok(german));
    }

    #[test]
    fn read_sentence_returns_the_first_line() {
        let first = |text: &str, ended| read_sentence(&answer(text, ended), &[]).map(str::to_owned);
        assert_eq!(first("- Say `y` for parcels.\nAnd so on", Ended::Length).as_deref(), Ok("Say `y` for parcels."));
        assert_eq!(first("\"Always answer.\"", Ended::Stop).as_deref(), Ok("Always answer."));
        assert_eq!(first("Half of a", Ended::Length), Err(Unusable::CutOff));
        assert_eq!(first(" \n", Ended::Stop), Err(Unusable::Empty));
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_panic(words in "(?s)[`a-z{}\n -]{0,80}") {
            if let Ok(prompt) = read(&words) {
                prop_assert!(!prompt.trim().is_empty());
            }
            let _ = read_sentence(&answer(&words, Ended::Length), &[]);
        }
    }
}
