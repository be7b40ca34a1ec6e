//! The page of a comparison of optimizers: the curves of all runs on one pair of axes, and the table.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::assemble::assemble;
use super::error::ReportError;
use super::escape;
use crate::run_directory::RunDirectoryError;

/// The name of the file that a comparison of optimizers writes into its folder.
pub const FILE: &str = "compare.json";

const SCRIPT: &str = concat!(
    "\"use strict\";\n(() => {\n",
    include_str!("dom.js"),
    include_str!("axes.js"),
    include_str!("comparison.js"),
    "})();\n"
);

/// The content of [`FILE`], as JSON values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparisonFile {
    /// A line of the table for each optimizer.
    pub table: Vec<Value>,
    /// The runs, in the order in which they were made.
    pub runs: Vec<Value>,
}

impl ComparisonFile {
    /// Reads the comparison in the file at `path`.
    ///
    /// # Errors
    /// [`ReportError::NotAComparison`], [`RunDirectoryError::Io`]
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let io = |cause| RunDirectoryError::Io { doing: "read", path: path.to_owned(), cause };
        let text = std::fs::read_to_string(path).map_err(io)?;
        let not_a_comparison = |cause| ReportError::NotAComparison { path: path.to_owned(), cause };
        let content: Value = serde_json::from_str(&text).map_err(|e| not_a_comparison(e.to_string()))?;
        let list = |key: &str| content[key].as_array().cloned();
        match (list("table"), list("runs")) {
            (Some(table), Some(runs)) => Ok(Self { table, runs }),
            _ => Err(not_a_comparison("it has no lists `table` and `runs`".into())),
        }
    }

    /// Returns the page. `name` is its title.
    #[must_use]
    pub fn page(&self, name: &str) -> String {
        let runs: Vec<Value> = self.runs.iter().map(run).collect();
        let data = json!({ "name": name, "table": self.table, "runs": runs });
        assemble(SCRIPT, &escape::json(&data), "null")
    }
}

/// Returns what the page shows of a run.
fn run(run: &Value) -> Value {
    let folder = Path::new(run["run"].as_str().unwrap_or_default()).file_name();
    let summary = &run["summary"];
    json!({
        "optimizer": run["optimizer"],
        "seed": run["seed"],
        "curve": run["curve"],
        "folder": folder.map(|name| name.to_string_lossy()),
        "rollouts": summary["rollouts"],
        "best": summary["best_score"],
        "seed_score": summary["seed_score"],
        "test_seed_score": summary["test_seed_score"],
    })
}
