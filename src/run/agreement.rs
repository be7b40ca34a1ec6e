//! What judges say of texts that others have graded: outside of any run, to know what their grades are worth.

use crate::data::Example;
use crate::engine::EngineError;
use crate::evaluate::evaluator::{Evaluator, SUB_WAVE, Watch};
use crate::evaluate::{Cost, Verdict};
use crate::metric::Metric;
use crate::program::Rollout;
use crate::report::agreement::Agreement;

/// Asks every judge of the metric to grade the labelled texts of `examples`.
pub(super) fn agreement(
    evaluator: &mut Evaluator<'_>,
    metric: &dyn Metric,
    examples: &[Example],
    watch: &mut Watch<'_>,
) -> Result<Vec<Agreement>, EngineError> {
    let mut agreements = Vec::new();
    for (name, judge) in metric.judges() {
        let labelled = |example| {
            // What is wrong with a label was told before the run.
            let (grade, rollout) = judge.labelled(example).ok().flatten()?;
            Some((example, grade, rollout))
        };
        let labelled: Vec<(&Example, u32, Rollout)> = examples.iter().filter_map(labelled).collect();
        let (mut pairs, mut unreadable) = (Vec::new(), 0);
        for wave in labelled.chunks(SUB_WAVE) {
            let of: Vec<(&Example, &Rollout)> = wave.iter().map(|(example, _, rollout)| (*example, rollout)).collect();
            let verdicts = evaluator.verdicts(judge, &of, watch, &mut Cost::default())?;
            for (verdict, (_, given, _)) in verdicts.iter().zip(wave) {
                match verdict {
                    Verdict::Judged(judgement) => pairs.push((judge.grade(judgement.score), *given)),
                    Verdict::Unscored(_) => unreadable += 1,
                }
            }
        }
        agreements.extend(Agreement::new(name, &pairs, unreadable));
    }
    Ok(agreements)
}
