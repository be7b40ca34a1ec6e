//! The command line: parse, plan, run.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
