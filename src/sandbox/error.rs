//! Errors of the sandbox.

/// The reason why a program cannot be run in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// The machine does not have what the sandbox needs.
    #[error("there is no sandbox for generated code here: {0}")]
    Unavailable(String),
    /// The launcher could not isolate the program, or not start it; the text is its message.
    #[error("{0}")]
    Refused(String),
    /// The program cannot be started.
    #[error("`{program}` cannot be started: {cause}")]
    Start {
        /// The name of the program.
        program: String,
        /// The error of the operating system.
        cause: String,
    },
}
