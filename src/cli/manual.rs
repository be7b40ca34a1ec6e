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
    /// Of a subcommand, like `optimize` [default: of gepard itself].
    command: Option<String>,
}

pub(super) fn page(arguments: &Page, command: &Command, out: &mut dyn Write) -> Result<(), CliError> {
    let wanted = match &arguments.command {
        None => command.clone(),
        Some(name) => {
            let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            let found = command.find_subcommand(name);
            let unknown = || CliError::Usage(format!("there is no subcommand `{name}`; there are {}", names.join(", ")));
            found.ok_or_else(unknown)?.clone().name(format!("gepard-{name}"))
        }
    };
    Man::new(wanted).render(out).map_err(CliError::Output)
}
