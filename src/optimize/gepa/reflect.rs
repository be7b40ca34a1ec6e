//! Reflection: from traces and feedback to a new instruction.
//!
//! The prompt is packed to the reflector's context: the answer's room is reserved first, then
//! examples are added while they fit. What comes back is a proposal only if it is a whole prompt
//! that has not been tried; anything else is counted by its reason and never run.

use crate::engine::{Completion, Decoding, Ended, Message, ModelId, Request};
use crate::journal::{Scored, Verdict};
use crate::program::Module;

/// Tokens left free for what a chat template adds.
const TEMPLATE_ROOM: usize = 64;

/// The most characters of one field in a reflection; longer ones are cut in the middle.
const FIELD_LENGTH: usize = 1500;

/// The most characters of what a reflector says before its prompt ("Here is the new instruction:").
const LEAD_IN_LENGTH: usize = 100;

/// An input of so many characters or more must not stand in a proposal word for word.
const QUOTE_LENGTH: usize = 40;

/// A reflection ready to be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Reflection {
    /// The chat.
    pub messages: Vec<Message>,
    /// Examples that found room.
    pub examples: usize,
}

/// Why a reflector's answer is no proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unusable {
    /// Not asked: no example fits the reflector's context.
    NoRoom,
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
    /// It is the instruction it should improve.
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
            Self::Refused => "refused",
            Self::Empty => "empty",
            Self::CutOff => "cut off",
            Self::NotAPrompt => "not a prompt",
            Self::QuotesAnExample => "quotes an example",
            Self::Unchanged => "unchanged",
            Self::Repeated => "repeated",
        }
    }
}

/// Builds the reflection on `module`, whose instruction produced `rollouts`. `profile` is what the
/// training data says of its outputs ([`super::profile`]). `room` is how many tokens the prompt may have; `count` counts them.
#[must_use]
pub fn compose(
    module: &Module,
    instruction: &str,
    profile: &str,
    rollouts: &[&Scored],
    room: usize,
    count: &dyn Fn(&str) -> usize,
) -> Reflection {
    let head = opening(module, instruction);
    let tail = task(module, profile);
    let mut left = room.saturating_sub(count(&head) + count(&tail) + TEMPLATE_ROOM);
    let mut text = head;
    let mut examples = 0;
    for scored in rollouts {
        let Some(example) = example(module, scored, examples + 1) else {
            continue;
        };
        let tokens = count(&example);
        if tokens > left {
            continue;
        }
        left -= tokens;
        text.push_str(&example);
        examples += 1;
    }
    text.push_str(&tail);
    Reflection { messages: vec![Message::user(text)], examples }
}

/// The request for a reflection.
#[must_use]
pub fn request(model: ModelId, messages: Vec<Message>, max_tokens: u32, temperature: f32, seed: u64) -> Request {
    let decoding = Decoding { temperature, top_p: 0.95, ..Decoding::greedy(max_tokens) };
    Request { model, messages, breakpoints: Vec::new(), decoding, seed }
}

fn names(fields: &[String]) -> String {
    fields.iter().map(|f| format!("`{f}`")).collect::<Vec<_>>().join(", ")
}

fn opening(module: &Module, instruction: &str) -> String {
    format!(
        "An assistant reads {} and must write {}. It follows this instruction:\n\n```\n{instruction}\n```\n\n\
         Here is how it did. Each example has what it read, what it wrote, and feedback on that.\n\n",
        names(&module.inputs),
        names(&module.outputs),
    )
}

fn task(module: &Module, profile: &str) -> String {
    let known = if profile.is_empty() { String::new() } else { format!("In all the data there is:\n{profile}\n") };
    format!(
        "{known}Write a better instruction for the assistant, so that it makes none of these mistakes, on new inputs as well.\n\
         - Keep what is right in the instruction above, and add what the feedback teaches.\n\
         - For each of {}, name the values that may be written, spelled exactly so, and say in a few words when each \
         one is right. Do not invent values.\n\
         - Say what to write when the input does not have it.\n\
         - Use short plain sentences, at most 150 words in all. Do not repeat the examples.\n\
         Write the whole new instruction and nothing else, between two lines of ```.\n",
        names(&module.outputs),
    )
}

/// One rollout as the reflector reads it; None where the module never ran.
fn example(module: &Module, scored: &Scored, number: usize) -> Option<String> {
    let step = scored.rollout.steps.iter().find(|step| step.module == module.name)?;
    let mut text = format!("# Example {number}\n");
    for (name, value) in &step.inputs {
        text.push_str(&format!("{name}: {}\n", cut_middle(value.trim())));
    }
    text.push_str(&format!("\nThe assistant wrote:\n{}\n\n", cut_middle(step.answer.trim())));
    text.push_str("Feedback: ");
    text.push_str(&feedback(&module.name, scored));
    text.push_str("\n\n");
    Some(text)
}

/// The metric's words on this module, or on the whole rollout where it has none.
fn feedback(module: &str, scored: &Scored) -> String {
    match &scored.verdict {
        Verdict::Judged(judgement) => match judgement.module_feedback.get(module) {
            Some(own) => format!("{} {own}", judgement.feedback),
            None => judgement.feedback.clone(),
        },
        Verdict::Unscored(_) => "The answer could not be judged.".into(),
    }
}

fn cut_middle(text: &str) -> String {
    let count = text.chars().count();
    if count <= FIELD_LENGTH {
        return text.to_owned();
    }
    let head: String = text.chars().take(FIELD_LENGTH * 2 / 3).collect();
    let tail: String = text.chars().skip(count - FIELD_LENGTH / 3).collect();
    format!("{head}\n[… {} characters left out …]\n{tail}", count - FIELD_LENGTH)
}

/// The instruction in a reflector's answer. `tried` says whether a text was tried before.
///
/// # Errors
/// [`Unusable`]
pub fn read(
    completion: &Completion,
    parent: &str,
    rollouts: &[&Scored],
    tried: impl Fn(&str) -> bool,
) -> Result<String, Unusable> {
    match completion.ended {
        Ended::Refused(_) => return Err(Unusable::Refused),
        Ended::Length => return Err(Unusable::CutOff),
        Ended::Stop => {}
    }
    let text = unwrap_fence(completion.text.trim());
    if text.is_empty() {
        return Err(Unusable::Empty);
    }
    if matches!(serde_json::from_str(text), Ok(serde_json::Value::Object(_) | serde_json::Value::Array(_))) {
        return Err(Unusable::NotAPrompt);
    }
    let inputs = rollouts.iter().flat_map(|s| &s.rollout.steps).flat_map(|step| &step.inputs);
    if inputs.map(|(_, value)| value.trim()).any(|value| value.chars().count() >= QUOTE_LENGTH && text.contains(value)) {
        return Err(Unusable::QuotesAnExample);
    }
    if text == parent.trim() {
        return Err(Unusable::Unchanged);
    }
    if tried(text) {
        return Err(Unusable::Repeated);
    }
    Ok(text.to_owned())
}

/// The inside of the fence around a prompt: from the first line of three backticks to the last, so
/// that a prompt with fenced blocks of its own stays whole. A language tag on the fence's line
/// goes with it; a first word of the prompt does not. Without a fence, all of the text; and so where
/// more than a few words stand before it, for then it fences a sample within the prompt.
fn unwrap_fence(text: &str) -> &str {
    const FENCE: &str = "```";
    let Some(open) = text.find(FENCE) else {
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
    use crate::metric::Judgement;
    use crate::program::{Rollout, Step};
    use proptest::prelude::*;

    const LONG_INPUT: &str = "my parcel has not come for three weeks and nobody answers";

    fn scored() -> Scored {
        let step = Step {
            module: "m".into(),
            inputs: vec![("text".into(), LONG_INPUT.into())],
            answer: "label: x".into(),
            ended: Ended::Stop,
            outputs: std::collections::BTreeMap::new(),
            problem: None,
            usage: Usage::default(),
        };
        Scored {
            rollout: Rollout { steps: vec![step], failure: None },
            verdict: Verdict::Judged(Judgement::new(0.0, "Wrong: say `y`.")),
        }
    }

    fn module() -> Module {
        Module {
            name: "m".into(),
            inputs: vec!["text".into()],
            outputs: vec!["label".into()],
            max_tokens: 8,
            temperature: 0.0,
            model: ModelId(0),
        }
    }

    fn answer(text: &str, ended: Ended) -> Completion {
        Completion { text: text.into(), reasoning: None, ended, usage: Usage::default() }
    }

    fn read_text(text: &str) -> Result<String, Unusable> {
        read(&answer(text, Ended::Stop), "Old.", &[&scored()], |t| t == "Tried before.")
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
            assert_eq!(read_text(text).as_deref(), Ok("New."), "{text}");
        }
    }

    #[test]
    fn two_fenced_blocks_do_not_yield_what_is_between_them() {
        let text = "```\nAnswer like this:\n```\na: b\n```\nNothing else.\n```";
        assert_eq!(read_text(text).unwrap(), "Answer like this:\n```\na: b\n```\nNothing else.");
    }

    #[test]
    fn a_fenced_sample_within_an_unfenced_prompt_stays_there() {
        let text = "Sort every message by its team. The teams are billing, for whatever is about money, and shipping, for parcels.\n```\nteam: billing\n```";
        assert_eq!(read_text(text).as_deref(), Ok(text));
    }

    #[test]
    fn a_first_word_is_no_language_tag() {
        assert_eq!(read_text("```Classify the text.\nUse one word.\n```").unwrap(), "Classify the text.\nUse one word.");
    }

    #[test]
    fn what_is_no_proposal_is_named() {
        for (text, reason) in [
            ("", Unusable::Empty),
            ("```\n\n```", Unusable::Empty),
            ("Old.", Unusable::Unchanged),
            ("```\nTried before.\n```", Unusable::Repeated),
            ("```json\n{\"task\": \"classify\"}\n```", Unusable::NotAPrompt),
            (&format!("Say y for: {LONG_INPUT}!"), Unusable::QuotesAnExample),
        ] {
            assert_eq!(read_text(text), Err(reason), "{text}");
        }
        assert_eq!(read(&answer("New.", Ended::Length), "Old.", &[], |_| false), Err(Unusable::CutOff));
        assert_eq!(read(&answer("", Ended::Refused("long".into())), "Old.", &[], |_| false), Err(Unusable::Refused));
    }

    #[test]
    fn a_placeholder_in_an_instruction_stays_as_it_is() {
        let reflection = compose(&module(), "Use <side_info> and {{ x }}.", "", &[&scored()], 10_000, &|t| t.len());
        assert!(reflection.messages[0].content.contains("\nUse <side_info> and {{ x }}.\n"));
        assert_eq!(reflection.examples, 1);
    }

    proptest! {
        #[test]
        fn a_reflection_keeps_within_its_room(room in 0..6000_usize, count in 0..6_usize) {
            let one = scored();
            let rollouts = vec![&one; count];
            let reflection = compose(&module(), "Old.", "- `label` is one of `x`, `y`.\n", &rollouts, room, &|t| t.len());
            prop_assert!(reflection.examples <= count);
            if reflection.examples > 0 {
                prop_assert!(reflection.messages[0].content.len() + TEMPLATE_ROOM <= room);
            }
        }

        #[test]
        fn any_answer_is_read_without_panic(text in "(?s)[`a-z{}\n ]{0,80}") {
            if let Ok(prompt) = read_text(&text) {
                prop_assert!(!prompt.trim().is_empty());
            }
        }
    }
}
