//! Why a server gave no answer.

use std::time::Duration;

/// Why a request to a server has no answer. The texts name the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// No connection could be made.
    Unreachable(String),
    /// The server failed at this request, or the connection broke before the whole reply was there. The request may be sent
    /// again.
    Broken(String),
    /// The server has too much to do.
    Busy {
        /// What it said.
        cause: String,
        /// How long it asks to wait. None if it does not say it.
        wait: Option<Duration>,
    },
    /// The prompt and the answer do not fit the model's context.
    TooLong(String),
    /// The same request would fail again.
    Final(String),
}

impl Failure {
    /// Returns what happened, as text for the user.
    pub(super) fn cause(&self) -> &str {
        match self {
            Self::Unreachable(cause)
            | Self::Broken(cause)
            | Self::Busy { cause, .. }
            | Self::TooLong(cause)
            | Self::Final(cause) => cause,
        }
    }
}
