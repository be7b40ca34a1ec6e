//! A run as one page of HTML that needs nothing else: no network, no server, no other file.
//!
//! Whatever a model or a user's data says reaches the page as JSON alone, in blocks that a browser does not run, and from
//! there as text, never as markup. A content security policy lets nothing run but the page's own script, and load nothing.

pub mod contest;
mod escape;
mod head;
mod packs;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::history::History;
use super::result::write_file;
use crate::journal::JournalError;

/// Bytes that a page has at most, unless the prompts alone have more. Traces that find no room are left out, aloud.
pub const MOST_BYTES: usize = 10_000_000;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = concat!(
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

/// The page of the run in `folder`, as it stands; or of several optimizers, where the folder is that of a comparison.
///
/// # Errors
/// [`JournalError`]: no run, or one that cannot be trusted.
pub fn render(folder: &Path) -> Result<String, JournalError> {
    let name = std::path::absolute(folder).ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let name = name.unwrap_or_else(|| folder.display().to_string());
    let file = folder.join(contest::FILE);
    if file.is_file() && !folder.join("journal.jsonl").exists() {
        let left =
            std::fs::read_to_string(&file).map_err(|cause| JournalError::Io { doing: "read", path: file.clone(), cause })?;
        return contest::of(&left, &name).map_err(|cause| JournalError::NoContest { path: file, cause });
    }
    Ok(of(&History::read(folder)?, &name))
}

/// Writes the page of the run in `folder` to `file`.
///
/// # Errors
/// As [`render`], and [`JournalError::Io`].
pub fn write(folder: &Path, file: &Path) -> Result<(), JournalError> {
    write_file(file, render(folder)?.as_bytes())
}

/// The page of a run called `name`.
#[must_use]
pub fn of(history: &History, name: &str) -> String {
    let fixed = PAGE.len() + STYLE.len() + SCRIPT.len();
    let head_bytes = escape::json(&head::head(history, name, 0)).len();
    let packs = packs::fitting(history, MOST_BYTES.saturating_sub(fixed + head_bytes + 1000));
    let head = head::head(history, name, packs.left_out);
    assembled(SCRIPT, &escape::json(&head), &escape::json(&packs.encoded))
}

/// A page around a script and the two blocks that it reads.
fn assembled(script: &str, run: &str, packs: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'",
        hash(script),
        hash(STYLE)
    );
    let mut page = String::with_capacity(PAGE.len() + STYLE.len() + script.len() + run.len() + packs.len() + policy.len());
    // Each part is put in once, from left to right: what was put in is not looked at again.
    let mut rest = PAGE;
    for (place, part) in
        [("{{policy}}", policy.as_str()), ("{{style}}", STYLE), ("{{run}}", run), ("{{packs}}", packs), ("{{script}}", script)]
    {
        let (before, after) = rest.split_once(place).unwrap_or((rest, ""));
        page += before;
        page += part;
        rest = after;
    }
    page + rest
}

#[cfg(test)]
mod tests;
