//! The flag that interrupts a run, and the thread that a run works on while Python listens for Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;

use crate::errors;

/// The time between two looks for Ctrl-C.
const LOOK: Duration = Duration::from_millis(50);

/// The stack of a run's thread in bytes, that of a main thread.
const STACK: usize = 8 << 20;

/// Interrupts a run. It is set by Ctrl-C, by an exception of the caller's code, or by hand.
#[pyclass(frozen)]
#[derive(Default)]
pub struct Interrupt {
    flag: AtomicBool,
    /// The first exception that set the flag.
    cause: Mutex<Option<PyErr>>,
}

#[pymethods]
impl Interrupt {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Interrupts the run after its running step.
    fn set(&self) {
        self.flag.store(true, Ordering::SeqCst);
    }

    /// Returns whether the run is to be interrupted.
    fn is_set(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }
}

impl Interrupt {
    /// Returns the flag.
    pub fn flag(&self) -> &AtomicBool {
        &self.flag
    }

    /// Interrupts the run because of an exception. The first one is kept.
    pub fn fail(&self, cause: PyErr) {
        self.cause.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(cause);
        self.set();
    }

    /// Returns the exception that interrupted the run, and forgets it. None if there was none.
    pub fn take_cause(&self) -> Option<PyErr> {
        self.cause.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Calls `work` on a thread of its own and returns its result. Meanwhile other threads of Python run, and the first Ctrl-C sets
/// `interrupt`. A second Ctrl-C does not wait for the end of `work`.
///
/// # Errors
/// The exception of a second Ctrl-C; `gepard.Error` if there is no thread or it ended without a result.
pub fn watched<T: Send + 'static>(
    py: Python<'_>,
    interrupt: &Py<Interrupt>,
    work: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    let (sender, mut receiver) = mpsc::channel();
    let thread = std::thread::Builder::new().name("gepard".into()).stack_size(STACK);
    let spawned = thread.spawn(move || drop(sender.send(work())));
    if let Err(cause) = spawned {
        return Err(errors::exception(py, 1, &format!("no thread for the run can be started: {cause}")));
    }
    loop {
        let received;
        (receiver, received) = py.detach(move || {
            let received = receiver.recv_timeout(LOOK);
            (receiver, received)
        });
        match received {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(errors::exception(py, 1, "the thread of the run ended without a result; this is an error in gepard"));
            }
            Err(RecvTimeoutError::Timeout) => {
                if let Err(signal) = py.check_signals() {
                    if interrupt.get().is_set() {
                        return Err(signal);
                    }
                    interrupt.get().fail(signal);
                }
            }
        }
    }
}
