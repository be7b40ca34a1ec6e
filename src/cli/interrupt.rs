//! Ctrl-C: the first one stops a run after the running step, the second one ends the process.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::CliError;

/// The message after the first Ctrl-C.
pub(super) const STOPPING: &str = "gepard: stopping after the running step; Ctrl-C again to stop at once";

/// Returns a flag that the first Ctrl-C sets. The second Ctrl-C ends the process with exit code 130.
///
/// The message after the first one is written here, unless `is_shown_by_view`: a line that is written beside the view would
/// garble it.
pub(super) fn interrupt_flag(is_shown_by_view: bool) -> Result<Arc<AtomicBool>, CliError> {
    let flag = Arc::new(AtomicBool::new(false));
    let is_interrupted = Arc::clone(&flag);
    ctrlc::set_handler(move || {
        if is_interrupted.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        if !is_shown_by_view {
            drop(writeln!(std::io::stderr(), "{STOPPING}"));
        }
    })
    .map_err(|cause| CliError::Usage(format!("cannot handle Ctrl-C: {cause}")))?;
    Ok(flag)
}
