//! Errors of finding, adding and verifying model files, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::gguf::GgufError;

/// The reason why a model file cannot be found, added or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// The user has no folder for model files.
    #[error("this user has no cache folder; set GEPARD_MODELS to a folder for model files")]
    NoCache,
    /// The catalog that is compiled into the program is not valid. Its tests exclude this.
    #[error("the catalog of models cannot be read: {what}")]
    Catalog {
        /// What is wrong with it.
        what: String,
    },
    /// The record of added models is not valid.
    #[error("{} cannot be understood: {what}; correct or delete it, then add the models again", path.display())]
    Record {
        /// The path of the record.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The path of the file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file or folder could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The path of the file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file is not a whole GGUF file.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The file is no language model that answers prompts.
    #[error("{} {kind}", path.display())]
    NotAModel {
        /// The path of the file.
        path: PathBuf,
        /// What it is, and what to take instead, as the end of a sentence.
        kind: &'static str,
    },
    /// The file is one part of a model whose weights are divided among several files.
    #[error(
        "{} is one of the several parts of a model; join them with `llama-gguf-split --merge FIRST.gguf JOINED.gguf`",
        path.display()
    )]
    Split {
        /// The path of the file.
        path: PathBuf,
    },
    /// No model has this name.
    #[error("no model is called `{name}`{}; `gepard models list` shows the names, and a file is given by its path", did_you_mean(nearest.as_deref()))]
    Unknown {
        /// The name that was given.
        name: String,
        /// The most similar name of a model, if one is similar.
        nearest: Option<String>,
    },
    /// The model is in the catalog, but its file has not been fetched.
    #[error("the model `{name}` is not in {}; fetch it with `scripts/fetch-models {name}`, or add its file with `gepard models add FILE`", cache.display())]
    NotFetched {
        /// The name of the model.
        name: String,
        /// The cache folder.
        cache: PathBuf,
    },
    /// Only the model's address on the model hub is known, and its file was not added.
    #[error(
        "the model `{name}` is not here, and its hash is not known to gepard: get {file} from {repo} on the model hub, then `gepard models add {file}`, which shows its sha256 and pins it"
    )]
    NotAdded {
        /// The name of the model.
        name: String,
        /// The repository on the model hub, as `owner/name`.
        repo: String,
        /// The path of the file in the repository.
        file: String,
    },
    /// The name is one of another program's, which has no such model.
    #[error(
        "no model on this machine is called `{name}`, which is a name as Ollama has them, and gepard downloads nothing: `ollama pull {name}` brings it, or get a .gguf file{} and add it with `gepard models add FILE`",
        repo.as_ref().map_or_else(String::new, |repo| format!(" from {repo} on the model hub"))
    )]
    NotPulled {
        /// The name that was given.
        name: String,
        /// The repository on the model hub, as `user/repo`, if the name contains it.
        repo: Option<String>,
    },
    /// Another program applies an adapter to the model of this name.
    #[error(
        "Ollama applies an adapter to `{name}`, which the model's file does not have: give both as files, `gguf` and `lora` under [model.NAME]"
    )]
    Adapted {
        /// The name that was given.
        name: String,
    },
    /// The model was added, but its file does not exist any more.
    #[error("the model `{name}` was added, but {} is gone; add it again with `gepard models add FILE --name {name}`", path.display())]
    Gone {
        /// The name of the model.
        name: String,
        /// The path of the file.
        path: PathBuf,
    },
    /// There is no file at the given path.
    #[error("there is no model file {}{}{}", path.display(), did_you_mean(nearest.as_deref()), no_gguf(path))]
    NoFile {
        /// The path.
        path: PathBuf,
        /// The name of a model that may have been meant.
        nearest: Option<String>,
    },
    /// A file of the cache has another size than its model's.
    #[error("{} has {actual} bytes but `{name}` must have {expected}; {}", path.display(), remedy(name, *is_in_catalog))]
    WrongSize {
        /// The name of the model.
        name: String,
        /// The path of its file.
        path: PathBuf,
        /// The required size in bytes.
        expected: u64,
        /// The actual size in bytes.
        actual: u64,
        /// Whether the required value is from the catalog, rather than from the record of added models.
        is_in_catalog: bool,
    },
    /// A file of the cache has another SHA-256 than its model's.
    #[error("{} is not the model `{name}` any more: its sha256 is {actual}, but {expected} is pinned; {}", path.display(), remedy(name, *is_in_catalog))]
    Mismatch {
        /// The name of the model.
        name: String,
        /// The path of its file.
        path: PathBuf,
        /// The pinned SHA-256.
        expected: String,
        /// The SHA-256 of the file.
        actual: String,
        /// Whether the required value is from the catalog, rather than from the record of added models.
        is_in_catalog: bool,
    },
    /// The name belongs to another model.
    #[error("another model is already called `{name}`; choose a name with --name")]
    NameTaken {
        /// The name that was given.
        name: String,
    },
    /// The name is not valid as the name of a file in the cache.
    #[error(
        "`{name}` cannot be a model's name: use letters, digits, `.`, `-` and `_`, not beginning with `.` and not ending in `.gguf`"
    )]
    BadName {
        /// The name that was given.
        name: String,
    },
}

/// Returns a question that names the most similar model, or nothing.
fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

/// Returns what to do if the path is none of a GGUF file, as where it is meant for a repository of the model hub.
fn no_gguf(path: &Path) -> &'static str {
    let is_gguf = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"));
    if is_gguf { "" } else { "; of a repository on the model hub, get a .gguf file and add it with `gepard models add FILE`" }
}

/// Returns how the file can be obtained again.
fn remedy(name: &str, is_in_catalog: bool) -> String {
    if is_in_catalog {
        format!("fetch it again with `scripts/fetch-models {name}`")
    } else {
        format!("add it again with `gepard models add FILE --name {name}`")
    }
}
