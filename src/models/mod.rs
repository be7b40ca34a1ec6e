//! Which model file a name means: the models gepard knows, and those a user added to the cache.
//!
//! Nothing here uses a network; `scripts/fetch-models` brings the files of the catalog.

mod add;
mod cache;
mod digest;
mod error;
mod find;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use add::Added;
pub use cache::{Listed, Outcome, Source, Verified, is_path};
pub use digest::{sha256, sha256_while};
pub use error::ModelFileError;
pub use find::{Found, Owner};

use cache::Cache;

/// The models known by name, from `models/catalog.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// The models, in the order of the file.
    #[serde(rename = "model")]
    pub models: Vec<Entry>,
    /// Models that the hub has, and whose bytes are not known here.
    #[serde(default)]
    pub unpinned: Vec<Unpinned>,
}

/// A model that is known by name and not by its bytes: a user brings its file, whose hash is pinned then.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unpinned {
    /// What a task file calls it.
    pub name: String,
    /// The licence of the weights.
    pub licence: String,
    /// What it is, in a line.
    pub about: String,
    /// Where the model hub has it.
    pub hub: Hub,
}

/// One known model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What a task file calls it.
    pub name: String,
    /// The name of its file in the cache.
    pub file: String,
    /// The size the file must have.
    pub bytes: u64,
    /// The SHA-256 the file must have, in lower-case hexadecimal.
    pub sha256: String,
    /// The licence of the weights.
    pub licence: String,
    /// What it is, in a line.
    pub about: String,
    /// Where the model hub has it, if the bytes there are the same.
    pub hub: Option<Hub>,
    /// How the package index has it.
    pub packages: Option<Packages>,
}

/// A file on the model hub.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    /// `owner/name` of the repository.
    pub repo: String,
    /// The file in it.
    pub file: String,
}

/// A file that lies in pieces on a package index.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packages {
    /// The kind of index: `pip`.
    pub index: String,
    /// The packages with their versions, in the order in which their pieces are joined.
    pub names: Vec<String>,
    /// A glob of the pieces inside each package.
    pub members: String,
}

impl Catalog {
    /// The catalog inside the program.
    ///
    /// # Errors
    /// [`ModelFileError::Catalog`]
    pub fn embedded() -> Result<Self, ModelFileError> {
        toml::from_str(include_str!("../../models/catalog.toml"))
            .map_err(|error| ModelFileError::Catalog { what: error.to_string() })
    }

    /// The model of this name.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.models.iter().find(|entry| entry.name == name)
    }

    /// The model whose file has this SHA-256.
    pub fn with_sha256(&self, sha256: &str) -> Option<&Entry> {
        self.models.iter().find(|entry| entry.sha256 == sha256)
    }
}

/// The folder model files are kept in: `$GEPARD_MODELS`, else `gepard/models` in the user's cache
/// folder. It need not exist yet.
///
/// # Errors
/// [`ModelFileError::NoCache`] where neither is known; [`ModelFileError::Read`] where the folder is relative, and the working
/// directory cannot be read.
pub fn cache_dir() -> Result<PathBuf, ModelFileError> {
    let said = std::env::var_os("GEPARD_MODELS").filter(|said| !said.is_empty());
    let folder = match said {
        Some(said) => PathBuf::from(said),
        None => dirs::cache_dir().ok_or(ModelFileError::NoCache)?.join("gepard").join("models"),
    };
    std::path::absolute(&folder).map_err(|source| ModelFileError::Read { path: folder, source })
}

/// The file that `reference` means.
///
/// What ends in `.gguf` or has a path separator in it is a path, relative to `base`; all else is the
/// name of a model in the cache. The file exists and, for a known name, has the right size; its
/// bytes are not hashed here.
///
/// # Errors
/// [`ModelFileError`] says what the reference could have meant, or what is wrong with the file.
pub fn resolve(reference: &str, base: &Path) -> Result<PathBuf, ModelFileError> {
    if is_path(reference) {
        return cache::resolve_path(reference, base);
    }
    open()?.resolve(reference)
}

/// The SHA-256 that the file at `path` must have, where it lies in the cache and something says so.
#[must_use]
pub fn pinned(path: &Path) -> Option<String> {
    open().ok()?.pinned(path)
}

/// Copies a model file into the cache and gives it a name.
///
/// The name is the one of the catalog where the bytes are a known model's, else `name`, else the
/// file's own name in lower case without its ending. What was added is recorded with its SHA-256,
/// so that [`verify`] can tell later whether it is still the same.
///
/// # Errors
/// [`ModelFileError`] where the file is no whole model, its name is another's, or it cannot be copied.
pub fn add(file: &Path, name: Option<&str>) -> Result<Added, ModelFileError> {
    open()?.add(file, name)
}

/// The same without a copy, where the file system can give the same file a second name; copied where it cannot. For files
/// that nobody writes to: those of other programs' caches.
///
/// # Errors
/// [`ModelFileError`]
pub fn link(file: &Path, name: Option<&str>) -> Result<Added, ModelFileError> {
    open()?.link(file, name)
}

/// Model files that other programs have brought to this machine.
#[must_use]
pub fn find() -> Vec<Found> {
    find::in_folders(&find::folders())
}

/// The one of them that `name` means, like `qwen2.5:0.5b`; None where it is a file itself, or none is called so.
#[must_use]
pub fn found(name: &str) -> Option<Found> {
    find::called(name, &find())
}

/// Every model that has a name here: the catalog's, present or not, those of the cache, then what the hub has.
///
/// # Errors
/// [`ModelFileError`] where the record of added models or the folder cannot be read.
pub fn list() -> Result<Vec<Listed>, ModelFileError> {
    open()?.list()
}

/// Hashes the model `name`, or all that are in the cache, and compares with what is pinned.
///
/// # Errors
/// [`ModelFileError`] where no model has the name, or the record or a file cannot be read; other bytes are an outcome.
pub fn verify(name: Option<&str>) -> Result<Vec<Verified>, ModelFileError> {
    open()?.verify(name)
}

fn open() -> Result<Cache, ModelFileError> {
    Ok(Cache { folder: cache_dir()?, catalog: Catalog::embedded()? })
}
