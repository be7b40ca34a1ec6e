//! Finds rollouts of a search that were run before.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::recorder::Recorder;
use crate::data::ExampleIndex;
use crate::data::split::Split;
use crate::error::RunError;
use crate::evaluate::scored::Scored;
use crate::journal::RecordId;
use crate::program::candidate::Candidate;

/// A candidate and the examples of a split that it is to be run on.
#[derive(Debug, Clone, Copy)]
pub struct EvaluationRequest<'a> {
    /// The candidate.
    pub candidate: &'a Candidate,
    /// The indices of the examples in their split.
    pub example_indices: &'a [ExampleIndex],
}

/// The scored rollouts of one [`EvaluationRequest`], in the order of its examples; None for those that were not run.
pub type Answers = Vec<Option<Arc<Scored>>>;

/// Where the journal holds a rollout.
#[derive(Debug, Clone, Copy)]
struct StoredRollout {
    record: RecordId,
    /// The index of the rollout in its record.
    index: usize,
}

/// An index of the rollouts in a journal, by split, candidate key and example index. The rollouts themselves stay in the journal.
#[derive(Debug, Default)]
pub(super) struct RolloutIndex {
    by_candidate: BTreeMap<(Split, String), BTreeMap<ExampleIndex, StoredRollout>>,
}

impl RolloutIndex {
    /// Adds the rollout at `index` of a record.
    pub(super) fn add(&mut self, split: Split, key: &str, example_index: ExampleIndex, record: RecordId, index: usize) {
        let of_candidate = self.by_candidate.entry((split, key.to_owned())).or_default();
        of_candidate.insert(example_index, StoredRollout { record, index });
    }

    /// Reads the rollouts that were run before; each record is read once. `keys` are the keys of the requests' candidates.
    ///
    /// # Errors
    /// [`RunError::RunDirectory`] if a record cannot be read again.
    pub(super) fn find(
        &self,
        split: Split,
        keys: &[String],
        requests: &[EvaluationRequest<'_>],
        recorder: &mut Recorder<'_>,
    ) -> Result<Vec<Answers>, RunError> {
        struct Wanted {
            index: usize,
            request: usize,
            position: usize,
        }
        let mut answers: Vec<Answers> = requests.iter().map(|request| vec![None; request.example_indices.len()]).collect();
        let mut by_record: BTreeMap<RecordId, Vec<Wanted>> = BTreeMap::new();
        for (request, key) in keys.iter().enumerate() {
            let Some(of_candidate) = self.by_candidate.get(&(split, key.clone())) else { continue };
            for (position, example_index) in requests[request].example_indices.iter().enumerate() {
                if let Some(&StoredRollout { record, index }) = of_candidate.get(example_index) {
                    by_record.entry(record).or_default().push(Wanted { index, request, position });
                }
            }
        }
        for (record, wanted) in by_record {
            let Some(rollouts) = recorder.rollouts(record)? else { continue };
            let rollouts: Vec<Arc<Scored>> = rollouts.scored.into_iter().map(Arc::new).collect();
            for Wanted { index, request, position } in wanted {
                answers[request][position] = rollouts.get(index).cloned();
            }
        }
        Ok(answers)
    }
}
