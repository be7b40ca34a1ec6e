//! What each server of a run answered: tokens and seconds, from the journal.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::engine::{Completion, ServedBy, Usage};
use crate::evaluate::{Scored, Verdict};
use crate::journal::{self, Record};
use crate::run_directory::RunDirectoryError;

/// What a server answered in a run, test evaluations and requests of the metric included.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ServerSummary {
    /// The server's URL.
    pub server: String,
    /// Its answers.
    pub answers: u64,
    /// Prompt tokens that it computed.
    pub prefill_tokens: u64,
    /// Prompt tokens that it had computed before.
    pub reused_tokens: u64,
    /// Tokens that it generated, reasoning included.
    pub decode_tokens: u64,
    /// The seconds of all its answers together. Several may have been under way at the same time.
    pub seconds: f64,
}

/// The servers of a run, by URL.
#[derive(Debug, Default)]
struct Servers(BTreeMap<String, ServerSummary>);

impl Servers {
    /// Adds an answer. One without a server is left out.
    fn add(&mut self, served: Option<&ServedBy>, usage: &Usage) {
        let Some(ServedBy { server, milliseconds }) = served else { return };
        let sum = self.0.entry(server.clone()).or_insert_with(|| ServerSummary { server: server.clone(), ..Default::default() });
        sum.answers += 1;
        sum.prefill_tokens += usage.prefilled;
        sum.reused_tokens += usage.reused;
        sum.decode_tokens += usage.decoded;
        sum.seconds += *milliseconds as f64 / 1000.0;
    }

    fn add_all(&mut self, completions: &[Completion]) {
        completions.iter().for_each(|completion| self.add(completion.served.as_ref(), &completion.usage));
    }

    fn add_rollouts(&mut self, rollouts: &[Scored]) {
        for scored in rollouts {
            scored.rollout.steps.iter().for_each(|step| self.add(step.served.as_ref(), &step.usage));
            if let Verdict::Judged(judgement) = &scored.verdict {
                self.add_all(&judgement.answers);
            }
        }
    }
}

/// Returns what each server answered in the run in `folder`, in the order of the URLs. It is empty for a run without servers.
///
/// # Errors
/// [`RunDirectoryError`] if the journal cannot be read.
pub fn of_run(folder: &Path) -> Result<Vec<ServerSummary>, RunDirectoryError> {
    let mut servers = Servers::default();
    journal::read(folder, &mut |_, record| {
        match record {
            Record::Rollouts { rollouts, .. } | Record::Test { rollouts, .. } => servers.add_rollouts(&rollouts),
            Record::Reflections { completions, .. } => servers.add_all(&completions),
            Record::Header { .. } | Record::Scores { .. } | Record::Limits { .. } | Record::Note { .. } => {}
        }
        Ok(())
    })?;
    Ok(servers.0.into_values().collect())
}
