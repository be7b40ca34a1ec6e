//! The native part of the Python package `gepard`. Values cross the border as JSON text; the files in `gepard/` give them types.

mod command;
mod engine;
mod errors;
mod interrupt;
mod layout;
mod listener;
mod model;
mod own;
mod predict;
mod program;
mod run;

use pyo3::prelude::*;

/// The functions and classes that the Python files of the package call.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::command::{main, name_launcher};
    #[pymodule_export]
    use super::interrupt::Interrupt;
    #[pymodule_export]
    use super::layout::{json_grammar, read_answer, render_call};
    #[pymodule_export]
    use super::model::Model;
    #[pymodule_export]
    use super::own::optimize_own;
    #[pymodule_export]
    use super::predict::predict;
    #[pymodule_export]
    use super::run::{build_features, evaluate, optimize};
}
