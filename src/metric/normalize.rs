//! Forms in which texts are compared, and short forms of texts for feedback.
//!
//! What cannot be seen, or does not change what a text says, is folded away: Unicode's forms of one character, full-width forms,
//! kinds of spaces, quotes, hyphens and digits, and case. Everything else counts.

use serde_json::Value;
use unicode_normalization_alignments::UnicodeNormalization;
use unicode_normalization_alignments::char::decompose_compatible;

use super::error::MetricError;
use crate::data::{Example, cut_middle, is_blank, to_text};

/// Returns the texts that an example's field expects: one text, or the items of a list that is not empty.
///
/// # Errors
/// [`MetricError::Example`] where the field is missing, null, or an empty list, or an item of it is null or blank text.
pub(super) fn expected(example: &Example, field: &str) -> Result<Vec<String>, MetricError> {
    let bad = |cause: String| MetricError::example(example, cause);
    let texts = match example.fields.get(field) {
        None | Some(Value::Null) => return Err(bad(format!("it has no `{field}`"))),
        // Nothing is a part of every text, and no answer equals it.
        Some(Value::Array(items)) if items.iter().any(is_blank) => {
            return Err(bad(format!("an item of `{field}` is null or empty; leave it out")));
        }
        Some(Value::Array(items)) => items.iter().map(to_text).collect(),
        Some(other) => vec![to_text(other)],
    };
    if texts.is_empty() { Err(bad(format!("`{field}` is an empty list"))) } else { Ok(texts) }
}

/// The zeros of the scripts with digits of their own, which are followed by 1 to 9: Arabic, Persian, Devanagari, Bengali, Gurmukhi,
/// Gujarati, Tamil, Telugu, Kannada, Malayalam, Thai, Lao, Myanmar, Khmer.
const ZEROS: [u32; 14] = [0x660, 0x6F0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xE50, 0xED0, 0x1040, 0x17E0];

/// Returns the ASCII digit for a digit of another script. None for any other character.
fn ascii_digit(c: char) -> Option<char> {
    let zero = ZEROS.into_iter().find(|zero| (*zero..zero + 10).contains(&u32::from(c)))?;
    char::from_digit(u32::from(c) - zero, 10)
}

/// Folds spellings of the same character: composed (NFC) and decomposed ones, full-width and half-width forms, kinds of white space
/// (but not a line break), quotes, hyphens, full stops and digits. Characters without width are removed.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => folded.push('\n'),
            _ if c.is_whitespace() => folded.push(' '),
            // The soft hyphen, zero-width spaces, marks of direction, selectors of a character's variant. The joiners are kept:
            // they change words and emoji.
            '\u{AD}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2060}' | '\u{FE0E}' | '\u{FE0F}' | '\u{FEFF}' => {}
            // Full-width and half-width forms, and the ligatures of Latin letters.
            '\u{FF01}'..='\u{FFEF}' | '\u{FB00}'..='\u{FB06}' => decompose_compatible(c, |part| folded.push(part)),
            '\u{2018}'..='\u{201B}' => folded.push('\''),
            '\u{201C}'..='\u{201F}' => folded.push('"'),
            // Hyphens, the figure and en dashes, the minus sign.
            '\u{2010}'..='\u{2013}' | '\u{2212}' => folded.push('-'),
            // The sign for a millionth is a mu.
            '\u{B5}' => folded.push('\u{3BC}'),
            '…' => folded.push_str("..."),
            '。' => folded.push('.'),
            '、' => folded.push(','),
            _ => folded.push(ascii_digit(c).unwrap_or(c)),
        }
    }
    folded.nfc().map(|(c, _)| c).collect()
}

/// Returns the folded text in lower case, with single spaces.
pub(super) fn lower_case(text: &str) -> String {
    // The capital I with a dot has a lower case of two characters.
    fold(&text.to_lowercase().replace("i\u{307}", "i")).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The quotes that do not count around a whole text.
const QUOTES: [(char, char); 7] = [('"', '"'), ('\'', '\''), ('`', '`'), ('«', '»'), ('»', '«'), ('「', '」'), ('『', '』')];

/// Returns a text without the pair of quotes or the full stop that ends it. None if there is neither, or if nothing else would be
/// left.
fn without_quotes_or_stop(text: &str) -> Option<&str> {
    for (open, close) in QUOTES {
        if let Some(inside) = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
            return Some(inside.trim()).filter(|inside| !inside.is_empty() && !inside.contains([open, close]));
        }
    }
    // Several points are an ellipsis.
    text.strip_suffix('.').map(str::trim_end).filter(|rest| !rest.is_empty() && !rest.ends_with('.'))
}

/// Returns a text without the pair of Markdown's marks of emphasis around it. None if there is none.
fn without_emphasis(text: &str) -> Option<&str> {
    ["***", "**", "__", "*", "_"].into_iter().find_map(|mark| {
        let inside = text.strip_prefix(mark)?.strip_suffix(mark)?;
        // The marks of `***` and of `*a* or *b*` are no pair around something.
        (inside.contains(|c| !matches!(c, '*' | '_' | ' ')) && !inside.contains(mark)).then(|| inside.trim())
    })
}

/// Returns the form of an expected text: lower case, single spaces, without quotes around it and a full stop at its end.
pub(super) fn normal(text: &str) -> String {
    let folded = lower_case(text);
    let mut form = folded.as_str();
    while let Some(inside) = without_quotes_or_stop(form) {
        form = inside;
    }
    form.to_owned()
}

/// Returns the forms that a given text stands for, at least one, the plainest last. Each has one more pair of quotes, full stop or
/// pair of emphasis removed. Emphasis may be the model's or belong to the label, so that both forms count.
pub(super) fn forms(text: &str) -> Vec<String> {
    let folded = lower_case(text);
    let mut form = folded.as_str();
    let mut forms = vec![form.to_owned()];
    while let Some(inside) = without_quotes_or_stop(form).or_else(|| without_emphasis(form)) {
        form = inside;
        forms.push(form.to_owned());
    }
    forms
}

/// Whether a given text is the expected label. Case, white space, quotes around it, a full stop at its end and emphasis do not count;
/// every other mark does.
pub(super) fn is_same_label(given: &str, expected: &str) -> bool {
    let expected = normal(expected);
    forms(given).contains(&expected)
}

/// Shortens a text for feedback: of one with more than `most` characters, the beginning and the end, with `…` between them.
pub(super) fn shorten(text: &str, most: usize) -> String {
    cut_middle(text, most, |_| " … ".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_in_the_middle() {
        assert_eq!(shorten("abcdefghijkl", 6), "abcd … kl");
        assert_eq!(shorten("äöü", 3), "äöü");
    }

    #[test]
    fn a_list_must_have_items_and_each_must_say_something() {
        let read = |value: Value| {
            let fields = serde_json::json!({ "a": value }).as_object().unwrap().clone();
            expected(&Example { id: "1".into(), fields }, "a").map_err(|error| error.to_string())
        };
        assert_eq!(read(serde_json::json!(["x", 0, false])), Ok(vec!["x".into(), "0".into(), "false".into()]));
        assert!(read(serde_json::json!([])).unwrap_err().contains("is an empty list"));
        for items in [serde_json::json!([null]), serde_json::json!(["x", ""]), serde_json::json!(["x", " \n"])] {
            assert!(read(items).unwrap_err().contains("an item of `a` is null or empty; leave it out"));
        }
    }

    #[test]
    fn what_looks_the_same_is_the_same() {
        for (given, expected) in [
            ("cafe\u{301}", "café"),
            ("Ångstro\u{308}m", "A\u{30A}ngström"),
            ("not\u{A0}spam", "not spam"),
            ("not\u{202F}\u{2009}spam\u{3000}", "Not Spam"),
            ("１２３", "123"),
            ("Ａ＋", "A+"),
            ("ｶﾞ", "ガ"),
            ("it’s", "it's"),
            ("“yes”", "yes"),
            ("spa\u{200B}m\u{FEFF}", "spam"),
            ("−5", "-5"),
            ("well‑known", "well-known"),
            ("٣٤", "34"),
            ("北京。", "北京"),
            ("STRASSE", "strasse"),
            ("İstanbul", "istanbul"),
            ("5 µg", "5 μg"),
            ("ﬁn", "fin"),
            ("❤\u{FE0F}", "❤"),
            ("wait…", "wait..."),
            ("각", "\u{1100}\u{1161}\u{11A8}"),
        ] {
            assert!(is_same_label(given, expected), "{given:?} {expected:?}");
            assert!(is_same_label(expected, given), "{expected:?} {given:?}");
        }
    }

    #[test]
    fn a_mark_that_makes_two_labels_counts() {
        for (one, other) in [
            ("A*", "A"),
            ("A+", "A"),
            ("*", "***"),
            ("*", "**"),
            (".", "'"),
            (".", "..."),
            ("...", "…."),
            ("5'", "5\""),
            ("-1", "1"),
            ("C#", "C"),
            ("**A**", "B"),
            ("m²", "m2"),
            ("10²", "102"),
            ("½", "1/2"),
            ("", "."),
            ("\"", "'"),
            ("'a' or 'b'", "a' or 'b"),
            ("pos", "pos?"),
            ("*****", "*"),
        ] {
            assert!(!is_same_label(one, other) && !is_same_label(other, one), "{one:?} {other:?}");
        }
    }

    #[test]
    fn emphasis_of_the_answer_is_no_part_of_it_unless_it_is_of_the_label() {
        for given in ["**A**", "*A*", "__A__", "***A***", "**A**.", "**A.**", "\"**A**\"", "`A`", "**\"A\"**"] {
            assert!(is_same_label(given, "A"), "{given}");
        }
        assert!(is_same_label("**A***", "A*") && !is_same_label("**A***", "A") && !is_same_label("**A**", "A*"));
        assert!(is_same_label("**A**", "**A**") && !is_same_label("A", "**A**"));
        assert!(is_same_label("_id_", "_id_") && !is_same_label("id", "_id_"));
    }
}
