//! A file of a project that `gepard init` creates.

/// A file of the new project.
pub(super) struct NewFile {
    /// The name of the file in the project's folder.
    pub(super) name: String,
    /// The content of the file.
    pub(super) content: String,
}
