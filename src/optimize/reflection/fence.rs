//! Finds the text that a reflector has put into a fence, among what it wrote around it.

/// The most characters of what a reflector writes before its text without saying what it is, such as "Here you are:".
const MAX_LEAD_IN_LENGTH: usize = 100;

/// The most characters of a line that announces a prompt.
const MAX_ANNOUNCEMENT_LENGTH: usize = 200;

/// The fewest marks of a fence.
const MARKS: usize = 3;

/// The fewest words of a prompt in a fence below a long lead-in.
const MIN_WORDS: usize = 4;

/// A fence: a run of backticks or tildes.
#[derive(Debug, Clone, Copy)]
struct Fence {
    /// Its first byte.
    start: usize,
    /// The number of its marks, each of one byte.
    length: usize,
    mark: char,
    /// Whether only white space stands before it on its line.
    begins_line: bool,
}

/// Returns the runs of at least three backticks or tildes in a text, in order.
fn fences(text: &str) -> Vec<Fence> {
    let mut found: Vec<Fence> = Vec::new();
    let mut start = 0;
    while let Some(offset) = text[start..].find(['`', '~']) {
        let at = start + offset;
        let mark = if text[at..].starts_with('`') { '`' } else { '~' };
        let length = text[at..].bytes().take_while(|byte| char::from(*byte) == mark).count();
        let before = text[..at].trim_end_matches([' ', '\t']);
        let begins_line = before.is_empty() || before.ends_with('\n');
        if length >= MARKS && (mark == '`' || begins_line) {
            found.push(Fence { start: at, length, mark, begins_line });
        }
        start = at + length;
    }
    found
}

/// Returns the last line before a position that is not blank, in lower case, without marks of emphasis around it.
fn line_before(text: &str, at: usize) -> String {
    let line = text[..at].lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_' | '#')).to_lowercase()
}

fn has_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// Whether a line says that a new prompt follows.
fn announces_prompt(line: &str) -> bool {
    line.ends_with(':')
        && line.chars().count() <= MAX_ANNOUNCEMENT_LENGTH
        && has_any(line, &["instruction", "prompt"])
        && has_any(
            line,
            &["new", "revised", "improved", "updated", "rewritten", "final", "better", "here is", "here's", "proposed"],
        )
}

/// Whether a text is about failures and about the prompt that they call for, rather than a prompt itself.
fn is_about_prompt(text: &str) -> bool {
    let about = [
        "the assistant",
        "the model",
        "instruction",
        "prompt",
        "failure",
        "failed",
        "feedback",
        "mistake",
        "looking at",
        "based on",
    ];
    about.iter().filter(|word| text.contains(**word)).count() >= 2
}

/// Whether a line leads to a sample of an answer.
fn introduces_sample(line: &str) -> bool {
    let sample =
        ["form", "format", "like this", "example", "sample", "as follows", "template", "schema", "structure", "output", "layout"];
    has_any(line, &sample) && !announces_prompt(line)
}

/// Whether the text between fences may be a prompt: it has a sentence, and no tag of a programming language.
fn is_prose(tag: &str, text: &str) -> bool {
    let is_text = ["", "text", "txt", "plaintext", "markdown", "md", "prompt"].contains(&tag.to_lowercase().as_str());
    is_text && text.split_whitespace().count() >= MIN_WORDS && text.contains(['.', '!', '?', '。', '！', '？'])
}

/// Returns the fence that opens the reflector's text. None if its whole answer is the text: it has no fence, or the fence encloses a
/// sample within it.
fn opening(text: &str, fences: &[Fence]) -> Option<Fence> {
    // A fence within a sentence is a part of the sentence.
    let opens = |fence: &&Fence| fence.begins_line || text[..fence.start].trim_end().ends_with(':');
    let first = *fences.iter().find(opens)?;
    let announced = fences.iter().rev().find(|fence| opens(fence) && announces_prompt(&line_before(text, fence.start)));
    if let Some(announced) = announced {
        return Some(*announced);
    }
    let lead_in = text[..first.start].trim();
    if lead_in.chars().count() <= MAX_LEAD_IN_LENGTH {
        return Some(first);
    }
    let (tag, body) = tag_and_body(text, first);
    let is_prompt = is_prose(tag, enclosed(body, first));
    (is_prompt && is_about_prompt(&lead_in.to_lowercase()) && !introduces_sample(&line_before(text, first.start)))
        .then_some(first)
}

/// Returns the language tag behind an opening fence, and what follows. A first word of a prompt is no tag.
fn tag_and_body(text: &str, open: Fence) -> (&str, &str) {
    let inside = &text[open.start + open.length..];
    let (first_line, body) = inside.split_once('\n').unwrap_or((inside, ""));
    let is_tag = first_line.trim().chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '+'));
    if is_tag && !body.trim().is_empty() { (first_line.trim(), body) } else { ("", inside) }
}

/// Returns what stands before the fence that closes `open`. A fence with a tag, or below a line that ends with a colon, opens a block
/// within the text. If the text has no closing fence, all of it is returned.
fn enclosed(body: &str, open: Fence) -> &str {
    let of_kind = fences(body).into_iter().filter(|fence| fence.mark == open.mark && fence.length >= open.length);
    let of_kind: Vec<Fence> = of_kind.collect();
    let Some(last) = of_kind.last() else { return body.trim() };
    let mut depth = 0;
    let mut has_line = false;
    for fence in of_kind.iter().filter(|fence| fence.begins_line) {
        has_line = true;
        let rest = body[fence.start + fence.length..].lines().next().unwrap_or_default();
        let opens = !rest.trim().is_empty() || (depth == 0 && line_before(body, fence.start).ends_with(':'));
        if opens {
            depth += 1;
        } else if depth > 0 {
            depth -= 1;
        } else {
            return body[..fence.start].trim();
        }
    }
    if depth == 0 && has_line { body.trim() } else { body[..last.start].trim() }
}

/// Returns the text between the fences of an answer, without a language tag. Returns all of the answer if it has no fence around its
/// text.
pub(super) fn without_fence(text: &str) -> &str {
    match opening(text, &fences(text)) {
        Some(open) => enclosed(tag_and_body(text, open).1, open),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANALYSIS: &str = "Looking at the failures, the assistant kept writing b where a was right, because it did not look at the \
        number in the text. The new instruction must say that.";

    #[test]
    fn a_long_lead_in_is_left_out() {
        let long = |text: &str| format!("{ANALYSIS}\n\n{text}");
        for text in [
            long("```\nSort the texts by their number.\n```"),
            long("```markdown\nSort the texts by their number.\n```\n\nThis should help with such cases."),
            long("Here is the improved instruction:\n\n```\nSort the texts by their number.\n```"),
            long("**New prompt:**\n~~~\nSort the texts by their number.\n~~~"),
            long(
                "The assistant wrote:\n```\nlabel: b\n```\nSo the revised instruction is:\n```text\nSort the texts by their number.\n```",
            ),
            "First, the feedback:\n```\nWrong: b.\n```\n### Final instruction:\n```\nSort the texts by their number.\n```"
                .to_owned(),
        ] {
            assert_eq!(without_fence(&text), "Sort the texts by their number.", "{text}");
        }
    }

    #[test]
    fn a_sample_within_a_prompt_stays_in_it() {
        let prompt = "You sort the messages of a shop by the team that must answer. Billing has whatever is about money, shipping has parcels.";
        for text in [
            format!("{prompt}\n```\nteam: billing\n```"),
            format!("{prompt} Write your answer in this form:\n```\nteam: billing\nwhy: It is about money.\n```"),
            format!("{prompt} The model must follow this output format of the instruction:\n```\nwhy: It is so.\nteam: x\n```"),
            format!("{prompt}\n```json\n{{\"team\": \"billing\"}}\n```\nWrite nothing else."),
        ] {
            assert_eq!(without_fence(&text), text);
        }
    }

    #[test]
    fn fences_within_a_fence_are_kept() {
        for (text, wanted) in [
            ("````\nAnswer like this:\n```\na: b\n```\n````", "Answer like this:\n```\na: b\n```"),
            ("~~~\nAnswer like this:\n```\na: b\n```\nNo more.\n~~~\nGood luck!", "Answer like this:\n```\na: b\n```\nNo more."),
            ("```\nWrite code:\n```python\nx = 1\n```\nNo more.\n```", "Write code:\n```python\nx = 1\n```\nNo more."),
            ("```\nWrite code, so\n```python\nx = 1\n```", "Write code, so\n```python\nx = 1\n```"),
            ("```\nSort it.\n```\nThe answer would then be:\n```\nlabel: a\n```", "Sort it."),
            ("```\nSort it.\nLabel:\n```", "Sort it.\nLabel:"),
        ] {
            assert_eq!(without_fence(text), wanted, "{text}");
        }
    }
}
