//! The SHA-256 of a model file or of an adapter.

use std::io;
use std::ops::ControlFlow;

use crate::engine::error::EngineError;
use crate::engine::settings::{LoadProgress, ModelFile, OnLoadProgress, Preparation};
use crate::gguf::{Header, ModelMap};

/// Computes the SHA-256 of the file of a header, which is that of a model or of its adapter, and compares it with the expected one.
pub(super) fn sha256(
    file: &ModelFile,
    header: &Header,
    expected: Option<&str>,
    report: &mut OnLoadProgress<'_>,
) -> Result<String, EngineError> {
    let failed = |error: io::Error| file.error(format!("it cannot be read: {error}"));
    let started = LoadProgress::Started { step: Preparation::Hashing, model: &file.name, bytes: header.file_bytes };
    if report(started).is_break() {
        return Err(EngineError::Interrupted);
    }
    let map = ModelMap::open(&header.path).map_err(failed)?;
    let sha256 = map.sha256(failed, |_| match report(LoadProgress::Running) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(EngineError::Interrupted),
    })?;
    match expected {
        Some(expected) if expected != sha256 => Err(file.error(format!(
            "its SHA-256 is {sha256}, and should be {expected}: it was damaged or changed; remove it and fetch or add it again"
        ))),
        _ => Ok(sha256),
    }
}
