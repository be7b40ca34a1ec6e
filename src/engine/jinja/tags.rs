//! Finds what stands in the tags of a template: `{{ … }}` and `{% … %}`.

use std::ops::Range;

/// Returns the template with the content of each tag replaced by what `map` makes of it. Text, comments and `raw` blocks stay.
pub(super) fn mapped(source: &str, map: impl Fn(&str) -> String) -> String {
    let mut text = String::with_capacity(source.len());
    let mut end = 0;
    for tag in tags(source) {
        text.push_str(&source[end..tag.start]);
        text.push_str(&map(&source[tag.clone()]));
        end = tag.end;
    }
    text + &source[end..]
}

/// Returns the template with the parts of each slice as items of a list: `x[a:b]` becomes `x[[a, b]]`. It reads the same variables, and
/// minijinja overlooks the variable that is sliced.
pub(crate) fn without_slices(source: &str) -> String {
    mapped(source, |tag| {
        let mut text = tag.to_owned();
        // From the right, so that the positions to the left stay.
        for at in (0..tag.len()).rev().filter(|at| tag.as_bytes()[*at] == b'[') {
            let Some(end) = closing(&text, at) else { continue };
            let parts = split_outside(&text[at + 1..end], ':');
            if parts.len() > 1 {
                let items: Vec<&str> = parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect();
                text.replace_range(at..=end, &format!("[[{}]]", items.join(", ")));
            }
        }
        text
    })
}

/// Returns the places of what stands between the marks of each tag.
fn tags(source: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(offset) = source[at..].find('{') {
        let start = at + offset;
        let rest = &source[start..];
        at = if rest.starts_with("{#") {
            start + rest.find("#}").map_or(rest.len(), |end| end + 2)
        } else if let Some(close) = [("{{", "}}"), ("{%", "%}")].into_iter().find(|(open, _)| rest.starts_with(open)) {
            let Some(end) = end_of_tag(source, start + 2, close.1) else { break };
            let inner = start + 2..end;
            let is_raw = source[inner.clone()].trim_matches(['-', '+']).trim() == "raw";
            found.push(inner);
            if is_raw { end_of_raw(source, end) } else { end + 2 }
        } else {
            start + 1
        };
    }
    found
}

/// Returns the position of the closing mark of a tag whose content begins at `at`. What stands in a text of the tag closes nothing, nor
/// does what stands in its brackets. None if the tag is not closed.
fn end_of_tag(source: &str, mut at: usize, close: &str) -> Option<usize> {
    let mut depth = 0_usize;
    while let Some(letter) = source[at..].chars().next() {
        if depth == 0 && source[at..].starts_with(close) {
            return Some(at);
        }
        match letter {
            '\'' | '"' => at = end_of_text(source, at)? - 1,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += letter.len_utf8();
    }
    None
}

/// Returns the position behind the `endraw` tag that follows `at`, or the end.
fn end_of_raw(source: &str, at: usize) -> usize {
    let end = source[at..].find("endraw").and_then(|found| Some(at + found + source[at + found..].find("%}")? + 2));
    end.unwrap_or(source.len())
}

/// Returns the position behind a quoted text that begins at `at`. None if it is not closed.
pub(super) fn end_of_text(source: &str, at: usize) -> Option<usize> {
    let quote = source[at..].chars().next()?;
    let mut is_escaped = false;
    for (offset, letter) in source[at..].char_indices().skip(1) {
        if letter == quote && !is_escaped {
            return Some(at + offset + 1);
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    None
}

/// Returns the position of the bracket that closes the one at `at`. None if none does.
pub(super) fn closing(source: &str, at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut here = at;
    while let Some(letter) = source[here..].chars().next() {
        match letter {
            '\'' | '"' => here = end_of_text(source, here)? - 1,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Some(here);
        }
        here += letter.len_utf8();
    }
    None
}

/// Splits a text at a separator that stands neither in quotes nor in brackets.
pub(super) fn split_outside(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut at, mut depth) = (Vec::new(), 0, 0, 0_usize);
    while let Some(letter) = text[at..].chars().next() {
        match letter {
            '\'' | '"' => at = end_of_text(text, at).unwrap_or(text.len()) - 1,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ if letter == separator && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        at += if matches!(letter, '\'' | '"') { 1 } else { letter.len_utf8() };
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_are_found_outside_of_comments_raw_blocks_and_texts() {
        let marked = |source: &str| mapped(source, |tag| format!("<{tag}>"));
        for (source, wanted) in [
            ("a {{ b }} {%- if c -%}{%endif%}", "a {{< b >}} {%<- if c ->%}{%<endif>%}"),
            ("{# {{ a }} #}{{ b }}", "{# {{ a }} #}{{< b >}}"),
            ("{% raw %}{{ a }}{% endraw %}{{ b }}", "{%< raw >%}{{ a }}{% endraw %}{{< b >}}"),
            ("{{ '}}' ~ \"\\\"}}\" }}{{ {'a': {}} }}", "{{< '}}' ~ \"\\\"}}\" >}}{{< {'a': {}} >}}"),
            ("{{ open", "{{ open"),
            ("{ {a} ä{{ä}}", "{ {a} ä{{<ä>}}"),
        ] {
            assert_eq!(marked(source), wanted);
        }
    }

    #[test]
    fn slices_become_lists() {
        for (source, wanted) in [
            ("{{ q[:3] }} x[1:2]", "{{ q[[3]] }} x[1:2]"),
            ("{{ m[n:] }}{{ m[::-1][0] }}", "{{ m[[n]] }}{{ m[[-1]][0] }}"),
            ("{{ a[b[c:d]:e] }}", "{{ a[[b[[c, d]], e]] }}"),
            ("{{ a['x:y'] }}{{ a[{'k': 1}] }}{{ [1, 2] }}", "{{ a['x:y'] }}{{ a[{'k': 1}] }}{{ [1, 2] }}"),
        ] {
            assert_eq!(without_slices(source), wanted);
        }
    }

    proptest! {
        /// Any sequence of pieces of templates is mapped without a panic, and stays as it is if nothing is replaced.
        #[test]
        fn any_source_is_mapped(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["{{", "}}", "{%", "%}", "{#", "#}", "raw", "endraw", "'", "\"", "\\", "[", "]", ":", "ä", "x", " % ", "("]),
                0..16,
            ),
        ) {
            let source = pieces.concat();
            prop_assert_eq!(mapped(&source, str::to_owned), source.clone());
            without_slices(&source);
            crate::engine::jinja::as_minijinja(&source);
        }
    }
}
