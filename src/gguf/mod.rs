//! GGUF model files: their header, vocabulary arrays, whether an adapter fits a model, and a lossless recoding of their weights, read
//! without trusting the file and without loading the model. A damaged, shortened or foreign file gives a [`GgufError`] with its cause and a remedy.

mod adapter;
mod arrays;
mod error;
mod file;
mod header;
mod kind;
mod map;
mod parse;
pub mod recode;
#[cfg(test)]
mod tests;
mod types;

pub use arrays::Arrays;
pub use error::GgufError;
pub use file::read;
pub use header::Header;
pub use map::ModelMap;
pub use types::{TensorInfo, TensorType, Value, ValueType};
