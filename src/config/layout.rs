//! `[layout]`: what stands where in a chat.

use super::named::{Named, choice};
use super::section::Section;
use crate::program::Layout;
use crate::program::layout::{Cue, Examples, Fields, Turn};

impl Named for Turn {
    const NAMES: &'static [(&'static str, Self)] = &[("user", Self::User), ("system", Self::System), ("below", Self::Below)];
}

impl Named for Fields {
    const NAMES: &'static [(&'static str, Self)] = &[("labelled", Self::Labelled), ("bare", Self::Bare)];
}

impl Named for Cue {
    const NAMES: &'static [(&'static str, Self)] = &[("label", Self::Label), ("begun", Self::Begun), ("none", Self::None)];
}

impl Named for Examples {
    const NAMES: &'static [(&'static str, Self)] = &[("turns", Self::Turns), ("text", Self::Text)];
}

/// Reads `[layout]`.
pub(super) fn read(root: &Section<'_>) -> Layout {
    let section = root.table_or_empty("layout");
    let default = Layout::default();
    let layout = Layout {
        instruction: choice(&section, "instruction", default.instruction),
        fields: choice(&section, "fields", default.fields),
        answer: choice(&section, "answer", default.answer),
        examples: choice(&section, "examples", default.examples),
    };
    section.finish();
    layout
}
