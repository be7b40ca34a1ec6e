//! What happens to the servers of an engine while it answers.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// The changes that nobody has read yet, and the requests under way. An engine writes them while it answers, and whoever asked it
/// reads them meanwhile.
#[derive(Debug, Default)]
pub struct ServerChanges {
    changes: Mutex<Vec<ServerChange>>,
    under_way: Mutex<BTreeMap<String, usize>>,
}

impl ServerChanges {
    /// Adds a change.
    pub fn add(&self, change: ServerChange) {
        locked(&self.changes).push(change);
    }

    /// Takes all changes, in the order in which they happened.
    #[must_use]
    pub fn take(&self) -> Vec<ServerChange> {
        std::mem::take(&mut *locked(&self.changes))
    }

    /// Sets the number of requests under way at each server, by its URL.
    pub fn set_under_way(&self, under_way: BTreeMap<String, usize>) {
        *locked(&self.under_way) = under_way;
    }

    /// Returns the number of requests under way at each server that has some, by its URL.
    #[must_use]
    pub fn under_way(&self) -> BTreeMap<String, usize> {
        locked(&self.under_way).clone()
    }
}

/// Locks a value. One that a thread panicked on is as good as any.
fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
