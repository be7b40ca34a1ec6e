//! Events of a run, passed on to a function of Python.

use gepard::event::Event;
use gepard::hooks::Hooks;
use pyo3::prelude::*;

use crate::interrupt::Interrupt;

/// Returns hooks that call `on_event` with the JSON of every event, if there is such a function. An exception of the function
/// interrupts the run.
pub fn hooks<'a>(interrupt: &'a Py<Interrupt>, on_event: Option<&'a Py<PyAny>>) -> Hooks<'a> {
    let interrupt = interrupt.get();
    Hooks::new(interrupt.flag(), move |event: &Event| {
        let Some(on_event) = on_event else { return };
        let json = serde_json::json!(event).to_string();
        if let Err(error) = Python::attach(|py| on_event.call1(py, (json,)).map(drop)) {
            interrupt.fail(error);
        }
    })
}
