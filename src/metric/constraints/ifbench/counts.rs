//! The kinds of IFBench that count words, marks and numbers, and those on shares.

use std::collections::BTreeSet;

use super::super::arguments::Arguments;
use super::super::checks;
use super::super::rule::{Reader, Rule, at_least, counted, first_fault, told};
use super::text::{numbers, split, strip_marks, without_marks};
use super::tokens::tokens;
use super::vocabulary::{CONJUNCTIONS, NAMES, PRONOUNS, STOP_WORDS, is_in};
use crate::data::listed;

/// Returns the rule that a text has at least so many of what is counted.
fn least(given: &Arguments<'_>, key: &str, what: &'static str, count: fn(&str) -> usize) -> Result<Rule, String> {
    let wanted = given.number(key)?;
    Ok(Rule::new(format!("at least {wanted} {what}"), move |text| at_least(wanted, count(text), what)))
}

/// Returns the number of different words. Marks at the ends of a word and its case do not count. As in the reference, marks that
/// stand alone are one more word.
fn different_words(text: &str) -> usize {
    split(&text.to_lowercase()).map(strip_marks).collect::<BTreeSet<_>>().len()
}

/// Returns the number of different conjunctions. As in the reference, `and`, `And` and `and,` are three.
fn conjunctions(text: &str) -> usize {
    let is_conjunction = |word: &&str| is_in(CONJUNCTIONS, &strip_marks(word).to_lowercase());
    split(text).filter(is_conjunction).collect::<BTreeSet<_>>().len()
}

/// Returns the number of names of the list that occur.
fn names(text: &str) -> usize {
    NAMES.split(' ').filter(|name| checks::has_word(text, name)).count()
}

/// Returns the number of pronouns. Those between slashes, as in `she/her`, count one by one.
fn pronouns(text: &str) -> usize {
    let words = tokens(&text.to_lowercase().replace('/', " "));
    words.iter().filter(|word| is_in(PRONOUNS, word)).count()
}

/// Returns the standard marks that are missing, once one `?!` or else one `!?` is set aside. An interrobang `‽` does for these.
fn missing_marks(text: &str) -> Vec<&'static str> {
    let rest = text.replacen("?!", "", 1);
    let rest = if rest.len() == text.len() { text.replacen("!?", "", 1) } else { rest };
    let interrobang = ["!?", "?!", "‽"].iter().any(|mark| text.contains(mark));
    let marks = [".", ",", "!", "?", ";", ":"].into_iter().filter(|mark| !rest.contains(mark));
    marks.chain((!interrobang).then_some("?!")).collect()
}

/// Returns whether Python takes a character for a digit.
fn is_digit(c: char) -> bool {
    let pattern = || {
        pattern!(concat!(
            r"^[\p{Nd}²³¹⁰⁴-⁹₀-₉①-⑨⑴-⑼⒈-⒐⓪⓵-⓽⓿❶-❾➀-➈➊-➒\x{1369}-\x{1371}\x{19DA}\x{10A40}-\x{10A43}",
            r"\x{10E60}-\x{10E68}\x{11052}-\x{1105A}\x{1F100}-\x{1F10A}]$"
        ))
    };
    c.is_ascii_digit() || (!c.is_ascii() && pattern().is_some_and(|digit| digit.is_match(c.encode_utf8(&mut [0; 4]))))
}

/// Returns whether a word has a Japanese letter, is a number or is only marks.
fn may_be_japanese(word: &str) -> bool {
    let word = strip_marks(word);
    word.chars().all(is_digit) || word.contains(|c| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}'))
}

/// Returns the share of the different runs of three characters of a text that are in another text too, in percent. None for a
/// text of fewer than three characters.
fn overlap(text: &str, reference: &BTreeSet<[char; 3]>) -> Option<f64> {
    let runs = runs_of_three(text);
    let shared = runs.intersection(reference).count();
    (!runs.is_empty()).then(|| shared as f64 / runs.len() as f64 * 100.0)
}

/// Returns the runs of three characters of a text.
fn runs_of_three(text: &str) -> BTreeSet<[char; 3]> {
    let characters: Vec<char> = text.chars().collect();
    characters.windows(3).filter_map(|run| run.try_into().ok()).collect()
}

/// Returns the share of words that are stop words, in percent. None for a text without words.
fn stop_words(text: &str) -> Option<f64> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = pattern!(r"[\p{L}\p{N}_]+")?.find_iter(&lower).map(|found| found.as_str()).collect();
    let stop = words.iter().filter(|word| is_in(STOP_WORDS, word)).count();
    (!words.is_empty()).then(|| stop as f64 / words.len() as f64 * 100.0)
}

/// The kinds that count.
pub(in super::super) const KINDS: &[(&str, Reader)] = &[
    ("count:word_count_range", |given| {
        let (least, most) = (given.number("min_words")?, given.number("max_words")?);
        given.range("words")?;
        Ok(Rule::new(format!("{least} to {most} words"), move |text| {
            let found = checks::words(text);
            counted((least..=most).contains(&found), found, "words")
        }))
    }),
    ("count:unique_word_count", |given| least(given, "N", "different words", different_words)),
    ("count:conjunctions", |given| {
        let what = "different coordinating conjunctions (and, but, for, nor, or, so, yet)";
        let wanted = given.number("small_n")?;
        Ok(Rule::new(format!("at least {wanted} {what}"), move |text| {
            at_least(wanted, conjunctions(text), "different coordinating conjunctions")
        }))
    }),
    ("count:person_names", |given| {
        let wanted = given.number("N")?;
        let asks = format!("at least {wanted} different names of this list: {}", NAMES.replace(' ', ", "));
        Ok(Rule::new(asks, move |text| at_least(wanted, names(text), "of these names")))
    }),
    ("count:numbers", |given| {
        let wanted = given.number("N")?;
        Ok(Rule::new(format!("exactly {wanted} numbers in digits"), move |text| {
            let found = numbers(&without_marks(text)).len();
            counted(found == wanted, found, "numbers in digits")
        }))
    }),
    ("count:pronouns", |given| least(given, "N", "pronouns", pronouns)),
    ("count:punctuation", |_| {
        let asks = "each of the marks `.`, `,`, `!`, `?`, `;`, `:`, and `?!` besides";
        Ok(Rule::new(asks, |text| {
            let missing = missing_marks(text);
            told(missing.is_empty(), || format!("missing: {}", listed(missing)))
        }))
    }),
    ("count:words_japanese", |given| {
        let step = given.ordinal("N")?;
        let (second, third) = (step.saturating_mul(2), step.saturating_mul(3));
        Ok(Rule::new(format!("the words numbered {step}, {second}, {third} and so on are Japanese"), move |text| {
            let words = (1_usize..).zip(split(text)).filter(|(number, _)| number % step == 0);
            first_fault(words, |(number, word)| {
                (!may_be_japanese(word)).then(|| format!("the word numbered {number} is `{}`", strip_marks(word)))
            })
        }))
    }),
    ("count:keywords_multiple", |given| {
        let mut wanted = Vec::new();
        for (key, times) in [("keyword1", 1), ("keyword2", 2), ("keyword3", 3), ("keyword4", 5), ("keyword5", 7)] {
            wanted.push((given.text(key)?.trim().to_owned(), times));
        }
        let each = wanted.iter().map(|(word, times)| format!("`{word}` {times} times"));
        let asks = format!("exactly: {}", each.collect::<Vec<_>>().join(", "));
        Ok(Rule::new(asks, move |text| {
            let lower = text.to_lowercase();
            let wrong = wanted.iter().filter_map(|(word, times)| {
                let found = lower.matches(&word.to_lowercase()).count();
                (found != *times).then(|| format!("`{word}` {found} times"))
            });
            let wrong: Vec<String> = wrong.collect();
            told(wrong.is_empty(), || format!("it has {}", wrong.join(", ")))
        }))
    }),
    ("ratio:stop_words", |given| {
        let most = given.percentage("percentage")?;
        Ok(Rule::new(format!("at most {most} % of the words are stop words, like `the` and `of`"), move |text| {
            let share = stop_words(text).ok_or_else(|| Some("it has no words".to_owned()))?;
            told(share <= most, || format!("{share:.1} % of its words are stop words"))
        }))
    }),
    ("ratio:overlap", |given| {
        let (reference, wanted) = (given.text("reference_text")?, given.percentage("percentage")?);
        let runs = runs_of_three(&reference);
        let asks = format!("{wanted} % (2 more or less) of the runs of three characters occur in the text `{reference}` too");
        Ok(Rule::new(asks, move |text| {
            let share = overlap(text, &runs).ok_or_else(|| Some("it has fewer than three characters".to_owned()))?;
            told((wanted - 2.0..=wanted + 2.0).contains(&share), || format!("{share:.1} % of its runs do"))
        }))
    }),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests_support::{tells, verdicts};

    #[test]
    fn words_are_counted() {
        let range = json!({ "min_words": 2, "max_words": 3.0 });
        verdicts("count:word_count_range", &range, &["a b", "a-b c!"], &["", "one", "it's one two"]);
        tells("count:word_count_range", &range, "one", "it has 1 words");
        verdicts("count:unique_word_count", &json!({ "N": 3.0 }), &["a b c", "a, b —", "a b !"], &["a A a, b", ""]);
        verdicts("count:conjunctions", &json!({ "small_n": 3 }), &["and And so", "and, and (and)"], &["and and or", "yet"]);
        verdicts(
            "count:person_names",
            &json!({ "N": 2 }),
            &["Emma, Liam", "Zoe's Ava"],
            &["Emma Emma", "emma liam", "Leon Avas"],
        );
        verdicts("count:pronouns", &json!({ "N": 3 }), &["I saw she/her.", "It's THIS, (that)"], &["he his", "item than"]);
        verdicts("ratio:stop_words", &json!({ "percentage": 50 }), &["the end", "cats"], &["of the end", "!", ""]);
    }

    #[test]
    fn numbers_and_marks_are_counted() {
        verdicts("count:numbers", &json!({ "N": 2 }), &["1,000 and 2.5", "a1b2", "٣ 4"], &["1 000 5", "", "1-2"]);
        verdicts(
            "count:punctuation",
            &json!({}),
            &["a?! b. c, d! e? f; g:", "?!.,!?;:", "‽ . , ! ? ; :"],
            &["?!.,;:", ".,!?;:a", "", "? ! . , ; :"],
        );
        tells("count:punctuation", &json!({}), "So?! Yes.", "missing: `,`, `!`, `?`, `;`, `:`");
    }

    #[test]
    fn words_are_found_by_their_number() {
        let every = json!({ "N": 2 });
        let meet = ["a ねこ b 犬", "a 12 b カ.", "a - b ②", "one"];
        verdicts("count:words_japanese", &every, &meet, &["a b", "a ねこ b c"]);
        tells("count:words_japanese", &every, "a ねこ b c.", "the word numbered 4 is `c`");
        let words = json!({ "keyword1": "a", "keyword2": "b ", "keyword3": "c", "keyword4": "d", "keyword5": "e" });
        verdicts("count:keywords_multiple", &words, &["AbbcccdddddEeeeeee"], &["abbcccddddd", "aabbcccdddddeeeeeee"]);
        tells("count:keywords_multiple", &words, "abbccddddd", "it has `c` 2 times, `e` 0 times");
    }

    #[test]
    fn texts_overlap_by_characters() {
        let half = json!({ "reference_text": "abcd", "percentage": 50 });
        verdicts("ratio:overlap", &half, &["abcx", "bcde"], &["abcd", "ab", "", "xyz"]);
        tells("ratio:overlap", &half, "abcd", "100.0 % of its runs do");
    }
}
