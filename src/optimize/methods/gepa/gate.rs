//! The gate: may a child cost a validation?

use crate::config::Gate;
use crate::optimize::pool::rounded;

/// What the minibatch says of a child.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sums {
    /// The sum of the parent's scores.
    pub parent_sum: f64,
    /// The sum of the child's.
    pub child_sum: f64,
}

impl Sums {
    /// Compares scores on the same examples. An example that either was not scored on is left
    /// out of both sums.
    #[must_use]
    pub fn of(parent: &[Option<f64>], child: &[Option<f64>]) -> Self {
        let both = parent.iter().zip(child).filter_map(|(p, c)| Some(((*p)?, (*c)?)));
        let (parent_sum, child_sum) = both.fold((0.0, 0.0), |(ps, cs), (p, c)| (ps + p, cs + c));
        Self { parent_sum: rounded(parent_sum), child_sum: rounded(child_sum) }
    }

    /// How much better the child is.
    #[must_use]
    pub fn gain(&self) -> f64 {
        rounded(self.child_sum - self.parent_sum)
    }

    /// Whether the child may be validated. `from_zero` says that the parent was not expected to get anything right:
    /// where neither does, the minibatch tells nothing, and the confident gate leaves it to the validation's first share.
    #[must_use]
    pub fn passes(&self, gate: Gate, from_zero: bool) -> bool {
        let nothing = self.parent_sum <= 0.0 && self.child_sum <= 0.0;
        passes(gate, self.gain()) || (gate == Gate::Confident && from_zero && nothing)
    }
}

/// Standard errors of the mean difference beyond which a child is plainly worse: more than the loss of a single example.
const PLAIN: f64 = 1.0;

/// Whether a child is worse than its parent by more than so many standard errors.
#[must_use]
pub fn is_plainly_worse(parent: &[Option<f64>], child: &[Option<f64>]) -> bool {
    let lost: Vec<f64> = parent.iter().zip(child).filter_map(|(p, c)| Some((*p)? - (*c)?)).collect();
    is_beyond_noise(&lost, PLAIN)
}

/// Whether the mean of paired differences is above 0 by more than so many of its standard errors.
#[must_use]
pub fn is_beyond_noise(differences: &[f64], errors: f64) -> bool {
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let variance = differences.iter().map(|difference| (difference - mean).powi(2)).sum::<f64>() / (n - 1.0);
    differences.len() > 1 && mean > errors * (variance / n).sqrt()
}

fn passes(gate: Gate, gain: f64) -> bool {
    match gate {
        Gate::Strict | Gate::Confident => gain > 0.0,
        Gate::OrEqual => gain >= 0.0,
    }
}

/// Whether a child that has been run on part of a minibatch can still pass, were it perfect on all of
/// the rest. `child` has None where it was not run, and Some(None) where the metric failed.
#[must_use]
pub fn can_pass(gate: Gate, parent: &[Option<f64>], child: &[Option<Option<f64>>]) -> bool {
    let most = |(parent, child): (&Option<f64>, &Option<Option<f64>>)| match (parent, child) {
        (Some(parent), Some(Some(child))) => child - parent,
        (Some(parent), None) => 1.0 - parent,
        (_, Some(None)) | (None, _) => 0.0,
    };
    passes(gate, rounded(parent.iter().zip(child).map(most).sum()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_a_better_child_passes_and_an_equal_one_where_that_is_enough() {
        let passes = |gate, p: [f64; 2], c: [f64; 2]| Sums::of(&p.map(Some), &c.map(Some)).passes(gate, false);
        assert!(passes(Gate::Strict, [0.0, 1.0], [1.0, 1.0]));
        assert!(!passes(Gate::Strict, [0.0, 1.0], [1.0, 0.0]));
        assert!(passes(Gate::OrEqual, [0.0, 1.0], [1.0, 0.0]));
        assert!(!passes(Gate::OrEqual, [1.0, 1.0], [1.0, 0.0]));
        assert!(passes(Gate::Confident, [0.0, 1.0], [1.0, 1.0]));
        assert!(!passes(Gate::Confident, [0.0, 1.0], [1.0, 0.0]));
        assert!(!passes(Gate::Confident, [0.0, 0.0], [0.0, 0.0]));
        let nothing = Sums::of(&[Some(0.0); 2], &[Some(0.0); 2]);
        assert!(nothing.passes(Gate::Confident, true) && !nothing.passes(Gate::Strict, true));
    }

    #[test]
    fn a_tie_in_thirds_is_a_tie() {
        let thirds = |n: [f64; 3]| n.map(|x| Some(x / 3.0));
        assert!(!Sums::of(&thirds([3.0, 2.0, 1.0]), &thirds([2.0, 2.0, 2.0])).passes(Gate::Strict, false));
    }

    #[test]
    fn one_example_is_no_plain_loss_and_two_are() {
        let some = |scores: [f64; 4]| scores.map(Some);
        assert!(!is_plainly_worse(&some([1.0, 1.0, 0.5, 0.0]), &some([0.0, 1.0, 0.5, 0.0])));
        assert!(!is_plainly_worse(&some([1.0; 4]), &some([1.0; 4])));
        assert!(!is_plainly_worse(&some([1.0, 1.0, 0.5, 0.0]), &some([0.0, 0.0, 0.5, 1.0])));
        assert!(is_plainly_worse(&some([1.0, 1.0, 0.5, 0.0]), &some([0.0, 0.0, 0.5, 0.0])));
    }

    #[test]
    fn an_unscored_example_decides_nothing() {
        assert!(!Sums::of(&[Some(0.0), None], &[None, Some(1.0)]).passes(Gate::Strict, false));
        assert!(Sums::of(&[Some(0.0), None], &[Some(0.5), Some(0.0)]).passes(Gate::Strict, false));
    }

    fn score() -> impl Strategy<Value = Option<f64>> {
        prop_oneof![9 => (0..4_u8).prop_map(|s| Some(f64::from(s) / 3.0)), 1 => Just(None)]
    }

    proptest! {
        /// What is given up could not have passed, however the rest had gone; what is not given up at the end has passed.
        #[test]
        fn an_early_end_never_changes_the_verdict(
            rows in prop::collection::vec((score(), score()), 1..12),
            run in 0..12_usize,
            gate in prop_oneof![Just(Gate::Strict), Just(Gate::OrEqual)],
        ) {
            let (parent, child): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
            let known: Vec<_> = child.iter().enumerate().map(|(at, c)| (at < run).then_some(*c)).collect();
            let verdict = Sums::of(&parent, &child).passes(gate, false);
            if verdict {
                prop_assert!(can_pass(gate, &parent, &known));
            }
            if run >= child.len() {
                prop_assert_eq!(can_pass(gate, &parent, &known), verdict);
            }
        }
    }
}
