//! A run, or a comparison of optimizers, as one HTML page that works without a network, a server or any other file.
//!
//! Texts of models and of the user's data are in the page only as JSON, in blocks that a browser does not execute. The page's
//! script makes text nodes of them, never markup. A content security policy allows the page's own script and style sheet, and
//! no request.

mod assemble;
pub mod comparison;
mod error;
mod escape;
mod head;
mod pack_json;
mod packs;
mod render;
mod run_page;
mod text_numbers;

pub use error::ReportError;
pub use render::{render, write};
pub(crate) use run_page::name_of;
pub use run_page::{MOST_BYTES, page_of, render_run};

#[cfg(test)]
mod tests;
