//! `gepard completions` and `gepard man`: made from the definitions of the command line itself.

use std::io::Write;

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::CliError;

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell: its completions go to stdout.
    shell: Shell,
}

pub(super) fn completions(arguments: &Completions, command: &mut Command, out: &mut dyn Write) -> Result<(), CliError> {
    // The generator's own writing panics where nobody reads: it writes into memory.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, command, "gepard", &mut script);
    out.write_all(&script).map_err(CliError::Output)
}

#[derive(Debug, Args)]
pub(super) struct Page {
    /// Of a subcommand, like `optimize` or `models add` [default: of gepard itself].
    command: Vec<String>,
}

pub(super) fn page(arguments: &Page, command: &Command, out: &mut dyn Write) -> Result<(), CliError> {
    // Built as a whole, each command knows what it is called by, and how pages refer to it.
    let mut wanted = command.clone().disable_help_subcommand(true);
    wanted.build();
    for name in &arguments.command {
        let found = wanted.find_subcommand(name).cloned();
        let names: Vec<&str> = wanted.get_subcommands().map(Command::get_name).collect();
        let there_are = if names.is_empty() { "it has none".into() } else { format!("there are {}", names.join(", ")) };
        wanted = found.ok_or_else(|| CliError::Usage(format!("there is no subcommand `{name}`; {there_are}")))?;
    }
    let source = format!("gepard {}", env!("CARGO_PKG_VERSION"));
    Man::new(wanted).source(source).render(out).map_err(CliError::Output)
}
