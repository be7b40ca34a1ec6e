//! Splits a text into sentences.
//!
//! The rules are those of the Punkt algorithm (Kiss and Strunk 2006), which the reference uses. Punkt learns from a corpus which
//! words are abbreviations and which words begin sentences. Short lists stand in their place here.

use regex::Regex;

use super::text::is_space;
use super::vocabulary::{SENTENCE_STARTERS, STOP_WORDS, is_in};

/// Abbreviations that are often followed by more of the same sentence, in lower case and without their last point.
const ABBREVIATIONS: &str = "\
    adm ala ariz aug ave bros calif co col colo conn corp cos ct dec dr feb fla fri ft ga gen ill inc jan jr kan ky lt ltd \
    maj messrs mg mich minn mr mrs ms nev nov oct ok okla ore pa ph.d prof rep reps sen sep sept sr st sw tenn tues va vs vt \
    wash wed wis yr a.m p.m a.d d.c i.m.s m.b.a n.c n.j n.y s.c u.k u.n u.s u.s.a u.s.s.r l.a";

/// Letters that are initials wherever they stand before a point.
const INITIALS: &str = "cdefghklmnprstvw";

/// Returns whether a mark ends the word before it.
fn closes(c: char) -> bool {
    ")\";}]*:@'({[!?‘’“”«»".contains(c)
}

/// What stands after a mark that may end a sentence.
enum After<'a> {
    /// A mark, without white space before it.
    Mark,
    /// White space and then a word.
    Word(&'a str),
}

/// Returns what stands at the start of a text. None where the sentence cannot end before it.
fn after(rest: &str) -> Option<After<'_>> {
    let first = rest.chars().next()?;
    if closes(first) {
        return Some(After::Mark);
    }
    let word = rest.trim_start_matches(is_space);
    let word = word.split(is_space).next().filter(|word| is_space(first) && !word.is_empty())?;
    Some(After::Word(word))
}

/// Returns a word up to the first mark.
fn core(word: &str) -> &str {
    word.split(|c| closes(c) || c == ',').next().unwrap_or_default()
}

/// Returns whether a word begins a sentence, as far as that can be told.
fn begins_sentence(word: &str) -> Option<bool> {
    let first = word.chars().next()?;
    if ";:,.!?".contains(first) || first.is_lowercase() {
        return Some(false);
    }
    let known = is_in(SENTENCE_STARTERS, &core(word).to_lowercase());
    (first.is_uppercase() && known).then_some(true)
}

/// Returns whether a point ends a sentence. `before` is the text from the last white space up to the point.
fn point_ends(before: &str, after: &After<'_>) -> bool {
    // Some marks that end a word can begin the next one, as in `else's`.
    let last = before.char_indices().rfind(|(_, c)| closes(*c));
    let word = last.map_or(before, |(at, _)| &before[at..]);
    let word = word.trim_start_matches(|c| "(\"`{[:;&#*@)}]-,".contains(c));
    let starts = match after {
        After::Mark => None,
        After::Word(next) => begins_sentence(next),
    };
    if word.ends_with('.') {
        // An ellipsis.
        return starts == Some(true);
    }
    let lower = word.to_lowercase();
    let mut letters = lower.chars();
    if let (Some(letter), None) = (letters.next(), letters.next())
        && letter.is_alphabetic()
    {
        // An initial. It is mostly followed by a name.
        return !INITIALS.contains(letter)
            && match after {
                After::Mark => true,
                After::Word(_) if starts.is_some() => starts == Some(true),
                After::Word(next) => !next.starts_with(char::is_uppercase) || is_in(STOP_WORDS, &core(next).to_lowercase()),
            };
    }
    let last_part = lower.rsplit('-').next().unwrap_or_default();
    if [lower.as_str(), last_part].iter().any(|part| is_in(ABBREVIATIONS, part)) {
        return starts == Some(true);
    }
    let number = pattern!(r"^-?[.,]?\d[\d,.-]*$").is_some_and(|number| number.is_match(&lower));
    !number || starts != Some(false)
}

/// Returns the pattern of the marks that close a sentence before.
fn closing() -> Option<&'static Regex> {
    pattern!(r#"^["')\]}‘’“”«»]+(?:\s+|$)"#)
}

/// Returns the sentences of a text, without the white space between them.
pub(in super::super) fn sentences(text: &str) -> Vec<&str> {
    let text = text.trim_end_matches(is_space);
    let mut ends = text.char_indices().filter(|(_, c)| ".!?".contains(*c)).filter_map(|(at, c)| {
        let rest = &text[at + 1..];
        after(rest).map(|after| (at, c, after))
    });
    let (mut found, mut from, mut next) = (Vec::new(), 0, ends.next());
    while let Some((at, mark, after)) = next {
        next = ends.next();
        // Of several marks in one word, the last decides. One that the word begins with stands for itself, as in Punkt.
        let begins = text[..at].chars().next_back().is_none_or(is_space);
        if !begins && next.as_ref().is_some_and(|(later, ..)| !text[at..*later].contains(is_space)) {
            continue;
        }
        let before = text[from..at].rsplit(is_space).next().unwrap_or_default();
        if mark != '.' || before.contains(['!', '?']) || point_ends(before, &after) {
            let rest = &text[at + 1..];
            let closed = closing().and_then(|closing| closing.find(rest)).map_or(0, |found| found.end());
            let end = at + 1 + rest[..closed].trim_end_matches(is_space).len();
            if from < end {
                found.push(&text[from..end]);
            }
            let rest = &text[end..];
            from = end + (rest.len() - rest.trim_start_matches(is_space).len());
        }
    }
    if from < text.len() {
        found.push(&text[from..]);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_a_reader_ends_them() {
        for (text, wanted) in [
            ("One. Two! Three?", &["One.", "Two!", "Three?"] as &[&str]),
            ("Mr. Smith came. He left", &["Mr. Smith came.", "He left"]),
            ("It costs 3.50 euros. Yes", &["It costs 3.50 euros.", "Yes"]),
            ("\"So?\" he said. (Then.) Nothing", &["\"So?\"", "he said.", "(Then.)", "Nothing"]),
            ("Well... perhaps. Well... The end.", &["Well... perhaps.", "Well...", "The end."]),
            ("J. Bach wrote.\n\n1. A list", &["J. Bach wrote.", "1.", "A list"]),
            ("Who else's. 😓 He is", &["Who else's.", "😓 He is"]),
            ("So x.\n\nA list. !?! A", &["So x.", "A list.", "!", "?!", "A"]),
            ("What?! No.Space here.", &["What?!", "No.Space here."]),
            ("He lives in the U.S. The end.", &["He lives in the U.S.", "The end."]),
            ("", &[]),
            (" . ", &[" ."]),
        ] {
            assert_eq!(sentences(text), wanted, "{text}");
        }
    }
}
