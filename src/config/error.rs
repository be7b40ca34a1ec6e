//! Why a task file cannot be used.

use std::path::{Path, PathBuf};

/// Why a task file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the task file {path}: {cause}")]
    Read {
        /// The path of the task file.
        path: PathBuf,
        /// The error of the operating system.
        cause: std::io::Error,
    },
    /// The content of the file is wrong.
    #[error("{}", one_line_each(path, problems))]
    Invalid {
        /// The path of the task file.
        path: PathBuf,
        /// Everything that is wrong with it, in the order in which it was found.
        problems: Vec<Problem>,
    },
    /// A `--set` cannot be applied.
    #[error("--set {setting}: {cause}")]
    Set {
        /// The argument of `--set`.
        setting: String,
        /// What is wrong with it.
        cause: String,
    },
}

/// One thing that is wrong with a task file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1. None if the value comes from `--set`, or if a table is missing.
    pub line: Option<usize>,
    /// The dotted path of the key. Empty if the problem is not about one key.
    pub key: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

fn one_line_each(path: &Path, problems: &[Problem]) -> String {
    let line = |problem: &Problem| {
        let number = problem.line.map_or(String::new(), |line| format!(":{line}"));
        let key = match problem.key.as_str() {
            "" => String::new(),
            key if begins_with_verb(&problem.message) => format!("`{key}` "),
            key => format!("`{key}`: "),
        };
        format!("{}{number}: {key}{}", path.display(), problem.message)
    };
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Whether the key is the subject of the message, as in "`data.train` is missing". Any other message is a sentence of its own and
/// stands behind a colon.
fn begins_with_verb(message: &str) -> bool {
    const VERBS: [&str; 11] = ["is", "must", "has", "cannot", "names", "needs", "goes", "stands", "lies", "lacks", "draws"];
    message.split(' ').next().is_some_and(|word| VERBS.contains(&word))
}
