//! Reads the tables of a task file into the types of a plan.
//!
//! `tree` parses TOML into values that know their line. `section` reads the values of one table with their types and collects
//! problems. Each other file reads one kind of table; `task` reads a whole file. After a problem, a reader returns a placeholder and
//! goes on, so that all problems are reported at once. A plan with a problem is never used.

mod code;
mod command;
mod condition;
mod data;
mod demonstrations;
mod engine;
mod field_order;
mod judge;
mod layout;
mod located;
mod methods;
mod metric;
mod metric_section;
mod model;
mod module;
mod optimize;
mod output;
mod privacy;
mod program;
pub(super) mod section;
mod servers;
mod step;
mod suggestion;
pub(super) mod task;
pub(super) mod tree;
