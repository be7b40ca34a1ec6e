//! Reads the history of a run from its directory.

use std::path::Path;

use super::builder::HistoryBuilder;
use super::run_history::{History, RunEnd};
use crate::engine::Message;
use crate::journal;
use crate::report::best::BestFile;
use crate::report::servers;
use crate::run_directory::RunDirectoryError;

impl History {
    /// Reads the run in `folder`, which need not be finished: the journal is not locked and nothing is changed.
    ///
    /// # Errors
    /// [`RunDirectoryError`] where there is no run, or its journal is damaged.
    pub fn read(folder: &Path) -> Result<Self, RunDirectoryError> {
        let mut builder = HistoryBuilder::default();
        let path = folder.join("journal.jsonl");
        journal::read(folder, &mut |line, record| {
            builder.add(record).map_err(|cause| RunDirectoryError::Damaged { path: path.clone(), line, cause })
        })?;
        let mut history = builder.finish();
        history.servers = servers::of_run(folder)?;
        match read_end(folder) {
            // A summary with other counts is from before the run was extended.
            Ok(Some(end)) if end.rollouts == history.rollouts && end.candidates == history.members.len() => {
                history.end = Some(end);
                match read_sent(folder, &history) {
                    Ok(sent) => history.sent = sent,
                    Err(warning) => history.warnings.push(warning),
                }
            }
            Ok(_) => {}
            Err(warning) => history.warnings.push(warning),
        }
        Ok(history)
    }
}

/// Returns the chats of the best candidate's modules from `best.json`. Empty where there is no such file, or it is that of
/// another candidate.
///
/// # Errors
/// A warning to readers where the file cannot be read.
fn read_sent(folder: &Path, history: &History) -> Result<Vec<(String, Vec<Message>)>, String> {
    let path = folder.join("best.json");
    let Ok(text) = std::fs::read(&path) else { return Ok(Vec::new()) };
    let best: BestFile = serde_json::from_slice(&text).map_err(|cause| format!("{} cannot be read: {cause}", path.display()))?;
    let texts = best.modules.iter().map(|module| (&module.name, &module.instruction));
    let is_best = history.best() == Some(best.candidate)
        && texts.eq(history.members[best.candidate.0].instructions.iter().map(|(name, text)| (name, text)));
    Ok(if is_best { best.modules.into_iter().map(|module| (module.name, module.messages)).collect() } else { Vec::new() })
}

/// Returns what `summary.json` has about the end of the run. None where there is no such file.
///
/// # Errors
/// A warning to readers where the file cannot be read.
fn read_end(folder: &Path) -> Result<Option<RunEnd>, String> {
    let path = folder.join("summary.json");
    let Ok(text) = std::fs::read(&path) else { return Ok(None) };
    serde_json::from_slice(&text).map(Some).map_err(|cause| format!("{} cannot be read: {cause}", path.display()))
}
