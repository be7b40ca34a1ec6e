//! The rollouts of the search on training examples, from which reflectors learn by comparison: what one candidate got wrong and
//! another one right, and which values are confused.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::data::ExampleIndex;
use crate::evaluate::Scored;
use crate::optimize::reflection::contrast::Contrast;
use crate::program::Candidate;

/// The most rollouts that are kept; the oldest are dropped first.
const MOST_ROLLOUTS: usize = 1000;

/// Rollouts by candidate and training example.
#[derive(Debug, Default)]
pub struct TrainingRollouts {
    /// The latest rollout of each candidate on each example.
    by_candidate: BTreeMap<Arc<Candidate>, BTreeMap<ExampleIndex, Arc<Scored>>>,
    /// What was recorded, the oldest first.
    order: VecDeque<(Arc<Candidate>, ExampleIndex)>,
}

impl TrainingRollouts {
    /// Adds rollouts of a candidate. `answers` stand in the order of `examples`; None where there was no rollout.
    pub fn record(&mut self, candidate: &Candidate, examples: &[ExampleIndex], answers: &[Option<Arc<Scored>>]) {
        let run = examples.iter().zip(answers).filter_map(|(&example, answer)| Some((example, Arc::clone(answer.as_ref()?))));
        let candidate = Arc::new(candidate.clone());
        let rollouts = self.by_candidate.entry(Arc::clone(&candidate)).or_default();
        for (example, scored) in run {
            if rollouts.insert(example, scored).is_none() {
                self.order.push_back((Arc::clone(&candidate), example));
            }
        }
        while self.order.len() > MOST_ROLLOUTS
            && let Some((candidate, example)) = self.order.pop_front()
        {
            if let Some(rollouts) = self.by_candidate.get_mut(&candidate) {
                rollouts.remove(&example);
            }
        }
    }

    /// Returns the rollouts of a candidate with their examples, by example index.
    pub fn of(&self, candidate: &Candidate) -> Vec<(ExampleIndex, Arc<Scored>)> {
        let rollouts = self.by_candidate.get(candidate).into_iter().flatten();
        rollouts.map(|(&example, scored)| (example, Arc::clone(scored))).collect()
    }

    /// Returns the examples on which a candidate scored less than another one, each with the best other rollout, by example index.
    pub fn contrasts(&self, candidate: &Candidate) -> Vec<Contrast> {
        let better = |(example, lost): (ExampleIndex, Arc<Scored>)| {
            let lost_score = lost.score()?;
            let others = self.by_candidate.iter().filter(|(other, _)| ***other != *candidate);
            let scored = others.filter_map(|(other, rollouts)| {
                let won = rollouts.get(&example)?;
                Some((won.score().filter(|score| *score > lost_score)?, other, won))
            });
            let (_, winner, won) = scored.reduce(|best, other| if other.0 > best.0 { other } else { best })?;
            Some(Contrast { example, lost, won: Arc::clone(won), winner: Arc::clone(winner) })
        };
        self.of(candidate).into_iter().filter_map(better).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Verdict;
    use crate::metric::Judgement;
    use crate::program::{ModuleText, Rollout};

    fn scored(score: f64) -> Option<Arc<Scored>> {
        let rollout = Rollout { steps: Vec::new(), failure: None };
        Some(Arc::new(Scored { rollout, verdict: Verdict::Judged(Judgement::new(score, "")) }))
    }

    fn candidate(text: &str) -> Candidate {
        Candidate(vec![ModuleText::new(text)])
    }

    #[test]
    fn a_contrast_is_an_example_that_another_candidate_did_better() {
        let mut rollouts = TrainingRollouts::default();
        let examples: Vec<ExampleIndex> = ExampleIndex::all(4);
        rollouts.record(&candidate("a"), &examples, &[scored(0.0), scored(1.0), scored(0.5), None]);
        rollouts.record(&candidate("b"), &examples, &[scored(0.5), scored(0.0), scored(0.5), scored(1.0)]);
        rollouts.record(&candidate("c"), &examples[..1], &[scored(1.0)]);
        let found = rollouts.contrasts(&candidate("a"));
        assert_eq!(found.iter().map(|one| one.example.0).collect::<Vec<_>>(), [0]);
        assert_eq!((Candidate::clone(&found[0].winner), found[0].won.score()), (candidate("c"), Some(1.0)));
        assert_eq!(rollouts.contrasts(&candidate("b")).len(), 2);
        assert_eq!(rollouts.of(&candidate("a")).len(), 3);
        assert!(rollouts.contrasts(&candidate("unknown")).is_empty());
    }

    #[test]
    fn the_oldest_rollouts_are_dropped() {
        let mut rollouts = TrainingRollouts::default();
        let examples = ExampleIndex::all(MOST_ROLLOUTS);
        rollouts.record(&candidate("old"), &examples[..2], &[scored(0.0), scored(0.0)]);
        rollouts.record(&candidate("new"), &examples[1..], &vec![scored(0.0); MOST_ROLLOUTS - 1]);
        assert_eq!((rollouts.of(&candidate("old")).len(), rollouts.of(&candidate("new")).len()), (1, MOST_ROLLOUTS - 1));
    }
}
