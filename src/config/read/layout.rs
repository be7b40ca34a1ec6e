//! Reads `[layout]`.

use super::section::Section;
use crate::program::Layout;

pub(super) fn read(root: &Section<'_>) -> Layout {
    let section = root.table_or_empty("layout");
    let default = Layout::default();
    let layout = Layout {
        instruction: section.choice("instruction").unwrap_or(default.instruction),
        fields: section.choice("fields").unwrap_or(default.fields),
        answer: section.choice("answer").unwrap_or(default.answer),
        examples: section.choice("examples").unwrap_or(default.examples),
        placeholders: section.flag("placeholders").unwrap_or(default.placeholders),
    };
    section.report_unknown_keys();
    layout
}
