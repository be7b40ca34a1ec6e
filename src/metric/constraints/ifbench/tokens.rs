//! Cuts a text into words and marks, by the rules of the Penn Treebank as NLTK applies them.

use std::borrow::Cow;

use regex::{Captures, Regex};

use super::splitter::sentences;
use super::text::split;

/// Replaces what a pattern finds.
fn replaced(pattern: Option<&Regex>, text: &mut String, by: &str) {
    if let Some(pattern) = pattern
        && let Cow::Owned(new) = pattern.replace_all(text, by)
    {
        *text = new;
    }
}

/// Sets off an apostrophe before a word, as in `'hello`. Those of contractions stay.
fn set_off_apostrophes(text: &mut String) {
    let Some(pattern) = pattern!(r"(?P<before>^|[^\p{L}\p{N}_])'(?P<word>[\p{L}\p{N}_]+)") else { return };
    let contracted = |word: &str| ["re", "ve", "ll", "m", "t", "s", "d", "n"].contains(&word.to_lowercase().as_str());
    let new = pattern.replace_all(text, |found: &Captures<'_>| {
        let apostrophe = if contracted(&found["word"]) { "'" } else { "' " };
        format!("{}{apostrophe}{}", &found["before"], &found["word"])
    });
    if let Cow::Owned(new) = new {
        *text = new;
    }
}

/// Returns the tokens of one sentence.
fn of_sentence(sentence: &str) -> Vec<String> {
    let mut text = sentence.to_owned();
    // Quotation marks that open.
    replaced(pattern!(r"([«“‘„]|`+)"), &mut text, " $1 ");
    replaced(pattern!(r#"^""#), &mut text, "``");
    replaced(pattern!(r"(``)"), &mut text, " $1 ");
    replaced(pattern!(r#"([ (\[{<])("|'{2})"#), &mut text, "$1 `` ");
    set_off_apostrophes(&mut text);
    // Marks. A point is set off at the end only.
    replaced(pattern!(r#"([^.])(\.)([\])}>"' »”’]*)\s*$"#), &mut text, "$1 $2 $3 ");
    replaced(pattern!(r"([:,])([^\d])"), &mut text, " $1 $2");
    replaced(pattern!(r"([:,])$"), &mut text, " $1 ");
    replaced(pattern!(r"\.{2,}"), &mut text, " $0 ");
    replaced(pattern!(r"[;@#$%&\x{2012}-\x{2015}]"), &mut text, " $0 ");
    replaced(pattern!(r"[?!*]"), &mut text, " $0 ");
    replaced(pattern!(r"([^'])' "), &mut text, "$1 ' ");
    replaced(pattern!(r"[\]\[(){}<>]"), &mut text, " $0 ");
    replaced(pattern!(r"--"), &mut text, " -- ");
    text = format!(" {text} ");
    // Quotation marks that close, and contractions.
    replaced(pattern!(r"([»”’])"), &mut text, " $1 ");
    replaced(pattern!(r"''"), &mut text, " '' ");
    replaced(pattern!(r#"""#), &mut text, " '' ");
    replaced(pattern!(r"\s+"), &mut text, " ");
    replaced(pattern!(r"([^' ])('[sSmMdD]|') "), &mut text, "$1 $2 ");
    replaced(pattern!(r"([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) "), &mut text, "$1 $2 ");
    replaced(pattern!(r"(?i)\b(can)(not)\b"), &mut text, " $1 $2 ");
    replaced(pattern!(r"(?i)\b(d)('ye)\b"), &mut text, " $1 $2 ");
    replaced(pattern!(r"(?i)\b(gim|lem)(me)\b"), &mut text, " $1 $2 ");
    replaced(pattern!(r"(?i)\b(gon)(na)\b"), &mut text, " $1 $2 ");
    replaced(pattern!(r"(?i)\b(got)(ta)\b"), &mut text, " $1 $2 ");
    replaced(pattern!(r"(?i)\b(more)('n)\b"), &mut text, " $1 $2 ");
    replaced(pattern!(r"(?i)\b(wan)(na)(\s)"), &mut text, " $1 $2 $3");
    replaced(pattern!(r"(?i) ('t)(is|was)\b"), &mut text, " $1 $2 ");
    split(&text).map(str::to_owned).collect()
}

/// Returns the words and marks of a text.
pub(super) fn tokens(text: &str) -> Vec<String> {
    sentences(text).into_iter().flat_map(of_sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_marks_are_apart() {
        for (text, wanted) in [
            ("Good muffins cost $3.88, I can't say.", "Good muffins cost $ 3.88 , I ca n't say ."),
            ("\"It's (so) fine\", he said... Cannot go!", "`` It 's ( so ) fine '' , he said ... Can not go !"),
            ("They'll say 'hello' -- at 10:30; gonna?", "They 'll say ' hello ' -- at 10:30 ; gon na ?"),
            ("One. Two: three", "One . Two : three"),
            ("", ""),
        ] {
            assert_eq!(tokens(text).join(" "), wanted, "{text}");
        }
    }
}
