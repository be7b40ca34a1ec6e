//! Several optimizers on one task as one page: their curves on one axis, and the table.

use std::path::Path;

use serde_json::{Value, json};

use super::{assembled, escape};

/// What a contest leaves in its folder.
pub const FILE: &str = "compare.json";

const SCRIPT: &str = concat!(
    "\"use strict\";\n(() => {\n",
    include_str!("dom.js"),
    include_str!("axes.js"),
    include_str!("contest.js"),
    "})();\n"
);

/// The page of a contest called `name`, of what it has left.
///
/// # Errors
/// Why that is no contest's.
pub(super) fn of(left: &str, name: &str) -> Result<String, String> {
    let left: Value = serde_json::from_str(left).map_err(|e| e.to_string())?;
    let (Some(table), Some(runs)) = (left["table"].as_array(), left["runs"].as_array()) else {
        return Err("it has no `table` and no `runs`".into());
    };
    let run = |run: &Value| {
        let folder =
            Path::new(run["run"].as_str().unwrap_or_default()).file_name().map(|name| name.to_string_lossy().into_owned());
        json!({
            "optimizer": run["optimizer"], "seed": run["seed"], "curve": run["curve"], "folder": folder,
            "rollouts": run["summary"]["rollouts"], "best": run["summary"]["best_score"], "seed_score": run["summary"]["seed_score"],
            "test_seed_score": run["summary"]["test_seed_score"],
        })
    };
    let head = json!({ "name": name, "table": table, "runs": runs.iter().map(run).collect::<Vec<_>>() });
    Ok(assembled(SCRIPT, &escape::json(&head), "null"))
}
