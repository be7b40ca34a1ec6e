//! Why a model file is not to be had, in words that say what to do about it.

use std::io;
use std::path::PathBuf;

use crate::gguf::GgufError;

/// A model that cannot be found, added or trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// There is no place to keep models.
    #[error("this user has no cache folder; set GEPARD_MODELS to a folder for model files")]
    NoCache,
    /// The catalog inside the program is broken; its tests would have said so.
    #[error("the catalog of models cannot be read: {what}")]
    Catalog {
        /// What is wrong with it.
        what: String,
    },
    /// The record of added models is broken.
    #[error("{} cannot be understood: {what}; correct or delete it, then add the models again", path.display())]
    Record {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file or folder could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is not a whole GGUF file.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The file is a part of a model, and llama.cpp would look for the others beside it.
    #[error(
        "{} is one of the several parts of a model; join them with `llama-gguf-split --merge FIRST.gguf JOINED.gguf`",
        path.display()
    )]
    Split {
        /// The file.
        path: PathBuf,
    },
    /// No model has this name.
    #[error("no model is called `{name}`{}; `gepard models list` shows the names, and a file is given by its path", did_you_mean(nearest.as_deref()))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The known name most like it, if one is.
        nearest: Option<String>,
    },
    /// A model of the catalog that has not been fetched.
    #[error("the model `{name}` is not in {}; fetch it with `scripts/fetch-models {name}`, or add its file with `gepard models add FILE`", cache.display())]
    NotFetched {
        /// Its name.
        name: String,
        /// The folder it was looked for in.
        cache: PathBuf,
    },
    /// A model that the catalog knows from the hub alone, without its hash.
    #[error(
        "the model `{name}` is not here, and its hash is not known to gepard: get {file} from {repo} on the model hub, then `gepard models add {file}`, which shows its sha256 and pins it"
    )]
    NotBrought {
        /// Its name.
        name: String,
        /// `owner/name` of the repository on the hub.
        repo: String,
        /// The file in it.
        file: String,
    },
    /// A model that was added, and whose file has gone.
    #[error("the model `{name}` was added, but {} is gone; add it again with `gepard models add FILE --name {name}`", path.display())]
    Gone {
        /// Its name.
        name: String,
        /// Where its file was.
        path: PathBuf,
    },
    /// There is no file at a path.
    #[error("there is no model file {}{}", path.display(), did_you_mean(nearest.as_deref()))]
    NoFile {
        /// The path looked at.
        path: PathBuf,
        /// The known name that may have been meant.
        nearest: Option<String>,
    },
    /// A file of the cache does not have the size it must have.
    #[error("{} has {actual} bytes but `{name}` must have {expected}; {}", path.display(), again(name, *in_catalog))]
    WrongSize {
        /// The model.
        name: String,
        /// Its file.
        path: PathBuf,
        /// The size it must have.
        expected: u64,
        /// The size it has.
        actual: u64,
        /// Whether the catalog pins it, rather than the record of added models.
        in_catalog: bool,
    },
    /// A file of the cache does not have the bytes it must have.
    #[error("{} is not the model `{name}` any more: its sha256 is {actual}, but {expected} is pinned; {}", path.display(), again(name, *in_catalog))]
    Mismatch {
        /// The model.
        name: String,
        /// Its file.
        path: PathBuf,
        /// The SHA-256 it must have.
        expected: String,
        /// The SHA-256 it has.
        actual: String,
        /// Whether the catalog pins it, rather than the record of added models.
        in_catalog: bool,
    },
    /// Another model already has the name.
    #[error("another model is already called `{name}`; choose a name with --name")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A name that could not be a file's.
    #[error(
        "`{name}` cannot be a model's name: use letters, digits, `.`, `-` and `_`, not beginning with `.` and not ending in `.gguf`"
    )]
    BadName {
        /// The name.
        name: String,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

fn again(name: &str, in_catalog: bool) -> String {
    if in_catalog {
        format!("fetch it again with `scripts/fetch-models {name}`")
    } else {
        format!("add it again with `gepard models add FILE --name {name}`")
    }
}
