//! Splits what a model thinks aloud from what it answers.

/// The tags between which known model families reason.
const TAGS: [(&str, &str); 3] = [("<think>", "</think>"), ("<thinking>", "</thinking>"), ("[THINK]", "[/THINK]")];

/// Splits `text` into reasoning, where there is any, and the answer.
///
/// Reasoning stands at the beginning only. An opening tag that is never closed makes the whole
/// text reasoning: an answer that was cut off while thinking is no answer. A closing tag without an
/// opening one ends reasoning that the chat template had opened.
#[must_use]
pub fn split(text: &str) -> (Option<String>, String) {
    let start = text.trim_start();
    for (open, close) in TAGS {
        if let Some(rest) = start.strip_prefix(open) {
            return match rest.find(close) {
                Some(end) => {
                    let answer = rest[end + close.len()..].trim_start().to_owned();
                    (non_empty(&rest[..end]), answer)
                }
                None => (non_empty(rest), String::new()),
            };
        }
        if let Some(end) = start.find(close)
            && !start[..end].contains(open)
        {
            let answer = start[end + close.len()..].trim_start().to_owned();
            return (non_empty(&start[..end]), answer);
        }
    }
    (None, text.to_owned())
}

/// The opening tag with which a rendered prompt ends; empty where it ends otherwise. Some templates
/// open reasoning themselves, so that an answer cut off while thinking has no tag of its own.
#[must_use]
pub fn opened_by(prompt: &str) -> &'static str {
    TAGS.into_iter().map(|(open, _)| open).find(|open| prompt.trim_end().ends_with(open)).unwrap_or("")
}

fn non_empty(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{opened_by, split};

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
        assert_eq!(opened_by("<|assistant|><think>\n"), "<think>");
        assert_eq!(opened_by("<think>\n\n</think>\n\n"), "");
    }

    #[test]
    fn a_tag_later_in_the_answer_is_text() {
        let text = "Use <think> tags.";
        assert_eq!(split(text), (None, text.into()));
    }
}
