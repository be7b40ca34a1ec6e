//! Parts of a plan with the line that they were read from.

/// A part of a plan with its line.
pub(super) struct Located<T> {
    /// The line in the task file, counted from 1. 0 if the part does not stand in the file.
    pub(super) line: usize,
    /// The part.
    pub(super) plan: T,
}

/// Returns the parts without their lines.
pub(super) fn plans<T>(located: Vec<Located<T>>) -> Vec<T> {
    located.into_iter().map(|located| located.plan).collect()
}
