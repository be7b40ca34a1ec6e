//! Which training examples an iteration looks at: shuffled each epoch, all of them equally often.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Deals minibatches of a fixed size.
#[derive(Debug, Clone)]
pub struct Minibatches {
    size: usize,
    /// How often each example was dealt.
    used: Vec<u64>,
    /// What is left of the epoch, in order.
    left: Vec<usize>,
    epoch: u64,
}

impl Minibatches {
    /// Over `examples` examples, `size` at a time; all of them where there are fewer.
    #[must_use]
    pub fn new(examples: usize, size: usize) -> Self {
        Self { size: size.min(examples).max(1), used: vec![0; examples], left: Vec::new(), epoch: 0 }
    }

    /// Minibatches in an epoch.
    #[must_use]
    pub fn in_epoch(&self) -> usize {
        self.used.len().div_ceil(self.size)
    }

    /// The next minibatch. `random` gives the stream of an epoch. An epoch that does not divide
    /// evenly is filled up with the examples used least.
    pub fn deal(&mut self, random: impl Fn(u64) -> ChaCha8Rng) -> Vec<usize> {
        if self.left.is_empty() {
            let mut order: Vec<usize> = (0..self.used.len()).collect();
            order.shuffle(&mut random(self.epoch));
            self.epoch += 1;
            let missing = self.in_epoch() * self.size - order.len();
            let mut fill = order.clone();
            // A stable sort: of those used equally often, the shuffle decides.
            fill.sort_by_key(|&example| self.used[example]);
            let last: Vec<usize> = order[order.len() - (self.size - missing)..].to_vec();
            order.extend(fill.into_iter().filter(|example| missing > 0 && !last.contains(example)).take(missing));
            self.left = order;
        }
        let batch: Vec<usize> = self.left.drain(..self.size.min(self.left.len())).collect();
        batch.iter().for_each(|&example| self.used[example] += 1);
        batch
    }
}

/// A minibatch in which other examples, of `examples`, stand for those that are `shown` in a prompt, as far as there
/// are any: who is shown the answer has to be run without it, which is another prompt for each.
#[must_use]
pub fn not_shown(batch: &[usize], examples: usize, shown: impl Fn(usize) -> bool, random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut others: Vec<usize> = (0..examples).filter(|&example| !shown(example) && !batch.contains(&example)).collect();
    others.shuffle(random);
    let replaced = |&example: &usize| if shown(example) { others.pop().unwrap_or(example) } else { example };
    batch.iter().map(replaced).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::randomness::stream;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn every_epoch_deals_every_example(examples in 1..40_usize, size in 1..8_usize) {
            let mut batches = Minibatches::new(examples, size);
            for _ in 0..4 {
                let mut seen = BTreeSet::new();
                for _ in 0..batches.in_epoch() {
                    let batch = batches.deal(|epoch| stream(1, "minibatch", epoch));
                    prop_assert_eq!(batch.len(), size.min(examples));
                    prop_assert_eq!(batch.iter().collect::<BTreeSet<_>>().len(), batch.len(), "an example twice in a minibatch");
                    seen.extend(batch);
                }
                prop_assert_eq!(seen.len(), examples);
            }
            let (least, most) = (batches.used.iter().min().unwrap(), batches.used.iter().max().unwrap());
            prop_assert!(most - least <= 2, "{:?}", batches.used);
        }
    }

    #[test]
    fn who_is_shown_makes_way_as_far_as_others_are_left() {
        let odd_or_large = |example: usize| example % 2 == 1 || example > 6;
        assert_eq!(not_shown(&[1, 4, 9], 9, odd_or_large, &mut stream(0, "minibatch", 0)).len(), 3);
        for n in 0..20 {
            let batch = not_shown(&[1, 4, 5, 3], 9, odd_or_large, &mut stream(n, "minibatch", 0));
            assert_eq!(batch[1], 4);
            assert_eq!(batch.iter().collect::<BTreeSet<_>>(), [0, 2, 4, 6].iter().collect());
            let few = not_shown(&[1, 3], 4, |example| example != 0, &mut stream(n, "minibatch", 0));
            assert_eq!(few, [0, 3]);
        }
    }

    #[test]
    fn an_even_epoch_has_no_extra_minibatch() {
        assert_eq!(Minibatches::new(6, 3).in_epoch(), 2);
        assert_eq!(Minibatches::new(7, 3).in_epoch(), 3);
    }
}
