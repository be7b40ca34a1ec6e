//! The `gepard` program. All of it is in the library; the command line is [`gepard::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(gepard::cli::main(&std::env::args_os().collect::<Vec<_>>()))
}
