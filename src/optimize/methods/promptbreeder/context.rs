//! The worked examples of a unit: a few of its right outputs, which change with each birth.

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngExt};

use crate::program::Demonstration;

/// The chance that all of a unit's worked examples are drawn anew.
const ANEW: f64 = 0.1;

/// The worked examples of a child: those of its parent, with `workings`, which the parent got right, until there are `most`; from
/// then on one of them takes the place of another. Now and then all are drawn anew, from none to `most`, each number as likely.
/// No training example stands there twice.
pub fn shuffled(shown: &[Demonstration], workings: &[Demonstration], most: usize, random: &mut impl Rng) -> Vec<Demonstration> {
    if most == 0 {
        return shown.to_vec();
    }
    let is_anew = random.random::<f64>() < ANEW;
    let mut kept = if is_anew { Vec::new() } else { shown.to_vec() };
    let mut fresh: Vec<&Demonstration> = workings.iter().filter(|one| kept.iter().all(|other| other.id != one.id)).collect();
    if kept.len() < most {
        let room = if is_anew { random.random_range(0..=most) } else { most - kept.len() };
        fresh.shuffle(random);
        kept.extend(fresh.into_iter().take(room).cloned());
    } else if let Some(&one) = fresh.choose(random) {
        let place = random.random_range(0..kept.len());
        kept[place] = one.clone();
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::optimize::randomness::stream;

    fn worked(ids: impl IntoIterator<Item = usize>) -> Vec<Demonstration> {
        ids.into_iter().map(|id| Demonstration { id: id.to_string(), inputs: Vec::new(), answer: "yes".into() }).collect()
    }

    fn differing(one: &[Demonstration], other: &[Demonstration]) -> usize {
        one.iter().filter(|of| !other.contains(of)).count()
    }

    #[test]
    fn they_are_filled_up_then_changed_one_at_a_time_and_seldom_drawn_anew() {
        let (few, full) = (worked(0..1), worked(0..3));
        let (mut anew, mut lengths) = (0, [0; 4]);
        for seed in 0..2000 {
            let mut random = stream(seed, "context", 0);
            let filled = shuffled(&few, &worked(5..9), 3, &mut random);
            let changed = shuffled(&full, &worked(5..9), 3, &mut random);
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
    fn without_room_or_anything_right_they_stay() {
        let own = worked(0..2);
        let mut random = stream(0, "context", 0);
        assert_eq!(shuffled(&own, &worked(5..9), 0, &mut random), own);
        let after = (0..50).map(|seed| shuffled(&own, &[], 3, &mut stream(seed, "context", 0)));
        assert!(after.clone().all(|kept| kept == own || kept.is_empty()) && after.clone().any(|kept| kept == own));
    }

    proptest! {
        #[test]
        fn nothing_is_there_twice_and_there_are_never_more_than_before_or_than_fit(
            shown in 0..5_usize, workings in proptest::collection::btree_set(0..9_usize, 0..9), most in 0..5_usize, seed: u64,
        ) {
            let own = worked(0..shown);
            let kept = shuffled(&own, &worked(workings), most, &mut stream(seed, "context", 0));
            let mut ids: Vec<&str> = kept.iter().map(|one| one.id.as_str()).collect();
            ids.sort_unstable();
            ids.dedup();
            prop_assert_eq!(ids.len(), kept.len());
            prop_assert!(kept.len() <= most.max(shown));
        }
    }
}
