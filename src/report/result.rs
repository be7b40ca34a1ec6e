//! The files that a finished run leaves: `best/`, `best.json`, `summary.json`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Summary;
use crate::engine::Message;
use crate::journal::JournalError;
use crate::optimize::Pool;
use crate::program::{Candidate, Demonstration, Layout, Module, ModuleText, Program, layout};
use crate::whole_file;

/// `best.json`: a candidate, and the chat that each of its modules really sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestFile {
    /// Its place in the pool.
    pub candidate: usize,
    /// Its mean on the validation examples.
    pub score: f64,
    /// Its modules, in order.
    pub modules: Vec<BestModule>,
}

/// A module of `best.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestModule {
    /// Its name.
    pub name: String,
    /// The prompt.
    pub instruction: String,
    /// Its worked examples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub demonstrations: Vec<Demonstration>,
    /// Whether the model reasons before it answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reasoning: bool,
    /// What stands where in its chat, where the run found another layout than the plan's to be better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// What is sent, with `{field}` where a field's text goes.
    pub messages: Vec<Message>,
}

impl BestModule {
    /// Its text.
    #[must_use]
    pub fn text(&self) -> ModuleText {
        ModuleText {
            instruction: self.instruction.clone(),
            demonstrations: self.demonstrations.clone(),
            reasoning: self.reasoning,
            layout: self.layout,
        }
    }
}

impl BestFile {
    /// The candidate, for a program with the modules called `names`.
    ///
    /// # Errors
    /// The name of a module that it has no text for.
    pub fn into_candidate(self, names: &[&str]) -> Result<Candidate, String> {
        let text = |name: &&str| {
            let module = self.modules.iter().find(|module| module.name == **name);
            module.map(BestModule::text).ok_or_else(|| (*name).to_owned())
        };
        Ok(Candidate(names.iter().map(text).collect::<Result<Vec<_>, _>>()?))
    }
}

/// `{field}` in the place of each input's text, as the chats of `best.json` have it.
pub(super) fn braced(module: &Module) -> Vec<(String, String)> {
    module.inputs.iter().map(|field| (field.clone(), format!("{{{field}}}"))).collect()
}

/// Writes what a finished run leaves into its directory.
///
/// # Errors
/// [`JournalError::Io`]
pub fn write(folder: &Path, program: &Program, pool: &Pool, summary: &Summary) -> Result<(), JournalError> {
    let place = pool.best();
    let candidate = &pool.members[place].candidate;
    let module = |(module, text): (&Module, &ModuleText)| {
        let messages = layout::render(module, text, &braced(module)).messages;
        let ModuleText { instruction, demonstrations, reasoning, layout } = text.clone();
        BestModule { name: module.name.clone(), instruction, demonstrations, reasoning, layout, messages }
    };
    let modules: Vec<BestModule> = program.modules.iter().zip(&candidate.0).map(module).collect();
    let best = folder.join("best");
    std::fs::create_dir_all(&best).map_err(|cause| JournalError::Io { doing: "make", path: best.clone(), cause })?;
    for module in &modules {
        write_file(&best.join(format!("{}.txt", module.name)), format!("{}\n", module.instruction).as_bytes())?;
    }
    let score = pool.members[place].mean();
    write_json(&folder.join("best.json"), &BestFile { candidate: place, score, modules })?;
    write_json(&folder.join("summary.json"), summary)
}

/// Writes a value as JSON so that it is there as a whole or not at all.
///
/// # Errors
/// [`JournalError::Io`]
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), JournalError> {
    let io = |cause| JournalError::Io { doing: "write", path: path.to_owned(), cause };
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|e| io(e.into()))?;
    bytes.push(b'\n');
    write_file(path, &bytes)
}

/// Writes a file so that it is there as a whole or not at all.
///
/// # Errors
/// [`JournalError::Io`]
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), JournalError> {
    whole_file::write(path, bytes).map_err(|cause| JournalError::Io { doing: "write", path: path.to_owned(), cause })
}
