//! Steps of a program that ask no model: retrieval, templates and outside programs.

mod command;
mod retrieve;
mod template;
mod tool;

pub use command::{CommandTool, SearchCommand, error_in};
pub use retrieve::Retrieve;
pub use template::{Template, template_fields};
pub use tool::{Action, Fault, Made, Tool};
