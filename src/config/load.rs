//! Loads a task file, with the settings of the command line laid over it.

use std::io::Read;
use std::path::Path;

use super::error::{ConfigError, Problem};
use super::plan::Plan;
use super::read::section::Problems;
use super::read::task::TaskReader;
use super::read::tree::{self, Table};

/// Reads and checks the task file at `path`. Each of the `settings` has the form `key.path=value` and replaces a value of the file.
///
/// # Errors
/// [`ConfigError`] if the file cannot be read or a setting cannot be applied. [`ConfigError::Invalid`] has everything that is
/// wrong with the content.
pub fn load(path: &Path, settings: &[String]) -> Result<Plan, ConfigError> {
    let source = read_source(path)?;
    let invalid = |problems| ConfigError::Invalid { path: path.to_owned(), problems };
    let source = source.strip_prefix('\u{feff}').unwrap_or(&source);
    let mut table = tree::parse(source)
        .map_err(|(line, message)| invalid(vec![Problem { line: Some(line), key: String::new(), message }]))?;
    for setting in settings {
        apply(&mut table, setting)?;
    }
    let absolute = std::path::absolute(path).map_err(|cause| ConfigError::Read { path: path.to_owned(), cause })?;
    let folder = absolute.parent().unwrap_or(Path::new("/"));
    let problems = Problems::default();
    let plan = TaskReader { folder, problems: &problems }.plan(&table);
    let problems = problems.into_inner();
    if problems.is_empty() { Ok(plan) } else { Err(invalid(problems)) }
}

/// The most bytes of a task file. A larger file is probably a data file.
const LARGEST_FILE: u64 = 1 << 20;

fn read_source(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |cause| ConfigError::Read { path: path.to_owned(), cause };
    let problem = |line: Option<usize>, message: &str| ConfigError::Invalid {
        path: path.to_owned(),
        problems: vec![Problem { line, key: String::new(), message: message.into() }],
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(problem(None, "has more than 1 MB, and a task file a few kilobytes: give the file that names the data"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        problem(Some(line), "is not UTF-8; save the file as UTF-8")
    })
}

/// Writes the value of a setting into the table of the task file.
fn apply(table: &mut Table, setting: &str) -> Result<(), ConfigError> {
    let bad = |cause: String| ConfigError::Set { setting: setting.to_owned(), cause };
    let (path, value) = setting.split_once('=').ok_or_else(|| bad("must be key=value, like optimize.seed=1".into()))?;
    let parts: Vec<&str> = path.trim().split('.').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err(bad("the key must be a dotted path, like model.task.gguf".into()));
    }
    table.set(&parts, tree::parse_value(value.trim())).map_err(bad)
}
