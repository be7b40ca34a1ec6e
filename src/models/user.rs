//! The functions on the user's model folder, with the catalog that is compiled into the program.

use std::path::{Path, PathBuf};

use super::add::AddedModel;
use super::cache::{Cache, ListedModel, is_path, resolve_path};
use super::catalog::Catalog;
use super::error::ModelFileError;
use super::find::{FoundModel, called, folders, in_folders};
use super::other_file::resolve_other;
use super::other_name::is_other_name;
use super::verify::VerifiedModel;
use crate::gguf;

/// Returns the folder that model files are kept in: `$GEPARD_MODELS`, or else `gepard/models` in the user's cache folder. It
/// need not exist.
///
/// # Errors
/// [`ModelFileError::NoCache`] where neither is known, and [`ModelFileError::Read`] where the folder is relative and the working
/// directory cannot be read.
pub fn cache_dir() -> Result<PathBuf, ModelFileError> {
    let variable = std::env::var_os("GEPARD_MODELS").filter(|value| !value.is_empty());
    let folder = match variable {
        Some(folder) => PathBuf::from(folder),
        None => dirs::cache_dir().ok_or(ModelFileError::NoCache)?.join("gepard").join("models"),
    };
    std::path::absolute(&folder).map_err(|source| ModelFileError::Read { path: folder, source })
}

/// Returns the path of the file that `reference` means.
///
/// A reference that ends in `.gguf` or has a path separator is a path relative to `base`; a name such as Ollama's
/// `hf.co/user/repo:tag` means the model that was added under it, else the other program's file; any other is the name of a
/// model in the cache. The file exists and, where its name pins a size, has that size; its hash is not checked here.
///
/// # Errors
/// [`ModelFileError`] where there is no such file or model, or the file has another size.
pub fn resolve(reference: &str, base: &Path) -> Result<PathBuf, ModelFileError> {
    if is_path(reference) {
        return resolve_path(reference, base);
    }
    if is_other_name(reference) {
        return resolve_other(reference, &user_cache()?, &find());
    }
    user_cache()?.resolve(reference)
}

/// Checks that a file is a language model that answers prompts. A file whose header cannot be read passes: loading it says why.
///
/// # Errors
/// [`ModelFileError::NotAModel`] with what it is.
pub fn check_answers(path: &Path) -> Result<(), ModelFileError> {
    match gguf::read(path).ok().and_then(|header| header.other_kind()) {
        Some(kind) => Err(ModelFileError::NotAModel { path: path.to_owned(), kind }),
        None => Ok(()),
    }
}

/// Returns the SHA-256 that the file at `path` must have, where the file is in the cache and the catalog or the record of added
/// models states one.
#[must_use]
pub fn pinned(path: &Path) -> Option<String> {
    user_cache().ok()?.pinned(path)
}

/// Copies a model file into the cache and gives it a name.
///
/// The name is the catalog's where the SHA-256 is a known model's, or else `name`, or else the file's name in lower case without
/// its extension. The model is recorded with its SHA-256, with which [`verify`] compares the file later.
///
/// # Errors
/// [`ModelFileError`] where the file is not a whole model, its name belongs to another model, or it cannot be copied.
pub fn add(file: &Path, name: Option<&str>) -> Result<AddedModel, ModelFileError> {
    user_cache()?.add(file, name)
}

/// Adds a model file to the cache like [`add`], but as a hard link where the file system allows one. This is for files that no
/// program writes to, such as those of other programs' caches.
///
/// # Errors
/// The errors of [`add`].
pub fn link(file: &Path, name: Option<&str>) -> Result<AddedModel, ModelFileError> {
    user_cache()?.link(file, name)
}

/// Returns the model files of other programs on this machine.
#[must_use]
pub fn find() -> Vec<FoundModel> {
    in_folders(&folders())
}

/// Returns the model file that another program calls `name`, such as `qwen2.5:0.5b`; `None` where no program does, or `name` is
/// the path of an existing file.
#[must_use]
pub fn find_named(name: &str) -> Option<FoundModel> {
    called(name, &find())
}

/// Returns all models that have a name: those of the catalog, those of the cache, then those of which only the hub's address is
/// known.
///
/// # Errors
/// [`ModelFileError`] where the record of added models or the folder cannot be read.
pub fn list() -> Result<Vec<ListedModel>, ModelFileError> {
    user_cache()?.list()
}

/// Hashes the file of the model `name`, or all files in the cache, and compares the SHA-256 with the pinned one. A difference is
/// an outcome and not an error.
///
/// # Errors
/// [`ModelFileError`] where no model has the name, or the record or a file cannot be read.
pub fn verify(name: Option<&str>) -> Result<Vec<VerifiedModel>, ModelFileError> {
    user_cache()?.verify(name)
}

fn user_cache() -> Result<Cache, ModelFileError> {
    Ok(Cache { folder: cache_dir()?, catalog: Catalog::embedded()? })
}
