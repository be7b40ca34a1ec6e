//! `gepard chats`: prints the chat of each row, as the model is sent it, with its right answer.

use std::io::Write;

use clap::Args;
use gepard::hooks::Hooks;
use gepard::run::weights;

use super::error::CliError;
use super::split::SplitName;
use super::subject::{Subject, SubjectArguments};
use super::terminal::print_notes;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    subject: SubjectArguments,
    /// The rows.
    #[arg(long, value_enum, default_value_t = SplitName::Train)]
    split: SplitName,
    /// Print only the first N rows.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), CliError> {
    let Subject { plan, candidate, .. } = arguments.subject.read()?;
    if arguments.limit == Some(0) {
        return Err(CliError::Usage("--limit 0 leaves nothing to print; give 1 or more".into()));
    }
    let mut hooks = Hooks::listening(print_notes);
    let chats = weights::chats(&plan, &candidate, arguments.split.into(), arguments.limit, &mut hooks)?;
    for chat in &chats {
        let line = serde_json::to_string(chat).map_err(|cause| CliError::Output(cause.into()))?;
        writeln!(out, "{line}").map_err(CliError::Output)?;
    }
    Ok(())
}
