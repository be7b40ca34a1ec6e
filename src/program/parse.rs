//! From a model's answer to a module's outputs.
//!
//! One output is the whole answer, freed of what chat models wrap around it. Several are read from
//! lines `name: value`, or from a JSON object with those keys.

use std::collections::BTreeMap;

use serde_json::Value;

use super::layout::REASONING;
use crate::data::{listed, to_text};

/// The outputs that were found, by name.
pub type Outputs = BTreeMap<String, String>;

/// Reads the outputs called `names` from `answer`. What is not there is left out.
#[must_use]
pub fn outputs(names: &[String], answer: &str) -> Outputs {
    let answer = answer.trim();
    if let [only] = names {
        let value = one(only, answer);
        return if value.is_empty() { Outputs::new() } else { Outputs::from([(only.clone(), value)]) };
    }
    let from_lines = lines(names, answer);
    // An object with fewer of the names is the value of one of them.
    let has = |json: &serde_json::Map<String, Value>| names.iter().filter(|name| json.contains_key(*name)).count();
    let json = json_object(answer).filter(|json| has(json) >= from_lines.len()).unwrap_or_default();
    let mut found: Outputs = names.iter().filter_map(|n| Some((n.clone(), to_text(json.get(n)?)))).collect();
    for (name, value) in from_lines {
        found.entry(name).or_insert(value);
    }
    found
}

/// The same of an answer that reasons first: outputs stand behind their names. Where the only one does
/// not, it is the last line.
#[must_use]
pub fn reasoned(names: &[String], answer: &str) -> Outputs {
    let mut labels = names.to_vec();
    labels.push(REASONING.into());
    let mut found = lines(&labels, answer);
    found.remove(REASONING);
    if let ([only], true) = (names, found.is_empty())
        && let Some(last) = answer.lines().map(str::trim).rfind(|line| !line.is_empty())
        // A fence alone is no answer.
        && !last.starts_with("```")
    {
        found.insert(only.clone(), one(only, last));
    }
    found
}

/// What an answer without some of its outputs looks like, in words that a reflector can use.
#[must_use]
pub fn missing(names: &[String], found: &Outputs, answer: &str) -> Option<String> {
    let absent: Vec<&String> = names.iter().filter(|n| !found.contains_key(*n)).collect();
    if absent.is_empty() {
        return None;
    }
    if answer.trim().is_empty() {
        return Some("The answer was empty.".into());
    }
    let form: Vec<String> = names.iter().map(|n| format!("`{n}: …`")).collect();
    Some(format!(
        "The answer could not be read: {} {} missing. It must have one line for each field: {}.",
        listed(&absent),
        if absent.len() == 1 { "is" } else { "are" },
        form.join(", ")
    ))
}

/// What stands in a JSON object that has the output's name and nothing else: models wrap a lone answer so. None where the value
/// is no such object.
#[must_use]
pub fn unwrapped(name: &str, value: &str) -> Option<String> {
    let (object, _) = leading_object(value.trim_start())?;
    let (key, inner) = object.iter().next().filter(|_| object.len() == 1)?;
    (names_it(key, name) && !inner.is_object() && !inner.is_array()).then(|| to_text(inner))
}

/// The JSON object that a text begins with, and where it ends.
fn leading_object(text: &str) -> Option<(serde_json::Map<String, Value>, usize)> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match stream.next() {
        Some(Ok(Value::Object(map))) => Some((map, stream.byte_offset())),
        _ => None,
    }
}

/// Whether an answer begins with the label of reasoning or of one of the outputs.
#[must_use]
pub fn begins_with_a_label(names: &[String], answer: &str) -> bool {
    // The keys of an object are its own.
    if leading_object(answer.trim_start()).is_some() {
        return false;
    }
    let label = answer.trim_start().split_once(':').map(|(label, _)| label);
    let is = |name: &str| label.is_some_and(|label| names_it(label, name));
    is(REASONING) || names.iter().any(|name| is(name))
}

/// The first JSON object in `text`, fenced or not.
#[must_use]
pub fn json_object(text: &str) -> Option<serde_json::Map<String, Value>> {
    text.match_indices('{').take(20).find_map(|(at, _)| leading_object(&text[at..])).map(|(object, _)| object)
}

/// A whole answer without the label, fence or quotes around it.
fn one(name: &str, answer: &str) -> String {
    let mut text = unfence(answer);
    if leading_object(text).is_none()
        && let Some((label, rest)) = text.split_once(':')
        && names_it(label, name)
    {
        text = unfence(rest.trim_start_matches('*').trim());
    }
    unquote(text).to_owned()
}

/// Lines `name: value`; a value goes on until the next name. The first of equal names counts.
fn lines(names: &[String], answer: &str) -> Outputs {
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
    // In a fenced block of a value, nothing is a label, if the block is closed at all.
    let is_fence = |line: &str| line.trim_start().starts_with("```");
    let last_fence = answer.lines().enumerate().filter(|(_, line)| is_fence(line)).map(|(number, _)| number).last().unwrap_or(0);
    let mut fenced = false;
    // Nor is anything within an object that is a value: up to here.
    let mut object_end = 0;
    let offset = |part: &str| part.as_ptr().addr() - answer.as_ptr().addr();
    for (number, line) in answer.lines().enumerate() {
        let label_of = |line: &str| {
            let (label, rest) = line.split_once(':')?;
            let name = names.iter().find(|name| names_it(label, name))?;
            let rest = rest.trim_start_matches('*').trim();
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

/// Whether a label is an output's name, whatever the case and the marks around it. A name may have some of these itself.
pub(crate) fn names_it(label: &str, name: &str) -> bool {
    bare(label).eq_ignore_ascii_case(bare(name))
}

/// A label without list marks, emphasis and quotes.
fn bare(label: &str) -> &str {
    label.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '-' | '#' | '"' | '\'' | '`' | '_' | '>' | '{'))
}

/// The inside of a fenced block that is the whole text.
fn unfence(text: &str) -> &str {
    // With a fence in between, these are two blocks and not one.
    let inside = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")).filter(|inside| !inside.contains("\n```"));
    match inside {
        Some(inside) => match inside.split_once('\n') {
            Some((tag, body)) if !tag.trim_end().contains(char::is_whitespace) => body.trim(),
            _ => inside.trim(),
        },
        None => text,
    }
}

/// Bytes of the longest text that is taken out of its quotes: a longer one, or one of several lines, was quoted on purpose.
const LONGEST_QUOTED: usize = 100;

/// A short text without one pair of quotes around it.
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
    fn two_blocks_of_code_are_not_one() {
        let answer = "```python\ndef f(n):\n    return n\n```\nFor example:\n```python\nf(1)\n```";
        assert_eq!(outputs(&names(&["code"]), answer)["code"], answer);
        assert_eq!(reasoned(&names(&["code"]), "Well.\n```\nf(1)\n```"), Outputs::new());
    }

    #[test]
    fn a_name_inside_of_a_value_ends_no_value() {
        let answer = "plan: count\ncode: ```python\nx = {\n\"plan\": 1,\n}\n```";
        let found = outputs(&names(&["plan", "code"]), answer);
        assert_eq!(found["plan"], "count");
        assert!(found["code"].contains("\"plan\": 1,\n}"), "{found:?}");
        let open = outputs(&names(&["code", "plan"]), "code: ```python\nx = 1\nplan: count");
        assert_eq!(open["plan"], "count", "a block that is never closed hides nothing");
    }

    #[test]
    fn an_object_that_is_a_value_does_not_speak_for_the_others() {
        let found = outputs(&names(&["answer", "payload"]), "answer: yes\npayload: {\"answer\": \"no\", \"n\": 1}");
        assert_eq!((found["answer"].as_str(), found["payload"].as_str()), ("yes", "{\"answer\": \"no\", \"n\": 1}"));
    }

    #[test]
    fn the_keys_of_an_object_are_no_labels() {
        let object = "{\"answer\": \"Paris\", \"confidence\": \"high\"}";
        assert_eq!(outputs(&names(&["answer"]), object)["answer"], object);
        assert_eq!(outputs(&names(&["answer"]), &format!("answer: {object}"))["answer"], object);
        assert!(!begins_with_a_label(&names(&["answer"]), object));
        let pretty = "payload: {\n\"answer\": \"no\",\n\"n\": 1\n}\nanswer: yes";
        let found = outputs(&names(&["answer", "payload"]), pretty);
        assert_eq!((found["answer"].as_str(), found["payload"].as_str()), ("yes", "{\n\"answer\": \"no\",\n\"n\": 1\n}"));
        // One that is never closed hides nothing.
        assert_eq!(outputs(&names(&["payload", "answer"]), "payload: {\nanswer: yes")["answer"], "yes");
    }

    #[test]
    fn an_answer_that_is_wrapped_in_an_object_is_taken_out() {
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
    fn a_whole_text_keeps_its_quotes() {
        let poem = format!("\"{}\"", "All that is gold does not glitter. ".repeat(4).trim());
        assert_eq!(outputs(&names(&["response"]), &poem)["response"], poem);
        assert_eq!(outputs(&names(&["response"]), "\"one\ntwo\"")["response"], "\"one\ntwo\"");
    }

    #[test]
    fn one_output_in_many_dresses() {
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
    fn a_name_may_begin_or_end_with_what_is_taken_off_labels() {
        for answer in ["class_: spam", "spam", "**class_**: spam", "Class: spam"] {
            assert_eq!(outputs(&names(&["class_"]), answer)["class_"], "spam", "{answer}");
        }
        let found = outputs(&names(&["class_", "_why"]), "class_: spam\n_why: it sells");
        assert_eq!((found["class_"].as_str(), found["_why"].as_str()), ("spam", "it sells"));
    }

    #[test]
    fn a_colon_in_a_value_is_no_label() {
        assert_eq!(outputs(&names(&["answer"]), "Note: all is well")["answer"], "Note: all is well");
    }

    #[test]
    fn several_outputs_in_many_dresses() {
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
    fn an_answer_may_begin_once_more() {
        let begins = |answer| begins_with_a_label(&names(&["plan", "label"]), answer);
        assert!(begins(" **Label**: x") && begins("plan: x") && begins("reasoning: x"));
        assert!(!begins(" x") && !begins("other: x") && !begins(": x"));
    }

    #[test]
    fn an_answer_after_reasoning() {
        for answer in
            ["reasoning: 3 and 4\nmake 7\nanswer: 7", "reasoning: so **Answer:** is next\n**Answer**: 7", "so it is\n\n7\n"]
        {
            assert_eq!(reasoned(&names(&["answer"]), answer)["answer"], "7", "{answer}");
        }
        assert!(reasoned(&names(&["a", "b"]), "reasoning: none").is_empty());
    }

    #[test]
    fn what_is_missing_is_said_in_words() {
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
