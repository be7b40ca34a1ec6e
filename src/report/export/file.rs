//! A file of an export.

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFile {
    /// The file's name.
    pub name: String,
    /// The file's content.
    pub content: String,
    /// What the form cannot carry of the measured prompt, and what a user of the file must know, a sentence each.
    pub notes: Vec<String>,
}

/// The export of one module, which becomes one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ModuleExport {
    /// The content of the file.
    pub(super) content: String,
    /// See [`ExportFile::notes`].
    pub(super) notes: Vec<String>,
}
