//! The kinds of IFBench on sentences and on the shares of their types.

use regex::RegexBuilder;

use super::super::checks;
use super::super::rule::{Reader, Rule, first_fault, told};
use super::splitter::sentences;
use super::text::{split, strip, strip_marks_at_start, without_marks};

/// Returns how many sentences end with each of these marks.
fn endings<const N: usize>(text: &str, marks: [char; N]) -> [usize; N] {
    let sentences = sentences(text);
    marks.map(|mark| sentences.iter().filter(|sentence| sentence.ends_with(mark)).count())
}

/// Returns the number of words of a sentence that stand beside a word with the same initial. As in the reference, the first word
/// of each run counts for itself.
fn alliterating(sentence: &str) -> usize {
    let sentence = sentence.to_lowercase();
    let initials: Vec<char> = split(&sentence).filter_map(|word| strip_marks_at_start(word).chars().next()).collect();
    let (mut number, mut before) = (0, false);
    for pair in initials.windows(2) {
        let same = pair.first() == pair.last();
        number += if !same {
            0
        } else if before {
            1
        } else {
            2
        };
        before = same;
    }
    number
}

/// The kinds on sentences.
pub(in super::super) const KINDS: &[(&str, Reader)] = &[
    ("ratio:sentence_type", |_| {
        Ok(Rule::new("twice as many sentences end with `.` as end with `?`", |text| {
            let [stated, asked] = endings(text, ['.', '?']);
            told(stated == 2 * asked, || format!("{stated} end with `.` and {asked} with `?`"))
        }))
    }),
    ("ratio:sentence_balance", |_| {
        Ok(Rule::new("as many sentences end with `.` as end with `?` and as end with `!`", |text| {
            let [stated, asked, called] = endings(text, ['.', '?', '!']);
            let words = || format!("{stated} end with `.`, {asked} with `?`, {called} with `!`");
            told(stated == asked && asked == called, words)
        }))
    }),
    ("ratio:sentence_words", |_| {
        Ok(Rule::new("three sentences, all with the same number of characters, and all words different", |text| {
            let lengths: Vec<usize> = sentences(text).into_iter().map(|sentence| strip(sentence).chars().count()).collect();
            // The reference compares no words.
            let same = lengths.iter().all(|length| Some(length) == lengths.first());
            let list = || lengths.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
            told(lengths.len() == 3 && same, || format!("it has {} sentences, of these lengths: {}", lengths.len(), list()))
        }))
    }),
    ("sentence:alliteration_increment", |_| {
        let asks = "in each sentence, more words beside each other begin with the same letter than in the sentence before";
        Ok(Rule::new(asks, |text| {
            let mut before = None;
            first_fault(sentences(text), |sentence| {
                let number = alliterating(sentence);
                let more = before.is_none_or(|before| number > before);
                let words = (!more).then(|| format!("after {} such words, a sentence has {number}", before.unwrap_or_default()));
                before = Some(number);
                words
            })
        }))
    }),
    ("sentence:keyword", |given| {
        let (word, nth) = (given.text("word")?, given.ordinal("N")?);
        let pattern = RegexBuilder::new(&regex::escape(&word)).case_insensitive(true).build().map_err(|e| e.to_string())?;
        Ok(Rule::new(format!("the sentence numbered {nth} has the word `{word}`"), move |text| {
            let sentences = sentences(text);
            let sentence = sentences.get(nth - 1).ok_or_else(|| Some(format!("it has {} sentences", sentences.len())))?;
            told(checks::occurs_as_word(&pattern, sentence), || format!("this sentence is `{sentence}`"))
        }))
    }),
    ("sentence:increment", |given| {
        let step = given.number("small_n")?;
        Ok(Rule::new(format!("each sentence has exactly {step} more words than the sentence before"), move |text| {
            let lengths = sentences(text).into_iter().map(|sentence| split(&without_marks(sentence)).count());
            let lengths: Vec<usize> = lengths.collect();
            let steady =
                lengths.iter().zip(lengths.iter().skip(1)).all(|(before, number)| *number == before.saturating_add(step));
            let list = || lengths.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
            told(steady, || format!("its sentences have these numbers of words: {}", list()))
        }))
    }),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests_support::{tells, verdicts};

    #[test]
    fn types_of_sentences_are_counted() {
        let none = json!({});
        verdicts("ratio:sentence_type", &none, &["So. No. Yes?", "So!"], &["So. Yes?", "So.", "Yes?"]);
        tells("ratio:sentence_type", &none, "So. Yes?", "1 end with `.` and 1 with `?`");
        verdicts("ratio:sentence_balance", &none, &["So. Yes? No!", "so"], &["So. Yes?", "So."]);
        tells("ratio:sentence_balance", &none, "So.", "1 end with `.`, 0 with `?`, 0 with `!`");
        verdicts("ratio:sentence_words", &none, &["One. Two! Six?"], &["One. Two! Three?", "One. Two!", ""]);
        tells("ratio:sentence_words", &none, "One. Three.", "it has 2 sentences, of these lengths: 4, 6");
    }

    #[test]
    fn sentences_are_compared_with_the_sentence_before() {
        let none = json!({});
        verdicts(
            "sentence:alliteration_increment",
            &none,
            &["One two. Big \"bad.\" So sad (so) sure.", "a"],
            &["One. Two.", "big bad. One."],
        );
        tells("sentence:alliteration_increment", &none, "Big bad. One.", "after 2 such words, a sentence has 0");
        let two = json!({ "small_n": 2.0 });
        verdicts("sentence:increment", &two, &["One. One - two three.", "One two"], &["One. Two.", "One. One two three four."]);
        tells("sentence:increment", &two, "One. Two.", "its sentences have these numbers of words: 1, 1");
    }

    #[test]
    fn a_sentence_has_a_word() {
        let second = json!({ "word": "tea", "N": 2 });
        verdicts("sentence:keyword", &second, &["Hi. TEA is hot.", "Hi! My-tea."], &["Tea. Hi.", "tea", "Hi. Teas.", ""]);
        tells("sentence:keyword", &second, "Tea.", "it has 1 sentences");
    }
}
