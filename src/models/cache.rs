//! The folder model files lie in: finding, listing and verifying them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::digest::sha256;
use super::{Catalog, ModelFileError};

/// The record of what was added, in the cache.
pub(super) const RECORD: &str = "added.toml";

/// A folder of model files, and the catalog of those that are known.
pub(super) struct Cache {
    pub(super) folder: PathBuf,
    pub(super) catalog: Catalog,
}

/// The models a user added, as `added.toml` has them.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    #[serde(default, rename = "model")]
    pub(super) models: Vec<Recorded>,
}

/// One model a user added.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Recorded {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) licence: Option<String>,
}

/// What is known of one model by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name a task file uses.
    pub name: String,
    /// Where its file is, or will be.
    pub path: PathBuf,
    /// Whether the file is there.
    pub present: bool,
    /// The size the file must have; for one that nothing pins, the size it has; 0 for one that is only known from the hub.
    pub bytes: u64,
    /// The licence of the weights, if it is known.
    pub licence: Option<String>,
    /// How the name is known.
    pub source: Source,
}

/// How a model's name is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// From the catalog inside the program.
    Catalog,
    /// From the record of added models.
    Added,
    /// Its file was put into the cache by other means; nothing says what its bytes must be.
    Unpinned,
    /// From the catalog, which knows where the hub has it, and not its bytes. Not here.
    Hub,
}

/// One model that was hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The model.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// How its name is known.
    pub source: Source,
    /// What came out.
    pub outcome: Outcome,
}

/// What came of hashing a model's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is what it must be.
    Ok,
    /// It is something else.
    Mismatch {
        /// The SHA-256 it must have.
        expected: String,
        /// The SHA-256 it has.
        actual: String,
    },
    /// Nothing says what it must be.
    Unpinned {
        /// The SHA-256 it has.
        actual: String,
    },
    /// It was added once, and its file is gone.
    Missing,
}

/// Whether a reference is a path rather than a name: it ends in `.gguf` or has a path separator.
#[must_use]
pub fn is_path(reference: &str) -> bool {
    reference.contains(std::path::is_separator)
        || Path::new(reference).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"))
}

/// The file at a path, relative to `base` or to the home folder (`~/`).
pub(super) fn resolve_path(reference: &str, base: &Path) -> Result<PathBuf, ModelFileError> {
    let in_home = reference.strip_prefix("~/").and_then(|rest| Some(dirs::home_dir()?.join(rest)));
    let path = in_home.unwrap_or_else(|| base.join(reference));
    match fs::metadata(&path) {
        Ok(_) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // A known name with `.gguf` after it is easily written.
            let stem = Path::new(reference).file_stem().and_then(|s| s.to_str());
            let known = Catalog::embedded()?;
            let nearest = stem.and_then(|stem| known.get(stem)).map(|e| e.name.clone());
            Err(ModelFileError::NoFile { path, nearest })
        }
        Err(source) => Err(ModelFileError::Read { path, source }),
    }
}

/// The size of the file at `path`, if there is one.
pub(super) fn size_of(path: &Path) -> Result<Option<u64>, ModelFileError> {
    match fs::metadata(path) {
        Ok(about) if about.is_file() => Ok(Some(about.len())),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ModelFileError::Read { path: path.to_owned(), source }),
    }
}

impl Cache {
    /// What was added, in the order it was.
    pub(super) fn record(&self) -> Result<Record, ModelFileError> {
        let path = self.folder.join(RECORD);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Record::default()),
            Err(source) => return Err(ModelFileError::Read { path, source }),
        };
        let broken = |what| ModelFileError::Record { path: path.clone(), what };
        let record: Record = toml::from_str(&text).map_err(|error| broken(error.to_string()))?;
        // A file name from outside must not lead out of the cache.
        match record.models.iter().find(|m| m.file.contains(std::path::is_separator)) {
            Some(model) => Err(broken(format!("`{}` is not a file name", model.file))),
            None => Ok(record),
        }
    }

    /// The file of the model called `name`.
    pub(super) fn resolve(&self, name: &str) -> Result<PathBuf, ModelFileError> {
        let models = self.list()?;
        let Some(model) = models.iter().find(|model| model.name == name) else {
            return Err(self.unknown(name, &models));
        };
        self.not_brought(model)?;
        let in_catalog = model.source == Source::Catalog;
        match size_of(&model.path)? {
            Some(actual) if actual == model.bytes => Ok(model.path.clone()),
            Some(actual) => Err(ModelFileError::WrongSize {
                name: name.to_owned(),
                path: model.path.clone(),
                expected: model.bytes,
                actual,
                in_catalog,
            }),
            None if in_catalog => Err(ModelFileError::NotFetched { name: name.to_owned(), cache: self.folder.clone() }),
            None => Err(ModelFileError::Gone { name: name.to_owned(), path: model.path.clone() }),
        }
    }

    /// What the file at `path` must hash to; None for one that lies elsewhere, or that nothing pins.
    pub(super) fn pinned(&self, path: &Path) -> Option<String> {
        let file = path.strip_prefix(&self.folder).ok()?.to_str()?;
        let added = self.record().ok().and_then(|record| record.models.into_iter().find(|model| model.file == file));
        let known = || self.catalog.models.iter().find(|entry| entry.file == file).map(|entry| entry.sha256.clone());
        added.map(|model| model.sha256).or_else(known)
    }

    /// The error for a model that the hub has, and that nobody has brought here.
    fn not_brought(&self, model: &Listed) -> Result<(), ModelFileError> {
        let unpinned = self.catalog.unpinned.iter().find(|entry| model.source == Source::Hub && entry.name == model.name);
        unpinned.map_or(Ok(()), |entry| {
            Err(ModelFileError::NotBrought {
                name: entry.name.clone(),
                repo: entry.hub.repo.clone(),
                file: entry.hub.file.clone(),
            })
        })
    }

    fn unknown(&self, name: &str, models: &[Listed]) -> ModelFileError {
        let wanted = name.to_lowercase();
        let nearest = models
            .iter()
            .map(|model| (strsim::jaro_winkler(&wanted, &model.name), &model.name))
            .filter(|(likeness, _)| *likeness > 0.75)
            .max_by(|one, other| one.0.total_cmp(&other.0));
        ModelFileError::Unknown { name: name.to_owned(), nearest: nearest.map(|(_, name)| name.clone()) }
    }

    /// All models with a name: the catalog's, the added, loose files by name, then what only the hub has.
    pub(super) fn list(&self) -> Result<Vec<Listed>, ModelFileError> {
        let mut listed = Vec::new();
        for entry in &self.catalog.models {
            let path = self.folder.join(&entry.file);
            listed.push(Listed {
                name: entry.name.clone(),
                present: size_of(&path)?.is_some(),
                path,
                bytes: entry.bytes,
                licence: Some(entry.licence.clone()),
                source: Source::Catalog,
            });
        }
        for model in self.record()?.models {
            let path = self.folder.join(&model.file);
            listed.push(Listed {
                name: model.name,
                present: size_of(&path)?.is_some(),
                path,
                bytes: model.bytes,
                licence: model.licence,
                source: Source::Added,
            });
        }
        let loose = self.loose(&listed)?;
        listed.extend(loose);
        for entry in &self.catalog.unpinned {
            if !listed.iter().any(|model| model.name == entry.name) {
                listed.push(Listed {
                    name: entry.name.clone(),
                    path: self.folder.join(format!("{}.gguf", entry.name)),
                    present: false,
                    bytes: 0,
                    licence: Some(entry.licence.clone()),
                    source: Source::Hub,
                });
            }
        }
        Ok(listed)
    }

    /// The model files in the cache that none of `known` stands for.
    fn loose(&self, known: &[Listed]) -> Result<Vec<Listed>, ModelFileError> {
        let unread = |source| ModelFileError::Read { path: self.folder.clone(), source };
        let folder = match fs::read_dir(&self.folder) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unread(error)),
        };
        let mut loose = Vec::new();
        for item in folder {
            let path = item.map_err(unread)?.path();
            let ending = path.extension().is_some_and(|ending| ending == "gguf");
            let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else {
                continue;
            };
            let taken = known.iter().any(|m| m.path == path || m.name == name);
            let hidden = name.starts_with('.');
            if let (true, Some(bytes)) = (ending && !taken && !hidden, size_of(&path)?) {
                loose.push(Listed { name: name.to_owned(), path, present: true, bytes, licence: None, source: Source::Unpinned });
            }
        }
        loose.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(loose)
    }

    /// Hashes the model `name`, or all that should be in the cache.
    pub(super) fn verify(&self, name: Option<&str>) -> Result<Vec<Verified>, ModelFileError> {
        let models = self.list()?;
        if let Some(name) = name {
            let Some(model) = models.iter().find(|model| model.name == name) else {
                return Err(self.unknown(name, &models));
            };
            self.not_brought(model)?;
            if !model.present && model.source == Source::Catalog {
                return Err(ModelFileError::NotFetched { name: name.to_owned(), cache: self.folder.clone() });
            }
        }
        let record = self.record()?;
        models
            .into_iter()
            .filter(|model| name.is_none_or(|name| model.name == name))
            // What was never fetched is not amiss.
            .filter(|model| model.present || model.source == Source::Added)
            .map(|model| self.verify_one(model, &record))
            .collect()
    }

    fn verify_one(&self, model: Listed, record: &Record) -> Result<Verified, ModelFileError> {
        let pinned = match model.source {
            Source::Catalog => self.catalog.get(&model.name).map(|entry| &entry.sha256),
            Source::Added => {
                let mut recorded = record.models.iter();
                recorded.find(|m| m.name == model.name).map(|m| &m.sha256)
            }
            Source::Unpinned | Source::Hub => None,
        };
        let outcome = if model.present {
            let actual = sha256(&model.path)?;
            match pinned {
                None => Outcome::Unpinned { actual },
                Some(expected) if *expected == actual => Outcome::Ok,
                Some(expected) => Outcome::Mismatch { expected: expected.clone(), actual },
            }
        } else {
            Outcome::Missing
        };
        Ok(Verified { name: model.name, path: model.path, source: model.source, outcome })
    }
}
