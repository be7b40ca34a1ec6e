//! The demonstrations of a unit: calls that its parent got right, some of which change with each birth.

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngExt};

use crate::program::Demonstration;

/// The probability that all of a unit's demonstrations are drawn anew.
const REDRAW_PROBABILITY: f64 = 0.1;

/// Returns the demonstrations of a child. They are those of its parent, filled up to `most` with `correct_calls`, which the
/// parent got right; if there are `most` already, one of them is exchanged. With a small probability all are drawn anew,
/// from none to `most`, each number with the same probability. No training example occurs twice. If `most` is 0, the
/// parent's stay.
pub(super) fn exchange_demonstrations(
    shown: &[Demonstration],
    correct_calls: &[Demonstration],
    most: usize,
    random: &mut impl Rng,
) -> Vec<Demonstration> {
    if most == 0 {
        return shown.to_vec();
    }
    let redraws = random.random::<f64>() < REDRAW_PROBABILITY;
    let mut kept = if redraws { Vec::new() } else { shown.to_vec() };
    let is_new = |call: &&Demonstration| kept.iter().all(|other| other.id != call.id);
    let mut new: Vec<&Demonstration> = correct_calls.iter().filter(is_new).collect();
    if kept.len() < most {
        let room = if redraws { random.random_range(0..=most) } else { most - kept.len() };
        new.shuffle(random);
        kept.extend(new.into_iter().take(room).cloned());
    } else if let Some(&call) = new.choose(random) {
        let index = random.random_range(0..kept.len());
        kept[index] = call.clone();
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::optimize::randomness::stream;

    fn demonstrations(ids: impl IntoIterator<Item = usize>) -> Vec<Demonstration> {
        ids.into_iter().map(|id| Demonstration { id: id.to_string(), inputs: Vec::new(), answer: "yes".into() }).collect()
    }

    fn differing(one: &[Demonstration], other: &[Demonstration]) -> usize {
        one.iter().filter(|of| !other.contains(of)).count()
    }

    #[test]
    fn they_are_filled_up_then_exchanged_one_at_a_time_and_rarely_drawn_anew() {
        let (few, full) = (demonstrations(0..1), demonstrations(0..3));
        let (mut anew, mut lengths) = (0, [0; 4]);
        for seed in 0..2000 {
            let mut random = stream(seed, "context", 0);
            let filled = exchange_demonstrations(&few, &demonstrations(5..9), 3, &mut random);
            let changed = exchange_demonstrations(&full, &demonstrations(5..9), 3, &mut random);
            match differing(&full, &changed) {
                1 if changed.len() == 3 => (),
                _ => {
                    anew += 1;
                    lengths[changed.len()] += 1;
                }
            }
            assert!(filled.len() == 3 && filled[0] == few[0] || differing(&few, &filled) == 1, "{filled:?}");
        }
        assert!((140..260).contains(&anew) && lengths.iter().all(|&count| count > 25), "{anew} of 2000, {lengths:?}");
    }

    #[test]
    fn without_room_or_correct_calls_they_stay() {
        let own = demonstrations(0..2);
        let mut random = stream(0, "context", 0);
        assert_eq!(exchange_demonstrations(&own, &demonstrations(5..9), 0, &mut random), own);
        let after = (0..50).map(|seed| exchange_demonstrations(&own, &[], 3, &mut stream(seed, "context", 0)));
        assert!(after.clone().all(|kept| kept == own || kept.is_empty()) && after.clone().any(|kept| kept == own));
    }

    proptest! {
        #[test]
        fn no_example_occurs_twice_and_there_are_never_more_than_before_or_than_the_limit(
            shown in 0..5_usize, correct in proptest::collection::btree_set(0..9_usize, 0..9), most in 0..5_usize, seed: u64,
        ) {
            let own = demonstrations(0..shown);
            let kept = exchange_demonstrations(&own, &demonstrations(correct), most, &mut stream(seed, "context", 0));
            let mut ids: Vec<&str> = kept.iter().map(|one| one.id.as_str()).collect();
            ids.sort_unstable();
            ids.dedup();
            prop_assert_eq!(ids.len(), kept.len());
            prop_assert!(kept.len() <= most.max(shown));
        }
    }
}
