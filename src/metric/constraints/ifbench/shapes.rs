//! Finds the shapes that the kinds of IFBench on format ask for.

use super::super::rule::{Verdict, told};
use super::splitter::sentences;
use super::text::{is_space, strip, without_marks};

/// Returns the verdict on a text that does not meet what is asked for.
fn has(words: impl Into<String>) -> Verdict {
    Err(Some(words.into()))
}

/// Checks that brackets are nested at least 5 deep and one of the deepest is closed. A bracket that closes another one begins the
/// count anew.
pub(super) fn deep_brackets(text: &str) -> Verdict {
    let (mut open, mut deepest, mut found) = (Vec::new(), 0, 0);
    for c in text.chars() {
        match c {
            '(' | '[' | '{' => {
                open.push(c);
                deepest = deepest.max(open.len());
                found = found.max(deepest);
            }
            ')' | ']' | '}' => {
                if matches!((open.last(), c), (Some('('), ')') | (Some('['), ']') | (Some('{'), '}')) {
                    open.pop();
                    if deepest >= 5 {
                        return Ok(());
                    }
                } else {
                    open.clear();
                    deepest = 0;
                }
            }
            _ => {}
        }
    }
    has(if found < 5 { format!("they are {found} deep") } else { "the brackets are not closed in order".to_owned() })
}

/// Checks that quotation marks `"` and `'` are nested at least 3 deep and as many of them are closed again.
pub(super) fn deep_quotes(text: &str) -> Verdict {
    let (mut open, mut deepest) = (Vec::new(), 0);
    for c in text.chars().filter(|c| matches!(c, '"' | '\'')) {
        if open.last() == Some(&c) {
            open.pop();
            if deepest - open.len() >= 3 {
                return Ok(());
            }
        } else {
            open.push(c);
            deepest = deepest.max(open.len());
        }
    }
    has(if deepest < 3 { format!("they are {deepest} deep") } else { "the quotations are not closed in order".to_owned() })
}

/// Returns whether a character is an emoji by itself.
fn is_emoji(c: char) -> bool {
    let pattern = pattern!(r"^[\p{Emoji}--[0-9#*\x{1F1E6}-\x{1F1FF}]]$");
    !c.is_ascii() && pattern.is_some_and(|emoji| emoji.is_match(c.encode_utf8(&mut [0; 4])))
}

/// Returns whether a sentence ends with an emoji, as its last character or the one before, or the next sentence begins with one.
pub(super) fn ends_with_emoji(sentence: &str, next: Option<&str>) -> bool {
    let sentence = without_marks(sentence);
    let sentence = strip(&sentence);
    let begins = |text: &str| strip(&without_marks(text)).chars().next().is_some_and(is_emoji);
    sentence.chars().rev().take(2).any(is_emoji) || !sentence.is_empty() && next.is_some_and(begins)
}

/// Returns the lines without blank ones. As in the reference, the line after a blank one is not looked at, so that of two blank
/// lines one stays.
pub(super) fn lines_with_text(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.split('\n').collect();
    let mut at = 0;
    while let Some(line) = lines.get(at).copied() {
        if strip(line).is_empty()
            && let Some(first) = lines.iter().position(|other| *other == line)
        {
            lines.remove(first);
        }
        at += 1;
    }
    lines
}

/// Returns whether two quotation marks stand together, and whether the text ends with one. White space does not count, nor do
/// other marks and digits at the end, nor `'"'`, which names the mark.
pub(super) fn bare_quotations(text: &str) -> (bool, bool) {
    let text: String = text.replace("'\"'", "").chars().filter(|c| !is_space(*c)).collect();
    let end = text.trim_end_matches(|c: char| c.is_ascii_digit() || (c.is_ascii_punctuation() && c != '"'));
    (text.contains("\"\""), end.ends_with('"'))
}

/// Checks that a text has a part in italics that is not empty, and more text after it. As in the reference, one such part is
/// enough, and with `<em>` nothing need be in it or after it.
pub(super) fn thesis(text: &str) -> Verdict {
    let find = |text: &str, marks: [&str; 2]| marks.into_iter().find_map(|mark| text.find(mark));
    let Some(text) = find(text, ["<i>", "<em>"]).map(|at| &text[at..]) else { return has("it has no `<i>`") };
    let Some(end) = find(text, ["</i>", "</em>"]) else { return has("it has no `</i>` after `<i>`") };
    let filled = |part: Option<&str>| part.is_some_and(|part| !strip(part).is_empty());
    told(filled(text.get(3..end)), || "nothing is in italics".to_owned())?;
    told(filled(text.get(end + 4..)), || "nothing comes after the italics".to_owned())
}

/// Checks that two sentences or more come before two lines with `*` or more, and nothing after. As in the reference, a blank line
/// may stand only before the first of these lines.
pub(super) fn sentences_then_bullets(text: &str) -> Verdict {
    let (mut in_sentences, mut number, mut bullets) = (true, 0, 0);
    for line in text.split('\n').map(strip) {
        if line.starts_with('*') {
            in_sentences = false;
            told(number >= 2, || format!("it has {number} sentences before the first bullet point"))?;
            bullets += 1;
        } else if in_sentences {
            let found = sentences(line).len();
            in_sentences = found > 0;
            number += found;
        } else if bullets == 0 {
            return has("a blank line is followed by something else than a bullet point");
        } else {
            return has(format!("after {bullets} bullet points comes a line without `*`"));
        }
    }
    told(bullets >= 2, || format!("it has {bullets} bullet points"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests_support::{tells, verdicts};

    #[test]
    fn brackets_and_quotations_are_nested() {
        let none = json!({});
        verdicts(
            "format:parentheses",
            &none,
            &["a ([{(<[x]>", "(((((a)", "((((((]((((()"],
            &["((((a))))", "([{([", "(((((]))", ""],
        );
        verdicts(
            "format:quotes",
            &none,
            &["\"a 'b \"c\" d' e\"", "'\"'x'\"'"],
            &["\"a 'b' c\"", "don't \"a 'b' c\"", "\"a\" \"b\"", "\"'\"", ""],
        );
        tells("format:parentheses", &none, "(a [b])", "they are 2 deep");
        tells("format:quotes", &none, "\"a\"", "they are 1 deep");
        let quote = "format:quote_unquote";
        verdicts(
            quote,
            &none,
            &["\"a\" means b.", "", "the mark '\"'", "\"a\" is 1."],
            &["say \"a\".", "\"a\" \"b\" c", "\"a\" 12!"],
        );
        tells(quote, &none, "It is \"so\"!", "it ends with a quotation");
    }

    #[test]
    fn emoji_end_sentences() {
        let none = json!({});
        let meet = ["Hi 😀. So ❤️!", "Hi. 😀 Yes. 😀", "©"];
        verdicts("format:emoji", &none, &meet, &["Hi. Yes 😀", "1", "!", "Hi 🇩🇪."]);
        tells("format:emoji", &none, "So 😀. No.", "the sentence `No.` does not");
    }

    #[test]
    fn parts_come_in_order() {
        let none = json!({});
        verdicts(
            "format:thesis",
            &none,
            &["a <i>b</i> c", "<em></em>", "<i>b</em> c"],
            &["<i> </i> c", "<i>b</i> ", "</i><i>", "a"],
        );
        tells("format:thesis", &none, "<i>b</i> ", "nothing comes after the italics");
        let bullets = "format:no_bullets_bullets";
        tells(bullets, &none, "One.\n* a", "it has 1 sentences before the first bullet point");
        verdicts(
            bullets,
            &none,
            &["One. Two.\n* a\n * b", "One.\nTwo.\n\n* a\n** b"],
            &["One. Two.\n\n\n* a\n* b", "One.\n* a\n* b", "One. Two.\n* a\n* b\n", "One. Two.\n* a"],
        );
        verdicts("format:line_indent", &none, &["a\n\n b"], &["a\n\n\n b"]);
    }
}
