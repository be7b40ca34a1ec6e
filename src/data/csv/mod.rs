//! CSV and TSV files: the first row names the fields, and all values are text.

mod backslash;
mod dialect;
mod error;
mod header;
mod rows;
mod table;
#[cfg(test)]
mod tests;

pub(super) use error::CsvError;
pub(super) use table::Csv;
