//! Two candidates compared on the same examples.

use std::collections::BTreeMap;

use serde::Serialize;

use super::interval::Interval;
use crate::evaluate::scores::rounded;

/// The scores of two candidates on the examples that both have a score on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Paired {
    /// The number of these examples.
    pub examples: usize,
    /// The mean score of the first candidate on them.
    pub first: f64,
    /// The mean score of the second candidate on them.
    pub second: f64,
    /// The mean of the differences: the second candidate's score less the first's.
    pub difference: f64,
    /// The 95% confidence interval of `difference`; None for fewer than two examples.
    pub interval_95: Option<Interval>,
    /// The number of examples on which the second candidate scores higher.
    pub higher: usize,
    /// The number of examples on which the second candidate scores lower.
    pub lower: usize,
}

/// Whether the second of two candidates is better than the first, by their scores on the same examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// The second candidate is better: the interval lies above zero and enough examples differ.
    Better,
    /// The second candidate is worse: the interval lies below zero and enough examples differ.
    Worse,
    /// The interval contains zero, or too few examples differ.
    Unclear,
}

/// The least number of examples whose two scores must differ for a conclusion. If five differ and the candidates are equally
/// good, all five differ in the same direction with a probability of 1/16 (two-sided sign test). The bootstrap interval, which is
/// computed from the same differences, lies above or below zero then.
const LEAST_DIFFERING: usize = 6;

impl Paired {
    /// Compares the scores of two candidates, given by example id. A score is None if the metric failed. Returns None if no
    /// example has a score of both.
    #[must_use]
    pub fn new(first: &BTreeMap<&str, Option<f64>>, second: &BTreeMap<&str, Option<f64>>) -> Option<Self> {
        let pairs = first.iter().filter_map(|(id, score)| Some(((*score)?, (*second.get(id)?)?)));
        let pairs: Vec<(f64, f64)> = pairs.collect();
        let differences: Vec<f64> = pairs.iter().map(|(a, b)| b - a).collect();
        let mean = |values: &mut dyn Iterator<Item = f64>| rounded(values.sum::<f64>() / pairs.len() as f64);
        (!pairs.is_empty()).then(|| Self {
            examples: pairs.len(),
            first: mean(&mut pairs.iter().map(|pair| pair.0)),
            second: mean(&mut pairs.iter().map(|pair| pair.1)),
            difference: mean(&mut differences.iter().copied()),
            interval_95: Interval::of_mean(&differences),
            higher: differences.iter().filter(|difference| **difference > 0.0).count(),
            lower: differences.iter().filter(|difference| **difference < 0.0).count(),
        })
    }

    /// Returns the conclusion from the interval and from the number of examples whose scores differ.
    #[must_use]
    pub fn conclusion(&self) -> Conclusion {
        match self.interval_95 {
            _ if self.higher + self.lower < LEAST_DIFFERING => Conclusion::Unclear,
            Some(interval) if interval.low > 0.0 => Conclusion::Better,
            Some(interval) if interval.high < 0.0 => Conclusion::Worse,
            _ => Conclusion::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_examples_with_a_score_of_both_count() {
        let first = BTreeMap::from([("a", Some(0.0)), ("b", Some(1.0)), ("c", None), ("d", Some(1.0))]);
        let second = BTreeMap::from([("a", Some(1.0)), ("b", Some(1.0)), ("c", Some(1.0)), ("e", Some(0.0))]);
        let paired = Paired::new(&first, &second).unwrap();
        assert_eq!((paired.examples, paired.first, paired.second, paired.difference), (2, 0.5, 1.0, 0.5));
        assert_eq!((paired.higher, paired.lower, paired.conclusion()), (1, 0, Conclusion::Unclear));
        assert_eq!(Paired::new(&BTreeMap::new(), &second), None);
    }

    #[test]
    fn five_differing_examples_allow_no_conclusion() {
        let ids: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        let right = |count: usize| ids.iter().enumerate().map(move |(n, id)| (id.as_str(), Some(f64::from(u8::from(n < count)))));
        let differing = |count| Paired::new(&right(0).collect(), &right(count).collect()).unwrap();
        assert!(differing(5).interval_95.unwrap().low > 0.0, "the interval alone would allow a conclusion");
        assert_eq!((differing(5).conclusion(), differing(6).conclusion()), (Conclusion::Unclear, Conclusion::Better));
    }

    #[test]
    fn an_interval_on_one_side_of_zero_allows_a_conclusion() {
        let ids: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        let all = |score: f64| ids.iter().map(|id| (id.as_str(), Some(score))).collect::<BTreeMap<_, _>>();
        assert_eq!(Paired::new(&all(0.0), &all(1.0)).unwrap().conclusion(), Conclusion::Better);
        assert_eq!(Paired::new(&all(1.0), &all(0.0)).unwrap().conclusion(), Conclusion::Worse);
        assert_eq!(Paired::new(&all(1.0), &all(1.0)).unwrap().conclusion(), Conclusion::Unclear);
    }
}
