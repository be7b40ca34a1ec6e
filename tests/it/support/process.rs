//! Commands as a user types them, and what they said.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::Task;
use super::unchecked::not_checked;

/// A command of gepard in a folder, with no models in its cache.
pub fn command(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gepard"));
    command.args(arguments).current_dir(folder).env("GEPARD_MODELS", folder.join("no-models"));
    command
}

pub fn gepard(arguments: &[&str], folder: &Path) -> Output {
    command(arguments, folder).output().unwrap()
}

/// The same in a task's folder.
pub fn on(task: &Task, arguments: &[&str]) -> Output {
    gepard(arguments, task.folder.path())
}

/// Scores the seed of the task file in a folder on the training rows.
pub fn eval(folder: &Path) -> Value {
    let output = gepard(&["eval", "gepard.toml", "--split", "train", "--json", "--progress", "none"], folder);
    assert_eq!(code(&output), 0, "{}", err(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

pub fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn both(output: &Output) -> String {
    out(output) + &err(output)
}

/// Whether a program runs here; else it is said what is not checked.
pub fn is_there(program: &str, arguments: &[&str], unchecked: &str) -> bool {
    let works = Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success());
    if !works {
        not_checked(&format!("{unchecked}: `{program} {}` does not work here", arguments.join(" ")));
    }
    works
}
