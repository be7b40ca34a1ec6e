//! Placeholders for fields in an instruction: `{text}`, `{{ text }}`, `$text`, `${text}` and `%(text)s`.

use std::ops::Range;

/// A placeholder in an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placeholder {
    /// Its place in the instruction, in bytes.
    pub range: Range<usize>,
    /// The name in it.
    pub name: String,
    /// Whether the name is that of a field.
    pub is_field: bool,
}

/// Returns the placeholders in an instruction, in order. A text in single braces, in `%(…)s` or after a dollar sign is a
/// placeholder if it is the name of a field. A text in double braces is a placeholder if it is the name of a field, any other
/// name, or an expression or the mark of a block of a template engine.
#[must_use]
pub fn placeholders(instruction: &str, fields: &[String]) -> Vec<Placeholder> {
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(offset) = instruction[start..].find(['{', '$', '%']) {
        let at = start + offset;
        match at_beginning(&instruction[at..], fields) {
            Some((length, name)) => {
                let is_field = fields.iter().any(|field| field == name);
                found.push(Placeholder { range: at..at + length, name: name.to_owned(), is_field });
                start = at + length;
            }
            None => start = at + 1,
        }
    }
    found
}

/// Returns the length in bytes and the name of the placeholder that a text begins with. None if it begins with none.
fn at_beginning<'a>(text: &'a str, fields: &[String]) -> Option<(usize, &'a str)> {
    let is_field = |name: &str| fields.iter().any(|field| field == name);
    if let Some((inner, _)) = text.strip_prefix("{{").and_then(|rest| rest.split_once("}}")) {
        let name = inner.trim();
        if is_field(name) || is_expression(name) {
            return Some((inner.len() + 4, name));
        }
    }
    for (begin, end) in [("{", "}"), ("${", "}"), ("%(", ")s")] {
        if let Some((name, _)) = text.strip_prefix(begin).and_then(|rest| rest.split_once(end)).filter(|(name, _)| is_field(name))
        {
            return Some((begin.len() + name.len() + end.len(), name));
        }
    }
    let name = text.strip_prefix('$')?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    is_field(&name[..end]).then_some((end + 1, &name[..end]))
}

/// Whether a text is a name, perhaps with an attribute or a filter (`row.text | upper`), or the mark of a block (`#if text`).
fn is_expression(text: &str) -> bool {
    let name = text.trim_start_matches(['#', '/', '^', '>']);
    let is_letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '|' | ' ');
    name.chars().all(is_letter) && name.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Returns the instruction with the values of the fields in place of their placeholders. A value is put in without surrounding white
/// space, and placeholders in it stay as they are.
#[must_use]
pub fn filled(instruction: &str, inputs: &[(String, String)]) -> String {
    let fields: Vec<String> = inputs.iter().map(|(name, _)| name.clone()).collect();
    let mut text = String::with_capacity(instruction.len());
    let mut end = 0;
    for Placeholder { range, name, .. } in placeholders(instruction, &fields) {
        let Some((_, value)) = inputs.iter().find(|(field, _)| *field == name) else { continue };
        text.push_str(&instruction[end..range.start]);
        text.push_str(value.trim());
        end = range.end;
    }
    text + &instruction[end..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_form_is_found_and_filled() {
        let inputs = [("text".to_owned(), " so {text}\n".to_owned()), ("from whom".to_owned(), "Bea".to_owned())];
        for (instruction, wanted) in [
            ("Sort {text}.", "Sort so {text}."),
            ("Sort {{text}} now", "Sort so {text} now"),
            ("Sort {{ text }}", "Sort so {text}"),
            ("Sort $text, ${text}!", "Sort so {text}, so {text}!"),
            ("{from whom}: {{ from whom }}", "Bea: Bea"),
            ("Write {label} or {\"text\": 1} or $texts or ${other}", "Write {label} or {\"text\": 1} or $texts or ${other}"),
            ("Ends in { and $ and {{", "Ends in { and $ and {{"),
            ("{{ input }} {text}", "{{ input }} so {text}"),
            ("Sort %(text)s, 50 %(of all)", "Sort so {text}, 50 %(of all)"),
        ] {
            assert_eq!(filled(instruction, &inputs), wanted);
        }
    }

    #[test]
    fn a_name_in_double_braces_is_a_placeholder_even_of_no_field() {
        let found = |instruction: &str| {
            let found = placeholders(instruction, &["text".to_owned()]);
            found.into_iter().map(|one| (one.name, one.is_field)).collect::<Vec<_>>()
        };
        assert_eq!(found("{{ input }} $text"), [("input".to_owned(), false), ("text".to_owned(), true)]);
        for expression in ["row.text", "text | upper", "#if text", "/if"] {
            assert_eq!(found(&format!("{{{{{expression}}}}}")), [(expression.to_owned(), false)]);
        }
        assert_eq!(found("{{\"a\": 1}} {input} $input {{ 7 }} {{}}"), []);
    }
}
