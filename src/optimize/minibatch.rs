//! Which training examples an iteration runs: all of them equally often, in an order that is shuffled for each epoch.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::data::ExampleIndex;

/// Deals the training examples in minibatches of a fixed size, epoch by epoch.
#[derive(Debug, Clone)]
pub struct Minibatches {
    size: usize,
    /// How often each example was dealt, by example index.
    times_dealt: Vec<u64>,
    /// The examples of the current epoch that were not dealt yet, in order.
    remaining: Vec<ExampleIndex>,
    epoch: u64,
}

impl Minibatches {
    /// Deals `examples` examples, `size` at a time; all of them at once where there are fewer.
    #[must_use]
    pub fn new(examples: usize, size: usize) -> Self {
        Self { size: size.min(examples).max(1), times_dealt: vec![0; examples], remaining: Vec::new(), epoch: 0 }
    }

    /// Returns the number of minibatches of an epoch.
    #[must_use]
    pub fn in_epoch(&self) -> usize {
        self.times_dealt.len().div_ceil(self.size)
    }

    /// Returns the next minibatch. `random` returns the random stream of an epoch by its number. An epoch that the size
    /// does not divide is filled up with the examples that were dealt least often.
    pub fn deal(&mut self, random: impl Fn(u64) -> ChaCha8Rng) -> Vec<ExampleIndex> {
        if self.remaining.is_empty() {
            let mut order = ExampleIndex::all(self.times_dealt.len());
            order.shuffle(&mut random(self.epoch));
            self.epoch += 1;
            let missing = self.in_epoch() * self.size - order.len();
            let mut fill = order.clone();
            // A stable sort: among those dealt equally often, the shuffle decides.
            fill.sort_by_key(|example| self.times_dealt[example.0]);
            let last: Vec<ExampleIndex> = order[order.len() - (self.size - missing)..].to_vec();
            order.extend(fill.into_iter().filter(|example| missing > 0 && !last.contains(example)).take(missing));
            self.remaining = order;
        }
        let minibatch: Vec<ExampleIndex> = self.remaining.drain(..self.size.min(self.remaining.len())).collect();
        minibatch.iter().for_each(|example| self.times_dealt[example.0] += 1);
        minibatch
    }
}

/// Returns the minibatch with each example for which `is_shown` holds replaced by another one of the `examples` training
/// examples, drawn at random, as far as there are others. An example that a prompt shows as a demonstration has to be run
/// without it, and such a prompt shares no prefix with those of the other examples.
#[must_use]
pub fn without_shown(
    minibatch: &[ExampleIndex],
    examples: usize,
    is_shown: impl Fn(ExampleIndex) -> bool,
    random: &mut ChaCha8Rng,
) -> Vec<ExampleIndex> {
    let mut others = ExampleIndex::all(examples);
    others.retain(|&example| !is_shown(example) && !minibatch.contains(&example));
    others.shuffle(random);
    let replaced = |&example: &ExampleIndex| if is_shown(example) { others.pop().unwrap_or(example) } else { example };
    minibatch.iter().map(replaced).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::randomness::stream;
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
            let (least, most) = (batches.times_dealt.iter().min().unwrap(), batches.times_dealt.iter().max().unwrap());
            prop_assert!(most - least <= 2, "{:?}", batches.times_dealt);
        }
    }

    #[test]
    fn shown_examples_are_replaced_as_far_as_others_are_left() {
        let indices = |examples: &[usize]| examples.iter().copied().map(ExampleIndex).collect::<Vec<_>>();
        let odd_or_large = |example: ExampleIndex| example.0 % 2 == 1 || example.0 > 6;
        assert_eq!(without_shown(&indices(&[1, 4, 9]), 9, odd_or_large, &mut stream(0, "minibatch", 0)).len(), 3);
        for n in 0..20 {
            let batch = without_shown(&indices(&[1, 4, 5, 3]), 9, odd_or_large, &mut stream(n, "minibatch", 0));
            assert_eq!(batch[1], ExampleIndex(4));
            assert_eq!(batch.into_iter().collect::<BTreeSet<_>>(), indices(&[0, 2, 4, 6]).into_iter().collect());
            let few = without_shown(&indices(&[1, 3]), 4, |example| example.0 != 0, &mut stream(n, "minibatch", 0));
            assert_eq!(few, indices(&[0, 3]));
        }
    }

    #[test]
    fn an_even_epoch_has_no_extra_minibatch() {
        assert_eq!(Minibatches::new(6, 3).in_epoch(), 2);
        assert_eq!(Minibatches::new(7, 3).in_epoch(), 3);
    }
}
