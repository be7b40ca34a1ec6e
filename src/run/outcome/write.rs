//! Writes the files that hold the result of a finished run: `best/MODULE.txt`, `best.json` and `summary.json`.

use std::path::Path;

use crate::optimize::Pool;
use crate::program::{Module, ModuleText, Program, render};
use crate::report::best::{BestFile, BestModule, braced_fields};
use crate::report::summary::Summary;
use crate::run_directory::RunDirectoryError;
use crate::run_directory::files::{BEST, BEST_INSTRUCTIONS, SUMMARY, write_bytes, write_json};

/// Writes the best candidate of `pool` and the summary into the run directory `folder`.
///
/// # Errors
/// [`RunDirectoryError::Io`]
pub(crate) fn write(folder: &Path, program: &Program, pool: &Pool, summary: &Summary) -> Result<(), RunDirectoryError> {
    let best = pool.best();
    let member = &pool.members[best];
    let modules: Vec<BestModule> =
        program.modules.iter().zip(&member.candidate.0).map(|(module, text)| best_module(module, text)).collect();
    let instructions = folder.join(BEST_INSTRUCTIONS);
    std::fs::create_dir_all(&instructions).map_err(|cause| RunDirectoryError::Io {
        doing: "make",
        path: instructions.clone(),
        cause,
    })?;
    for module in &modules {
        write_bytes(&instructions.join(format!("{}.txt", module.name)), format!("{}\n", module.instruction).as_bytes())?;
    }
    write_json(&folder.join(BEST), &BestFile { candidate: best.0, score: member.mean(), modules })?;
    write_json(&folder.join(SUMMARY), summary)
}

fn best_module(module: &Module, text: &ModuleText) -> BestModule {
    let fields = braced_fields(module);
    let messages = render::prompt(module, &text.with_nearest(&fields), &fields).messages;
    let ModuleText { instruction, demonstrations, nearest, reasoning, layout } = text.clone();
    BestModule { name: module.name.clone(), instruction, demonstrations, nearest, reasoning, layout, messages }
}
