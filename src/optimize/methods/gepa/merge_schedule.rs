//! When candidates are merged: as the reference implementation schedules it (`gepa` 0.1.4, `proposer/merge.py`).

/// Counts accepted children and merges, and decides which iterations merge.
#[derive(Debug, Default)]
pub struct MergeSchedule {
    /// The number of merges that are due: one for each accepted child, until the most merges were accepted.
    due: u64,
    accepted: u64,
    /// Whether the last iteration accepted a child.
    follows_acceptance: bool,
}

impl MergeSchedule {
    /// Counts an accepted child; `most_merges` is how many merges may be accepted in a run.
    pub fn child_accepted(&mut self, most_merges: u64) {
        self.follows_acceptance = true;
        if self.accepted < most_merges {
            self.due += 1;
        }
    }

    /// Counts an accepted merge. A rejected one is not counted, and remains due.
    pub fn merge_accepted(&mut self) {
        self.due = self.due.saturating_sub(1);
        self.accepted += 1;
    }

    /// Returns whether this iteration merges: the last one accepted a child, and a merge is due. To be called once in each
    /// iteration, since the next one has to wait for another acceptance in any case.
    pub fn take_turn(&mut self) -> bool {
        std::mem::take(&mut self.follows_acceptance) && self.due > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_follows_an_accepted_child_until_enough_merges_were_accepted() {
        let mut schedule = MergeSchedule::default();
        assert!(!schedule.take_turn());
        schedule.child_accepted(1);
        assert!(schedule.take_turn() && !schedule.take_turn());
        // Rejected: still due, but only after the next acceptance.
        schedule.child_accepted(1);
        assert!(schedule.take_turn());
        schedule.merge_accepted();
        // One more was due.
        schedule.child_accepted(1);
        assert!(schedule.take_turn());
        schedule.merge_accepted();
        schedule.child_accepted(1);
        assert!(!schedule.take_turn());
    }
}
