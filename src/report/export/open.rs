//! Reads a candidate of a finished run for an export.

use std::path::Path;

use super::choice::Choice;
use super::deployed::Deployed;
use super::error::ExportError;
use crate::config;
use crate::journal;
use crate::program::{Candidate, ModuleText};
use crate::report::best::braced_fields;
use crate::run_directory::files::PLAN;

/// Returns the modules of a candidate of the finished run in `folder`, in the program's order.
///
/// # Errors
/// [`ExportError`]; [`ExportError::Differs`] if the candidate's chat cannot be rendered again.
pub fn open(folder: &Path, choice: Choice) -> Result<Vec<Deployed>, ExportError> {
    let candidate = choice.read(folder)?;
    let plan = config::load(&folder.join(PLAN), &[])?;
    let fingerprint = journal::recorded_fingerprint(folder);
    let mut deployed = Vec::new();
    for mut module in plan.program_modules() {
        let absent =
            || ExportError::Candidates { path: folder.join(choice.file()), cause: format!("it has no module `{}`", module.name) };
        let saved = candidate.modules.iter().find(|saved| saved.name == module.name).ok_or_else(absent)?;
        module.layout = saved.layout.unwrap_or(module.layout);
        let text = ModuleText { layout: None, ..saved.text() };
        let one = Deployed::new(&plan, module, text, &fingerprint);
        if one.chat(&braced_fields(&one.module)) != saved.messages {
            return Err(ExportError::Differs { folder: folder.to_owned(), file: choice.file(), module: saved.name.clone() });
        }
        deployed.push(one);
    }
    Ok(deployed)
}

/// Returns a candidate of the finished run in `folder`.
///
/// # Errors
/// [`ExportError`]; [`ExportError::Differs`] if the candidate's chat cannot be rendered again.
pub fn candidate(folder: &Path, choice: Choice) -> Result<Candidate, ExportError> {
    let text = |deployed: Deployed| ModuleText { layout: Some(deployed.module.layout), ..deployed.text };
    Ok(Candidate(open(folder, choice)?.into_iter().map(text).collect()))
}
