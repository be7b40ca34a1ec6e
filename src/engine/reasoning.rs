//! Splits the reasoning that a model writes before its answer from the answer.

/// The tags with which a model family marks its reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tags {
    /// The tag that opens reasoning.
    pub open: &'static str,
    /// The tag between reasoning and answer.
    pub close: &'static str,
    /// The text that ends reasoning which the model has not ended. It ends with `close`.
    end: &'static str,
    /// The text that the family writes after `open`.
    after_open: &'static str,
    /// The text that the family writes after `close`.
    after_close: &'static str,
    /// The ends of a prompt without reasoning after which `close` opens the answer. Empty for a family whose answer needs no
    /// opening.
    before_answer: &'static [&'static str],
}

impl Tags {
    const fn new(open: &'static str, close: &'static str, end: &'static str) -> Self {
        Self { open, close, end, after_open: "\n", after_close: "\n\n", before_answer: &[] }
    }

    /// Returns the tags that a chat template contains, of several those that it has most often. None if it contains none that are
    /// known.
    #[must_use]
    pub fn from_template(source: &str) -> Option<Self> {
        let mentions = |tags: &Self| match source.matches(tags.close).count() {
            // The families of Cohere have the same opening tag and different ones before the answer.
            0 if tags.open == NORTH.open => 0,
            closing => source.matches(tags.open).count() + closing,
        };
        // Of equally many, the first in the table: `max_by_key` returns the last.
        TAGS.into_iter().rev().filter(|tags| mentions(tags) > 0).max_by_key(mentions)
    }

    /// Returns the text that opens reasoning after a rendered prompt. It is empty if the prompt ends with an opening tag.
    #[must_use]
    pub fn opening(&self, prompt: &str) -> String {
        if trailing_open_tag(prompt).is_some() { String::new() } else { format!("{}{}", self.open, self.after_open) }
    }

    /// Returns the text between `thought`, the reasoning so far, and the answer.
    #[must_use]
    pub fn closing(&self, thought: &str) -> String {
        match thought.rfind(self.close) {
            Some(at) if thought[at + self.close.len()..].contains('\n') => String::new(),
            Some(_) => self.after_close.to_owned(),
            None => format!("{}{}", self.end, self.after_close),
        }
    }

    /// Returns the text after a rendered prompt that makes the answer begin without reasoning: it closes reasoning that the
    /// template has opened, and chooses the channel of the answer for a family with channels. It is empty for other prompts.
    #[must_use]
    pub fn skipping(&self, prompt: &str) -> String {
        let is_open = trailing_open_tag(prompt) == Some(self.open);
        let is_before_answer = self.before_answer.iter().any(|end| prompt.trim_end().ends_with(end));
        match (is_before_answer, is_open) {
            (true, _) => self.close.to_owned(),
            (false, true) => format!("{}{}", self.end, self.after_close),
            (false, false) => String::new(),
        }
    }
}

/// The tags of OpenAI's gpt-oss, which writes reasoning and answer as messages in two channels.
const HARMONY: Tags = Tags {
    open: "<|channel|>analysis<|message|>",
    close: "<|channel|>final<|message|>",
    end: "<|end|><|start|>assistant<|channel|>final<|message|>",
    after_open: "",
    after_close: "",
    before_answer: &["<|start|>assistant"],
};

/// The tags of Cohere's mixtures of experts, in which a tag opens the answer (llama.cpp's `common/parsers/cohere2moe.cpp`).
const NORTH: Tags = Tags {
    open: "<|START_THINKING|>",
    close: "<|START_TEXT|>",
    end: "<|END_THINKING|><|START_TEXT|>",
    after_open: "",
    after_close: "",
    before_answer: &["<|END_THINKING|>"],
};

/// The tags of Cohere's Command R7B and Command A Reasoning. The answer is opened also where there was no reasoning (the chat
/// template of c4ai-command-r7b-12-2024).
const COMMAND: Tags = Tags {
    open: "<|START_THINKING|>",
    close: "<|START_RESPONSE|>",
    end: "<|END_THINKING|><|START_RESPONSE|>",
    after_open: "",
    after_close: "",
    before_answer: &["<|CHATBOT_TOKEN|>", "<|END_THINKING|>"],
};

/// The marks of Apriel 1.5 and 1.6. The chat template of 1.6 writes the first one in front of every answer.
const APRIEL: Tags = Tags {
    open: "Here are my reasoning steps:",
    close: "[BEGIN FINAL RESPONSE]",
    end: "\n[BEGIN FINAL RESPONSE]",
    after_open: "\n",
    after_close: "\n",
    before_answer: &[],
};

/// The tags of Muse Glimmer, which writes reasoning and answer as messages to two recipients, itself and the user.
const MUSE: Tags = Tags {
    open: " to=self<|message|>",
    close: " to=user<|message|>",
    end: "<|eom|><|start|>assistant to=user<|message|>",
    after_open: "",
    after_close: "",
    before_answer: &["<|start|>assistant"],
};

/// The text that Apriel may write behind its answer.
const ANSWER_END: &str = "[END FINAL RESPONSE]";

/// The tags of all known model families.
const TAGS: [Tags; 12] = [
    Tags::new("<think>", "</think>", "\n</think>"),
    Tags::new("<thinking>", "</thinking>", "\n</thinking>"),
    Tags::new("<seed:think>", "</seed:think>", "\n</seed:think>"),
    Tags::new("[THINK]", "[/THINK]", "\n[/THINK]"),
    Tags { after_close: "", ..Tags::new("<|channel>thought", "<channel|>", "\n<channel|>") },
    HARMONY,
    NORTH,
    COMMAND,
    APRIEL,
    MUSE,
    // Hunyuan 3.
    Tags { after_open: "", after_close: "", ..Tags::new("<think:opensource>", "</think:opensource>", "</think:opensource>") },
    // MiniMax-M3 (llama.cpp's `common/parsers/minimax-m3.cpp`).
    Tags { after_open: "", after_close: "", ..Tags::new("<mm:think>", "</mm:think>", "</mm:think>") },
];

/// The special tokens of which the tags consist. Their text is kept in an answer, unlike that of other special tokens.
pub const TAG_TOKENS: [&str; 24] = [
    "<think>",
    "</think>",
    "<thinking>",
    "</thinking>",
    "<seed:think>",
    "</seed:think>",
    "[THINK]",
    "[/THINK]",
    "<|channel>",
    "<channel|>",
    "<|channel|>",
    "<|message|>",
    "<|start|>",
    "<|end|>",
    "<|START_THINKING|>",
    "<|END_THINKING|>",
    "<|START_TEXT|>",
    "<|START_RESPONSE|>",
    "[BEGIN FINAL RESPONSE]",
    "<|eom|>",
    "<think:opensource>",
    "</think:opensource>",
    "<mm:think>",
    "</mm:think>",
];

/// Splits `text` into its reasoning (None if there is none) and the answer.
///
/// Only reasoning at the beginning is recognized. If its opening tag is never closed, the whole text is reasoning and the answer
/// is empty: the model was cut off while it reasoned. A closing tag without an opening one ends reasoning that the chat template
/// has opened.
#[must_use]
pub fn split(text: &str) -> (Option<String>, String) {
    let start = text.trim_start();
    // Reasoning that this family opens, and does not close. Another one may have the same opening tag.
    let mut unfinished = None;
    for Tags { open, close, end, .. } in TAGS {
        let before = end.trim_start().strip_suffix(close).unwrap_or("");
        let (open, close) = (open.trim_start(), close.trim_start());
        let thought = |text: &str| non_empty(text.trim_end().strip_suffix(before).unwrap_or(text));
        let answer = |text: &str| without_end(text).trim_start().to_owned();
        if let Some(rest) = start.strip_prefix(open) {
            match find_close(rest, close).or_else(|| rest.find(close)) {
                Some(at) => return (thought(&rest[..at]), answer(&rest[at + close.len()..])),
                None => unfinished = unfinished.or(Some(rest)),
            }
        } else if let Some(at) = find_close(start, close)
            && !start[..at].contains(open)
        {
            return (thought(&start[..at]), answer(&start[at + close.len()..]));
        }
    }
    match unfinished {
        Some(rest) => (non_empty(rest), String::new()),
        None => (None, without_end(text).to_owned()),
    }
}

/// Returns an answer without the mark that Apriel writes behind it.
fn without_end(text: &str) -> &str {
    text.trim_end().strip_suffix(ANSWER_END).map_or(text, str::trim_end)
}

/// Returns the position of the first closing tag that closes something. One between quotes, or in the middle of a sentence, is
/// mentioned only. None if there is none.
fn find_close(text: &str, close: &str) -> Option<usize> {
    let is_quote = |c: char| matches!(c, '`' | '"' | '\'' | '“' | '”' | '‘' | '’' | '«' | '»' | '„');
    let is_mention = |at: usize| {
        let (before, after) = (&text[..at], &text[at + close.len()..]);
        let is_quoted = before.ends_with(is_quote) && after.starts_with(is_quote);
        let goes_on =
            after.strip_prefix(' ').is_some_and(|rest| rest.starts_with(char::is_lowercase)) || after.starts_with([',', ';']);
        is_quoted || (goes_on && before.ends_with(' '))
    };
    text.match_indices(close).map(|(at, _)| at).find(|&at| !is_mention(at))
}

/// Returns the opening tag with which a rendered prompt ends. None if it ends otherwise.
///
/// Some templates open the reasoning in the prompt, so that an answer which is cut off while reasoning contains no tag.
#[must_use]
pub fn trailing_open_tag(prompt: &str) -> Option<&'static str> {
    TAGS.into_iter().map(|tags| tags.open).find(|open| prompt.trim_end().ends_with(open))
}

/// Returns the text without white space around it. None if nothing is left.
fn non_empty(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{APRIEL, COMMAND, HARMONY, MUSE, NORTH, TAG_TOKENS, TAGS, Tags, split, trailing_open_tag};

    #[test]
    fn plain_text_is_left_alone() {
        assert_eq!(split("  a < b "), (None, "  a < b ".into()));
    }

    #[test]
    fn reasoning_is_split_off() {
        let (why, answer) = split("<think>\nfirst\n</think>\n\nyes");
        assert_eq!((why.as_deref(), answer.as_str()), (Some("first"), "yes"));
    }

    #[test]
    fn empty_reasoning_is_none() {
        assert_eq!(split("<think>\n\n</think>\n\nyes"), (None, "yes".into()));
    }

    #[test]
    fn reasoning_that_is_cut_off_leaves_an_empty_answer() {
        assert_eq!(split("<think>so, the prompt should"), (Some("so, the prompt should".into()), String::new()));
    }

    #[test]
    fn reasoning_opened_by_the_template_is_split_off() {
        assert_eq!(split("hm\n</think>yes"), (Some("hm".into()), "yes".into()));
    }

    #[test]
    fn a_prompt_that_opens_reasoning_is_recognized() {
        assert_eq!(trailing_open_tag("<|assistant|><think>\n"), Some("<think>"));
        assert_eq!(trailing_open_tag("<think>\n\n</think>\n\n"), None);
    }

    #[test]
    fn a_closing_tag_that_is_mentioned_closes_nothing() {
        for text in [
            "Do not write `</think>` in the answer.",
            "Write no tags such as \"</think>\".",
            "Everything before </think> is left out; answer after it.",
            "Leave out <tags>, </think>, and the like.",
        ] {
            assert_eq!(split(text), (None, text.into()));
        }
        let (why, answer) = split("<think>It wrote `</think>` twice.\n</think>\n\nWrite no `</think>`.");
        assert_eq!((why.as_deref(), answer.as_str()), (Some("It wrote `</think>` twice."), "Write no `</think>`."));
        assert_eq!(split("It ends with '</think>'. So:</think>yes"), (Some("It ends with '</think>'. So:".into()), "yes".into()));
        assert_eq!(split("<think>so </think> yes"), (Some("so".into()), "yes".into()));
    }

    #[test]
    fn a_tag_later_in_the_answer_is_text() {
        let text = "Use <think> tags.";
        assert_eq!(split(text), (None, text.into()));
    }

    #[test]
    fn channels_are_split_like_tags() {
        let harmony = "<|channel|>analysis<|message|>so<|end|><|start|>assistant<|channel|>final<|message|>yes";
        assert_eq!(split(harmony), (Some("so".into()), "yes".into()));
        assert_eq!(split("<|channel|>final<|message|>yes"), (None, "yes".into()));
        assert_eq!(split("<|channel>thought\nso\n<channel|>yes"), (Some("so".into()), "yes".into()));
    }

    /// Answers as these families write them.
    #[test]
    fn answers_of_families_with_other_marks_are_split() {
        for (text, why, answer) in [
            (" to=self<|message|>17*23 = 391.<|eom|><|start|>assistant to=user<|message|>391", Some("17*23 = 391."), "391"),
            (" to=self<|message|>Blue.<|start|>assistant to=user<|message|>Blue", Some("Blue.<|start|>assistant"), "Blue"),
            (" to=user<|message|>Hello there.", None, "Hello there."),
            ("<|START_THINKING|>A plan.<|END_THINKING|><|START_RESPONSE|>yes", Some("A plan."), "yes"),
            ("<|START_THINKING|>A plan.<|END_THINKING|><|START_TEXT|>yes", Some("A plan."), "yes"),
            ("<|START_THINKING|>A plan", Some("A plan"), ""),
            ("Here are my reasoning steps:\n1. x\n[BEGIN FINAL RESPONSE]\nParis.\n[END FINAL RESPONSE]", Some("1. x"), "Paris."),
            ("Paris.\n[END FINAL RESPONSE]\n", None, "Paris."),
            ("<think:opensource>so</think:opensource>yes", Some("so"), "yes"),
            ("<mm:think>A plan.</mm:think>yes", Some("A plan."), "yes"),
        ] {
            assert_eq!(split(text), (why.map(str::to_owned), answer.to_owned()), "{text}");
        }
    }

    #[test]
    fn the_closing_text_ends_the_reasoning_of_every_family() {
        for tags in TAGS {
            assert!(tags.end.ends_with(tags.close) && !tags.open.is_empty());
            assert_eq!(Tags::from_template(&format!("{{{{ '{}' ~ '{}' }}}}", tags.open, tags.close)), Some(tags));
            for thought in ["so", ""] {
                let opened = format!("{}{thought}", tags.opening("<|assistant|>"));
                let whole = format!("{opened}{}yes", tags.closing(&opened));
                assert_eq!(split(&whole), ((!thought.is_empty()).then(|| thought.to_owned()), "yes".into()), "{whole}");
            }
            // The model has closed its reasoning.
            let closed = format!("{}so{}", tags.open, tags.end);
            assert_eq!(split(&format!("{closed}{}yes", tags.closing(&closed))), (Some("so".into()), "yes".into()));
            assert!(
                (tags == APRIEL || TAG_TOKENS.iter().any(|token| tags.open.contains(token)))
                    && TAG_TOKENS.iter().any(|token| tags.close.contains(token))
            );
        }
        assert_eq!(Tags::from_template("{{ '<think>' }}"), Some(TAGS[0]));
        assert_eq!(Tags::from_template("{{ messages }}"), None);
    }

    #[test]
    fn skipping_reasoning_leaves_none_open() {
        let think = TAGS[0];
        assert_eq!(think.opening("<|assistant|>"), "<think>\n");
        assert_eq!(think.opening("<|assistant|><think>\n"), "");
        assert_eq!(think.skipping("<|assistant|><think>\n"), "\n</think>\n\n");
        assert_eq!(think.skipping("<|assistant|><think>\n\n</think>\n\n"), "");
        assert_eq!(think.skipping("<|assistant|>"), "");
        assert_eq!(HARMONY.skipping("<|start|>assistant"), "<|channel|>final<|message|>");
        assert_eq!(NORTH.skipping("<|CHATBOT_TOKEN|><|START_THINKING|>"), "<|END_THINKING|><|START_TEXT|>");
        assert_eq!(NORTH.skipping("<|CHATBOT_TOKEN|><|START_THINKING|><|END_THINKING|>"), "<|START_TEXT|>");
        assert_eq!(COMMAND.skipping("<|CHATBOT_TOKEN|>"), "<|START_RESPONSE|>");
        assert_eq!(COMMAND.skipping("<|CHATBOT_TOKEN|><|START_THINKING|><|END_THINKING|>"), "<|START_RESPONSE|>");
        assert_eq!(APRIEL.skipping("<|begin_assistant|>\nHere are my reasoning steps:\n"), "\n[BEGIN FINAL RESPONSE]\n");
        assert_eq!(MUSE.skipping("<|start|>assistant"), " to=user<|message|>");
        assert_eq!(MUSE.opening("<|start|>assistant"), " to=self<|message|>");
    }

    #[test]
    fn of_several_families_in_a_template_the_one_that_it_has_most_often_counts() {
        let source = "{# not <thinking> #}{{ '<think>' }}{{ '</think>' }}";
        assert_eq!(Tags::from_template(source), Some(TAGS[0]));
        assert_eq!(Tags::from_template("{{ '[THINK]' }}{{ '[/THINK]' }}{# <think> #}").map(|tags| tags.open), Some("[THINK]"));
        assert_eq!(Tags::from_template("{{ '<|START_THINKING|>' }}{{ '<|START_RESPONSE|>' }}"), Some(COMMAND));
        assert_eq!(Tags::from_template("{{ '<|START_THINKING|>' }}{{ '<|START_TEXT|>' }}"), Some(NORTH));
        assert_eq!(Tags::from_template("{{ '<|START_THINKING|>' }}"), None);
    }
}
