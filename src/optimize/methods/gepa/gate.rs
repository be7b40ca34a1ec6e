//! The rules of the gate (step 7): whether a child's scores on a minibatch allow it to be validated.

use crate::config::Gate;
use crate::evaluate::scores::{Scores, rounded};

/// The sums of the scores of a parent and of its child on the same examples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreSums {
    /// The sum of the parent's scores.
    pub parent_sum: f64,
    /// The sum of the child's scores.
    pub child_sum: f64,
}

impl ScoreSums {
    /// Adds up scores that are listed for the same examples. An example on which either was not scored is left out of both
    /// sums.
    #[must_use]
    pub fn new(parent: &[Option<f64>], child: &[Option<f64>]) -> Self {
        let both = parent.iter().zip(child).filter_map(|(p, c)| Some(((*p)?, (*c)?)));
        let (parent_sum, child_sum) = both.fold((0.0, 0.0), |(ps, cs), (p, c)| (ps + p, cs + c));
        Self { parent_sum: rounded(parent_sum), child_sum: rounded(child_sum) }
    }

    /// Returns the child's sum less the parent's.
    #[must_use]
    pub fn gain(&self) -> f64 {
        rounded(self.child_sum - self.parent_sum)
    }

    /// Whether the child may be validated. The gate of the paper is [`Gate::Strict`].
    ///
    /// The confident gate also lets a child pass where neither it nor its parent has any score above 0, provided that
    /// `expects_zero` holds: that this was to be expected of the parent. Such a minibatch carries no information, so the
    /// first share of the validation decides.
    #[must_use]
    pub fn passes(&self, gate: Gate, expects_zero: bool) -> bool {
        let is_all_zero = self.parent_sum <= 0.0 && self.child_sum <= 0.0;
        is_gain_enough(gate, self.gain()) || (gate == Gate::Confident && expects_zero && is_all_zero)
    }
}

/// The number of standard errors of the mean difference beyond which a child is plainly worse than its parent. The loss of
/// a single example is within it.
const PLAINLY_WORSE_ERRORS: f64 = 1.0;

/// Whether a child is worse than its parent by more than noise explains. Scores are listed for the same examples; those on
/// which either was not scored are left out.
#[must_use]
pub fn is_plainly_worse(parent: &[Option<f64>], child: &[Option<f64>]) -> bool {
    let losses: Vec<f64> = parent.iter().zip(child).filter_map(|(p, c)| Some((*p)? - (*c)?)).collect();
    is_beyond_noise(&losses, PLAINLY_WORSE_ERRORS)
}

/// Whether a candidate is worse than another one by more than `errors` standard errors of the mean difference, on the examples that
/// both were scored on.
#[must_use]
pub fn is_worse(scores: &Scores, other: &Scores, errors: f64) -> bool {
    let losses: Vec<f64> = scores.paired(other).map(|pair| pair.other - pair.own).collect();
    is_beyond_noise(&losses, errors)
}

/// Whether the mean of paired differences is above 0 by more than `errors` of its standard errors.
fn is_beyond_noise(differences: &[f64], errors: f64) -> bool {
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let variance = differences.iter().map(|difference| (difference - mean).powi(2)).sum::<f64>() / (n - 1.0);
    differences.len() > 1 && mean > errors * (variance / n).sqrt()
}

fn is_gain_enough(gate: Gate, gain: f64) -> bool {
    match gate {
        Gate::Strict | Gate::Confident => gain > 0.0,
        Gate::OrEqual => gain >= 0.0,
    }
}

/// What is known of a child on an example of a minibatch that is being run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ChildScore {
    /// It was not run on the example yet.
    NotRun,
    /// It was run; None where the metric failed.
    Run(Option<f64>),
}

/// Whether a child that was run on a part of a minibatch can still pass, were its score 1 on all other examples. With the confident
/// gate also whether it can still be as good as its parent, since it is then gated again.
#[must_use]
pub fn can_pass(gate: Gate, parent: &[Option<f64>], child: &[ChildScore]) -> bool {
    let largest_gain = |(parent, child): (&Option<f64>, &ChildScore)| match (parent, child) {
        (Some(parent), ChildScore::Run(Some(child))) => child - parent,
        (Some(parent), ChildScore::NotRun) => 1.0 - parent,
        (_, ChildScore::Run(None)) | (None, _) => 0.0,
    };
    let gain = rounded(parent.iter().zip(child).map(largest_gain).sum());
    is_gain_enough(if gate == Gate::Confident { Gate::OrEqual } else { gate }, gain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_a_better_child_passes_and_an_equal_one_where_that_is_enough() {
        let passes = |gate, p: [f64; 2], c: [f64; 2]| ScoreSums::new(&p.map(Some), &c.map(Some)).passes(gate, false);
        assert!(passes(Gate::Strict, [0.0, 1.0], [1.0, 1.0]));
        assert!(!passes(Gate::Strict, [0.0, 1.0], [1.0, 0.0]));
        assert!(passes(Gate::OrEqual, [0.0, 1.0], [1.0, 0.0]));
        assert!(!passes(Gate::OrEqual, [1.0, 1.0], [1.0, 0.0]));
        assert!(passes(Gate::Confident, [0.0, 1.0], [1.0, 1.0]));
        assert!(!passes(Gate::Confident, [0.0, 1.0], [1.0, 0.0]));
        assert!(!passes(Gate::Confident, [0.0, 0.0], [0.0, 0.0]));
        let zero = ScoreSums::new(&[Some(0.0); 2], &[Some(0.0); 2]);
        assert!(zero.passes(Gate::Confident, true) && !zero.passes(Gate::Strict, true));
    }

    #[test]
    fn a_tie_in_thirds_is_a_tie() {
        let thirds = |n: [f64; 3]| n.map(|x| Some(x / 3.0));
        assert!(!ScoreSums::new(&thirds([3.0, 2.0, 1.0]), &thirds([2.0, 2.0, 2.0])).passes(Gate::Strict, false));
    }

    #[test]
    fn the_loss_of_one_example_is_not_plainly_worse_and_that_of_two_is() {
        let some = |scores: [f64; 4]| scores.map(Some);
        assert!(!is_plainly_worse(&some([1.0, 1.0, 0.5, 0.0]), &some([0.0, 1.0, 0.5, 0.0])));
        assert!(!is_plainly_worse(&some([1.0; 4]), &some([1.0; 4])));
        assert!(!is_plainly_worse(&some([1.0, 1.0, 0.5, 0.0]), &some([0.0, 0.0, 0.5, 1.0])));
        assert!(is_plainly_worse(&some([1.0, 1.0, 0.5, 0.0]), &some([0.0, 0.0, 0.5, 0.0])));
    }

    #[test]
    fn an_unscored_example_decides_nothing() {
        assert!(!ScoreSums::new(&[Some(0.0), None], &[None, Some(1.0)]).passes(Gate::Strict, false));
        assert!(ScoreSums::new(&[Some(0.0), None], &[Some(0.5), Some(0.0)]).passes(Gate::Strict, false));
    }

    fn score() -> impl Strategy<Value = Option<f64>> {
        prop_oneof![9 => (0..4_u8).prop_map(|s| Some(f64::from(s) / 3.0)), 1 => Just(None)]
    }

    proptest! {
        /// A child that is given up could not have passed, whatever its other scores had been. One that was run on all
        /// examples is given up exactly if it did not pass.
        #[test]
        fn giving_up_early_never_changes_the_result(
            rows in prop::collection::vec((score(), score()), 1..12),
            run in 0..12_usize,
            gate in prop_oneof![Just(Gate::Strict), Just(Gate::OrEqual)],
        ) {
            let (parent, child): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
            let known = |(example, score): (usize, &Option<f64>)| {
                if example < run { ChildScore::Run(*score) } else { ChildScore::NotRun }
            };
            let known: Vec<ChildScore> = child.iter().enumerate().map(known).collect();
            let passes = ScoreSums::new(&parent, &child).passes(gate, false);
            if passes {
                prop_assert!(can_pass(gate, &parent, &known));
            }
            if run >= child.len() {
                prop_assert_eq!(can_pass(gate, &parent, &known), passes);
            }
        }
    }
}
