//! Which operator comes next, and which reflector is asked: what made children better than their parents is tried more
//! often (Thompson sampling over Beta distributions, Thompson 1933), and what a program can do by itself comes first.

use std::collections::BTreeMap;

use rand::{Rng, RngExt};

use crate::optimize::operators::Operator;

/// What became of the proposals of an operator or a reflector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tries {
    /// Proposals that went to the gate, or were unusable.
    pub tried: u32,
    /// Those that were validated in full and better than their parents.
    pub better: u32,
}

/// Of so many tries one is believed to have helped, before there are any: of those that cost no reflection, and of
/// those that do. The time of a reflection is that of dozens of rollouts.
const BELIEF: u32 = 2;
const BELIEF_WHERE_ASKED: u32 = 4;

/// The tries of all operators.
#[derive(Debug, Clone, Default)]
pub struct Bandit(BTreeMap<Operator, Tries>);

impl Tries {
    fn hear(&mut self, is_better: bool) {
        self.tried += 1;
        self.better += u32::from(is_better);
    }

    /// A draw from what the tries say of the chance to bring something better, on top of the belief that one of
    /// `before` tries did.
    fn draw(self, before: u32, random: &mut impl Rng) -> f64 {
        beta(self.better + 1, self.tried - self.better + before - 1, random)
    }
}

impl Bandit {
    /// Takes note of a proposal.
    pub fn hear(&mut self, operator: Operator, is_better: bool) {
        self.0.entry(operator).or_default().hear(is_better);
    }

    /// The operator of the next proposal of an iteration, which has those in `used` already: the first that was
    /// never tried of those that cost no reflection, then by chance, the better mostly before the worse. One
    /// whose outcome is always the same is not used twice. None where `operators` has no other.
    pub fn next(&self, operators: &[Operator], used: &[Operator], random: &mut impl Rng) -> Option<Operator> {
        let untried =
            operators.iter().find(|o| !o.implementation().asks_reflector() && !self.0.contains_key(o) && !used.contains(o));
        if let Some(untried) = untried {
            return Some(*untried);
        }
        let mut best: Option<(f64, Operator)> = None;
        for &operator in operators.iter().filter(|o| o.implementation().is_random() || !used.contains(o)) {
            let belief = if operator.implementation().asks_reflector() { BELIEF_WHERE_ASKED } else { BELIEF };
            let value = self.0.get(&operator).copied().unwrap_or_default().draw(belief, random);
            if best.is_none_or(|(most, _)| value > most) {
                best = Some((value, operator));
            }
        }
        best.map(|(_, operator)| operator)
    }
}

/// The reflectors of a run: their tries, and what they cost.
#[derive(Debug, Clone)]
pub struct Teachers(Vec<Teacher>);

#[derive(Debug, Clone, Copy, Default)]
struct Teacher {
    tries: Tries,
    /// Tokens read and written for its proposals.
    tokens: u64,
    /// What a token costs: the bytes of the model's weights. A clock would make runs unrepeatable.
    size: u64,
}

impl Teachers {
    /// Models of these sizes, in bytes of weights.
    #[must_use]
    pub fn new(sizes: &[u64]) -> Self {
        Self(sizes.iter().map(|&size| Teacher { size: size.max(1), ..Teacher::default() }).collect())
    }

    /// The place of the one to be asked next: each once, then the one that by chance and its tries helps most
    /// often for its cost.
    pub fn choose(&self, random: &mut impl Rng) -> usize {
        if let Some(untried) = self.0.iter().position(|teacher| teacher.tries.tried == 0) {
            return untried;
        }
        let worth = |teacher: &Teacher| {
            let cost = teacher.tokens as f64 / f64::from(teacher.tries.tried) * teacher.size as f64;
            teacher.tries.draw(BELIEF, random) / cost.max(1.0)
        };
        let worth: Vec<f64> = self.0.iter().map(worth).collect();
        (0..worth.len()).max_by(|&a, &b| worth[a].total_cmp(&worth[b]).then(b.cmp(&a))).unwrap_or(0)
    }

    /// Takes note of one of its proposals.
    pub fn hear(&mut self, teacher: usize, is_better: bool) {
        self.0[teacher].tries.hear(is_better);
    }

    /// Takes note of tokens that it was asked for.
    pub fn pay(&mut self, teacher: usize, tokens: u64) {
        self.0[teacher].tokens += tokens;
    }
}

/// Numbers that are drawn and sorted for one of a Beta distribution; a draw must not take longer with each proposal of a
/// long run.
const MOST_SORTED: u32 = 1000;

/// A number of the Beta distribution with whole parameters: of `a + b - 1` uniform numbers the `a`-th smallest.
fn beta(a: u32, b: u32, random: &mut impl Rng) -> f64 {
    let count = a + b - 1;
    if count <= MOST_SORTED {
        let mut uniform: Vec<f64> = (0..count).map(|_| random.random()).collect();
        uniform.sort_by(f64::total_cmp);
        return uniform[a as usize - 1];
    }
    // After many tries, one after another from the nearer end: the largest of n uniform numbers is the n-th root of one.
    let root = |drawn: u32, uniform: f64| uniform.powf(1.0 / f64::from(count - drawn));
    let largest = (0..a.min(b)).fold(1.0, |largest, drawn| largest * root(drawn, random.random()));
    if a < b { 1.0 - largest } else { largest }
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
        let next = |bandit: &Bandit, used: &[Operator], n| bandit.next(&operators, used, &mut stream(0, "bandit", n));
        assert_eq!(next(&bandit, &[], 0), Some(Operator::Format));
        assert_eq!(next(&bandit, &[Operator::Format], 0), Some(Operator::Drop));
        let used = [Operator::Format, Operator::Drop];
        bandit.hear(Operator::Format, true);
        (0..9).for_each(|_| bandit.hear(Operator::Drop, false));
        let drawn: Vec<Option<Operator>> = (0..1000).map(|n| next(&bandit, &used, n)).collect();
        let count = |operator| drawn.iter().filter(|drawn| **drawn == Some(operator)).count();
        assert_eq!(count(Operator::Format), 0, "what is always the same is not used twice");
        assert!(count(Operator::Rule) > 850 && count(Operator::Rewrite) > 10, "{}", count(Operator::Rule));
    }

    #[test]
    fn the_cheaper_of_two_equal_teachers_is_asked_more_often_and_the_better_of_two_equal_prices() {
        let asked = |sizes: [u64; 2], passed: [u32; 2]| {
            let mut teachers = Teachers::new(&sizes);
            assert_eq!(teachers.choose(&mut stream(0, "teacher", 0)), 0);
            for (teacher, passed) in passed.into_iter().enumerate() {
                (0..20).for_each(|n| teachers.hear(teacher, n < passed));
                teachers.pay(teacher, 20_000);
            }
            (0..1000).filter(|n| teachers.choose(&mut stream(0, "teacher", *n)) == 0).count()
        };
        assert!(asked([1, 3], [6, 6]) > 900);
        assert!(asked([1, 1], [10, 3]) > 900);
        // Three times the price for twice the passes is not worth it.
        assert!(asked([3, 1], [12, 6]) < 300);
    }

    #[test]
    fn a_beta_number_has_its_mean() {
        let mut random = stream(0, "beta", 0);
        let mean = (0..4000).map(|_| beta(2, 6, &mut random)).sum::<f64>() / 4000.0;
        assert!((mean - 0.25).abs() < 0.01, "{mean}");
    }

    #[test]
    fn a_draw_after_many_tries_has_the_same_distribution_and_is_quick() {
        let mut random = stream(0, "beta", 0);
        for (a, b) in [(3, 900), (3, 1100), (1100, 3), (600, 600), (1, 2_000_000)] {
            let draws: Vec<f64> = (0..400).map(|_| beta(a, b, &mut random)).collect();
            let mean = draws.iter().sum::<f64>() / 400.0;
            let (a, b) = (f64::from(a), f64::from(b));
            let deviation = (a * b / (a + b + 1.0)).sqrt() / (a + b);
            assert!((mean - a / (a + b)).abs() < 5.0 * deviation / 20.0, "Beta({a}, {b}): {mean}");
        }
    }
}
