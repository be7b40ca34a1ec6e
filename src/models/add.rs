//! Taking a user's own model file into the cache: checked, copied or linked, hashed, recorded.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use super::ModelFileError;
use super::cache::{self, Cache, RECORD, Recorded};
use super::digest::{each_piece, read_error, sha256};
use crate::{gguf, whole_file};

/// What became of a file that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The name a task file uses for it.
    pub name: String,
    /// Where it lies now.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Whether the same bytes were in the cache under this name before.
    pub already: bool,
    /// Whether it is a model of the catalog.
    pub in_catalog: bool,
    /// Whether it takes no room of its own: the file has a second name.
    pub linked: bool,
}

fn write_error(path: &Path) -> impl FnOnce(io::Error) -> ModelFileError {
    let path = path.to_owned();
    move |source| ModelFileError::Write { path, source }
}

/// What the name of a file begins with that is not yet in the cache.
const UNFINISHED: &str = ".adding-";

/// Whether a name can be a file's in the cache, and cannot be taken for a path.
fn is_name(name: &str) -> bool {
    let plain = |letter: char| letter.is_alphanumeric() || ".-_".contains(letter);
    !name.is_empty() && name.chars().all(plain) && !name.starts_with('.') && !cache::is_path(name)
}

/// The name for a file that was given none.
fn name_of(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |letter: char| {
        if letter.is_alphanumeric() || ".-_".contains(letter) { letter } else { '-' }
    };
    stem.to_lowercase().chars().map(plain).collect()
}

impl Cache {
    /// Takes a copy of the file into the cache.
    pub(super) fn add(&self, file: &Path, name: Option<&str>) -> Result<Added, ModelFileError> {
        self.take(file, name, false)
    }

    /// Takes the file itself, where it can have a second name; else a copy.
    pub(super) fn link(&self, file: &Path, name: Option<&str>) -> Result<Added, ModelFileError> {
        // A link to a link would be one more name of the link.
        self.take(&fs::canonicalize(file).map_err(read_error(file))?, name, true)
    }

    fn take(&self, file: &Path, name: Option<&str>, link: bool) -> Result<Added, ModelFileError> {
        let header = gguf::read(file)?;
        if header.is_split() {
            return Err(ModelFileError::Split { path: file.to_owned() });
        }
        let name = name.map_or_else(|| name_of(file), str::to_owned);
        if !is_name(&name) {
            return Err(ModelFileError::BadName { name });
        }
        fs::create_dir_all(&self.folder).map_err(write_error(&self.folder))?;
        // One adder at a time: the record is read, changed and written.
        let _lock = self.lock()?;
        let linked = if link { self.second_name(file) } else { None };
        let is_linked = linked.is_some();
        let (copy, sha256, bytes) = match linked {
            Some(path) => {
                let bytes = fs::metadata(&path).map_err(read_error(file))?.len();
                let sha256 = sha256(&path)?;
                (path, sha256, bytes)
            }
            None => self.copy(file)?,
        };

        if let Some(entry) = self.catalog.with_sha256(&sha256) {
            let path = self.folder.join(&entry.file);
            let already = put(copy, &path, &sha256, &entry.name, true)?;
            return Ok(Added {
                name: entry.name.clone(),
                path,
                bytes,
                sha256,
                already,
                in_catalog: true,
                linked: is_linked && !already,
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
        let already = put(copy, &path, &sha256, &name, is_recorded)?;
        if !is_recorded {
            record.models.push(Recorded {
                name: name.clone(),
                file: format!("{name}.gguf"),
                bytes,
                sha256: sha256.clone(),
                licence: header.licence().map(str::to_owned),
            });
            self.write_record(&record)?;
        }
        Ok(Added { name, path, bytes, sha256, already, in_catalog: false, linked: is_linked && !already })
    }

    /// The lock of the record; it is let go when the file is closed, however the process ends.
    fn lock(&self) -> Result<File, ModelFileError> {
        let path = self.folder.join("added.lock");
        let file = File::options().create(true).append(true).open(&path).map_err(write_error(&path))?;
        file.lock().map_err(write_error(&path))?;
        Ok(file)
    }

    /// The file under a second name beside where it will lie; None where the file system or its rights allow none.
    fn second_name(&self, file: &Path) -> Option<TempPath> {
        let made = tempfile::Builder::new().prefix(UNFINISHED).make_in(&self.folder, |path| fs::hard_link(file, path));
        made.ok().map(NamedTempFile::into_temp_path)
    }

    /// Copies the file beside where it will lie, with its SHA-256 and size.
    fn copy(&self, file: &Path) -> Result<(TempPath, String, u64), ModelFileError> {
        let mut source = File::open(file).map_err(read_error(file))?;
        let mut copy = whole_file::unfinished(&self.folder, UNFINISHED).map_err(write_error(&self.folder))?;
        let (sha256, bytes) = each_piece(&mut source, file, |piece| {
            let target = copy.path().to_owned();
            copy.write_all(piece).map_err(write_error(&target))
        })?;
        copy.as_file().sync_all().map_err(write_error(copy.path()))?;
        Ok((copy.into_temp_path(), sha256, bytes))
    }

    fn write_record(&self, record: &cache::Record) -> Result<(), ModelFileError> {
        let path = self.folder.join(RECORD);
        let text =
            toml::to_string(record).map_err(|error| ModelFileError::Record { path: path.clone(), what: error.to_string() })?;
        let text = format!("# Written by `gepard models add`: what each file must be.\n\n{text}");
        whole_file::write(&path, text.as_bytes()).map_err(write_error(&path))
    }
}

/// Gives the copy its name; whether the same bytes were there before. Other bytes are replaced only
/// where these are the ones that the name `is_pinned` to.
fn put(copy: TempPath, path: &Path, sha256: &str, name: &str, is_pinned: bool) -> Result<bool, ModelFileError> {
    let copy = match copy.persist_noclobber(path) {
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
    copy.persist(path).map_err(|error| write_error(path)(error.error))?;
    Ok(false)
}
