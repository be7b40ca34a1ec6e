//! What of a reflector's answer is a text that can be tried.

use std::collections::BTreeSet;

use crate::engine::{Completion, Ended};
use crate::program::language;

/// The most characters of what a reflector says before its text ("Here is the new instruction:").
const LEAD_IN_LENGTH: usize = 100;

/// An input of so many words or more must not stand in an instruction word for word.
const QUOTE_WORDS: usize = 4;

/// So many names of examples make a text one about them.
const NAMES: usize = 2;

/// What stands around a prompt, or around a sample in it.
const FENCE: &str = "```";

/// Why there is no proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unusable {
    /// Not asked: no example fits the reflector's context.
    NoRoom,
    /// Not asked: no example says what is right.
    NoLabels,
    /// The engine refused the request.
    Refused,
    /// Nothing, or nothing but reasoning.
    Empty,
    /// The answer ended by length: half a prompt is no prompt.
    CutOff,
    /// A JSON object or list.
    NotAPrompt,
    /// It quotes a training example word for word.
    QuotesAnExample,
    /// It names what one training example is about.
    AboutAnExample,
    /// It is in another language than the text that it should improve.
    OtherLanguage,
    /// It is longer than the plan lets an instruction be.
    TooLong,
    /// It is the text that it should improve.
    Unchanged,
    /// It was tried before.
    Repeated,
}

impl Unusable {
    /// A name for counting.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoRoom => "no room for an example",
            Self::NoLabels => "no example with a right output",
            Self::Refused => "refused",
            Self::Empty => "empty",
            Self::CutOff => "cut off",
            Self::NotAPrompt => "not a prompt",
            Self::QuotesAnExample => "quotes an example",
            Self::AboutAnExample => "about an example",
            Self::OtherLanguage => "in another language",
            Self::TooLong => "too long",
            Self::Unchanged => "unchanged",
            Self::Repeated => "repeated",
        }
    }

    /// Whether the reflector may do better when it is asked once more, with another seed.
    #[must_use]
    pub fn is_worth_a_retry(self) -> bool {
        !matches!(self, Self::NoRoom | Self::NoLabels | Self::Refused)
    }
}

/// The text in a reflector's answer. `inputs` are what it read of examples, and must not quote.
///
/// # Errors
/// [`Unusable`]
pub fn text<'a>(completion: &'a Completion, inputs: &[&str]) -> Result<&'a str, Unusable> {
    match completion.ended {
        Ended::Refused(_) => return Err(Unusable::Refused),
        Ended::Length => return Err(Unusable::CutOff),
        Ended::Stop | Ended::Grammar => {}
    }
    let text = unwrap_fence(completion.text.trim());
    if text.is_empty() {
        return Err(Unusable::Empty);
    }
    if matches!(serde_json::from_str(text), Ok(serde_json::Value::Object(_) | serde_json::Value::Array(_))) {
        return Err(Unusable::NotAPrompt);
    }
    let quoted = |input: &&str| input.split_whitespace().count() >= QUOTE_WORDS && text.contains(*input);
    if inputs.iter().map(|input| input.trim()).any(|input| quoted(&input)) {
        return Err(Unusable::QuotesAnExample);
    }
    Ok(text)
}

/// The text, unless it names what single examples are about. `inputs` are what the reflector read of them, `before` the
/// instruction, whose own names may stay. English alone tells names by their capitals.
///
/// # Errors
/// [`Unusable::AboutAnExample`]
pub fn general<'t>(text: &'t str, inputs: &[&str], before: &str) -> Result<&'t str, Unusable> {
    if !language::is_english(text) {
        return Ok(text);
    }
    let read: BTreeSet<&str> = inputs.iter().flat_map(|input| words(input)).collect();
    let had: BTreeSet<&str> = words(before).collect();
    let named: BTreeSet<&str> = names(text).filter(|name| read.contains(name) && !had.contains(name)).collect();
    if named.len() < NAMES { Ok(text) } else { Err(Unusable::AboutAnExample) }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Words with a capital within a sentence, and numbers of two digits and more.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let is_name = move |word: &&str| {
        let at = word.as_ptr() as usize - text.as_ptr() as usize;
        let before = text[..at].trim_end_matches([' ', '"', '`', '\'', '(', '*']);
        let begins = before.is_empty() || before.ends_with(['.', ':', '!', '?', '\n', '-', '•']);
        let is_capital = word.chars().next().is_some_and(char::is_uppercase) && word.chars().any(char::is_lowercase);
        is_capital && !begins || word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_digit())
    };
    words(text).filter(is_name)
}

/// The first sentence or line of an answer, for where no more was asked.
///
/// # Errors
/// [`Unusable`]
pub fn sentence<'a>(completion: &'a Completion, inputs: &[&str]) -> Result<&'a str, Unusable> {
    // What was cut off after its first line has a whole first line.
    let whole_line = completion.ended == Ended::Length && completion.text.trim().contains('\n');
    let answer = match whole_line {
        true => Completion { ended: Ended::Stop, ..completion.clone() },
        false => completion.clone(),
    };
    text(&answer, inputs)?;
    let line = unwrap_fence(completion.text.trim()).lines().map(str::trim).find(|line| !line.is_empty());
    let line = line.map_or("", |line| unquote(line.trim_start_matches(['-', '*', '•', ' '])));
    if line.is_empty() { Err(Unusable::Empty) } else { Ok(line) }
}

/// A line without the quotes around all of it, and without one that is never closed or opened.
fn unquote(line: &str) -> &str {
    let mut line = line.trim();
    for quote in ['"', '`'] {
        if line.matches(quote).count() <= 1
            || line.matches(quote).count() == 2 && line.starts_with(quote) && line.ends_with(quote)
        {
            line = line.trim_matches(quote).trim();
        }
    }
    line
}

/// Where a fence begins that may stand around a prompt: at the beginning of a line, or behind the words that lead to it. One
/// amid a sentence is a part of that.
fn fence_around(text: &str) -> Option<usize> {
    let leads = |before: &str| before.is_empty() || before.ends_with('\n') || before.trim_end().ends_with(':');
    text.match_indices(FENCE).map(|(at, _)| at).find(|&at| leads(text[..at].trim_end_matches([' ', '\t'])))
}

/// The inside of the fence around a prompt: from the first line of three backticks to the last, so
/// that a prompt with fenced blocks of its own stays whole. A language tag on the fence's line
/// goes with it; a first word of the prompt does not. Without a fence, all of the text; and so where
/// more than a few words stand before it, for then it fences a sample within the prompt.
fn unwrap_fence(text: &str) -> &str {
    let Some(open) = fence_around(text) else {
        return text;
    };
    if text[..open].trim().chars().count() > LEAD_IN_LENGTH {
        return text;
    }
    let inside = &text[open + FENCE.len()..];
    let (first_line, body) = inside.split_once('\n').unwrap_or((inside, ""));
    let is_tag = first_line.trim().chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '+'));
    let body = if is_tag && !body.trim().is_empty() { body } else { inside };
    match body.rfind(FENCE) {
        Some(close) => body[..close].trim(),
        None => body.trim(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Usage;
    use proptest::prelude::*;

    const LONG_INPUT: &str = "my parcel has not come for three weeks and nobody answers";

    fn answer(text: &str, ended: Ended) -> Completion {
        Completion { text: text.into(), reasoning: None, ended, usage: Usage::default() }
    }

    fn read(words: &str) -> Result<String, Unusable> {
        text(&answer(words, Ended::Stop), &[LONG_INPUT, "short"]).map(str::to_owned)
    }

    #[test]
    fn a_prompt_is_found_in_many_dresses() {
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
    fn a_fence_amid_a_sentence_is_a_part_of_it() {
        for text in [
            "Write the function. Put it between ``` and ```, with nothing else.",
            "Put the code in a ```python block and nothing else.",
        ] {
            assert_eq!(read(text).as_deref(), Ok(text));
            assert_eq!(sentence(&answer(text, Ended::Stop), &[]), Ok(text));
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
            assert_eq!(sentence(&answer(text, Ended::Stop), &[]), Ok(line));
        }
    }

    #[test]
    fn a_first_word_is_no_language_tag() {
        assert_eq!(read("```Classify the text.\nUse one word.\n```").unwrap(), "Classify the text.\nUse one word.");
    }

    #[test]
    fn what_is_no_proposal_is_named() {
        for (text, reason) in [
            ("", Unusable::Empty),
            ("```\n\n```", Unusable::Empty),
            ("```json\n{\"task\": \"classify\"}\n```", Unusable::NotAPrompt),
            (&format!("Say y for: {LONG_INPUT}!"), Unusable::QuotesAnExample),
        ] {
            assert_eq!(read(text), Err(reason), "{text}");
        }
        assert_eq!(read("A short quotation is none."), Ok("A short quotation is none.".into()));
        assert_eq!(text(&answer("New.", Ended::Length), &[]), Err(Unusable::CutOff));
        assert_eq!(text(&answer("", Ended::Refused("long".into())), &[]), Err(Unusable::Refused));
    }

    #[test]
    fn a_text_about_one_example_is_none() {
        let inputs = ["MacArthur Road was closed in 1987 by plastic barriers.", "Who closed the Road? The County did."];
        let read = |text: &'static str| general(text, &inputs, "Answer as the County would.");
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
        assert_eq!(general(german, &inputs, ""), Ok(german));
    }

    #[test]
    fn a_sentence_is_the_first_line() {
        let first = |text: &str, ended| sentence(&answer(text, ended), &[]).map(str::to_owned);
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
            let _ = sentence(&answer(&words, Ended::Length), &[]);
        }
    }
}
