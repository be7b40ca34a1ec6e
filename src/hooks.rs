//! What a caller passes to a run: a listener for its events, and a flag that interrupts it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::engine::EngineProgress;
use crate::event::{Event, Lifecycle};

/// The flag of runs that are never interrupted.
static NEVER_INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// A listener for the events of a run, and a flag that interrupts it.
///
/// An interrupted run ends with [`RunError::Interrupted`](crate::error::RunError::Interrupted) after the running step of the engine.
/// Its journal is whole, and the same call goes on from there.
pub struct Hooks<'a> {
    interrupted: &'a AtomicBool,
    listener: Box<dyn FnMut(&Event) + 'a>,
}

impl<'a> Hooks<'a> {
    /// Creates hooks that call `listener` with every event. Setting `interrupted` interrupts the run.
    pub fn new(interrupted: &'a AtomicBool, listener: impl FnMut(&Event) + 'a) -> Self {
        Self { interrupted, listener: Box::new(listener) }
    }

    /// Creates hooks that call `listener` with every event and never interrupt the run.
    pub fn listening(listener: impl FnMut(&Event) + 'a) -> Self {
        Self::new(&NEVER_INTERRUPTED, listener)
    }

    /// Creates hooks that drop all events and never interrupt the run.
    #[must_use]
    pub fn none() -> Self {
        Self::listening(|_| {})
    }

    /// Returns hooks that call `first` with every event and then pass it on to these hooks.
    pub fn preceded_by<'b>(&'b mut self, mut first: impl FnMut(&Event) + 'b) -> Hooks<'b> {
        Hooks::new(self.interrupted, move |event| {
            first(event);
            (self.listener)(event);
        })
    }

    /// Calls the listener with an event.
    pub fn emit(&mut self, event: &Event) {
        (self.listener)(event);
    }

    /// Whether the run is to be interrupted.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Returns the flag that interrupts the run.
    #[must_use]
    pub fn interrupted(&self) -> &'a AtomicBool {
        self.interrupted
    }

    /// Emits the progress of a list of `requests` requests that began `seconds` seconds ago. `under_way` are the requests under way
    /// at each server, by its URL. Returns `Break` if the run is to be interrupted.
    pub fn on_progress(
        &mut self,
        done: EngineProgress,
        requests: usize,
        seconds: f64,
        under_way: BTreeMap<String, usize>,
    ) -> ControlFlow<()> {
        self.emit(&Lifecycle::Progress { done, of: requests, seconds, under_way }.into());
        if self.is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
