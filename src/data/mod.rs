//! Examples and corpora: how data files are read, split and searched.

mod check;
pub mod corpus;
mod csv;
mod dataset;
mod error;
mod example;
mod foreign;
mod index;
mod json_file;
mod jsonl;
mod row;
mod source;
pub mod split;
mod wording;
mod written;

pub use check::{CheckedRows, Requirements, is_blank};
pub use corpus::{Corpus, Indexing};
pub use dataset::Dataset;
pub use error::DataError;
pub use example::{Example, to_text};
pub use index::ExampleIndex;
pub use wording::{counted, cut_middle, listed};
pub use written::{RowFormat, RowWriter};
