//! Compares the grades of a metric's judges with grades that the examples bring, as part of an evaluation.

use crate::data::Example;
use crate::engine::EngineError;
use crate::evaluate::evaluator::Evaluator;
use crate::evaluate::scored::{Cost, Verdict};
use crate::hooks::Hooks;
use crate::program::trace::Rollout;
use crate::report::agreement::Agreement;

/// A text with the grade that somebody else gave it.
struct Graded<'a> {
    example: &'a Example,
    rollout: Rollout,
    grade: u32,
}

/// Lets every judge of the metric grade the labelled texts of `examples`. Returns the agreement of each judge that has any.
///
/// # Errors
/// [`EngineError`]; [`EngineError::Interrupted`] if `hooks` interrupt the evaluation.
pub(super) fn agreement(
    evaluator: &mut Evaluator<'_>,
    examples: &[Example],
    hooks: &mut Hooks<'_>,
) -> Result<Vec<Agreement>, EngineError> {
    let mut agreements = Vec::new();
    for (name, judge) in evaluator.metric().judges() {
        let graded = |example| {
            // A wrong label is not reported here: the examples were checked before the evaluation.
            let (grade, rollout) = judge.labelled(example).ok().flatten()?;
            Some(Graded { example, rollout, grade })
        };
        let graded: Vec<Graded<'_>> = examples.iter().filter_map(graded).collect();
        let (mut pairs, mut unreadable) = (Vec::new(), 0);
        for graded in graded.chunks(evaluator.most_rollouts()) {
            let rollouts: Vec<(&Example, &Rollout)> = graded.iter().map(|graded| (graded.example, &graded.rollout)).collect();
            let verdicts = evaluator.verdicts(judge, &rollouts, hooks, &mut Cost::default())?;
            for (verdict, graded) in verdicts.iter().zip(graded) {
                match verdict {
                    Verdict::Judged(judgement) => pairs.push((judge.grade(judgement.score), graded.grade)),
                    Verdict::Unscored(_) => unreadable += 1,
                }
            }
        }
        agreements.extend(Agreement::new(name, &pairs, unreadable));
    }
    Ok(agreements)
}
