//! What every command that reads a task file lets its user change.

use clap::Args;

use super::CliError;

#[derive(Debug, Args)]
pub(super) struct Overrides {
    /// Threads of llama.cpp [default: what is found fastest at a model's first use].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Set any key of the task file, like model.task.gguf=other.gguf; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

impl Overrides {
    /// Refuses them where no task file is read.
    pub(super) fn refuse(&self, why: &str) -> Result<(), CliError> {
        let given = self.settings.first().map(|_| "--set").or(self.threads.map(|_| "--threads"));
        given.map_or(Ok(()), |option| Err(CliError::Usage(format!("{option} changes nothing here: {why}"))))
    }

    /// As settings of the task file, each `key=value`.
    pub(super) fn settings(&self) -> Vec<String> {
        let threads = self.threads.map(|threads| format!("engine.threads={threads}"));
        self.settings.iter().cloned().chain(threads).collect()
    }
}
