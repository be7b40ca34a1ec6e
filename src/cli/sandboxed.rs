//! `gepard sandboxed`: how gepard shuts generated code in, asked for by gepard alone. See [`gepard::sandbox`].

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use gepard::sandbox::{Cell, HANDSHAKE, REFUSED, SandboxError};

/// Becomes the program, or says why not.
pub(super) fn run(arguments: &[OsString]) -> ExitCode {
    let mut refusal = String::new();
    let result = match arguments {
        [probe, scratch] if probe == "--probe" => gepard::sandbox::probe(scratch.as_ref()).map(|means| {
            // Where this cannot be written, nobody takes it for a yes.
            drop(writeln!(std::io::stdout(), "{HANDSHAKE} {means}"));
        }),
        [cell, dashes, argv @ ..] if dashes == "--" => serde_json::from_str(&cell.to_string_lossy())
            .map_err(|e| SandboxError::Unavailable(e.to_string()))
            .and_then(|cell: Cell| {
                refusal.clone_from(&cell.refusal);
                gepard::sandbox::enter(&cell, argv).map(|never| match never {})
            }),
        _ => Err(SandboxError::Unavailable("`sandboxed` is how gepard calls itself".into())),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "{refusal} {error}"));
            ExitCode::from(REFUSED)
        }
    }
}
