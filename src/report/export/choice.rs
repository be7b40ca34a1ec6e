//! Which candidate of a run is exported.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::error::ExportError;
use crate::program::PoolIndex;
use crate::report::best::{BestFile, PoolFileEntry};
use crate::report::frontier::{FrontierPoint, best_within, frontier};
use crate::run_directory::files::{BEST, POOL};

/// Which candidate of a run is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The best candidate.
    Best,
    /// The candidate with this pool index, whether it was validated in full or in part.
    Candidate(PoolIndex),
    /// The candidate with the best score among those that were validated in full and have at most this number of prompt tokens.
    MostPromptTokens(usize),
}

impl Choice {
    /// Returns the choice of two options of which at most one is given: a pool index, or the most prompt tokens. Without both it is
    /// the best candidate.
    #[must_use]
    pub fn of_options(candidate: Option<usize>, most_prompt_tokens: Option<usize>) -> Self {
        match (candidate, most_prompt_tokens) {
            (Some(index), _) => Self::Candidate(PoolIndex(index)),
            (None, Some(most)) => Self::MostPromptTokens(most),
            (None, None) => Self::Best,
        }
    }

    /// Returns the name of the file that has the candidate.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Best => BEST,
            Self::Candidate(_) | Self::MostPromptTokens(_) => POOL,
        }
    }

    /// Reads the candidate from the run directory `folder`.
    ///
    /// # Errors
    /// [`ExportError::Read`], [`ExportError::Candidates`]; [`ExportError::NoCandidate`] and [`ExportError::AllLonger`] if the run has
    /// no such candidate.
    pub(super) fn read(self, folder: &Path) -> Result<BestFile, ExportError> {
        let path = folder.join(self.file());
        let (pool, wanted): (Vec<PoolFileEntry>, PoolIndex) = match self {
            Self::Best => return read_json(&path),
            Self::Candidate(wanted) => (read_json(&path)?, wanted),
            Self::MostPromptTokens(most) => {
                let pool: Vec<PoolFileEntry> = read_json(&path)?;
                let points: Vec<FrontierPoint> = pool.iter().filter_map(PoolFileEntry::frontier_point).collect();
                let frontier = frontier(&points);
                let shortest = frontier.first().map(|point| point.prompt_tokens);
                let chosen = best_within(&frontier, most).ok_or(ExportError::AllLonger { most, shortest })?;
                (pool, chosen.candidate)
            }
        };
        let candidates = pool.len();
        let found = pool.into_iter().find(|entry| entry.file.candidate == wanted);
        found.map(|entry| entry.file).ok_or(ExportError::NoCandidate { wanted, candidates })
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ExportError> {
    let source = std::fs::read_to_string(path).map_err(|cause| ExportError::Read { path: path.to_owned(), cause })?;
    serde_json::from_str(&source).map_err(|e| ExportError::Candidates { path: path.to_owned(), cause: e.to_string() })
}
