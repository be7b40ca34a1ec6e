//! The settings of the metric `code`, as a task file has them.

use std::path::PathBuf;

use serde::Serialize;

/// The ways to compute the score from the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Passing {
    /// The share of the tests that pass.
    Share,
    /// 1 if all pass, else 0.
    All,
}

/// The program that runs the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Language {
    /// Python, in our harness.
    Python {
        /// The interpreter; left out: `"python3"`.
        python: String,
    },
    /// Any program, once for each test: it passes if the exit code is 0.
    Command {
        /// A program of another language that runs the code, with its arguments; left out: Python does.
        command: Vec<String>,
        /// What makes it ready, once an answer: a compiler; left out: nothing.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        build: Vec<String>,
        /// With `command`: the file that the code is written into; left out: `"code"`.
        file: String,
        /// With `command`: the file that a test is written into; it is the program's standard input, too; left out: `"test"`.
        test_file: String,
    },
}

/// The settings of the metric `code`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CodeSettings {
    /// Where the code is; left out: the last module's.
    pub output: String,
    /// The row's field with the tests: a text, or a list.
    pub field: String,
    /// A field with lines that run before the code (with `command`: that stand above it in its file); left out: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setup: Option<String>,
    /// A field with the name that the code must define; left out: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// What runs it.
    #[serde(flatten)]
    pub language: Language,
    /// What the score is.
    pub score: Passing,
    /// Seconds of computing that a test may take; twice as many may pass.
    pub timeout: f64,
    /// Megabytes of memory.
    pub memory: u64,
    /// Kilobytes that the code may print.
    pub prints: u64,
    /// Megabytes that the code may write into its folder.
    pub disk: u64,
    /// Files and folders that the code may read beside the system's and the interpreter's; left out: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<PathBuf>,
    /// Whether the code runs without a sandbox.
    #[serde(rename = "unsafe", skip_serializing_if = "std::ops::Not::not")]
    pub without_sandbox: bool,
}
