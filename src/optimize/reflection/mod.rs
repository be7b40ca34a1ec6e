//! What a model that writes instructions reads, and how its answer is read.

pub mod answer;
pub mod demonstrations;
pub mod packing;
pub mod profile;
pub mod reflection_context;
pub mod writing;
