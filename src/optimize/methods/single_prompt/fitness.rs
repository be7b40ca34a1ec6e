//! How well a candidate did on the training examples that candidates are compared on.

use std::cmp::Ordering;

use crate::evaluate::scores::rounded;

/// The result of a candidate on training examples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fitness {
    /// The mean score, in [0, 1].
    pub mean: f64,
    /// The mean closeness of the answers to the right ones, in [0, 1]. It breaks ties.
    pub closeness: f64,
    /// The number of examples that the candidate was run on.
    pub examples: usize,
    /// The number of candidates that were tried before it.
    pub age: usize,
}

impl Fitness {
    /// Returns the fitness on all examples, if `more` is the fitness of the same candidate on those from index `from` on. If `self`
    /// is not the fitness on exactly the examples before `from`, `more` replaces it.
    pub(super) fn extended_by(&self, more: &Self, from: usize) -> Self {
        if self.examples != from || from == 0 {
            return Self { age: self.age, ..more.clone() };
        }
        let (before, all) = (from as f64, more.examples as f64);
        let combine = |first: f64, second: f64| rounded((first * before + second * (all - before)) / all);
        Self {
            mean: combine(self.mean, more.mean),
            closeness: combine(self.closeness, more.closeness),
            examples: more.examples,
            age: self.age,
        }
    }

    /// Orders the better candidate first; of equal ones, the older.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        let by_mean = other.mean.total_cmp(&self.mean).then(other.closeness.total_cmp(&self.closeness));
        by_mean.then(self.age.cmp(&other.age))
    }
}
