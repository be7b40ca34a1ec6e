//! Reads the best candidate of a finished run for an export.

use std::path::Path;

use super::deployed::Deployed;
use super::error::ExportError;
use crate::config;
use crate::journal;
use crate::program::ModuleText;
use crate::report::best::{BestFile, braced_fields};
use crate::run_directory::files::{BEST, PLAN};

/// Returns the modules of the finished run in `folder`, in the program's order.
///
/// # Errors
/// [`ExportError`]; [`ExportError::Differs`] if the chat in `best.json` cannot be rendered again.
pub fn open(folder: &Path) -> Result<Vec<Deployed>, ExportError> {
    let path = folder.join(BEST);
    let source = std::fs::read_to_string(&path).map_err(|cause| ExportError::Read { path: path.clone(), cause })?;
    let invalid = |cause| ExportError::Best { path: path.clone(), cause };
    let best: BestFile = serde_json::from_str(&source).map_err(|e| invalid(e.to_string()))?;
    let plan = config::load(&folder.join(PLAN), &[])?;
    let fingerprint = journal::recorded_fingerprint(folder);
    let mut deployed = Vec::new();
    for mut module in plan.program_modules() {
        let absent = || invalid(format!("it has no module `{}`", module.name));
        let saved = best.modules.iter().find(|saved| saved.name == module.name).ok_or_else(absent)?;
        module.layout = saved.layout.unwrap_or(module.layout);
        let text = ModuleText { layout: None, ..saved.text() };
        let one = Deployed::new(&plan, module, text, &fingerprint);
        if one.chat(&braced_fields(&one.module)) != saved.messages {
            return Err(ExportError::Differs { folder: folder.to_owned(), module: saved.name.clone() });
        }
        deployed.push(one);
    }
    Ok(deployed)
}
