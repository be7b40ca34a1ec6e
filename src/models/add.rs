//! Adding a user's model file to the cache: it is checked, copied or linked, hashed and recorded.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use super::cache::{AddedRecord, Cache, RECORD, RecordedModel, is_path};
use super::digest::{HashedFile, read_error, sha256, sha256_with};
use super::error::ModelFileError;
use crate::{gguf, whole_file};

/// A model that was added to the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedModel {
    /// The name by which a task file refers to the model.
    pub name: String,
    /// The path of its file in the cache.
    pub path: PathBuf,
    /// The size of the file in bytes.
    pub bytes: u64,
    /// The SHA-256 of the file in lower-case hexadecimal.
    pub sha256: String,
    /// Whether the same file was in the cache under this name before.
    pub was_present: bool,
    /// Whether the model is in the catalog.
    pub is_in_catalog: bool,
    /// Whether the file is a hard link to the given one, and takes no additional space.
    pub is_linked: bool,
}

fn write_error(path: &Path) -> impl FnOnce(io::Error) -> ModelFileError {
    let path = path.to_owned();
    move |source| ModelFileError::Write { path, source }
}

/// The beginning of the names of temporary files.
const UNFINISHED: &str = ".adding-";

/// Returns whether a name is valid as a file name in the cache and cannot be confused with a path.
fn is_valid_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_name_char) && !name.starts_with('.') && !is_path(name)
}

/// Returns the name for a file whose user gave none: its own in lower case, with `-` for characters that a name cannot have.
fn default_name(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    stem.to_lowercase().chars().map(|letter| if is_name_char(letter) { letter } else { '-' }).collect()
}

fn is_name_char(letter: char) -> bool {
    letter.is_alphanumeric() || ".-_".contains(letter)
}

impl Cache {
    /// Copies the file into the cache, hashes and records it.
    pub(super) fn add(&self, file: &Path, name: Option<&str>) -> Result<AddedModel, ModelFileError> {
        self.copy_or_link(file, name, false)
    }

    /// Adds a hard link to the file where the file system allows one, or else a copy.
    pub(super) fn link(&self, file: &Path, name: Option<&str>) -> Result<AddedModel, ModelFileError> {
        // A hard link to a symbolic link would point to the symbolic link and not to the file.
        self.copy_or_link(&fs::canonicalize(file).map_err(read_error(file))?, name, true)
    }

    fn copy_or_link(&self, file: &Path, name: Option<&str>, may_link: bool) -> Result<AddedModel, ModelFileError> {
        let header = gguf::read(file)?;
        if let Some(kind) = header.other_kind() {
            return Err(ModelFileError::NotAModel { path: file.to_owned(), kind });
        }
        if header.is_split() {
            return Err(ModelFileError::Split { path: file.to_owned() });
        }
        let name = name.map_or_else(|| default_name(file), str::to_owned);
        if !is_valid_name(&name) {
            return Err(ModelFileError::BadName { name });
        }
        fs::create_dir_all(&self.folder).map_err(write_error(&self.folder))?;
        // The record is read, changed and written: only one process may do so at a time.
        let _lock = self.lock()?;
        let linked = if may_link { self.hard_link(file) } else { None };
        let is_linked = linked.is_some();
        let (temporary, HashedFile { sha256, bytes }) = match linked {
            Some(path) => {
                let hashed = sha256_with(&path, |_| Ok(()))?;
                (path, hashed)
            }
            None => self.copy(file)?,
        };

        if let Some(known) = self.catalog.with_sha256(&sha256) {
            let path = self.folder.join(&known.file);
            let was_present = rename_into_place(temporary, &path, &sha256, &known.name, true)?;
            return Ok(AddedModel {
                name: known.name.clone(),
                path,
                bytes,
                sha256,
                was_present,
                is_in_catalog: true,
                is_linked: is_linked && !was_present,
            });
        }
        if self.catalog.get(&name).is_some() {
            return Err(ModelFileError::NameTaken { name });
        }

        let mut record = self.record()?;
        let path = self.folder.join(format!("{name}.gguf"));
        let recorded = record.models.iter().find(|model| model.name == name);
        if recorded.is_some_and(|model| model.sha256 != sha256) {
            return Err(ModelFileError::NameTaken { name });
        }
        let is_recorded = recorded.is_some();
        let was_present = rename_into_place(temporary, &path, &sha256, &name, is_recorded)?;
        if !is_recorded {
            record.models.push(RecordedModel {
                name: name.clone(),
                file: format!("{name}.gguf"),
                bytes,
                sha256: sha256.clone(),
                licence: header.licence().map(str::to_owned),
            });
            self.write_record(&record)?;
        }
        Ok(AddedModel { name, path, bytes, sha256, was_present, is_in_catalog: false, is_linked: is_linked && !was_present })
    }

    /// Locks the record. The operating system releases the lock when the returned file is closed, however the process ends.
    fn lock(&self) -> Result<File, ModelFileError> {
        let path = self.folder.join("added.lock");
        let file = File::options().create(true).append(true).open(&path).map_err(write_error(&path))?;
        file.lock().map_err(write_error(&path))?;
        Ok(file)
    }

    /// Creates a hard link to the file in the cache folder, under a temporary name; `None` where the file system or the user's
    /// rights do not allow one.
    fn hard_link(&self, file: &Path) -> Option<TempPath> {
        let made = tempfile::Builder::new().prefix(UNFINISHED).make_in(&self.folder, |path| fs::hard_link(file, path));
        made.ok().map(NamedTempFile::into_temp_path)
    }

    /// Copies the file into the cache folder under a temporary name, and hashes it on the way.
    fn copy(&self, file: &Path) -> Result<(TempPath, HashedFile), ModelFileError> {
        let mut copy = whole_file::unfinished(&self.folder, UNFINISHED).map_err(write_error(&self.folder))?;
        let hashed = sha256_with(file, |piece| {
            let target = copy.path().to_owned();
            copy.write_all(piece).map_err(write_error(&target))
        })?;
        copy.as_file().sync_all().map_err(write_error(copy.path()))?;
        Ok((copy.into_temp_path(), hashed))
    }

    fn write_record(&self, record: &AddedRecord) -> Result<(), ModelFileError> {
        let path = self.folder.join(RECORD);
        let text =
            toml::to_string(record).map_err(|error| ModelFileError::Record { path: path.clone(), what: error.to_string() })?;
        let text = format!("# Written by `gepard models add`: what each file must be.\n\n{text}");
        whole_file::write(&path, text.as_bytes()).map_err(write_error(&path))
    }
}

/// Renames the temporary file to `path`, and returns whether a file with the same SHA-256 was there before. A file with another
/// SHA-256 is replaced only where `is_pinned`: the catalog or the record requires the new one under this name.
fn rename_into_place(
    temporary: TempPath,
    path: &Path,
    sha256: &str,
    name: &str,
    is_pinned: bool,
) -> Result<bool, ModelFileError> {
    let temporary = match temporary.persist_noclobber(path) {
        Ok(_) => return Ok(false),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => error.path,
        Err(error) => return Err(write_error(path)(error.error)),
    };
    if self::sha256(path)? == sha256 {
        return Ok(true);
    }
    if !is_pinned {
        return Err(ModelFileError::NameTaken { name: name.to_owned() });
    }
    temporary.persist(path).map_err(|error| write_error(path)(error.error))?;
    Ok(false)
}
