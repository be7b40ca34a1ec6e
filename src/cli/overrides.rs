//! The options that every command with a task file has, to change the task file's values.

use clap::Args;

use super::error::CliError;

#[derive(Debug, Args)]
pub(super) struct Overrides {
    /// The threads of llama.cpp [default: what is measured to be fastest at a model's first use].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Set a key of the task file, such as model.task.gguf=other.gguf; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

impl Overrides {
    /// Refuses these options where no task file is read. `reason` ends the message.
    pub(super) fn refuse(&self, reason: &str) -> Result<(), CliError> {
        let given = self.settings.first().map(|_| "--set").or(self.threads.map(|_| "--threads"));
        given.map_or(Ok(()), |option| Err(CliError::Usage(format!("{option} changes nothing here: {reason}"))))
    }

    /// Returns the options as settings of the task file, each in the form `key=value`.
    pub(super) fn settings(&self) -> Vec<String> {
        let threads = self.threads.map(|threads| format!("engine.threads={threads}"));
        self.settings.iter().cloned().chain(threads).collect()
    }
}
