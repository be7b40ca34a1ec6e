//! Puts a page together from the template, the style sheet, a script and data.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The template of every page.
pub(super) const TEMPLATE: &str = include_str!("page.html");
/// The style sheet of every page.
pub(super) const STYLE: &str = include_str!("page.css");

/// Returns the page that runs `script`. `data` and `packs` are the JSON texts of the two blocks that the script reads; both must
/// be escaped by [`escape::json`](super::escape::json).
pub(super) fn assemble(script: &str, data: &str, packs: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'",
        hash(script),
        hash(STYLE)
    );
    let parts =
        [("{{policy}}", policy.as_str()), ("{{style}}", STYLE), ("{{run}}", data), ("{{packs}}", packs), ("{{script}}", script)];
    let length: usize = parts.iter().map(|(_, part)| part.len()).sum();
    let mut page = String::with_capacity(TEMPLATE.len() + length);
    // The template is filled from left to right, so a mark that stands in a part is never replaced.
    let mut rest = TEMPLATE;
    for (mark, part) in parts {
        let (before, after) = rest.split_once(mark).unwrap_or((rest, ""));
        page += before;
        page += part;
        rest = after;
    }
    page + rest
}
