//! Modules for unit tests.

use std::collections::BTreeMap;

use super::layout::Layout;
use super::module::Module;
use crate::engine::ModelId;

/// Returns a greedy module with the default layout and short answers.
pub(crate) fn module(name: &str, inputs: &[&str], outputs: &[&str]) -> Module {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Module {
        name: name.into(),
        inputs: owned(inputs),
        outputs: owned(outputs),
        shapes: BTreeMap::new(),
        max_tokens: 8,
        temperature: 0.0,
        top_p: 1.0,
        model: ModelId(0),
        layout: Layout::default(),
        frozen: false,
        keep: Vec::new(),
        labels: BTreeMap::new(),
    }
}
