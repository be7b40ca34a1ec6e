//! The position of a row in a data file.

/// The position of a row in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// The offset of the row's first byte.
    pub(super) start: usize,
    /// The offset after the row's last byte, without the line break.
    pub(super) end: usize,
    /// The line in which the row begins, counted from 1. Blank lines are counted, though they are no rows.
    pub(super) line: usize,
}

/// The most bytes of a row: far more than any model can read.
pub(super) const LONGEST_ROW: usize = 16 << 20;
