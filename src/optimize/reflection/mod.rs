//! What reflectors read, how they are asked, and how their answers become texts that can be tried.

pub mod contrast;
pub mod demonstrations;
mod fence;
pub mod instruction;
pub mod packing;
pub mod profile;
pub mod read_answer;
pub mod reflectors;
pub mod sentences;
pub mod training_data;
pub mod unusable;
