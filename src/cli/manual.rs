//! `gepard completions` and `gepard man`, generated from the definition of the command line.

use std::io::Write;

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::error::CliError;

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell whose completions are printed.
    shell: Shell,
}

pub(super) fn completions(arguments: &Completions, command: &mut Command, out: &mut dyn Write) -> Result<(), CliError> {
    // The generator panics where it cannot write, so it writes into memory.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, command, "gepard", &mut script);
    out.write_all(&script).map_err(CliError::Output)
}

#[derive(Debug, Args)]
pub(super) struct Page {
    /// The subcommand, such as `optimize` or `models add` [default: gepard itself].
    command: Vec<String>,
}

pub(super) fn page(arguments: &Page, command: &Command, out: &mut dyn Write) -> Result<(), CliError> {
    let mut wanted = command.clone().disable_help_subcommand(true);
    // `build` gives every subcommand its full name, which its page and references to it need.
    wanted.build();
    for name in &arguments.command {
        let found = wanted.find_subcommand(name).cloned();
        let names: Vec<&str> = wanted.get_subcommands().map(Command::get_name).collect();
        let known = if names.is_empty() { "it has none".into() } else { format!("there are {}", names.join(", ")) };
        wanted = found.ok_or_else(|| CliError::Usage(format!("there is no subcommand `{name}`; {known}")))?;
    }
    let source = format!("gepard {}", env!("CARGO_PKG_VERSION"));
    Man::new(wanted).source(source).render(out).map_err(CliError::Output)
}
