//! `gepard sandboxed`: the process in which generated code runs. Only gepard starts it; see [`gepard::sandbox`].

use std::ffi::OsString;
use std::io::Write;

use gepard::sandbox::{Cell, HANDSHAKE, REFUSED, SandboxError};

/// Gives up the process's rights and replaces it by the program that `arguments` name. Returns the exit code only where that is
/// refused, or after a probe.
pub(super) fn run(arguments: &[OsString]) -> u8 {
    let mut refusal = String::new();
    let result = match arguments {
        [probe, scratch] if probe == "--probe" => gepard::sandbox::probe(scratch.as_ref()).map(|means| {
            // If this cannot be written, the reader misses the handshake and takes the probe as failed.
            drop(writeln!(std::io::stdout(), "{HANDSHAKE} {means}"));
        }),
        [cell, dashes, argv @ ..] if dashes == "--" => serde_json::from_str(&cell.to_string_lossy())
            .map_err(|cause| SandboxError::Unavailable(cause.to_string()))
            .and_then(|cell: Cell| {
                refusal.clone_from(&cell.refusal);
                gepard::sandbox::enter(&cell, argv).map(|never| match never {})
            }),
        _ => Err(SandboxError::Unavailable("only gepard itself starts `gepard sandboxed`".into())),
    };
    match result {
        Ok(()) => 0,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "{refusal} {error}"));
            REFUSED
        }
    }
}
