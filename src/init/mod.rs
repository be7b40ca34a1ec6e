//! Writes a first task file from a data file.

pub mod infer;
