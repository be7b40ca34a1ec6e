//! The run directory of a command that names none.

use std::path::{Path, PathBuf};

/// Returns `runs/NAME-SUFFIX` in the current folder, NAME being the name of the folder that the task file is in.
#[must_use]
pub fn default_run_folder(task: &Path, suffix: &str) -> PathBuf {
    let task = std::path::absolute(task).unwrap_or_else(|_| task.to_owned());
    let name = task.parent().and_then(Path::file_name).map_or("run".into(), |name| name.to_string_lossy());
    PathBuf::from("runs").join(format!("{name}-{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_folder_is_named_after_the_folder_of_the_task_file() {
        let folder = |suffix| default_run_folder(Path::new("tasks/x-seed0/gepard.toml"), suffix);
        assert_eq!(folder("seed0"), Path::new("runs/x-seed0-seed0"));
        assert_eq!(folder("compare"), Path::new("runs/x-seed0-compare"));
    }
}
