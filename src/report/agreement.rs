//! How far the grades of a judge agree with given grades of the same texts.

use std::collections::BTreeMap;

use serde::Serialize;

/// A judge's grades compared with given grades.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    /// The judge's name among the metric's objectives; empty if the judge is the whole metric.
    pub judge: String,
    /// The number of texts with a grade of the judge and a given one.
    pub count: usize,
    /// The number of texts for which the judge's answer has no readable grade.
    pub unreadable: usize,
    /// The share of texts with equal grades, in [0, 1].
    pub equal: f64,
    /// The share of texts whose grades differ by at most 1, in [0, 1].
    pub within_one: f64,
    /// The judge's mean grade less the mean of the given grades. Above 0, the judge is lenient.
    pub leniency: f64,
    /// Cohen's kappa with quadratic weights: 1 for equal grades, 0 for the agreement of chance. None if all grades are the
    /// same, because chance would agree then, too.
    pub kappa: Option<f64>,
}

impl Agreement {
    /// Compares pairs of a judge's grade and a given grade. Returns None if there are no pairs and `unreadable` is 0.
    #[must_use]
    pub fn new(judge: impl Into<String>, pairs: &[(u32, u32)], unreadable: usize) -> Option<Self> {
        if pairs.is_empty() && unreadable == 0 {
            return None;
        }
        let share_within =
            |most: u32| pairs.iter().filter(|(a, b)| a.abs_diff(*b) <= most).count() as f64 / pairs.len().max(1) as f64;
        let difference: f64 = pairs.iter().map(|(own, given)| f64::from(*own) - f64::from(*given)).sum();
        Some(Self {
            judge: judge.into(),
            count: pairs.len(),
            unreadable,
            equal: share_within(0),
            within_one: share_within(1),
            leniency: difference / pairs.len().max(1) as f64,
            kappa: kappa(pairs),
        })
    }
}

impl std::fmt::Display for Agreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [equal, within_one] = [self.equal, self.within_one].map(|share| share * 100.0);
        write!(f, "on {} texts that others graded: {equal:.0}% the same grade, {within_one:.0}% within one, ", self.count)?;
        match self.kappa {
            Some(kappa) => write!(f, "quadratically weighted kappa {kappa:.2}, ")?,
            None => write!(f, "no kappa, since all grades are the same, ")?,
        }
        write!(f, "{:+.2} grades on average", self.leniency)?;
        match self.unreadable {
            0 => Ok(()),
            count => write!(f, "; {count} more without a readable grade"),
        }
    }
}

/// Returns Cohen's kappa with quadratic weights (Cohen, Weighted kappa, 1968): 1 less the ratio of the mean squared difference of
/// the pairs to that of all combinations of a grade of the one side with a grade of the other. None if the latter is 0.
#[must_use]
pub fn kappa(pairs: &[(u32, u32)]) -> Option<f64> {
    let squared = |a: u32, b: u32| f64::from(a.abs_diff(b)).powi(2);
    let observed: f64 = pairs.iter().map(|&(a, b)| squared(a, b)).sum::<f64>() / pairs.len() as f64;
    let mut grades: [BTreeMap<u32, f64>; 2] = Default::default();
    for &(a, b) in pairs {
        *grades[0].entry(a).or_default() += 1.0;
        *grades[1].entry(b).or_default() += 1.0;
    }
    let all = grades[0].iter().flat_map(|(&a, own)| grades[1].iter().map(move |(&b, given)| own * given * squared(a, b)));
    let expected = all.sum::<f64>() / (pairs.len() as f64).powi(2);
    (expected > 0.0).then(|| 1.0 - observed / expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_weighted_kappa_equals_one_computed_by_hand() {
        // The squared differences of the pairs sum to 2, those of all 36 combinations to 144.
        let pairs = [(1, 1), (2, 2), (3, 3), (4, 3), (5, 5), (5, 4)];
        let by_hand = 1.0 - (2.0 / 6.0) / (144.0 / 36.0);
        assert!((kappa(&pairs).unwrap() - by_hand).abs() < 1e-12, "{:?}", kappa(&pairs));
        assert_eq!(kappa(&[(3, 3), (3, 3)]), None);
        assert_eq!(kappa(&[(1, 5), (5, 1)]), Some(-1.0));
        assert_eq!(kappa(&[]), None);
    }

    #[test]
    fn shares_and_leniency_are_those_of_the_pairs() {
        let agreement = Agreement::new("j", &[(5, 5), (4, 3), (5, 1), (2, 2)], 1).unwrap();
        assert_eq!((agreement.equal, agreement.within_one, agreement.leniency), (0.5, 0.75, 1.25));
        assert_eq!((agreement.count, agreement.unreadable), (4, 1));
        assert_eq!(Agreement::new("j", &[], 0), None);
        assert_eq!(Agreement::new("j", &[], 2).unwrap().equal, 0.0);
    }

    proptest! {
        #[test]
        fn kappa_is_at_most_one_and_one_only_where_all_agree(pairs in prop::collection::vec((1u32..6, 1u32..6), 1..40)) {
            if let Some(kappa) = kappa(&pairs) {
                prop_assert!((-1.0 - 1e-9..=1.0).contains(&kappa));
                prop_assert_eq!(kappa == 1.0, pairs.iter().all(|(a, b)| a == b));
            }
        }
    }
}
