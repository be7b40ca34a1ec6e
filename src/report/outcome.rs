//! The result of a run in a few sentences: whether the prompt got better, by how much, and whether chance explains it.

use crate::program::PoolIndex;
use serde::Serialize;

use super::history::History;
use super::paired::{Conclusion, Paired};
use crate::data::split::Split;

/// The best candidate compared with the seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The pool index of the best candidate; None before the seed was validated.
    pub best: Option<PoolIndex>,
    /// The seed and the best candidate on the test examples; None if they were not run on these.
    pub test: Option<Paired>,
    /// The seed and the best candidate on the validation examples, by which the best candidate was chosen.
    pub validation: Option<Paired>,
    /// The conclusion from `test`; without test scores, from `validation`.
    pub conclusion: Option<Conclusion>,
    /// The result in one sentence.
    pub headline: String,
    /// In one or two sentences, whether chance explains the difference.
    pub explanation: String,
}

impl Outcome {
    /// Returns the result of a run, which may still be going on.
    #[must_use]
    pub fn new(history: &History) -> Self {
        let best = history.best();
        let seed_and_best = |split| Paired::new(&history.scores(PoolIndex::SEED, split), &history.scores(best?, split));
        let (test, validation) = (seed_and_best(Split::Test), seed_and_best(Split::Val));
        let headline = headline(best, history.end.is_some(), test.as_ref(), validation.as_ref());
        let explanation = match (best, &test, &validation) {
            (None, ..) => "The seed has not been scored on all validation examples yet.".into(),
            (Some(PoolIndex::SEED), ..) => "There is no difference to explain: the best candidate is the seed.".into(),
            (_, Some(test), _) => test_explanation(test),
            (_, None, Some(validation)) => validation_explanation(validation, history),
            (_, None, None) => String::new(),
        };
        let conclusion = test.as_ref().or(validation.as_ref()).map(Paired::conclusion);
        Self { best, test, validation, conclusion, headline, explanation }
    }
}

fn headline(best: Option<PoolIndex>, is_finished: bool, test: Option<&Paired>, validation: Option<&Paired>) -> String {
    let Some(best) = best else { return "No result yet".into() };
    if best == PoolIndex::SEED {
        let words = if is_finished { "No better prompt than the seed was found" } else { "No better prompt than the seed yet" };
        return words.into();
    }
    match (test, validation) {
        (Some(test), _) => match test.conclusion() {
            Conclusion::Better => "The prompt got better".into(),
            Conclusion::Worse => "The prompt got worse on test".into(),
            Conclusion::Unclear if test.difference > 0.0 => "The prompt seems better, but it may be luck".into(),
            Conclusion::Unclear => "The prompt is no better on test".into(),
        },
        (None, Some(validation)) => {
            let test = if is_finished { "there is no test data" } else { "the test has not been run" };
            match validation.conclusion() {
                Conclusion::Better => format!("The prompt is better on validation; {test}"),
                _ if validation.difference > 0.0 => {
                    format!("The prompt seems better on validation, but it may be luck; {test}")
                }
                _ => format!("The prompt is no better on validation; {test}"),
            }
        }
        (None, None) => "No result yet".into(),
    }
}

fn test_explanation(test: &Paired) -> String {
    let counts = format!(
        "On {} test examples, the best candidate scored higher than the seed on {}, lower on {}, and the same on {}.",
        test.examples,
        test.higher,
        test.lower,
        test.examples - test.higher - test.lower
    );
    let words = match (test.conclusion(), test.interval_95) {
        (_, None) => "One example is too few to tell a difference from luck.",
        (Conclusion::Better, _) => "Luck is an unlikely explanation: the whole 95% interval lies above zero.",
        (Conclusion::Worse, _) => {
            "The prompt got worse, and luck is an unlikely explanation: the whole 95% interval lies below zero."
        }
        (Conclusion::Unclear, Some(interval)) if interval.low > 0.0 || interval.high < 0.0 => {
            "It may be luck: so few examples differ that all of them could differ in the same direction by chance."
        }
        (Conclusion::Unclear, _) => {
            "It may be luck: the 95% interval contains zero. More test examples would show a difference of this size more surely."
        }
    };
    format!("{words} {counts}")
}

fn validation_explanation(validation: &Paired, history: &History) -> String {
    let test = match history.end {
        Some(_) => "There is no test data",
        None => "The test examples have not been run yet",
    };
    let words = match validation.conclusion() {
        Conclusion::Better => "The whole 95% interval lies above zero, but",
        Conclusion::Worse => "The whole 95% interval lies below zero, and",
        Conclusion::Unclear => "Chance alone could make this difference, and",
    };
    format!(
        "{test}. {words} the best of {} candidates was chosen by its score on these {} validation examples, so this score is too \
         high on average.",
        history.members.len(),
        validation.examples
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::interval::Interval;

    fn paired(difference: f64, low: f64, high: f64) -> Paired {
        Paired {
            examples: 80,
            first: 0.5,
            second: 0.5 + difference,
            difference,
            interval_95: Some(Interval { low, high }),
            higher: 9,
            lower: 2,
        }
    }

    #[test]
    fn the_interval_decides_whether_it_may_be_luck() {
        let better = paired(0.2, 0.1, 0.3);
        assert_eq!(headline(Some(PoolIndex(3)), true, Some(&better), None), "The prompt got better");
        let counts = "On 80 test examples, the best candidate scored higher than the seed on 9, lower on 2, and the same on 69.";
        assert!(test_explanation(&better).contains(&format!("above zero. {counts}")));
        let unclear = paired(0.02, -0.05, 0.09);
        assert_eq!(headline(Some(PoolIndex(3)), true, Some(&unclear), None), "The prompt seems better, but it may be luck");
        assert!(test_explanation(&unclear).starts_with("It may be luck"));
        let worse = paired(-0.2, -0.3, -0.1);
        assert_eq!(headline(Some(PoolIndex(3)), true, Some(&worse), None), "The prompt got worse on test");
        assert_eq!(headline(Some(PoolIndex::SEED), true, Some(&worse), None), "No better prompt than the seed was found");
        assert_eq!(headline(Some(PoolIndex::SEED), false, None, None), "No better prompt than the seed yet");
    }

    #[test]
    fn a_run_without_a_candidate_has_no_result_yet() {
        let outcome = Outcome::new(&History::default());
        assert_eq!((outcome.best, outcome.headline.as_str()), (None, "No result yet"));
    }
}
