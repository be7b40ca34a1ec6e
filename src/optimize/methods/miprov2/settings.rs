//! The settings of a search.

/// The settings, smaller than the paper's.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The instructions of a module, with the seed's.
    pub instructions: usize,
    /// The demonstration sets of a module, with the seed's.
    pub sets: usize,
    /// The demonstrations of a set.
    pub demonstrations: usize,
    /// Whether calls that the seed got right become demonstrations.
    pub bootstraps: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { instructions: 4, sets: 4, demonstrations: 4, bootstraps: true }
    }
}
