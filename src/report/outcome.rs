//! What a reader wants to know first: did it get better, by how much, and was it luck?

use serde::Serialize;

use super::history::History;
use super::paired::{Paired, Sure};
use crate::data::split::Split;

/// Before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The answer's place in the pool; None before the seed was validated.
    pub best: Option<usize>,
    /// The seed against the answer on the test examples; None where these were not run (yet).
    pub test: Option<Paired>,
    /// The same on the validation examples, by which the answer was chosen.
    pub validation: Option<Paired>,
    /// What the interval says: that of test, or else of validation.
    pub sure: Option<Sure>,
    /// The answer in a sentence.
    pub headline: String,
    /// Whether it was luck, in a sentence or two.
    pub luck: String,
}

impl Outcome {
    /// Of a run as far as it is told.
    #[must_use]
    pub fn of(history: &History) -> Self {
        let best = history.best();
        let pair = |split| Paired::of(&history.scores(0, split), &history.scores(best?, split));
        let (test, validation) = (pair(Split::Test), pair(Split::Val));
        let headline = headline(best, history.end.is_some(), test.as_ref(), validation.as_ref());
        let luck = match (best, &test, &validation) {
            (None, ..) => "The seed is being scored on the validation examples; nothing can be said yet.".into(),
            (Some(0), ..) => "There is no difference to judge: the best is the prompt that the run began with.".into(),
            (_, Some(test), _) => on_test(test),
            (_, None, Some(validation)) => on_validation(validation, history),
            (_, None, None) => String::new(),
        };
        let sure = test.as_ref().or(validation.as_ref()).map(Paired::sure);
        Self { best, test, validation, sure, headline, luck }
    }
}

fn headline(best: Option<usize>, is_over: bool, test: Option<&Paired>, validation: Option<&Paired>) -> String {
    let Some(best) = best else { return "No result yet".into() };
    if best == 0 {
        return if is_over { "No better prompt than the seed was found" } else { "No better prompt than the seed yet" }.into();
    }
    match (test, validation) {
        (Some(test), _) => match test.sure() {
            Sure::Better => "The prompt got better".into(),
            Sure::Worse => "The prompt got worse on test".into(),
            Sure::Unclear if test.difference > 0.0 => "The prompt seems better, but it may be luck".into(),
            Sure::Unclear => "The prompt is no better on test".into(),
        },
        (None, Some(validation)) => {
            let test = if is_over { "there is no test data" } else { "test has not been run" };
            match validation.sure() {
                Sure::Better => format!("The prompt is better on validation; {test}"),
                _ if validation.difference > 0.0 => format!("The prompt seems better on validation, but it may be luck; {test}"),
                _ => format!("The prompt is no better on validation; {test}"),
            }
        }
        (None, None) => "No result yet".into(),
    }
}

fn on_test(test: &Paired) -> String {
    let counts = format!(
        "On {} test examples it scored higher on {}, lower on {}, the same on {}.",
        test.examples,
        test.higher,
        test.lower,
        test.examples - test.higher - test.lower
    );
    let words = match (test.sure(), test.interval_95) {
        (_, None) => "One example says nothing about luck.",
        (Sure::Better, _) => "Luck is an unlikely explanation: the whole 95% interval lies above zero.",
        (Sure::Worse, _) => "It is worse, and luck is an unlikely explanation: the whole 95% interval lies below zero.",
        (Sure::Unclear, Some([low, high])) if low > 0.0 || high < 0.0 => {
            "It may be luck: too few examples differ to tell, all of which could have fallen to one side by chance."
        }
        (Sure::Unclear, _) => {
            "It may be luck: the 95% interval contains zero. More test examples would tell a difference of this size more surely."
        }
    };
    format!("{words} {counts}")
}

fn on_validation(validation: &Paired, history: &History) -> String {
    let test = match history.end {
        Some(_) => "There is no test data",
        None => "The test examples have not been run yet",
    };
    let words = match validation.sure() {
        Sure::Better => "The whole 95% interval lies above zero, but",
        Sure::Worse => "The whole 95% interval lies below zero, and",
        Sure::Unclear => "Chance alone could make this difference, and",
    };
    format!(
        "{test}. {words} the answer was chosen by these {} validation examples among {} candidates, so its score on them \
         flatters it.",
        validation.examples,
        history.members.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paired(difference: f64, interval: [f64; 2]) -> Paired {
        Paired {
            examples: 80,
            first: 0.5,
            second: 0.5 + difference,
            difference,
            interval_95: Some(interval),
            higher: 9,
            lower: 2,
        }
    }

    #[test]
    fn luck_is_told_by_the_interval() {
        let sure = paired(0.2, [0.1, 0.3]);
        assert_eq!(headline(Some(3), true, Some(&sure), None), "The prompt got better");
        assert!(on_test(&sure).contains("above zero. On 80 test examples it scored higher on 9, lower on 2, the same on 69."));
        let unsure = paired(0.02, [-0.05, 0.09]);
        assert_eq!(headline(Some(3), true, Some(&unsure), None), "The prompt seems better, but it may be luck");
        assert!(on_test(&unsure).starts_with("It may be luck"));
        let worse = paired(-0.2, [-0.3, -0.1]);
        assert_eq!(headline(Some(3), true, Some(&worse), None), "The prompt got worse on test");
        assert_eq!(headline(Some(0), true, Some(&worse), None), "No better prompt than the seed was found");
        assert_eq!(headline(Some(0), false, None, None), "No better prompt than the seed yet");
    }

    #[test]
    fn a_run_without_a_candidate_has_no_result_yet() {
        let outcome = Outcome::of(&History::default());
        assert_eq!((outcome.best, outcome.headline.as_str()), (None, "No result yet"));
    }
}
