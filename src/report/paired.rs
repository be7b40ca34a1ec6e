//! Two candidates on the same examples: the difference, how sure it is, and what that means in words.

use std::collections::BTreeMap;

use serde::Serialize;

use super::interval;
use crate::optimize::pool::rounded;

/// A comparison over the examples on which both were scored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Paired {
    /// Those examples.
    pub examples: usize,
    /// The first's mean on them.
    pub first: f64,
    /// The second's.
    pub second: f64,
    /// The mean of the differences, second less first.
    pub difference: f64,
    /// Its 95% interval; None below two examples.
    pub interval_95: Option<[f64; 2]>,
    /// Examples on which the second scored higher.
    pub higher: usize,
    /// Examples on which it scored lower.
    pub lower: usize,
}

/// What an interval says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sure {
    /// All of it is above zero, and more than a handful of examples differ.
    Better,
    /// All of it is below zero.
    Worse,
    /// It contains zero, or too few examples differ.
    Unclear,
}

/// Fewer that differ would all differ to one side in one of sixteen cases by chance alone (the sign test); the interval, which draws
/// from these few, does not know that.
const LEAST_DIFFERING: usize = 6;

impl Paired {
    /// Compares scores by example id; None where no example has both.
    #[must_use]
    pub fn of(first: &BTreeMap<&str, Option<f64>>, second: &BTreeMap<&str, Option<f64>>) -> Option<Self> {
        let pairs = first.iter().filter_map(|(id, score)| Some(((*score)?, (*second.get(id)?)?)));
        let pairs: Vec<(f64, f64)> = pairs.collect();
        let differences: Vec<f64> = pairs.iter().map(|(a, b)| b - a).collect();
        let mean = |values: &mut dyn Iterator<Item = f64>| rounded(values.sum::<f64>() / pairs.len() as f64);
        (!pairs.is_empty()).then(|| Self {
            examples: pairs.len(),
            first: mean(&mut pairs.iter().map(|pair| pair.0)),
            second: mean(&mut pairs.iter().map(|pair| pair.1)),
            difference: mean(&mut differences.iter().copied()),
            interval_95: interval::paired(&differences),
            higher: differences.iter().filter(|difference| **difference > 0.0).count(),
            lower: differences.iter().filter(|difference| **difference < 0.0).count(),
        })
    }

    /// What the interval says, where enough examples differ for it to say something.
    #[must_use]
    pub fn sure(&self) -> Sure {
        match self.interval_95 {
            _ if self.higher + self.lower < LEAST_DIFFERING => Sure::Unclear,
            Some([low, _]) if low > 0.0 => Sure::Better,
            Some([_, high]) if high < 0.0 => Sure::Worse,
            _ => Sure::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_were_scored_on_counts() {
        let first = BTreeMap::from([("a", Some(0.0)), ("b", Some(1.0)), ("c", None), ("d", Some(1.0))]);
        let second = BTreeMap::from([("a", Some(1.0)), ("b", Some(1.0)), ("c", Some(1.0)), ("e", Some(0.0))]);
        let paired = Paired::of(&first, &second).unwrap();
        assert_eq!((paired.examples, paired.first, paired.second, paired.difference), (2, 0.5, 1.0, 0.5));
        assert_eq!((paired.higher, paired.lower, paired.sure()), (1, 0, Sure::Unclear));
        assert_eq!(Paired::of(&BTreeMap::new(), &second), None);
    }

    #[test]
    fn a_handful_of_differences_is_not_sure() {
        let ids: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        let right = |count: usize| ids.iter().enumerate().map(move |(n, id)| (id.as_str(), Some(f64::from(u8::from(n < count)))));
        let sure = |count| Paired::of(&right(0).collect(), &right(count).collect()).unwrap();
        assert!(sure(5).interval_95.unwrap()[0] > 0.0, "the interval alone would be sure");
        assert_eq!((sure(5).sure(), sure(6).sure()), (Sure::Unclear, Sure::Better));
    }

    #[test]
    fn an_interval_on_one_side_of_zero_is_sure() {
        let ids: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        let all = |score: f64| ids.iter().map(|id| (id.as_str(), Some(score))).collect::<BTreeMap<_, _>>();
        assert_eq!(Paired::of(&all(0.0), &all(1.0)).unwrap().sure(), Sure::Better);
        assert_eq!(Paired::of(&all(1.0), &all(0.0)).unwrap().sure(), Sure::Worse);
        assert_eq!(Paired::of(&all(1.0), &all(1.0)).unwrap().sure(), Sure::Unclear);
    }
}
