//! Which operator comes next: what has passed the gate before is tried more often (Thompson sampling over
//! Beta distributions, Thompson 1933), and what was never tried comes first.

use std::collections::BTreeMap;

use rand::{Rng, RngExt};

use super::Operator;

/// What became of an operator's proposals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Record {
    /// Proposals that went to the gate, or were unusable.
    pub tried: u32,
    /// Those that passed it.
    pub passed: u32,
}

/// The records of all operators.
#[derive(Debug, Clone, Default)]
pub struct Bandit(BTreeMap<Operator, Record>);

impl Bandit {
    /// Takes note of a proposal.
    pub fn hear(&mut self, operator: Operator, has_passed: bool) {
        let record = self.0.entry(operator).or_default();
        record.tried += 1;
        record.passed += u32::from(has_passed);
    }

    /// An order of `operators`: the untried ones first, as they are given, then by chance, the better
    /// records mostly before the worse.
    pub fn order(&self, operators: &[Operator], random: &mut impl Rng) -> Vec<Operator> {
        let mut drawn: Vec<(f64, Operator)> = Vec::new();
        for &operator in operators {
            let value = match self.0.get(&operator) {
                Some(record) => beta(record.passed + 1, record.tried - record.passed + 1, random),
                None => f64::INFINITY,
            };
            drawn.push((value, operator));
        }
        // A stable sort: untried operators keep their order.
        drawn.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        drawn.into_iter().map(|(_, operator)| operator).collect()
    }
}

/// A number of the Beta distribution with whole parameters: of `a + b - 1` uniform numbers the `a`-th smallest.
fn beta(a: u32, b: u32, random: &mut impl Rng) -> f64 {
    let mut uniform: Vec<f64> = (1..a + b).map(|_| random.random()).collect();
    uniform.sort_by(f64::total_cmp);
    uniform[a as usize - 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::randomness::stream;

    #[test]
    fn the_untried_come_first_and_the_better_mostly_before_the_worse() {
        let mut bandit = Bandit::default();
        let operators = [Operator::Format, Operator::Rule, Operator::Drop, Operator::Rewrite];
        (0..9).for_each(|n| bandit.hear(Operator::Rule, n < 6));
        (0..9).for_each(|n| bandit.hear(Operator::Rewrite, n < 2));
        let mut rule_first = 0;
        for n in 0..1000 {
            let order = bandit.order(&operators, &mut stream(0, "bandit", n));
            assert_eq!(order[..2], [Operator::Format, Operator::Drop]);
            rule_first += usize::from(order[2] == Operator::Rule);
        }
        assert!((900..1000).contains(&rule_first), "{rule_first}");
    }

    #[test]
    fn a_beta_number_has_its_mean() {
        let mut random = stream(0, "beta", 0);
        let mean = (0..4000).map(|_| beta(2, 6, &mut random)).sum::<f64>() / 4000.0;
        assert!((mean - 0.25).abs() < 0.01, "{mean}");
    }
}
