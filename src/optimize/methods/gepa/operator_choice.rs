//! Which operator makes the next proposal. The paper has one operator, a reflector that rewrites the instruction; here
//! there are several, and those whose children were better than their parents are drawn more often.

use std::collections::BTreeMap;

use rand::Rng;

use super::thompson::Outcomes;
use crate::optimize::operators::Operator;

/// The prior of an operator that costs no reflection: one improvement in so many proposals.
const PRIOR_PROPOSALS: u32 = 2;

/// The prior of an operator that asks a reflector. It is lower, since a reflection takes the time of dozens of rollouts.
const PRIOR_PROPOSALS_WITH_REFLECTION: u32 = 4;

/// The outcomes of all operators that made a proposal for one module.
#[derive(Debug, Clone, Default)]
pub struct OperatorChoice(BTreeMap<Operator, Outcomes>);

impl OperatorChoice {
    /// Counts a proposal of `operator`.
    pub fn record(&mut self, operator: Operator, is_improvement: bool) {
        self.0.entry(operator).or_default().record(is_improvement);
    }

    /// Returns the operator of the next proposal of an iteration: of `operators` the first one that asks no reflector and
    /// that was never tried, else one that is drawn by Thompson sampling. `used` are the operators of the iteration's
    /// proposals so far. An operator among them is returned again only if it can write another text. None where no
    /// operator is left.
    pub fn next(&self, operators: &[Operator], used: &[Operator], random: &mut impl Rng) -> Option<Operator> {
        let untried =
            operators.iter().find(|o| !o.implementation().asks_reflector() && !self.0.contains_key(o) && !used.contains(o));
        if let Some(untried) = untried {
            return Some(*untried);
        }
        let mut best: Option<(f64, Operator)> = None;
        for &operator in operators.iter().filter(|o| o.implementation().is_random() || !used.contains(o)) {
            let prior =
                if operator.implementation().asks_reflector() { PRIOR_PROPOSALS_WITH_REFLECTION } else { PRIOR_PROPOSALS };
            let value = self.0.get(&operator).copied().unwrap_or_default().sample(prior, random);
            if best.is_none_or(|(largest, _)| value > largest) {
                best = Some((value, operator));
            }
        }
        best.map(|(_, operator)| operator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::randomness::stream;

    #[test]
    fn untried_operators_come_first_and_better_ones_mostly_before_worse_ones() {
        let mut choice = OperatorChoice::default();
        let operators = [Operator::Format, Operator::Rule, Operator::Drop, Operator::Rewrite];
        (0..9).for_each(|n| choice.record(Operator::Rule, n < 6));
        (0..9).for_each(|n| choice.record(Operator::Rewrite, n < 2));
        let next = |choice: &OperatorChoice, used: &[Operator], n| choice.next(&operators, used, &mut stream(0, "bandit", n));
        assert_eq!(next(&choice, &[], 0), Some(Operator::Format));
        assert_eq!(next(&choice, &[Operator::Format], 0), Some(Operator::Drop));
        let used = [Operator::Format, Operator::Drop];
        choice.record(Operator::Format, true);
        (0..9).for_each(|_| choice.record(Operator::Drop, false));
        let drawn: Vec<Option<Operator>> = (0..1000).map(|n| next(&choice, &used, n)).collect();
        let count = |operator| drawn.iter().filter(|drawn| **drawn == Some(operator)).count();
        assert_eq!(count(Operator::Format), 0, "an operator that always writes the same text is not used twice");
        assert!(count(Operator::Rule) > 850 && count(Operator::Rewrite) > 10, "{}", count(Operator::Rule));
    }
}
