//! Fields that give the answer away: their values are the answer, end with it, or determine it.

use std::collections::BTreeMap;
use std::fmt;

use crate::data::Example;

/// The fewest rows of which something is concluded.
const FEWEST_ROWS: usize = 6;

/// The share of the rows in which a field must be the answer, or end with it.
const SHARE: f64 = 0.95;

/// The normalized mutual information from which on a field determines the answer.
const INFORMATION: f64 = 0.95;

/// The evidence in bits that a field must give beyond what the choice of an answer for each of its values explains.
const EVIDENCE: f64 = 6.0;

/// The fewest rows that a value of a field must have on average. Texts that occur once or twice determine every answer trivially.
const ROWS_OF_A_VALUE: usize = 3;

/// How a field gives the answer away.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Leak {
    /// Its value is the answer, apart from case and white space.
    Same,
    /// Its value ends with the answer.
    EndsWithAnswer,
    /// Rows with the same value have the same answer.
    Determines {
        /// The mutual information of field and answer, divided by the entropy of the answer; from 0 to 1.
        information: f64,
    },
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("it is the same as the answer"),
            Self::EndsWithAnswer => f.write_str("it ends with the answer"),
            Self::Determines { information } => {
                write!(
                    f,
                    "it gives the answer away: rows with the same value have the same answer (mutual information {information:.2})"
                )
            }
        }
    }
}

/// Returns how `field` gives the answers in `answer` away. None if it does not, or if the rows are too few to tell.
#[must_use]
pub fn of_field(rows: &[&Example], field: &str, answer: &str) -> Option<Leak> {
    let normal = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let pairs: Vec<(String, String)> =
        rows.iter().filter_map(|row| Some((normal(row.input(field)?), normal(row.input(answer)?)))).collect();
    if pairs.len() < FEWEST_ROWS || pairs.iter().all(|(_, answer)| *answer == pairs[0].1) {
        return None;
    }
    let in_most = |holds: fn(&str, &str) -> bool| {
        let count = pairs.iter().filter(|(value, answer)| !answer.is_empty() && holds(value, answer)).count();
        count as f64 >= SHARE * pairs.len() as f64
    };
    if in_most(|value, answer| value == answer) {
        return Some(Leak::Same);
    }
    if in_most(ends_with_answer) {
        return Some(Leak::EndsWithAnswer);
    }
    determines(&pairs).map(|information| Leak::Determines { information })
}

/// Whether a value ends with the answer as a word of its own. Marks at its end do not count.
fn ends_with_answer(value: &str, answer: &str) -> bool {
    let is_mark = |c: char| c.is_whitespace() || matches!(c, '.' | '"' | '\'' | '`' | '*' | ')' | '}' | '$' | ']');
    let end = value.trim_end_matches(is_mark).strip_suffix(answer.trim_end_matches(is_mark));
    end.is_some_and(|before| before.ends_with(|c: char| !c.is_alphanumeric() && c != '-'))
}

/// Returns the normalized mutual information of the pairs if it is near 1 and no accident. Values that occur once are left out: they
/// tell nothing.
fn determines(pairs: &[(String, String)]) -> Option<f64> {
    let mut counts: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for (value, answer) in pairs {
        *counts.entry(value).or_default().entry(answer).or_default() += 1;
    }
    let repeated: Vec<Vec<(&str, usize)>> = counts
        .into_values()
        .map(|answers| answers.into_iter().collect::<Vec<_>>())
        .filter(|answers| answers.iter().map(|(_, count)| count).sum::<usize>() > 1)
        .collect();
    let covered: usize = repeated.iter().flatten().map(|(_, count)| count).sum();
    if covered * 2 < pairs.len() || covered < ROWS_OF_A_VALUE * repeated.len() {
        return None;
    }
    let mut answers: BTreeMap<&str, usize> = BTreeMap::new();
    for (answer, count) in repeated.iter().flatten() {
        *answers.entry(answer).or_default() += count;
    }
    let before = entropy(answers.values().copied());
    let after: f64 = repeated
        .iter()
        .map(|answers| {
            let rows: usize = answers.iter().map(|(_, count)| count).sum();
            rows as f64 / covered as f64 * entropy(answers.iter().map(|(_, count)| *count))
        })
        .sum();
    let evidence = covered as f64 * (before - after) - (repeated.len() as f64 - 1.0) * (answers.len() as f64).log2();
    let information = if before > 0.0 { (before - after) / before } else { 0.0 };
    (information >= INFORMATION && evidence >= EVIDENCE).then_some(information)
}

/// Returns the entropy of a distribution in bits.
fn entropy(counts: impl Iterator<Item = usize> + Clone) -> f64 {
    let total = counts.clone().sum::<usize>() as f64;
    counts.map(|count| count as f64 / total).filter(|share| *share > 0.0).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The leak of the field `x` to the field `label` in rows of pairs of both.
    fn leak<X: Into<Value>, L: Into<Value>>(count: usize, row: impl Fn(usize) -> (X, L)) -> Option<Leak> {
        let example = |n: usize| {
            let (x, label) = row(n);
            let fields = [("x".to_owned(), x.into()), ("label".to_owned(), label.into())].into_iter().collect();
            Example { id: n.to_string(), fields }
        };
        let rows: Vec<Example> = (0..count).map(example).collect();
        of_field(&rows.iter().collect::<Vec<_>>(), "x", "label")
    }

    const LABELS: [&str; 3] = ["low", "high", "none"];

    #[test]
    fn fields_that_give_the_answer_away_are_found() {
        let whole = Some(Leak::Determines { information: 1.0 });
        assert_eq!(leak(24, |n| (["negative", "positive"][n % 2], n % 2)), whole);
        assert_eq!(leak(8, |n| (["n", "p"][n % 2], n % 2 == 0)), whole, "eight rows are enough");
        assert_eq!(leak(60, |n| (format!("detail {}", n % 12), LABELS[n % 3])), whole, "finer labels");
        assert_eq!(leak(30, |n| (n % 4, [json!(["a"]), json!(["b", "c"])][n % 2].clone())), whole, "lists");
        assert_eq!(leak(9, |n| (LABELS[n % 3].to_uppercase(), LABELS[n % 3])), Some(Leak::Same));
        assert_eq!(leak(9, |n| (format!("{n} times 7 is {}.", n * 7), n * 7)), Some(Leak::EndsWithAnswer));
        assert_eq!(leak(20, |n| (format!("Half of it. #### {n}"), n.to_string())), Some(Leak::EndsWithAnswer));
        let letter = |n: usize| ["A", "B"][n % 2];
        assert_eq!(leak(9, |n| (format!("The answer is ({}).", letter(n)), letter(n))), Some(Leak::EndsWithAnswer));
        // One label in four hundred is wrong.
        let noisy = leak(400, |n| (n % 2 + 5, if n == 7 { 0 } else { n % 2 }));
        assert!(matches!(noisy, Some(Leak::Determines { information }) if information > 0.95), "{noisy:?}");
    }

    #[test]
    fn fields_that_do_not_are_let_be() {
        assert_eq!(leak(40, |n| (format!("text {n}"), LABELS[n % 3])), None, "all values differ");
        assert_eq!(leak(40, |n| (format!("text {}", n / 2), LABELS[(n / 2) % 3])), None, "all rows twice");
        assert_eq!(leak(5, |n| (n % 2 + 5, n % 2)), None, "five rows");
        assert_eq!(leak(6, |n| (n % 3 + 5, n % 3)), None, "two rows of each value");
        assert_eq!(leak(40, |n| (n % 3, n % 2)), None, "independent");
        assert_eq!(leak(40, |_| ("b", "a")), None, "constant");
        assert_eq!(leak(40, |n| (if n < 30 { 3 * (n % 2) } else { n % 5 }, n % 2)), None, "related");
        let span = |n: usize| (format!("the word n{n} is in it"), format!("n{n}"));
        assert_eq!(leak(40, span), None, "the answer is in the text, as where it is to be copied");
        assert_eq!(leak(20, |n| (format!("item-{n}"), n)), None, "a part of a word");
    }
}
