//! Counts and finds parts of an answer by the rules of IFEval's public checkers (arXiv 2311.07911, `instructions.py`).
//!
//! Words all in capitals are counted by simple rules, where the reference uses NLTK's tokenizer. The counts mostly agree.

use std::sync::LazyLock;

use regex::Regex;

/// The answers that `constrained_response` allows.
pub(super) const ONE_OF_THREE: [&str; 3] = ["My answer is yes.", "My answer is no.", "My answer is maybe."];

/// Returns the number of matches of a pattern.
fn count(pattern: Option<&Regex>, text: &str) -> usize {
    pattern.map_or(0, |pattern| pattern.find_iter(text).count())
}

/// Returns whether Python's `\w` matches a character.
fn is_word(c: char) -> bool {
    static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[\p{L}\p{N}_]$").ok());
    c.is_ascii_alphanumeric()
        || c == '_'
        || (!c.is_ascii() && WORD.as_ref().is_some_and(|word| word.is_match(c.encode_utf8(&mut [0; 4]))))
}

/// Returns the number of runs of word characters.
pub(super) fn words(text: &str) -> usize {
    count(pattern!(r"[\p{L}\p{N}_]+"), text)
}

/// Returns whether a word begins or ends at this place, as with Python's `\b`.
fn is_border(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back().is_some_and(is_word);
    let after = text[at..].chars().next().is_some_and(is_word);
    before != after
}

/// Returns whether a word occurs, with regard to case.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| is_border(text, at) && is_border(text, at + word.len()))
}

/// Returns whether a pattern matches between two borders of words.
pub(super) fn occurs_as_word(pattern: &Regex, text: &str) -> bool {
    let mut from = 0;
    while let Some(found) = pattern.find_at(text, from) {
        if is_border(text, found.start()) && is_border(text, found.end()) {
            return true;
        }
        match text[found.start()..].chars().next() {
            Some(c) => from = found.start() + c.len_utf8(),
            None => return false,
        }
    }
    false
}

/// Returns how often a letter occurs, without regard to case. `letter` must be in lower case.
pub(super) fn letters(text: &str, letter: char) -> usize {
    text.to_lowercase().chars().filter(|&c| c == letter).count()
}

/// Returns the number of parts between `***`. None where a part in the middle is empty.
pub(super) fn paragraphs(text: &str) -> Option<usize> {
    let parts: Vec<&str> = pattern!(r"\s?\*\*\*\s?")?.split(text).collect();
    let mut number = parts.len();
    for (index, part) in parts.iter().enumerate() {
        if part.trim().is_empty() {
            if index != 0 && index != parts.len() - 1 {
                return None;
            }
            number -= 1;
        }
    }
    Some(number)
}

/// Returns whether there are `wanted` paragraphs, and the `nth` of the parts between blank lines begins with `word`. The first
/// has the number 1. `word` must be in lower case.
pub(super) fn paragraph_begins(text: &str, wanted: usize, nth: usize, word: &str) -> bool {
    let parts: Vec<&str> = text.split("\n\n").collect();
    let number = parts.iter().filter(|part| !part.trim().is_empty()).count();
    let Some(part) = nth.checked_sub(1).filter(|_| nth <= number).and_then(|at| parts.get(at)) else {
        return false;
    };
    let Some(first) = part.split_whitespace().next() else {
        return false;
    };
    let first = first.trim_start_matches('\'').trim_start_matches('"');
    let first: String = first.chars().take_while(|c| !".,?!'\"".contains(*c)).collect();
    number == wanted && first.to_lowercase() == word
}

/// Returns the number of texts in square brackets.
pub(super) fn placeholders(text: &str) -> usize {
    count(pattern!(r"\[.*?\]"), text)
}

/// Returns the number of lines that begin with a single `*` or with `-`.
pub(super) fn bullets(text: &str) -> usize {
    count(pattern!(r"(?m)^\s*\*[^*].*$"), text) + count(pattern!(r"(?m)^\s*-.*$"), text)
}

/// Returns the number of parts between single asterisks plus the number of parts between double ones.
pub(super) fn highlights(text: &str) -> usize {
    let filled = |pattern: Option<&Regex>, inside: &dyn Fn(&str) -> bool| {
        pattern.map_or(0, |pattern| pattern.find_iter(text).filter(|found| inside(found.as_str())).count())
    };
    let single = |found: &str| !found.trim_matches('*').trim().is_empty();
    let double = |found: &str| {
        let inside = found.strip_prefix("**").unwrap_or(found);
        !inside.strip_suffix("**").unwrap_or(inside).trim().is_empty()
    };
    filled(pattern!(r"\*[^\n*]*\*"), &single) + filled(pattern!(r"\*\*[^\n*]*\*\*"), &double)
}

/// Returns whether a text is JSON, with a fence around it or not.
pub(super) fn is_json(text: &str) -> bool {
    let mut text = text.trim();
    for fence in ["```json", "```Json", "```JSON", "```"] {
        text = text.strip_prefix(fence).unwrap_or(text);
    }
    let text = text.strip_suffix("```").unwrap_or(text).trim();
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Returns whether a text has a title between `<<` and `>>` that is not empty.
pub(super) fn has_title(text: &str) -> bool {
    let filled = |found: regex::Match<'_>| !found.as_str().trim_start_matches('<').trim_end_matches('>').trim().is_empty();
    pattern!(r"<<[^\n]+>>").is_some_and(|title| title.find_iter(text).any(filled))
}

/// Returns whether a text has exactly two parts between `******`, and they are different.
pub(super) fn two_responses(text: &str) -> bool {
    let parts: Vec<&str> = text.split("******").collect();
    let empty_inside = parts.iter().enumerate().any(|(i, part)| part.trim().is_empty() && i != 0 && i != parts.len() - 1);
    let filled: Vec<&str> = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
    !empty_inside && matches!(filled.as_slice(), [one, other] if one != other)
}

/// Returns whether a character has title case, like `ǅ`.
fn is_title_case(c: char) -> bool {
    !c.is_lowercase() && !c.is_uppercase() && c.to_lowercase().next() != Some(c)
}

/// Returns what Python's `isupper` returns: whether a text has a capital letter, and no letter of another case.
pub(super) fn is_upper(text: &str) -> bool {
    !text.chars().any(|c| c.is_lowercase() || is_title_case(c)) && text.chars().any(char::is_uppercase)
}

/// Returns what Python's `islower` returns: whether a text has a lower-case letter, and no letter of another case.
pub(super) fn is_lower(text: &str) -> bool {
    !text.chars().any(|c| c.is_uppercase() || is_title_case(c)) && text.chars().any(char::is_lowercase)
}

/// Returns the number of words all in capitals. Apostrophes, hyphens and points are parts of words; other marks are not.
pub(super) fn capital_words(text: &str) -> usize {
    let ends = |c: char| c.is_whitespace() || ",;:@#$%&?!()[]{}<>\"*`".contains(c);
    text.split(ends).filter(|word| is_upper(word)).count()
}

/// Returns those of `texts` that do not occur in `text`, without regard to case.
pub(super) fn lacking<'a>(texts: &'a [String], text: &str) -> Vec<&'a String> {
    let lower = text.to_lowercase();
    texts.iter().filter(|wanted| !lower.contains(&wanted.to_lowercase())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_alone() {
        let word = Regex::new("(?i)cat").unwrap();
        assert!(occurs_as_word(&word, "a Cat!"));
        assert!(!occurs_as_word(&word, "concat cats"));
        assert!(occurs_as_word(&word, "catcat cat"));
        assert!(!occurs_as_word(&word, "écat"));
    }

    #[test]
    fn capitals_are_counted_by_word() {
        assert_eq!(capital_words("The QUICK, brown FOX-TROT is A *GO*"), 4);
    }
}
