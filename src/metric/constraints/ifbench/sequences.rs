//! The kinds of IFBench on which word or letter stands where.

use super::super::rule::{Reader, Rule, first_fault, told};
use super::splitter::sentences;
use super::text::{split, strip, strip_marks, strip_marks_at_end, strip_marks_at_start, without_marks};
use super::tokens::tokens;

/// Returns the first character of a word in small letters.
fn initial(word: &str) -> Option<char> {
    word.chars().next()
}

/// Returns the letter after a small letter of ASCII. `a` comes after `z`.
fn next_letter(letter: char) -> char {
    match letter {
        'a'..='y' => char::from_u32(u32::from(letter) + 1).unwrap_or('a'),
        _ => 'a',
    }
}

/// Returns what is said of a word that is in the wrong place.
fn is_at(place: &str, word: Option<&String>) -> String {
    word.map_or_else(|| format!("it has no {place}"), |word| format!("the {place} is `{word}`"))
}

/// The kinds on places.
pub(in super::super) const KINDS: &[(&str, Reader)] = &[
    ("words:alphabet", |_| {
        let asks = "each word begins with the letter of the alphabet after that of the word before, and with `a` after `z`";
        Ok(Rule::new(asks, |text| {
            let text = without_marks(text).to_lowercase();
            let mut wanted = None;
            told(split(&text).next().is_some(), || "it has no words".to_owned())?;
            first_fault(split(&text), |word| {
                let letter =
                    initial(word).filter(|letter| wanted.map_or(letter.is_ascii_lowercase(), |wanted| wanted == *letter));
                let expected = wanted.map_or("a letter from `a` to `z`".to_owned(), |wanted| format!("`{wanted}`"));
                wanted = letter.map(next_letter);
                letter.is_none().then(|| format!("`{word}` does not begin with {expected}"))
            })
        }))
    }),
    ("words:no_consecutive", |_| {
        Ok(Rule::new("no word begins with the same letter as the word before", |text| {
            let text = without_marks(&text.to_lowercase());
            let words = split(&text);
            first_fault(words.clone().zip(words.skip(1)), |(word, next)| {
                (initial(word) == initial(next)).then(|| format!("`{word} {next}`"))
            })
        }))
    }),
    ("words:last_first", |_| {
        Ok(Rule::new("each sentence begins with the last word of the sentence before", |text| {
            let sentences = sentences(text);
            first_fault(sentences.iter().zip(sentences.iter().skip(1)), |(sentence, next)| {
                let last = split(strip_marks_at_end(sentence)).last().unwrap_or_default();
                let first = split(strip_marks_at_start(next)).next().unwrap_or_default();
                let same = !last.is_empty() && last.to_lowercase() == first.to_lowercase();
                (!same).then(|| format!("after `{last}`, a sentence begins with `{first}`"))
            })
        }))
    }),
    ("words:paragraph_last_first", |_| {
        Ok(Rule::new("each paragraph, on a line of its own, ends with the word that it begins with", |text| {
            first_fault(text.split('\n'), |line| {
                let line = strip(line).to_lowercase();
                let mut words = split(strip_marks(&line));
                let first = words.next()?;
                let last = words.last().unwrap_or(first);
                (first != last).then(|| format!("a paragraph begins with `{first}` and ends with `{last}`"))
            })
        }))
    }),
    ("words:keywords_specific_position", |given| {
        let keyword = given.text("keyword")?.trim().to_owned();
        let (nth, mth) = (given.ordinal("n")?, given.ordinal("m")?);
        Ok(Rule::new(format!("the word numbered {mth} of the sentence numbered {nth} is `{keyword}`"), move |text| {
            let sentences = sentences(text);
            let sentence = sentences.get(nth - 1).ok_or_else(|| Some(format!("it has {} sentences", sentences.len())))?;
            let is_word = |word: &String| pattern!(r"[\p{L}\p{N}]").is_some_and(|letter| letter.is_match(word));
            let words: Vec<String> = tokens(sentence).into_iter().filter(is_word).collect();
            let word = words.get(mth - 1).ok_or_else(|| Some(format!("this sentence has {} words", words.len())))?;
            told(word.to_lowercase() == keyword.to_lowercase(), || is_at("word there", Some(word)))
        }))
    }),
    ("words:words_position", |given| {
        let keyword = given.text("keyword")?.trim().to_owned();
        let asks = format!("the second word and the last but one are `{keyword}`");
        let keyword = keyword.to_lowercase();
        Ok(Rule::new(asks, move |text| {
            let words = tokens(text);
            // A mark at the end is no word.
            let marks = words.last().is_some_and(|last| "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".contains(last.as_str()));
            let places = [Some(1), words.len().checked_sub(2 + usize::from(marks))];
            let names = ["second word", "last word but one"];
            first_fault(places.into_iter().zip(names), |(place, name)| {
                let word = place.and_then(|place| words.get(place));
                let same = word.is_some_and(|word| word.to_lowercase() == keyword);
                (!same).then(|| is_at(name, word))
            })
        }))
    }),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests_support::{tells, verdicts};

    #[test]
    fn letters_follow_the_alphabet_or_do_not_repeat() {
        let none = json!({});
        verdicts("words:alphabet", &none, &["X, yes: zero - (a) Be", "a"], &["a c", "1 a", "a 2", "!", "é f", "ab bc d"]);
        tells("words:alphabet", &none, "A cat", "`cat` does not begin with `b`");
        verdicts("words:no_consecutive", &none, &["a b, a", "it's so", ""], &["a (A)", "the tea", "1 10"]);
        tells("words:no_consecutive", &none, "So see", "`so see`");
    }

    #[test]
    fn last_words_are_compared_with_first_words() {
        let none = json!({});
        let meet = ["I see. See me! Me too.", "One", "A b.\n\n(B is)"];
        verdicts("words:last_first", &none, &meet, &["I see. You", "I see. See.", "1. A"]);
        tells("words:last_first", &none, "I see. You do.", "after `see`, a sentence begins with `You`");
        verdicts(
            "words:paragraph_last_first",
            &none,
            &["So it is so.\n\n*** \n\"No no\"", "It is, it", "a"],
            &["a b", "a a\nb c", "a, a"],
        );
        tells("words:paragraph_last_first", &none, "One two", "a paragraph begins with `one` and ends with `two`");
    }

    #[test]
    fn words_have_their_places() {
        let place = json!({ "keyword": "tea", "n": 2, "m": 3.0 });
        verdicts("words:keywords_specific_position", &place, &["Hi. I drink, Tea!"], &["Hi. Tea", "Tea", "Hi. I drink no tea."]);
        tells("words:keywords_specific_position", &place, "Hi. I drink milk.", "the word there is `milk`");
        let second = json!({ "keyword": "so" });
        verdicts(
            "words:words_position",
            &second,
            &["And so it is so good.", "a So b", "a so so b", "so so"],
            &["so", "a so b!?", "", "a so good night"],
        );
        tells("words:words_position", &second, "And so what now", "the last word but one is `what`");
    }
}
