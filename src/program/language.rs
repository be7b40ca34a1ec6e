//! The language that a prompt is written in, as far as that is plain.

use whatlang::{Lang, detect};

/// Fewer letters than these tell nothing.
const LEAST_LETTERS: usize = 20;

/// The language of a text without its names: what stands in backticks, words with `_` or digits.
fn of(text: &str) -> Option<Lang> {
    let outside = text.split('`').step_by(2).collect::<Vec<_>>().join(" ");
    let is_word = |word: &&str| !word.contains(|c: char| c == '_' || c.is_ascii_digit());
    let words: Vec<&str> = outside.split_whitespace().filter(is_word).collect();
    let words = words.join(" ");
    if words.chars().filter(|c| c.is_alphabetic()).count() < LEAST_LETTERS {
        return None;
    }
    detect(&words).filter(whatlang::Info::is_reliable).map(|found| found.lang())
}

/// Whether English words may be added to a text: it is English, or too short to tell.
#[must_use]
pub fn is_english(text: &str) -> bool {
    of(text).is_none_or(|language| language == Lang::Eng)
}

/// Whether two texts are plainly in different languages.
#[must_use]
pub fn differ(one: &str, other: &str) -> bool {
    matches!((of(one), of(other)), (Some(one), Some(other)) if one != other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GERMAN: &str = "Lies die Nachricht eines Kunden und schreibe, welche Abteilung sich darum kümmern soll.";

    #[test]
    fn languages_are_told_apart_and_names_do_not_count() {
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
