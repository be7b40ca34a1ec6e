//! What happens to the servers of an engine while it answers.

use std::sync::{Mutex, PoisonError};

/// A server that is left out, or taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerChange {
    /// It gets no requests until it answers again.
    Out {
        /// The server's URL.
        server: String,
        /// Why, as a sentence without a stop.
        cause: String,
    },
    /// It answers again and gets requests.
    Back {
        /// The server's URL.
        server: String,
    },
}

/// The changes that nobody has read yet. An engine writes them while it answers, and whoever asked it reads them meanwhile.
#[derive(Debug, Default)]
pub struct ServerChanges(Mutex<Vec<ServerChange>>);

impl ServerChanges {
    /// Adds a change.
    pub fn add(&self, change: ServerChange) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(change);
    }

    /// Takes all changes, in the order in which they happened.
    #[must_use]
    pub fn take(&self) -> Vec<ServerChange> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
