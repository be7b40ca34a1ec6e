//! The trait that every metric implements, and the call that checks its result.

use super::error::MetricError;
use super::judgement::Judgement;
use crate::data::Example;
use crate::engine::{Completion, Ended, Request};
use crate::program::{Rollout, Step};

/// A metric: the feedback function μ_f of the GEPA paper. It is called from several threads at once.
pub trait Metric: Send + Sync {
    /// Returns the fields that every example must have for this metric.
    fn required_fields(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns those of the required fields that can hold an answer as a program would write it. Fields with tests, patterns or
    /// forbidden words are not among them.
    fn answer_fields(&self) -> Vec<String> {
        self.required_fields()
    }

    /// Returns those of the required fields without whose value an example cannot be scored. Null or blank text is no value.
    fn label_fields(&self) -> Vec<String> {
        self.required_fields()
    }

    /// Checks once, before a run begins, whether the metric works on this machine.
    ///
    /// # Errors
    /// [`MetricError::Other`] with what is missing and what to do.
    fn prepare(&self) -> Result<(), MetricError> {
        Ok(())
    }

    /// Checks whether the metric can judge this example at all. It is called for every example before a run begins.
    ///
    /// # Errors
    /// [`MetricError::Example`] with what is wrong.
    fn check(&self, _example: &Example) -> Result<(), MetricError> {
        Ok(())
    }

    /// Returns the output that the metric compares, if it compares exactly one. In a sum, its score is then the score of the
    /// module that wrote this output.
    fn output(&self) -> Option<&str> {
        None
    }

    /// Returns the questions that models must answer before the rollout can be judged.
    fn requests(&self, _example: &Example, _rollout: &Rollout) -> Vec<Request> {
        Vec::new()
    }

    /// Returns the number of [`Metric::requests`]. A metric that knows the number without writing the requests overrides this.
    fn questions(&self, example: &Example, rollout: &Rollout) -> usize {
        self.requests(example, rollout).len()
    }

    /// Returns the questions for a second attempt, after [`Metric::judge`] could not read the answers: as many, in the same
    /// order. A judge samples these answers, because a greedy answer would be the same again.
    fn again(&self, example: &Example, rollout: &Rollout) -> Vec<Request> {
        self.requests(example, rollout)
    }

    /// Returns the judges in this metric whose grades can be compared with given grades, by the names of their objectives.
    fn judges(&self) -> Vec<(String, &dyn Grader)> {
        Vec::new()
    }

    /// Returns a worked solution of the example, where a field has one. Demonstrations for a task model that reasons show it.
    fn solution(&self, _example: &Example) -> Option<String> {
        None
    }

    /// Judges a rollout that did not fail. `answers` are the answers to [`Metric::requests`], in order.
    ///
    /// # Errors
    /// [`MetricError`] where there is no judgement. It is tried once more; then the rollout stays unscored.
    fn judge(&self, example: &Example, rollout: &Rollout, answers: &[Completion]) -> Result<Judgement, MetricError>;
}

/// A metric whose grades can be compared with grades that people gave to the same texts.
pub trait Grader: Metric {
    /// Returns the grade that an example has, and the text that got it as if the program had written it. None where the example
    /// has no grade. What the judge reads beside the text must stand in the example.
    ///
    /// # Errors
    /// [`MetricError::Example`] where the grade is not on the scale, or the text or what is read beside it is missing.
    fn labelled(&self, example: &Example) -> Result<Option<(u32, Rollout)>, MetricError>;

    /// Converts a score in [0, 1] back to the grade that it was made from.
    fn grade(&self, score: f64) -> u32;
}

/// Judges a rollout and checks the result.
///
/// A rollout that failed scores 0, with its failure as the feedback. Problems with the form of an answer are added to the feedback
/// of their modules. If the metric stumbles twice over an answer that lacks outputs, the score is 0.
///
/// # Errors
/// The metric's errors, [`MetricError::Range`], and [`MetricError::Unreadable`] where the program of a step broke down.
pub fn judge(
    metric: &dyn Metric,
    example: &Example,
    rollout: &Rollout,
    answers: &[Completion],
) -> Result<Judgement, MetricError> {
    // A step's program that broke down says nothing about the candidate.
    if let Some(cause) = rollout.steps.iter().find_map(|step| step.broken.clone()) {
        return Err(MetricError::Unreadable { id: example.id.clone(), cause });
    }
    if let Some(failure) = &rollout.failure {
        return Ok(Judgement::new(0.0, failure.clone()));
    }
    let attempt = || metric.judge(example, rollout, answers);
    let mut judgement = match (attempt(), missing_outputs(rollout)) {
        (Err(MetricError::Stumbled { .. }), Some(problem)) => match attempt() {
            Err(MetricError::Stumbled { cause, .. }) => {
                Judgement::new(0.0, format!("{problem} The score is 0, for the metric could not judge the rest: {cause}"))
            }
            second => second?,
        },
        (first, _) => first?,
    };
    round_scores(&mut judgement).map_err(|(what, score)| MetricError::Range { id: example.id.clone(), what, score })?;
    for (module, problem) in rollout.problems() {
        judgement.add_module_feedback(module, problem);
    }
    judgement.answers = answers.to_vec();
    Ok(judgement)
}

/// The distance from 0 and 1 up to which a score is one of them but for rounding, also of 32-bit floats.
const ROUNDING: f64 = 1e-6;

/// Sets each score of a judgement to 1 or 0 that is so but for rounding.
///
/// # Errors
/// What is outside [0, 1], as "the score" or "the objective `x`", and its value.
fn round_scores(judgement: &mut Judgement) -> Result<(), (String, f64)> {
    let round = |score: &mut f64, what: &dyn Fn() -> String| {
        if (*score - 1.0).abs() <= ROUNDING {
            *score = 1.0;
        } else if (-ROUNDING..0.0).contains(score) {
            *score = 0.0;
        }
        if (0.0..=1.0).contains(score) { Ok(()) } else { Err((what(), *score)) }
    };
    round(&mut judgement.score, &|| "the score".into())?;
    for (name, score) in &mut judgement.objectives {
        round(score, &|| format!("the objective `{name}`"))?;
    }
    for (module, score) in &mut judgement.module_scores {
        round(score, &|| format!("the score of the module `{module}`"))?;
    }
    judgement.closeness.iter_mut().try_for_each(|closeness| round(closeness, &|| "the closeness".into()))
}

/// Returns the problem of the first call that ended normally but whose answer lacks outputs.
pub(super) fn missing_outputs(rollout: &Rollout) -> Option<&str> {
    let ended_normally = |step: &&Step| matches!(step.ended, Ended::Stop | Ended::Grammar);
    rollout.steps.iter().filter(ended_normally).find_map(|step| step.problem.as_deref())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Fixed(f64);

    impl Metric for Fixed {
        fn judge(&self, _: &Example, _: &Rollout, _: &[Completion]) -> Result<Judgement, MetricError> {
            Ok(Judgement::new(self.0, "so"))
        }
    }

    fn example() -> Example {
        Example { id: "7".into(), fields: serde_json::Map::new() }
    }

    #[test]
    fn a_score_outside_the_range_is_a_failure_of_the_metric() {
        let rollout = Rollout { steps: Vec::new(), failure: None };
        for score in [f64::NAN, 3.0, -0.1, f64::INFINITY] {
            let verdict = judge(&Fixed(score), &example(), &rollout, &[]);
            assert!(matches!(verdict, Err(MetricError::Range { .. })), "{score}");
        }
        assert_eq!(judge(&Fixed(1.0), &example(), &rollout, &[]).unwrap().score, 1.0);
    }

    #[test]
    fn a_score_that_is_one_but_for_rounding_is_one() {
        let rollout = Rollout { steps: Vec::new(), failure: None };
        for (score, rounded) in [
            (1.000_000_000_000_000_2, 1.0),
            (0.999_999_999_999_999_9, 1.0),
            (f64::from(1.000_000_1_f32), 1.0),
            ([0.1; 10].iter().sum(), 1.0),
            (-1e-17, 0.0),
            (1e-9, 1e-9),
            (0.999, 0.999),
        ] {
            assert_eq!(judge(&Fixed(score), &example(), &rollout, &[]).unwrap().score, rounded, "{score}");
        }
        for score in [1.001, -0.001] {
            assert!(judge(&Fixed(score), &example(), &rollout, &[]).is_err(), "{score}");
        }
    }

    #[test]
    fn a_failed_rollout_scores_zero_without_asking_the_metric() {
        let rollout = Rollout { steps: Vec::new(), failure: Some("The answer was empty.".into()) };
        let verdict = judge(&Fixed(f64::NAN), &example(), &rollout, &[]).unwrap();
        assert_eq!((verdict.score, verdict.feedback.as_str()), (0.0, "The answer was empty."));
    }

    /// Fails so often, then has a verdict.
    struct Failing(MetricError, AtomicUsize);

    impl Metric for Failing {
        fn judge(&self, _: &Example, _: &Rollout, _: &[Completion]) -> Result<Judgement, MetricError> {
            let left = self.1.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            left.map_or_else(|_| Ok(Judgement::new(0.5, "so")), |_| Err(self.0.clone()))
        }
    }

    fn step(problem: Option<&str>) -> Step {
        Step { problem: problem.map(str::to_owned), ..Step::default() }
    }

    /// What is said of one call after so many failures.
    fn verdict(error: MetricError, failures: usize, step: Step) -> Result<Judgement, MetricError> {
        judge(&Failing(error, failures.into()), &example(), &Rollout { steps: vec![step], failure: None }, &[])
    }

    fn stumbled() -> MetricError {
        MetricError::Stumbled { id: "7".into(), cause: "there is no field `answer`".into() }
    }

    #[test]
    fn a_metric_that_stumbles_over_an_unreadable_answer_has_not_failed() {
        let zero = verdict(stumbled(), 2, step(Some("`answer` is missing."))).unwrap();
        assert_eq!(zero.score, 0.0);
        assert!(zero.feedback.contains("`answer` is missing.") && zero.feedback.contains("no field"), "{}", zero.feedback);
        // Once may be chance.
        assert_eq!(verdict(stumbled(), 1, step(Some("`answer` is missing."))).unwrap().score, 0.5);
        assert!(verdict(stumbled(), 2, step(None)).is_err());
        let cut_off = Step { ended: Ended::Length, ..step(Some("It was cut off.")) };
        assert!(verdict(stumbled(), 2, cut_off).is_err());
    }

    #[test]
    fn a_metric_that_breaks_down_is_not_excused_by_an_output_that_is_missing() {
        let cause = || "no grade".to_owned();
        let unreadable = MetricError::Unreadable { id: "7".into(), cause: cause() };
        for error in [unreadable, MetricError::example(&example(), cause()), MetricError::Other(cause())] {
            assert_eq!(verdict(error.clone(), 9, step(Some("`note` is missing."))), Err(error));
        }
        assert!(judge(&Fixed(f64::NAN), &example(), &Rollout { steps: vec![step(Some("so"))], failure: None }, &[]).is_err());
    }
}
