//! The gate: may a child cost a full validation?

use crate::optimize::pool::rounded;

/// What the minibatch says of a child.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// The sum of the parent's scores.
    pub parent_sum: f64,
    /// The sum of the child's.
    pub child_sum: f64,
}

impl Verdict {
    /// Compares scores on the same examples. An example that either was not scored on is left
    /// out of both sums.
    #[must_use]
    pub fn of(parent: &[Option<f64>], child: &[Option<f64>]) -> Self {
        let both = parent.iter().zip(child).filter_map(|(p, c)| Some(((*p)?, (*c)?)));
        let (parent_sum, child_sum) = both.fold((0.0, 0.0), |(ps, cs), (p, c)| (ps + p, cs + c));
        Self { parent_sum: rounded(parent_sum), child_sum: rounded(child_sum) }
    }

    /// The strict gate: the child is better.
    #[must_use]
    pub fn is_better(&self) -> bool {
        self.child_sum > self.parent_sum
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict;

    #[test]
    fn only_a_better_child_passes() {
        let better = |p: &[Option<f64>], c: &[Option<f64>]| Verdict::of(p, c).is_better();
        assert!(better(&[Some(0.0), Some(1.0)], &[Some(1.0), Some(1.0)]));
        assert!(!better(&[Some(0.0), Some(1.0)], &[Some(1.0), Some(0.0)]));
    }

    #[test]
    fn a_tie_in_thirds_is_a_tie() {
        let thirds = |n: [f64; 3]| n.map(|x| Some(x / 3.0));
        assert!(!Verdict::of(&thirds([3.0, 2.0, 1.0]), &thirds([2.0, 2.0, 2.0])).is_better());
    }

    #[test]
    fn an_unscored_example_decides_nothing() {
        assert!(!Verdict::of(&[Some(0.0), None], &[None, Some(1.0)]).is_better());
        assert!(Verdict::of(&[Some(0.0), None], &[Some(0.5), Some(0.0)]).is_better());
    }
}
