//! The folder of model files: the record of added models, the list of names, and resolving a name to a file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::catalog::Catalog;
use super::error::ModelFileError;
use super::other_name::is_other_name;

/// The name of the file in the folder that records the added models.
pub(super) const RECORD: &str = "added.toml";

/// A folder of model files, and the catalog of known models.
pub(super) struct Cache {
    /// The folder.
    pub(super) folder: PathBuf,
    /// The catalog.
    pub(super) catalog: Catalog,
}

/// The content of `added.toml`: the models that a user added.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddedRecord {
    /// The models, in the order in which they were added.
    #[serde(default, rename = "model")]
    pub(super) models: Vec<RecordedModel>,
}

/// One model in `added.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RecordedModel {
    /// The name by which a task file refers to the model.
    pub(super) name: String,
    /// The name of the file in the cache.
    pub(super) file: String,
    /// The size of the file in bytes.
    pub(super) bytes: u64,
    /// The SHA-256 of the file in lower-case hexadecimal.
    pub(super) sha256: String,
    /// The licence that the file names, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) licence: Option<String>,
}

/// A model that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedModel {
    /// The name by which a task file refers to the model.
    pub name: String,
    /// The path of its file, which exists only if `is_present`.
    pub path: PathBuf,
    /// Whether the file exists.
    pub is_present: bool,
    /// The required size of the file in bytes; the actual size where none is required; 0 where only the hub's address is known.
    pub bytes: u64,
    /// The licence of the weights, if it is known.
    pub licence: Option<String>,
    /// The list that the name comes from.
    pub source: NameSource,
}

/// The list that a model's name comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameSource {
    /// The catalog that is compiled into the program, with a pinned SHA-256.
    Catalog,
    /// The record of added models, with the SHA-256 of the file when it was added.
    Added,
    /// The name of a file that was copied into the folder by other means. No SHA-256 is pinned.
    LooseFile,
    /// The catalog's list of models of which only the address on the model hub is known. The file is not in the cache.
    Hub,
}

/// Returns whether a reference is a path rather than a name: it ends in `.gguf` or has a path separator, and is no name of
/// Ollama's such as `hf.co/user/repo:tag`.
#[must_use]
pub fn is_path(reference: &str) -> bool {
    let is_gguf = Path::new(reference).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"));
    is_gguf || (reference.contains(std::path::is_separator) && !is_other_name(reference))
}

/// Returns the path of an existing file, relative to `base` or, after `~/`, to the home folder.
pub(super) fn resolve_path(reference: &str, base: &Path) -> Result<PathBuf, ModelFileError> {
    let in_home = reference.strip_prefix("~/").and_then(|rest| Some(dirs::home_dir()?.join(rest)));
    let path = in_home.unwrap_or_else(|| base.join(reference));
    match fs::metadata(&path) {
        Ok(_) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // A user may have written a known name with `.gguf` after it.
            let stem = Path::new(reference).file_stem().and_then(|stem| stem.to_str());
            let known = Catalog::embedded()?;
            let nearest = stem.and_then(|stem| known.get(stem)).map(|model| model.name.clone());
            Err(ModelFileError::NoFile { path, nearest })
        }
        Err(source) => Err(ModelFileError::Read { path, source }),
    }
}

/// Returns the size in bytes of the file at `path`; `None` where there is none.
pub(super) fn size_of(path: &Path) -> Result<Option<u64>, ModelFileError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ModelFileError::Read { path: path.to_owned(), source }),
    }
}

impl Cache {
    /// Reads the record of added models; it is empty where the file does not exist.
    pub(super) fn record(&self) -> Result<AddedRecord, ModelFileError> {
        let path = self.folder.join(RECORD);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(AddedRecord::default()),
            Err(source) => return Err(ModelFileError::Read { path, source }),
        };
        let invalid = |what| ModelFileError::Record { path: path.clone(), what };
        let record: AddedRecord = toml::from_str(&text).map_err(|error| invalid(error.to_string()))?;
        // A file name in the record must not lead out of the folder.
        match record.models.iter().find(|model| model.file.contains(std::path::is_separator)) {
            Some(model) => Err(invalid(format!("`{}` is not a file name", model.file))),
            None => Ok(record),
        }
    }

    /// Returns the path of the file of the model called `name`, after checking its size.
    pub(super) fn resolve(&self, name: &str) -> Result<PathBuf, ModelFileError> {
        let models = self.list()?;
        let Some(model) = models.iter().find(|model| model.name == name) else {
            return Err(self.unknown(name, &models));
        };
        self.check_was_added(model)?;
        let is_in_catalog = model.source == NameSource::Catalog;
        match size_of(&model.path)? {
            Some(actual) if actual == model.bytes => Ok(model.path.clone()),
            Some(actual) => Err(ModelFileError::WrongSize {
                name: name.to_owned(),
                path: model.path.clone(),
                expected: model.bytes,
                actual,
                is_in_catalog,
            }),
            None if is_in_catalog => Err(ModelFileError::NotFetched { name: name.to_owned(), cache: self.folder.clone() }),
            None => Err(ModelFileError::Gone { name: name.to_owned(), path: model.path.clone() }),
        }
    }

    /// Returns the SHA-256 that is pinned for the file at `path`; `None` for a file outside the folder, or one without a pinned
    /// SHA-256.
    pub(super) fn pinned(&self, path: &Path) -> Option<String> {
        let file = path.strip_prefix(&self.folder).ok()?.to_str()?;
        let added = self.record().ok().and_then(|record| record.models.into_iter().find(|model| model.file == file));
        let known = || self.catalog.models.iter().find(|model| model.file == file).map(|model| model.sha256.clone());
        added.map(|model| model.sha256).or_else(known)
    }

    /// Checks that `model` is not one of which only the hub's address is known.
    ///
    /// # Errors
    /// [`ModelFileError::NotAdded`] where it is.
    pub(super) fn check_was_added(&self, model: &ListedModel) -> Result<(), ModelFileError> {
        let mut unpinned = self.catalog.unpinned.iter();
        match unpinned.find(|known| model.source == NameSource::Hub && known.name == model.name) {
            None => Ok(()),
            Some(known) => Err(ModelFileError::NotAdded {
                name: known.name.clone(),
                repo: known.hub.repo.clone(),
                file: known.hub.file.clone(),
            }),
        }
    }

    /// Returns the error for a name that no model has, with the most similar name.
    pub(super) fn unknown(&self, name: &str, models: &[ListedModel]) -> ModelFileError {
        let wanted = name.to_lowercase();
        let nearest = models
            .iter()
            .map(|model| (strsim::jaro_winkler(&wanted, &model.name), &model.name))
            .filter(|(similarity, _)| *similarity > 0.75)
            .max_by(|one, other| one.0.total_cmp(&other.0));
        ModelFileError::Unknown { name: name.to_owned(), nearest: nearest.map(|(_, name)| name.clone()) }
    }

    /// Returns all models with a name: those of the catalog, the added ones, the loose files in the order of their names, then
    /// those of which only the hub's address is known.
    pub(super) fn list(&self) -> Result<Vec<ListedModel>, ModelFileError> {
        let mut listed = Vec::new();
        for model in &self.catalog.models {
            let path = self.folder.join(&model.file);
            listed.push(ListedModel {
                name: model.name.clone(),
                is_present: size_of(&path)?.is_some(),
                path,
                bytes: model.bytes,
                licence: Some(model.licence.clone()),
                source: NameSource::Catalog,
            });
        }
        for model in self.record()?.models {
            let path = self.folder.join(&model.file);
            listed.push(ListedModel {
                name: model.name,
                is_present: size_of(&path)?.is_some(),
                path,
                bytes: model.bytes,
                licence: model.licence,
                source: NameSource::Added,
            });
        }
        let loose = self.loose_files(&listed)?;
        listed.extend(loose);
        for known in &self.catalog.unpinned {
            if !listed.iter().any(|model| model.name == known.name) {
                listed.push(ListedModel {
                    name: known.name.clone(),
                    path: self.folder.join(format!("{}.gguf", known.name)),
                    is_present: false,
                    bytes: 0,
                    licence: Some(known.licence.clone()),
                    source: NameSource::Hub,
                });
            }
        }
        Ok(listed)
    }

    /// Returns the `.gguf` files in the folder that do not belong to a model of `listed`, in the order of their names.
    fn loose_files(&self, listed: &[ListedModel]) -> Result<Vec<ListedModel>, ModelFileError> {
        let read_error = |source| ModelFileError::Read { path: self.folder.clone(), source };
        let folder = match fs::read_dir(&self.folder) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(read_error(error)),
        };
        let mut loose = Vec::new();
        for item in folder {
            let path = item.map_err(read_error)?.path();
            let is_gguf = path.extension().is_some_and(|extension| extension == "gguf");
            let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else {
                continue;
            };
            let is_listed = listed.iter().any(|model| model.path == path || model.name == name);
            let is_hidden = name.starts_with('.');
            if let (true, Some(bytes)) = (is_gguf && !is_listed && !is_hidden, size_of(&path)?) {
                let (name, source) = (name.to_owned(), NameSource::LooseFile);
                loose.push(ListedModel { name, path, is_present: true, bytes, licence: None, source });
            }
        }
        loose.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(loose)
    }
}
