//! The kinds of IFBench on the letters, the length and the sound of words.

use std::collections::BTreeMap;

use super::super::rule::{Reader, Rule, at_least, first_fault, plain, told};
use super::text::{split, strip, without_marks};
use super::tokens::tokens;
use super::verbs::is_verb;
use crate::data::listed;

/// Returns whether a character is a vowel in writing. `y` is one where syllables are counted.
fn is_vowel(c: char) -> bool {
    "aeiou".contains(c)
}

/// Returns whether two consonants stand together in a word of small letters.
fn has_cluster(word: &str) -> bool {
    let is_consonant = |c: char| c.is_ascii_lowercase() && !is_vowel(c);
    word.chars().zip(word.chars().skip(1)).any(|(c, next)| is_consonant(c) && is_consonant(next))
}

/// Returns whether a word of five characters or more reads the same from its end.
fn is_palindrome(word: &str) -> bool {
    word.chars().count() >= 5 && word.chars().eq(word.chars().rev())
}

/// Returns whether a number below 100 is prime. No other number is.
fn is_prime(number: usize) -> bool {
    (2..100).contains(&number) && !(2..number).any(|divisor| number.is_multiple_of(divisor))
}

/// Returns the number of syllables of a word of small letters, by rules: runs of vowels, without a final `e`, `es` or `ed` that
/// is not spoken. 0 for a word with digits.
fn syllables(word: &str) -> usize {
    if pattern!(r"\p{Nd}").is_some_and(|digit| digit.is_match(word)) {
        return 0;
    }
    let characters: Vec<char> = word.chars().collect();
    let is_spoken = |c: char| is_vowel(c) || c == 'y';
    let mut before = false;
    let mut number = 0;
    for c in &characters {
        number += usize::from(is_spoken(*c) && !before);
        before = is_spoken(*c);
    }
    let silent = match characters.as_slice() {
        [.., consonant, 'l', 'e'] if !is_spoken(*consonant) => false,
        [.., consonant, 'l', 'e', 's' | 'd'] if !is_spoken(*consonant) => false,
        [.., 'e'] => true,
        [_, .., before, 'e', 'd'] => !"tdaeiou".contains(*before),
        [.., 's' | 'c', 'h', 'e', 's'] => false,
        [_, .., before, 'e', 's'] => !"aeiouszxcg".contains(*before),
        _ => false,
    };
    number.saturating_sub(usize::from(silent)).max(1)
}

/// The kinds on words.
pub(in super::super) const KINDS: &[(&str, Reader)] = &[
    ("words:vowel", |_| {
        Ok(Rule::new("one paragraph, with at most three different vowels", |text| {
            let text = strip(text).to_lowercase();
            let used: Vec<char> = ['a', 'e', 'i', 'o', 'u'].into_iter().filter(|vowel| text.contains(*vowel)).collect();
            told(!text.contains('\n'), || "it has several lines".to_owned())?;
            told(used.len() <= 3, || format!("it has {}", listed(used)))
        }))
    }),
    ("words:consonants", |_| {
        Ok(Rule::new("each word has two consonants beside each other", |text| {
            first_fault(split(&text.to_lowercase()), |word| (!has_cluster(word)).then(|| format!("`{word}` has not")))
        }))
    }),
    ("words:palindrome", |_| {
        Ok(Rule::new("at least 10 words of 5 characters or more that read the same from their end", |text| {
            let found = split(&without_marks(text).to_lowercase()).filter(|word| is_palindrome(word)).count();
            at_least(10, found, "such words")
        }))
    }),
    ("words:prime_lengths", |_| {
        Ok(Rule::new("the length of each word is a prime number", |text| {
            first_fault(split(&without_marks(text)), |word| {
                let length = word.chars().count();
                (!is_prime(length)).then(|| format!("`{word}` has {length} characters"))
            })
        }))
    }),
    ("words:repeats", |given| {
        let most = given.number("small_n")?;
        Ok(Rule::new(format!("no word occurs more than {most} times"), move |text| {
            let text = without_marks(&text.to_lowercase());
            let mut times: BTreeMap<&str, usize> = BTreeMap::new();
            for word in split(&text) {
                *times.entry(word).or_default() += 1;
            }
            let wrong: Vec<String> =
                times.iter().filter(|(_, times)| **times > most).map(|(word, times)| format!("`{word}` {times} times")).collect();
            told(wrong.is_empty(), || format!("it has {}", wrong.join(", ")))
        }))
    }),
    ("words:start_verb", |_| {
        Ok(Rule::new("the first word is a verb", |text| match tokens(text).first() {
            Some(word) => told(is_verb(&word.to_lowercase()), || format!("the first word is `{word}`")),
            None => plain(false),
        }))
    }),
    ("words:odd_even_syllables", |_| {
        Ok(Rule::new("words with an odd and an even number of syllables take turns", |text| {
            let text = without_marks(text).to_lowercase();
            let words = split(&text).map(|word| (word, syllables(word)));
            first_fault(words.clone().zip(words.skip(1)), |((word, number), (next, following))| {
                let words = || format!("`{word}` has {number} syllables and `{next}` has {following}");
                (number % 2 == following % 2).then(words)
            })
        }))
    }),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests_support::{tells, verdicts};
    use super::syllables;

    #[test]
    fn letters_of_words_are_checked() {
        let none = json!({});
        verdicts("words:vowel", &none, &["A big cat sat.\n", "rhythm", "Über"], &["a e i o", "a\nb", "aeiou"]);
        tells("words:vowel", &none, "a e i o", "it has `a`, `e`, `i`, `o`");
        verdicts("words:consonants", &none, &["The black cats", "why", "plants!"], &["the a", "a", "the —"]);
        tells("words:consonants", &none, "The cat", "`cat` has not");
        let ten = "Level, radar; CIVIC refer kayak rotor madam stats tenet le-vel";
        verdicts(
            "words:palindrome",
            &none,
            &[ten],
            &["level radar", "", &ten[1..], "noon noon noon noon noon noon noon noon noon noon"],
        );
        tells("words:palindrome", &none, "level noon", "it has 1 such words");
    }

    #[test]
    fn lengths_and_repeats_are_checked() {
        let none = json!({});
        verdicts("words:prime_lengths", &none, &["it's the end", "no —no", ""], &["a", "four", "the—end x"]);
        tells("words:prime_lengths", &none, "to four", "`four` has 4 characters");
        let twice = json!({ "small_n": 2.0 });
        verdicts("words:repeats", &twice, &["a A b b", ""], &["a, A. (a)"]);
        tells("words:repeats", &twice, "no No no!", "it has `no` 3 times");
    }

    #[test]
    fn verbs_and_syllables_are_told_by_rules() {
        let none = json!({});
        verdicts("words:start_verb", &none, &["Write it.", "\nIs it?", "Running"], &["The", "\"Write", "", "Can we"]);
        for (word, number) in [
            ("water", 2),
            ("time", 1),
            ("table", 2),
            ("saved", 1),
            ("wanted", 2),
            ("the", 1),
            ("x1", 0),
            ("hmm", 1),
            ("times", 1),
        ] {
            assert_eq!(syllables(word), number, "{word}");
        }
        verdicts(
            "words:odd_even_syllables",
            &none,
            &["the water is open", "Time, table!", "word", ""],
            &["the cat", "water open"],
        );
        tells("words:odd_even_syllables", &none, "the cat", "`the` has 1 syllables and `cat` has 1");
    }
}
