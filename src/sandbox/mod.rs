//! A sandbox for generated code, which is treated as hostile.
//!
//! A program in the sandbox can read the system's libraries, its interpreter and the files that it is given. It can write into one
//! scratch folder, which is deleted afterwards. It has no network. It can start no process, or only a few, none of which outlives
//! it. It can signal no other process, and sees neither the environment nor other processes. Its memory, time, output and files
//! are bounded.
//!
//! The sandbox needs Linux, but neither root nor user namespaces: a process gives up its rights for itself and its descendants
//! (Landlock for files, seccomp for system calls, resource limits), and then executes the program. To give up rights between fork
//! and exec would need `unsafe`, so that process is `gepard` itself, started with the hidden command `gepard sandboxed`
//! (`enter`). Programs that use the library need that binary beside them or in `PATH`, or name it
//! ([`Sandbox::with_launcher`]).
//!
//! A program can still learn whether a file exists, its size and dates, the time, and the load and name of the machine. A defect of
//! the kernel can defeat the sandbox.

mod cell;
#[cfg(target_os = "linux")]
mod enter;
mod error;
#[cfg(target_os = "linux")]
mod filter;
mod launcher;
mod running;
mod scratch;
mod secret;
mod usage;

pub use cell::{Cell, HANDSHAKE, Limits, REFUSED};
#[cfg(target_os = "linux")]
pub use enter::{enter, probe};
pub use error::SandboxError;
pub use launcher::Sandbox;
pub use running::{Event, Exceeded, Running};
pub use scratch::Scratch;
pub(crate) use secret::secret;
