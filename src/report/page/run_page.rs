//! The page of a run.

use std::path::Path;

use super::assemble::{STYLE, TEMPLATE, assemble};
use super::{escape, head, packs};
use crate::report::history::History;
use crate::run_directory::RunDirectoryError;

/// The most bytes of a page, unless the prompts and scores alone have more. Traces that exceed it are left out, and the page
/// says so.
pub const MOST_BYTES: usize = 10_000_000;

/// Bytes that are reserved for the marks of the template and for rounding in the estimate of the packs' size.
const RESERVED_BYTES: usize = 1000;

pub(super) const SCRIPT: &str = concat!(
    "\"use strict\";\n(() => {\n",
    include_str!("dom.js"),
    include_str!("data.js"),
    include_str!("diff.js"),
    include_str!("result.js"),
    include_str!("candidates.js"),
    include_str!("tree.js"),
    include_str!("heatmap.js"),
    include_str!("axes.js"),
    include_str!("chart.js"),
    include_str!("reflections.js"),
    include_str!("rollouts.js"),
    include_str!("spending.js"),
    include_str!("main.js"),
    "})();\n"
);

/// Returns the page of the run in `folder`, which may still be going on.
///
/// # Errors
/// [`RunDirectoryError`] if the folder holds no run, or one that cannot be read.
pub fn render_run(folder: &Path) -> Result<String, RunDirectoryError> {
    Ok(page_of(&History::read(folder)?, &name_of(folder)))
}

/// Returns the page of a run. `name` is its title.
#[must_use]
pub fn page_of(history: &History, name: &str) -> String {
    let fixed_bytes = TEMPLATE.len() + STYLE.len() + SCRIPT.len() + RESERVED_BYTES;
    let head_bytes = escape::json(&head::head(history, name, 0)).len();
    let packs = packs::fitting(history, MOST_BYTES.saturating_sub(fixed_bytes + head_bytes));
    let head = head::head(history, name, packs.left_out);
    assemble(SCRIPT, &escape::json(&head), &escape::json(&packs.encoded))
}

/// Returns the title of the page of `folder`: its last name.
pub(crate) fn name_of(folder: &Path) -> String {
    let name = std::path::absolute(folder).ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    name.unwrap_or_else(|| folder.display().to_string())
}
