//! Detects the language of a prompt, if it is clear.

use whatlang::{Lang, detect};

/// The fewest letters from which a language is detected.
const LEAST_LETTERS: usize = 20;

/// Returns the language of a text. Names do not count: text in backticks, and words with `_` or digits. None if the text is too
/// short or its language is not clear.
fn language_of(text: &str) -> Option<Lang> {
    let outside = text.split('`').step_by(2).collect::<Vec<_>>().join(" ");
    let is_word = |word: &&str| !word.contains(|c: char| c == '_' || c.is_ascii_digit());
    let words: Vec<&str> = outside.split_whitespace().filter(is_word).collect();
    let words = words.join(" ");
    if words.chars().filter(|c| c.is_alphabetic()).count() < LEAST_LETTERS {
        return None;
    }
    detect(&words).filter(whatlang::Info::is_reliable).map(|found| found.lang())
}

/// Whether English words may be added to a text: its language is English or not clear.
#[must_use]
pub fn is_english(text: &str) -> bool {
    language_of(text).is_none_or(|language| language == Lang::Eng)
}

/// Whether two texts are clearly in different languages.
#[must_use]
pub fn differ(one: &str, other: &str) -> bool {
    matches!((language_of(one), language_of(other)), (Some(one), Some(other)) if one != other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GERMAN: &str = "Lies die Nachricht eines Kunden und schreibe, welche Abteilung sich darum kümmern soll.";

    #[test]
    fn languages_are_detected_and_names_do_not_count() {
        assert!(is_english("Given the fields `text`, produce the fields `label`."));
        assert!(is_english("Sortiere."), "too short to tell");
        assert!(!is_english(GERMAN));
        assert!(!is_english(&format!("{GERMAN}\n`team`: `the_team_that_has_to_answer_it` | `billing_and_refunds`")));
        assert!(!is_english("请阅读客户的消息，并写出应该由哪个部门来处理这个问题，以及它有多紧急。"));
        assert!(differ(GERMAN, "Read the message of a customer and write which department should take care of it."));
        assert!(!differ(GERMAN, "Lies, was der Kunde schreibt. Nenne die Abteilung, die ihm antworten soll, und sonst nichts."));
        assert!(!differ(GERMAN, "label"));
    }
}
