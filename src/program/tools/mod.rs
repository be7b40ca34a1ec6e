//! Steps of a program that ask no model: retrieval, templates and outside programs.

mod command;
mod retrieve;
mod template;
mod tool;

pub use command::{CommandTool, SearchCommand, error_in};
pub use retrieve::Retrieve;
pub use template::{Template, template_fields, unknown_call};
pub use tool::{Action, Fault, Input, Made, Tool};
