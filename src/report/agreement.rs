//! How far a judge agrees with grades that others gave to the same texts.

use std::collections::BTreeMap;

use serde::Serialize;

/// A judge's grades held against given ones.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    /// The judge's name among the metric's objectives; empty where it is the whole metric.
    pub judge: String,
    /// Texts that both graded.
    pub count: usize,
    /// Texts that the judge could not grade.
    pub unreadable: usize,
    /// The share of equal grades.
    pub equal: f64,
    /// The share of grades that are at most one apart.
    pub within_one: f64,
    /// The judge's mean grade less the given one: above 0, it is lenient.
    pub leniency: f64,
    /// Quadratically weighted kappa: 1 is agreement, 0 what chance would give. None where all grades are the same, so that chance
    /// would agree as well.
    pub kappa: Option<f64>,
}

impl Agreement {
    /// Of pairs of a judge's grade and a given one. None where there are no pairs and nothing was unreadable.
    #[must_use]
    pub fn new(judge: impl Into<String>, pairs: &[(u32, u32)], unreadable: usize) -> Option<Self> {
        if pairs.is_empty() && unreadable == 0 {
            return None;
        }
        let apart = |most: u32| pairs.iter().filter(|(a, b)| a.abs_diff(*b) <= most).count() as f64 / pairs.len().max(1) as f64;
        let difference: f64 = pairs.iter().map(|(own, given)| f64::from(*own) - f64::from(*given)).sum();
        Some(Self {
            judge: judge.into(),
            count: pairs.len(),
            unreadable,
            equal: apart(0),
            within_one: apart(1),
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

/// Cohen's kappa with quadratic weights (Cohen 1968): one less the mean squared difference of the pairs over that of all pairings of
/// one's grades with the other's.
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
    fn the_weighted_kappa_is_as_worked_out_by_hand() {
        // By hand: the squares of the pairs sum up to 2, those of all 36 pairings to 144.
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
