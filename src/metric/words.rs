//! The words of a text, as the metrics `exact` and `f1` compare them.

use std::collections::BTreeMap;

use super::normalize::{forms, normal};

/// Whether a character belongs to a script that puts no spaces between words: Chinese, Japanese, Thai, Lao, Burmese, Khmer.
pub(super) fn is_spaceless(c: char) -> bool {
    matches!(u32::from(c),
        0xE00..=0xEFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3005..=0x3007 | 0x3040..=0x30FF | 0x31F0..=0x31FF
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
}

/// Returns the words of a text in the form of [`normal`].
///
/// Marks of a sentence at the end of a word (`.`, `,`, `;`, `:`) and double quotes around it are left out. Behind a digit, and for
/// `!`, `?` and brackets, such a mark is a word of its own, because it may change what is said. All other marks are parts of words.
/// The article `the` is left out before another word, and `a` and `an` at the beginning.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for chunk in text.split_whitespace() {
        for part in split_behind_spaceless(chunk) {
            push_words(part, &mut words);
        }
    }
    let is_word = |words: &[String], at: usize| words.get(at).is_some_and(|word| word.contains(char::is_alphanumeric));
    for at in (0..words.len()).rev() {
        if words[at] == "the" && is_word(&words, at + 1) {
            words.remove(at);
        }
    }
    if words.first().is_some_and(|first| first == "a" || first == "an") && is_word(&words, 1) {
        words.remove(0);
    }
    words
}

/// Splits a text without spaces behind each mark of a sentence that follows a character of a script without spaces.
fn split_behind_spaceless(chunk: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut before) = (0, None);
    for (at, c) in chunk.char_indices() {
        if matches!(c, '.' | ',' | ';' | ':' | '!' | '?') && before.is_some_and(is_spaceless) {
            parts.push(&chunk[start..=at]);
            start = at + 1;
        }
        before = Some(c);
    }
    if start < chunk.len() {
        parts.push(&chunk[start..]);
    }
    parts
}

/// Adds the words of a text without spaces: the marks before it, the text, the marks behind it.
fn push_words(chunk: &str, words: &mut Vec<String>) {
    let mut rest = chunk;
    let mut behind = Vec::new();
    while let Some(c) = rest.chars().next() {
        let inside = &rest[c.len_utf8()..];
        let next = inside.chars().next();
        match c {
            '"' if next.is_some_and(char::is_alphabetic) => {}
            '(' | '[' | '{' if next.is_some() && !inside.contains(closing(c)) => words.push(c.into()),
            '¿' | '¡' if next.is_some() => words.push(c.into()),
            _ => break,
        }
        rest = inside;
    }
    while let Some(c) = rest.chars().next_back() {
        let inside = &rest[..rest.len() - c.len_utf8()];
        let Some(before) = inside.chars().next_back() else { break };
        match c {
            '.' | ',' | ';' | ':' if before.is_alphabetic() || is_spaceless(before) || matches!(before, ')' | ']' | '"') => {}
            '"' if before.is_alphabetic() => {}
            ',' | ';' | ':' | '!' | '?' if before.is_alphanumeric() => behind.push(c),
            ')' | ']' | '}' if !inside.contains(opening(c)) => behind.push(c),
            _ => break,
        }
        rest = inside;
    }
    // "(A)" is the choice A, but "(5)" is a loss of 5.
    let bracketed = rest.strip_prefix('(').and_then(|inside| inside.strip_suffix(')'));
    let word = bracketed.filter(|inside| !inside.is_empty() && inside.chars().all(char::is_alphabetic)).unwrap_or(rest);
    words.push(word.to_owned());
    words.extend(behind.into_iter().rev().map(String::from));
}

fn closing(bracket: char) -> char {
    match bracket {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

fn opening(bracket: char) -> char {
    match bracket {
        ')' => '(',
        ']' => '[',
        _ => '{',
    }
}

/// Returns what [`f1`] counts in a text: its words; in a script without spaces, each character and each pair of neighbours, so that
/// their order counts.
fn units(text: &str) -> Vec<String> {
    let mut units = Vec::new();
    for word in words(text) {
        let mut before: Option<char> = None;
        let mut spaced = String::new();
        for c in word.chars() {
            if !is_spaceless(c) {
                spaced.push(c);
                before = None;
                continue;
            }
            if !spaced.is_empty() {
                units.push(std::mem::take(&mut spaced));
            }
            units.extend(before.map(|before| String::from_iter([before, c])));
            units.push(c.into());
            before = Some(c);
        }
        if !spaced.is_empty() {
            units.push(spaced);
        }
    }
    units
}

/// Whether two answers have the same words in the same order.
pub(super) fn exact(given: &str, expected: &str) -> bool {
    let expected = words(&normal(expected));
    forms(given).iter().any(|given| words(given) == expected)
}

/// Returns the F1 of two answers' words in [0, 1]. `yes` and `no` are right or wrong as a whole.
pub(super) fn f1(given: &str, expected: &str) -> f64 {
    let expected = units(&normal(expected));
    forms(given).iter().map(|given| overlap(&units(given), &expected, &["yes", "no"])).fold(0.0, f64::max)
}

/// Returns the F1 of two lists of words in [0, 1]. It is 0 if one of them is a single word of `whole` and they differ.
pub(super) fn overlap(given: &[String], expected: &[String], whole: &[&str]) -> f64 {
    let is_whole = |words: &[String]| matches!(words, [only] if whole.contains(&only.as_str()));
    if given != expected && (is_whole(given) || is_whole(expected)) {
        return 0.0;
    }
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    expected.iter().for_each(|word| *left.entry(word.as_str()).or_default() += 1);
    let is_there = |word: &&String| match left.get_mut(word.as_str()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    };
    let same = given.iter().filter(is_there).count();
    if same == 0 { 0.0 } else { 2.0 * same as f64 / (given.len() + expected.len()) as f64 }
}

/// Returns the number of words that [`f1`] counts in a text.
pub(super) fn count(text: &str) -> usize {
    units(&normal(text)).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_two_texts_different_counts() {
        for (one, other) in [
            ("-5", "5"),
            ("3.50", "350"),
            ("3,5", "35"),
            ("<=50K", ">50K"),
            ("<=50K", "<50K"),
            ("C++", "C#"),
            ("C++", "C"),
            ("1.2.3", "12.3"),
            ("10:30", "1030"),
            ("1/2", "12"),
            ("50%", "50"),
            ("$5", "5"),
            ("(5)", "5"),
            ("5!", "5"),
            (".NET", "NET"),
            ("we're", "were"),
            ("f'", "f"),
            ("!=", "="),
            (":)", ":("),
            ("a_b", "ab"),
            ("10²", "102"),
            ("Vitamin A", "Vitamin"),
            ("U.S.", "us"),
            ("+", "-"),
            ("[1]", "1"),
            ("~5", "5"),
            ("A", "the"),
            ("An", "a"),
            ("A", ""),
        ] {
            assert!(!exact(one, other) && !exact(other, one), "{one:?} {other:?}");
            assert!(f1(one, other) < 1.0 && f1(other, one) < 1.0, "f1 of {one:?} {other:?}");
        }
        for (one, other) in [("-5", "5"), ("3.50", "350"), ("C++", "C#"), ("10:30", "1030"), ("<=50K", ">50K")] {
            assert_eq!(f1(one, other), 0.0, "{one} {other}");
        }
    }

    #[test]
    fn what_says_the_same_does_not() {
        for (given, expected) in [
            ("eiffel tower.", "the Eiffel Tower"),
            ("Paris France", "Paris, France"),
            ("Dr Smith", "Dr. Smith"),
            ("The \"Eiffel\" Tower", "Eiffel Tower"),
            ("“It’s here.”", "it's here"),
            ("**3.50**", "3.50"),
            ("(A)", "A"),
            ("a.", "A"),
            ("the  A", "The A"),
            ("cafe\u{301}\u{A0}noir", "café noir"),
            ("capital of the USA", "capital of USA"),
            ("北京。", "北京"),
            ("−５", "-5"),
            (" +\n", "+"),
        ] {
            assert!(exact(given, expected), "{given:?} {expected:?}");
            assert_eq!(f1(given, expected), 1.0, "f1 of {given:?} {expected:?}");
        }
    }

    #[test]
    fn words_without_spaces_count_in_part_and_in_order() {
        for (given, expected, least, most) in [
            ("北京是中国首都", "北京是中国的首都", 0.7, 0.95),
            ("東京です", "東京", 0.4, 0.8),
            ("กรุงเทพ", "กรุงเทพมหานคร", 0.5, 0.9),
            ("iPhone 15の価格", "iPhone 15", 0.4, 0.9),
            ("海上", "上海", 0.1, 0.9),
            ("北京。", "北京", 1.0, 1.0),
            ("你好，世界", "你好 世界", 1.0, 1.0),
            ("大阪", "東京", 0.0, 0.0),
        ] {
            let score = f1(given, expected);
            assert!((least..=most).contains(&score), "{given} {expected}: {score}");
        }
    }

    #[test]
    fn marks_that_may_matter_cost_a_part() {
        for (given, expected) in
            [("Where is it?", "where is it"), ("he (born 1950)", "he born 1950"), ("in 1950, there", "in 1950 there")]
        {
            let score = f1(given, expected);
            assert!(score > 0.7 && score < 1.0 && !exact(given, expected), "{given}: {score}");
        }
        assert_eq!(f1("no, it was not", "no"), 0.0);
    }
}
