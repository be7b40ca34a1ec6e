//! Reads a module's outputs from a model's answer.
//!
//! The value of a single output is the whole answer, without the label, fence or quotes that chat models put around it. Several
//! outputs are read from lines `name: value`, or from a JSON object with those keys.

use std::collections::BTreeMap;

use serde_json::Value;

use super::layout::REASONING;
use crate::data::{listed, to_text};

/// Values of outputs by name.
pub type Outputs = BTreeMap<String, String>;

/// Reads the outputs called `names` from `answer`. Outputs that are missing or empty are left out.
#[must_use]
pub fn outputs(names: &[String], answer: &str) -> Outputs {
    let answer = answer.trim();
    if let [only] = names {
        let value = single_value(only, answer);
        return if value.is_empty() { Outputs::new() } else { Outputs::from([(only.clone(), value)]) };
    }
    let from_lines = labelled_lines(names, answer);
    // An object with fewer of the names than there are labelled lines is the value of one output.
    let count = |json: &serde_json::Map<String, Value>| names.iter().filter(|name| json.contains_key(*name)).count();
    let json = json_object(answer).filter(|json| count(json) >= from_lines.len()).unwrap_or_default();
    let mut found: Outputs = names.iter().filter_map(|name| Some((name.clone(), to_text(json.get(name)?)))).collect();
    for (name, value) in from_lines {
        found.entry(name).or_insert(value);
    }
    found
}

/// Reads the outputs called `names` from an answer that begins with reasoning. Outputs are read from lines `name: value`. If there
/// is a single output and its name is not found, its value is the last line of the answer.
#[must_use]
pub fn reasoned(names: &[String], answer: &str) -> Outputs {
    let mut labels = names.to_vec();
    labels.push(REASONING.into());
    let mut found = labelled_lines(&labels, answer);
    found.remove(REASONING);
    if let ([only], true) = (names, found.is_empty())
        && let Some(last) = answer.lines().map(str::trim).rfind(|line| !line.is_empty())
        // A line that only opens or closes a code block is no value.
        && !last.starts_with("```")
    {
        found.insert(only.clone(), single_value(only, last));
    }
    found
}

/// Returns which of the outputs called `names` were not found in `answer`, in words for the reflector. None if all were found.
#[must_use]
pub fn missing(names: &[String], found: &Outputs, answer: &str) -> Option<String> {
    let absent: Vec<&String> = names.iter().filter(|name| !found.contains_key(*name)).collect();
    if absent.is_empty() {
        return None;
    }
    if answer.trim().is_empty() {
        return Some("The answer was empty.".into());
    }
    let form: Vec<String> = names.iter().map(|name| format!("`{name}: …`")).collect();
    Some(format!(
        "The answer could not be read: {} {} missing. It must have one line for each field: {}.",
        listed(&absent),
        if absent.len() == 1 { "is" } else { "are" },
        form.join(", ")
    ))
}

/// Returns the value inside a JSON object whose only key is the output's `name`; models wrap single answers this way. None if
/// `value` is no such object, or if the value inside is itself an object or a list.
#[must_use]
pub fn unwrapped(name: &str, value: &str) -> Option<String> {
    let (object, _) = leading_object(value.trim_start())?;
    let (key, inner) = object.iter().next().filter(|_| object.len() == 1)?;
    (is_label_of(key, name) && !inner.is_object() && !inner.is_array()).then(|| to_text(inner))
}

/// Returns the JSON object at the beginning of a text, and its length in bytes.
fn leading_object(text: &str) -> Option<(serde_json::Map<String, Value>, usize)> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match stream.next() {
        Some(Ok(Value::Object(map))) => Some((map, stream.byte_offset())),
        _ => None,
    }
}

/// Whether an answer begins with the label of the reasoning or of one of the outputs called `names`.
#[must_use]
pub fn begins_with_a_label(names: &[String], answer: &str) -> bool {
    // The keys of a JSON object are not labels.
    if leading_object(answer.trim_start()).is_some() {
        return false;
    }
    let label = answer.trim_start().split_once(':').map(|(label, _)| label);
    let has_label = |name: &str| label.is_some_and(|label| is_label_of(label, name));
    has_label(REASONING) || names.iter().any(|name| has_label(name))
}

/// Returns the first JSON object in `text`, inside a code block or not. None if no object begins at one of the first 20 `{`.
#[must_use]
pub fn json_object(text: &str) -> Option<serde_json::Map<String, Value>> {
    text.match_indices('{').take(20).find_map(|(at, _)| leading_object(&text[at..])).map(|(object, _)| object)
}

/// Returns a whole answer without the label, code fence and quotes around it.
fn single_value(name: &str, answer: &str) -> String {
    let mut text = unfence(answer);
    if leading_object(text).is_none()
        && let Some((label, rest)) = text.split_once(':')
        && is_label_of(label, name)
    {
        text = unfence(without_closing_emphasis(label, rest));
    }
    unquote(text).to_owned()
}

/// Reads lines `name: value`. A value continues until the next name. If a name occurs more than once, the first value counts.
fn labelled_lines(names: &[String], answer: &str) -> Outputs {
    let mut found = Outputs::new();
    let mut current: Option<(String, String)> = None;
    let close = |current: &mut Option<(String, String)>, found: &mut Outputs| {
        if let Some((name, value)) = current.take() {
            let value = unquote(value.trim().trim_end_matches("```").trim().trim_end_matches(',')).to_owned();
            if !value.is_empty() {
                found.entry(name).or_insert(value);
            }
        }
    };
    // Nothing inside a code block of a value is a label, provided that the block is closed.
    let is_fence = |line: &str| line.trim_start().starts_with("```");
    let last_fence = answer.lines().enumerate().filter(|(_, line)| is_fence(line)).map(|(number, _)| number).last().unwrap_or(0);
    let mut fenced = false;
    // Nor is anything inside a JSON object that is a value. This is the offset where the last such object ends.
    let mut object_end = 0;
    let offset = |part: &str| part.as_ptr().addr() - answer.as_ptr().addr();
    for (number, line) in answer.lines().enumerate() {
        let label_of = |line: &str| {
            let (label, rest) = line.split_once(':')?;
            let name = names.iter().find(|name| is_label_of(label, name))?;
            let rest = without_closing_emphasis(label, rest);
            Some((name.clone(), rest.to_owned(), offset(rest)))
        };
        let labelled = if fenced || offset(line) < object_end { None } else { label_of(line) };
        let labelled = labelled.map(|(name, rest, at)| {
            object_end = leading_object(&answer[at..]).map_or(0, |(_, length)| at + length);
            (name, rest)
        });
        match &labelled {
            Some((_, rest)) => fenced = rest.starts_with("```") && number < last_fence,
            None if current.is_some() && is_fence(line) => fenced = !fenced && number < last_fence,
            None => {}
        }
        match (labelled, &mut current) {
            (Some(next), _) => {
                close(&mut current, &mut found);
                current = Some(next);
            }
            (None, Some((_, value))) => {
                value.push('\n');
                value.push_str(line);
            }
            (None, None) => {}
        }
    }
    close(&mut current, &mut found);
    found
}

/// Whether `label` is an output's name, without regard to case and surrounding marks. A name may itself begin or end with such
/// marks.
pub(crate) fn is_label_of(label: &str, name: &str) -> bool {
    without_marks(label).eq_ignore_ascii_case(without_marks(name))
}

/// Returns what stands behind a label and its colon, without the marks that close the label's emphasis, as in `**Label:** value`.
/// Marks of the value itself are kept.
fn without_closing_emphasis<'a>(label: &str, rest: &'a str) -> &'a str {
    let is_mark = |c: char| c.is_whitespace() || matches!(c, '-' | '#' | '>' | '*');
    let before = &label[..label.len() - label.trim_start_matches(is_mark).len()];
    let opened = if label.ends_with('*') { 0 } else { before.len() - before.trim_end_matches('*').len() };
    let rest = rest.trim();
    let closes = rest.len() - rest.trim_start_matches('*').len();
    rest[closes.min(opened)..].trim()
}

/// Returns a label without list marks, emphasis and quotes around it.
fn without_marks(label: &str) -> &str {
    label.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '-' | '#' | '"' | '\'' | '`' | '_' | '>' | '{'))
}

/// Returns the content of a code block if the block is the whole text, otherwise the text.
fn unfence(text: &str) -> &str {
    // A fence in between means that there are two blocks.
    let inside = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")).filter(|inside| !inside.contains("\n```"));
    match inside {
        Some(inside) => match inside.split_once('\n') {
            Some((tag, body)) if !tag.trim_end().contains(char::is_whitespace) => body.trim(),
            _ => inside.trim(),
        },
        None => text,
    }
}

/// The most bytes of a text that is taken out of its quotes. A longer text, or one of several lines, was quoted on purpose.
const LONGEST_QUOTED: usize = 100;

/// Returns a short text without one pair of quotes around it.
fn unquote(text: &str) -> &str {
    let text = text.trim();
    if text.len() > LONGEST_QUOTED || text.contains('\n') {
        return text;
    }
    for quote in ['"', '\'', '`'] {
        if let Some(inside) = text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote))
            && !inside.contains(quote)
        {
            return inside.trim();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_code_blocks_are_not_taken_for_one() {
        let answer = "```python\ndef f(n):\n    return n\n```\nFor example:\n```python\nf(1)\n```";
        assert_eq!(outputs(&names(&["code"]), answer)["code"], answer);
        assert_eq!(reasoned(&names(&["code"]), "Well.\n```\nf(1)\n```"), Outputs::new());
    }

    #[test]
    fn a_name_inside_a_code_block_does_not_end_a_value() {
        let answer = "plan: count\ncode: ```python\nx = {\n\"plan\": 1,\n}\n```";
        let found = outputs(&names(&["plan", "code"]), answer);
        assert_eq!(found["plan"], "count");
        assert!(found["code"].contains("\"plan\": 1,\n}"), "{found:?}");
        let open = outputs(&names(&["code", "plan"]), "code: ```python\nx = 1\nplan: count");
        assert_eq!(open["plan"], "count", "labels in a block that is never closed count");
    }

    #[test]
    fn an_object_that_is_the_value_of_one_output_gives_no_value_to_others() {
        let found = outputs(&names(&["answer", "payload"]), "answer: yes\npayload: {\"answer\": \"no\", \"n\": 1}");
        assert_eq!((found["answer"].as_str(), found["payload"].as_str()), ("yes", "{\"answer\": \"no\", \"n\": 1}"));
    }

    #[test]
    fn the_keys_of_an_object_are_not_labels() {
        let object = "{\"answer\": \"Paris\", \"confidence\": \"high\"}";
        assert_eq!(outputs(&names(&["answer"]), object)["answer"], object);
        assert_eq!(outputs(&names(&["answer"]), &format!("answer: {object}"))["answer"], object);
        assert!(!begins_with_a_label(&names(&["answer"]), object));
        let pretty = "payload: {\n\"answer\": \"no\",\n\"n\": 1\n}\nanswer: yes";
        let found = outputs(&names(&["answer", "payload"]), pretty);
        assert_eq!((found["answer"].as_str(), found["payload"].as_str()), ("yes", "{\n\"answer\": \"no\",\n\"n\": 1\n}"));
        // Labels in an object that is never closed count.
        assert_eq!(outputs(&names(&["payload", "answer"]), "payload: {\nanswer: yes")["answer"], "yes");
    }

    #[test]
    fn an_answer_wrapped_in_an_object_is_unwrapped() {
        assert_eq!(unwrapped("label", "{\"Label\": \"spam\"} since it sells").as_deref(), Some("spam"));
        assert_eq!(unwrapped("n", "{\"n\": 3}").as_deref(), Some("3"));
        for other in ["{\"label\": \"spam\", \"why\": \"x\"}", "{\"kind\": \"spam\"}", "{\"label\": [1]}", "spam", "{"] {
            assert_eq!(unwrapped("label", other), None, "{other}");
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&n| n.to_owned()).collect()
    }

    #[test]
    fn a_long_text_keeps_its_quotes() {
        let poem = format!("\"{}\"", "All that is gold does not glitter. ".repeat(4).trim());
        assert_eq!(outputs(&names(&["response"]), &poem)["response"], poem);
        assert_eq!(outputs(&names(&["response"]), "\"one\ntwo\"")["response"], "\"one\ntwo\"");
    }

    #[test]
    fn a_single_output_is_read_from_many_forms() {
        for answer in [
            "spam",
            " spam\n",
            "label: spam",
            "**Label:** spam",
            "\"spam\"",
            "```\nspam\n```",
            "label: `spam`",
            "```json\nspam\n```",
            "```json\r\nspam\r\n```",
        ] {
            assert_eq!(outputs(&names(&["label"]), answer)["label"], "spam", "{answer}");
        }
    }

    #[test]
    fn the_emphasis_of_a_label_is_no_part_of_the_value_but_that_of_the_value_is() {
        for (answer, value) in [
            ("**Grade:** A", "A"),
            ("**Grade**: A", "A"),
            ("***Grade:*** A*", "A*"),
            ("- **Grade:** A", "A"),
            ("* Grade: *", "*"),
            ("Grade: *", "*"),
            ("Grade: **A**", "**A**"),
            ("**Grade:** **A**", "**A**"),
        ] {
            assert_eq!(outputs(&names(&["grade"]), answer)["grade"], value, "{answer}");
            let both = format!("{answer}\nwhy: so");
            assert_eq!(outputs(&names(&["grade", "why"]), &both)["grade"], value, "{both}");
        }
    }

    #[test]
    fn a_name_may_begin_or_end_with_the_marks_that_are_removed_from_labels() {
        for answer in ["class_: spam", "spam", "**class_**: spam", "Class: spam"] {
            assert_eq!(outputs(&names(&["class_"]), answer)["class_"], "spam", "{answer}");
        }
        let found = outputs(&names(&["class_", "_why"]), "class_: spam\n_why: it sells");
        assert_eq!((found["class_"].as_str(), found["_why"].as_str()), ("spam", "it sells"));
    }

    #[test]
    fn a_colon_in_a_value_does_not_make_a_label() {
        assert_eq!(outputs(&names(&["answer"]), "Note: all is well")["answer"], "Note: all is well");
    }

    #[test]
    fn several_outputs_are_read_from_many_forms() {
        let wanted = Outputs::from([("team".into(), "billing".into()), ("order".into(), "12345".into())]);
        for answer in [
            "team: billing\norder: 12345",
            "- **Team**: billing\n- **Order**: 12345",
            "Sure!\n\nTeam: \"billing\"\nORDER: 12345\n",
            "{\"team\": \"billing\", \"order\": 12345}",
            "```json\n{\n  \"team\": \"billing\",\n  \"order\": \"12345\"\n}\n```",
            "team: billing\norder: 12345\nteam: shipping",
        ] {
            assert_eq!(outputs(&names(&["team", "order"]), answer), wanted, "{answer}");
        }
    }

    #[test]
    fn a_value_may_have_several_lines() {
        let found = outputs(&names(&["plan", "answer"]), "plan: one\ntwo\nanswer: 3");
        assert_eq!(found["plan"], "one\ntwo");
    }

    #[test]
    fn an_answer_that_repeats_its_start_is_detected() {
        let begins = |answer| begins_with_a_label(&names(&["plan", "label"]), answer);
        assert!(begins(" **Label**: x") && begins("plan: x") && begins("reasoning: x"));
        assert!(!begins(" x") && !begins("other: x") && !begins(": x"));
    }

    #[test]
    fn the_answer_after_reasoning_is_read() {
        for answer in
            ["reasoning: 3 and 4\nmake 7\nanswer: 7", "reasoning: so **Answer:** is next\n**Answer**: 7", "so it is\n\n7\n"]
        {
            assert_eq!(reasoned(&names(&["answer"]), answer)["answer"], "7", "{answer}");
        }
        assert!(reasoned(&names(&["a", "b"]), "reasoning: none").is_empty());
    }

    #[test]
    fn missing_outputs_are_named() {
        let names = names(&["team", "order"]);
        let found = outputs(&names, "team: billing");
        let words = missing(&names, &found, "team: billing").unwrap();
        assert!(words.contains("`order` is missing"), "{words}");
        assert_eq!(missing(&names, &outputs(&names, ""), " ").unwrap(), "The answer was empty.");
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_panic(answer in "(?s).{0,200}") {
            let _ = outputs(&names(&["a"]), &answer);
            let found = outputs(&names(&["a", "b"]), &answer);
            prop_assert_eq!(missing(&names(&["a", "b"]), &found, &answer).is_none(), found.len() == 2);
        }

        #[test]
        fn plain_lines_are_read_back(a in "[a-z][a-z ]{0,10}[a-z]", b in "[0-9]{1,6}") {
            let found = outputs(&names(&["x", "y"]), &format!("x: {a}\ny: {b}"));
            prop_assert_eq!(&found["x"], &a);
            prop_assert_eq!(&found["y"], &b);
        }
    }
}
