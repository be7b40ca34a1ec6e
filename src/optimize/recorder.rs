//! The journal of a search, its limits and its clock.

use std::time::Instant;

use crate::data::split::Split;
use crate::error::RunError;
use crate::evaluate::request::RolloutRequest;
use crate::evaluate::scored::ScoredRollouts;
use crate::evaluate::waves::RolloutStore;
use crate::event::Lifecycle;
use crate::hooks::Hooks;
use crate::journal::{Journal, Limits, Record, RecordId, SubWaveRequest};

/// Answers a search from its journal, record by record, and appends to the journal once it has no more records.
pub(super) struct Recorder<'a> {
    journal: &'a mut Journal,
    /// The limits of the plan. Records of earlier runs can have been made under other limits.
    limits: Limits,
    elapsed: f64,
    /// When the journal had no more records; None while it has some.
    live_since: Option<Instant>,
}

impl<'a> Recorder<'a> {
    /// Creates a recorder at the first record of `journal`. Emits [`Lifecycle::Resumed`] if there are records.
    pub(super) fn new(journal: &'a mut Journal, limits: Limits, hooks: &mut Hooks<'_>) -> Self {
        let is_replaying = journal.is_replaying();
        if is_replaying {
            hooks.emit(&Lifecycle::Resumed { records: journal.recorded(), seconds: journal.seconds() }.into());
        }
        let live_since = (!is_replaying).then(Instant::now);
        Self { journal, limits, elapsed: 0.0, live_since }
    }

    /// Returns the limits that hold now: those of the plan, or, while the journal has records, those that the next record was made
    /// under.
    pub(super) fn limits(&self) -> Limits {
        let recorded = self.journal.is_replaying().then(|| self.journal.limits()).flatten();
        recorded.unwrap_or(self.limits)
    }

    /// Returns the search's clock as of the last record, in seconds.
    pub(super) fn elapsed(&self) -> f64 {
        self.elapsed
    }

    /// Sets the search's clock to that of a record.
    pub(super) fn set_elapsed(&mut self, elapsed: f64) {
        self.elapsed = elapsed;
    }

    /// Returns the search's clock now: the seconds of the journal's records, and those since it had no more.
    pub(super) fn now(&self) -> f64 {
        self.journal.seconds() + self.live_since.map_or(0.0, |since| since.elapsed().as_secs_f64())
    }

    /// Whether the user has made the file that ends the search. False while the journal has records.
    pub(super) fn has_stop_file(&self) -> bool {
        !self.journal.is_replaying() && self.journal.stop_file().exists()
    }

    /// Returns the next record; None if the journal has no more. The first time that it has no more, [`Lifecycle::CaughtUp`] is
    /// emitted; and before anything new is recorded, the plan's limits are.
    ///
    /// # Errors
    /// [`RunError::RunDirectory`], and [`RunError::Interrupted`] if there is no record and `hooks` interrupt the run.
    pub(super) fn next(&mut self, hooks: &mut Hooks<'_>) -> Result<Option<Record>, RunError> {
        if let Some(record) = self.journal.replay()? {
            return Ok(Some(record));
        }
        if self.live_since.is_none() {
            self.live_since = Some(Instant::now());
            self.elapsed = self.journal.seconds();
            hooks.emit(&Lifecycle::CaughtUp.into());
        }
        if hooks.is_interrupted() {
            return Err(RunError::Interrupted);
        }
        if self.journal.limits() != Some(self.limits) {
            self.journal.append(&Record::Limits { limits: self.limits })?;
        }
        Ok(None)
    }

    /// Appends a record.
    ///
    /// # Errors
    /// [`RunError::RunDirectory`] if it cannot be written.
    pub(super) fn append(&mut self, record: &Record) -> Result<(), RunError> {
        Ok(self.journal.append(record)?)
    }

    /// Returns the id of the record that was replayed or appended last; None if there is none.
    pub(super) fn last_id(&self) -> Option<RecordId> {
        self.journal.last_id()
    }

    /// Reads the rollouts of a record again; None if it is a record of something else.
    ///
    /// # Errors
    /// [`RunError::RunDirectory`] if it cannot be read.
    pub(super) fn rollouts(&mut self, id: RecordId) -> Result<Option<ScoredRollouts>, RunError> {
        Ok(match self.journal.reread(id)? {
            Some(Record::Rollouts { rollouts, cost, .. }) => Some(ScoredRollouts { scored: rollouts, cost }),
            _ => None,
        })
    }

    /// Returns the error that the record which was just replayed is not what the optimizer asks for.
    pub(super) fn mismatch(&self, recorded: &Record, requested: String) -> RunError {
        self.journal.mismatch(describe(recorded), requested).into()
    }
}

/// A search's rollouts on one split, in the order of the journal.
pub(super) struct SearchStore<'s, 'a> {
    /// The journal.
    pub(super) recorder: &'s mut Recorder<'a>,
    /// The split that the requests' examples belong to.
    pub(super) split: Split,
}

impl SearchStore<'_, '_> {
    fn ask(&self, requests: &[RolloutRequest<'_>]) -> SubWaveRequest {
        let drawn = requests.iter().any(|request| request.draw.is_some());
        SubWaveRequest { drawn, ..SubWaveRequest::new(self.split, requests.iter().map(|request| (request.key, request.example))) }
    }
}

impl RolloutStore for SearchStore<'_, '_> {
    type Error = RunError;

    fn find(&mut self, requests: &[RolloutRequest<'_>], hooks: &mut Hooks<'_>) -> Result<Option<ScoredRollouts>, RunError> {
        let requested = self.ask(requests);
        match self.recorder.next(hooks)? {
            Some(Record::Rollouts { ask, rollouts, cost }) if ask == requested => {
                Ok(Some(ScoredRollouts { scored: rollouts, cost }))
            }
            Some(other) => Err(self.recorder.mismatch(&other, requested.to_string())),
            None => Ok(None),
        }
    }

    fn append(&mut self, requests: &[RolloutRequest<'_>], sub_wave: &mut ScoredRollouts) -> Result<(), RunError> {
        sub_wave.cost.elapsed = self.recorder.now();
        let (rollouts, cost) = (sub_wave.scored.clone(), sub_wave.cost);
        self.recorder.append(&Record::Rollouts { ask: self.ask(requests), rollouts, cost })
    }
}

/// Returns what a record answers, in words for an error.
fn describe(record: &Record) -> String {
    match record {
        Record::Header { .. } => "a header".into(),
        Record::Limits { .. } => "limits".into(),
        Record::Rollouts { ask, .. } | Record::Test { ask, .. } => ask.to_string(),
        Record::Reflections { ask, .. } => format!("reflections {ask}"),
        Record::Scores { ask, .. } => format!("scores {ask}"),
        Record::Note { event } => serde_json::json!(event).to_string(),
    }
}
