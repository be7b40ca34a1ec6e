//! Errors of calling an outside program.

/// The reason why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The program cannot be started.
    #[error("`{program}` cannot be started: {cause}")]
    Start {
        /// The name of the program.
        program: String,
        /// The error of the operating system.
        cause: String,
    },
    /// The program did not answer within the time limit, and was ended.
    #[error("`{program}` gave no answer within {seconds} s and was ended{said}")]
    Timeout {
        /// The name of the program.
        program: String,
        /// The time limit in seconds.
        seconds: u64,
        /// The end of its standard error, as the end of a message; may be empty.
        said: String,
    },
    /// The program ended, or closed its standard output, before it had answered.
    #[error("`{program}` ended before it had answered ({how}){said}")]
    Died {
        /// The name of the program.
        program: String,
        /// The exit code or signal as text.
        how: String,
        /// The end of its standard error, as the end of a message; may be empty.
        said: String,
    },
    /// The answer is not JSON, or too long.
    #[error("`{program}` answered what is {cause}{said}")]
    Answer {
        /// The name of the program.
        program: String,
        /// What is wrong with the answer, with its beginning.
        cause: String,
        /// The end of its standard error, as the end of a message; may be empty.
        said: String,
    },
    /// The program wrote more lines than calls, so that an answer cannot be assigned to its call. It is not called again.
    #[error(
        "`{program}` wrote more than one line for a call; its standard output is for answers alone, other words go to standard error: {line}"
    )]
    Noise {
        /// The name of the program.
        program: String,
        /// The beginning of the additional line.
        line: String,
    },
}
