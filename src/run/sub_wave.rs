//! How many rollouts of a run advance together.

use std::collections::BTreeMap;

use crate::config::{ModelSource, Plan};
use crate::evaluate::evaluator::SUB_WAVE;

/// The name of the size in a fingerprint. A fingerprint without it has [`SUB_WAVE`].
pub(super) const NAME: &str = "sub_wave";

/// The rollouts of a sub-wave for each place of the servers, so that places are seldom empty while the last ones are answered.
const ROUNDS: usize = 8;

/// The places that are counted for a server whose `concurrency` is not given.
const PLACES: usize = 8;

/// The most rollouts of a sub-wave. Their answers are in memory, and are lost if the process is killed before they are all there.
const MOST: usize = 4096;

/// Returns the most rollouts of a sub-wave. `recorded` is the fingerprint of the run that is resumed, which keeps its size; it is empty
/// for a new run.
pub(super) fn sub_wave(plan: &Plan, recorded: &BTreeMap<String, String>) -> usize {
    if !recorded.is_empty() {
        return recorded.get(NAME).and_then(|size| size.parse().ok()).filter(|size| *size > 0).unwrap_or(SUB_WAVE);
    }
    let places = plan.models.iter().map(|model| match &model.source {
        ModelSource::Openai(servers) => servers.urls.len().saturating_mul(servers.concurrency.unwrap_or(PLACES)),
        ModelSource::Llama { .. } | ModelSource::Scripted { .. } => 0,
    });
    of_places(places.max().unwrap_or(0))
}

/// Returns the most rollouts of a sub-wave for servers that answer `places` requests at the same time.
fn of_places(places: usize) -> usize {
    places.saturating_mul(ROUNDS).clamp(SUB_WAVE, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_wave_grows_with_the_places_of_servers_within_bounds() {
        assert_eq!([0, 4, 5, 16, 512, 513, usize::MAX].map(of_places), [32, 32, 40, 128, 4096, 4096, 4096]);
    }
}
