//! The order of validated candidates, from best to worst.

use std::cmp::Ordering;

use crate::program::PoolIndex;

/// Ranks the candidates of a pool and returns those that were validated in full, the best first. `standings` has the mean score
/// and the number of prompt tokens of each candidate, in pool order; None for a partially validated one. The higher mean is
/// better; of equal means, fewer tokens; of equal numbers of tokens, the older candidate. If the mean is 0, tokens do not count.
pub fn ranked(standings: impl Iterator<Item = Option<(f64, usize)>>) -> Vec<PoolIndex> {
    let mut complete: Vec<_> =
        standings.zip((0..).map(PoolIndex)).filter_map(|(standing, index)| Some((standing?, index))).collect();
    complete.sort_by(|((mean_a, tokens_a), a), ((mean_b, tokens_b), b)| {
        // A shorter prompt that is never right is no improvement.
        let shorter = if *mean_a > 0.0 { tokens_a.cmp(tokens_b) } else { Ordering::Equal };
        mean_b.partial_cmp(mean_a).unwrap_or(Ordering::Equal).then(shorter).then(a.cmp(b))
    });
    complete.into_iter().map(|(_, index)| index).collect()
}
