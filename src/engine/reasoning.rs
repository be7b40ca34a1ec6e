//! Splits what a model thinks aloud from what it answers.

/// How a model family marks its reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tags {
    /// Opens reasoning.
    pub open: &'static str,
    /// Stands between reasoning and answer.
    pub close: &'static str,
    /// What ends reasoning that the model has not ended, `close` at its end.
    end: &'static str,
    /// What the family writes behind `open` and behind `close`.
    gaps: (&'static str, &'static str),
}

impl Tags {
    const fn of(open: &'static str, close: &'static str, end: &'static str) -> Self {
        Self { open, close, end, gaps: ("\n", "\n\n") }
    }

    /// Those of the model with this chat template, where it has any.
    #[must_use]
    pub fn of_template(source: &str) -> Option<Self> {
        TAGS.into_iter().find(|tags| source.contains(tags.open) || source.contains(tags.close))
    }

    /// What opens reasoning behind a rendered prompt; empty where the template has opened it.
    #[must_use]
    pub fn opening(&self, prompt: &str) -> String {
        if opened_by(prompt).is_some() { String::new() } else { format!("{}{}", self.open, self.gaps.0) }
    }

    /// What leads from `thought`, the reasoning so far, to the answer.
    #[must_use]
    pub fn closing(&self, thought: &str) -> String {
        match thought.rfind(self.close) {
            Some(at) if thought[at + self.close.len()..].contains('\n') => String::new(),
            Some(_) => self.gaps.1.to_owned(),
            None => format!("{}{}", self.end, self.gaps.1),
        }
    }

    /// What makes a rendered prompt one whose answer begins at once: reasoning that the template has opened is closed, and a
    /// channel is chosen where there are several. Empty for other prompts.
    #[must_use]
    pub fn skipping(&self, prompt: &str) -> String {
        let opened = opened_by(prompt) == Some(self.open);
        let is_harmony = *self == HARMONY && prompt.trim_end().ends_with("<|start|>assistant");
        match (is_harmony, opened) {
            (true, _) => self.close.to_owned(),
            (false, true) => format!("{}{}", self.end, self.gaps.1),
            (false, false) => String::new(),
        }
    }
}

/// Channels of one message each, as in OpenAI's gpt-oss.
const HARMONY: Tags = Tags {
    open: "<|channel|>analysis<|message|>",
    close: "<|channel|>final<|message|>",
    end: "<|end|><|start|>assistant<|channel|>final<|message|>",
    gaps: ("", ""),
};

/// The tags between which known model families reason.
const TAGS: [Tags; 6] = [
    Tags::of("<think>", "</think>", "\n</think>"),
    Tags::of("<thinking>", "</thinking>", "\n</thinking>"),
    Tags::of("<seed:think>", "</seed:think>", "\n</seed:think>"),
    Tags::of("[THINK]", "[/THINK]", "\n[/THINK]"),
    Tags { gaps: ("\n", ""), ..Tags::of("<|channel>thought", "<channel|>", "\n<channel|>") },
    HARMONY,
];

/// The special tokens that such tags are made of: a model that has one says it where it reasons.
pub const MARKS: [&str; 14] = [
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
];

/// Splits `text` into reasoning, where there is any, and the answer.
///
/// Reasoning stands at the beginning only. An opening tag that is never closed makes the whole
/// text reasoning: an answer that was cut off while thinking is no answer. A closing tag without an
/// opening one ends reasoning that the chat template had opened.
#[must_use]
pub fn split(text: &str) -> (Option<String>, String) {
    let start = text.trim_start();
    for Tags { open, close, end, .. } in TAGS {
        let thought = |text: &str| {
            let before = end.trim_start().strip_suffix(close).unwrap_or("");
            non_empty(text.strip_suffix(before).unwrap_or(text))
        };
        if let Some(rest) = start.strip_prefix(open) {
            return match rest.find(close) {
                Some(at) => (thought(&rest[..at]), rest[at + close.len()..].trim_start().to_owned()),
                None => (non_empty(rest), String::new()),
            };
        }
        if let Some(at) = start.find(close)
            && !start[..at].contains(open)
        {
            return (thought(&start[..at]), start[at + close.len()..].trim_start().to_owned());
        }
    }
    (None, text.to_owned())
}

/// The opening tag with which a rendered prompt ends. Some templates open reasoning themselves, so that an answer cut off while
/// thinking has no tag of its own.
#[must_use]
pub fn opened_by(prompt: &str) -> Option<&'static str> {
    TAGS.into_iter().map(|tags| tags.open).find(|open| prompt.trim_end().ends_with(open))
}

fn non_empty(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{HARMONY, MARKS, TAGS, Tags, opened_by, split};

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
    fn cut_off_reasoning_is_no_answer() {
        assert_eq!(split("<think>so, the prompt should"), (Some("so, the prompt should".into()), String::new()));
    }

    #[test]
    fn reasoning_opened_by_the_template_is_split_off() {
        assert_eq!(split("hm\n</think>yes"), (Some("hm".into()), "yes".into()));
    }

    #[test]
    fn a_prompt_that_opens_reasoning_is_recognized() {
        assert_eq!(opened_by("<|assistant|><think>\n"), Some("<think>"));
        assert_eq!(opened_by("<think>\n\n</think>\n\n"), None);
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

    #[test]
    fn what_leads_to_an_answer_ends_the_reasoning_of_every_family() {
        for tags in TAGS {
            assert!(tags.end.ends_with(tags.close) && !tags.open.is_empty());
            assert_eq!(Tags::of_template(&format!("{{{{ '{}' }}}}", tags.open)), Some(tags));
            for thought in ["so", ""] {
                let opened = format!("{}{thought}", tags.opening("<|assistant|>"));
                let whole = format!("{opened}{}yes", tags.closing(&opened));
                assert_eq!(split(&whole), ((!thought.is_empty()).then(|| thought.to_owned()), "yes".into()), "{whole}");
            }
            // Closed by the model itself.
            let closed = format!("{}so{}", tags.open, tags.end);
            assert_eq!(split(&format!("{closed}{}yes", tags.closing(&closed))), (Some("so".into()), "yes".into()));
            assert!(MARKS.iter().any(|mark| tags.open.contains(mark)) && MARKS.iter().any(|mark| tags.close.contains(mark)));
        }
        assert_eq!(Tags::of_template("{{ messages }}"), None);
    }

    #[test]
    fn an_answer_at_once_has_no_reasoning_open_before_it() {
        let think = TAGS[0];
        assert_eq!(think.opening("<|assistant|>"), "<think>\n");
        assert_eq!(think.opening("<|assistant|><think>\n"), "");
        assert_eq!(think.skipping("<|assistant|><think>\n"), "\n</think>\n\n");
        assert_eq!(think.skipping("<|assistant|><think>\n\n</think>\n\n"), "");
        assert_eq!(think.skipping("<|assistant|>"), "");
        assert_eq!(HARMONY.skipping("<|start|>assistant"), "<|channel|>final<|message|>");
    }
}
