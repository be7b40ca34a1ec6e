//! The model of a project that `gepard init` creates.

use std::path::{Path, PathBuf};

use gepard::models::{self, ListedModel, ModelFileError};

use crate::cli::CliError;

/// The model of the task file if no model is on this machine.
const DEFAULT_MODEL: &str = "qwen2.5-coder-0.5b-instruct-q4_k_m";

/// The model of the new project.
pub(super) struct Model {
    /// The name or path for the task file.
    pub(super) reference: String,
    /// The path of its file. None if it is not on this machine.
    pub(super) path: Option<PathBuf>,
    /// A sentence about it for the user.
    pub(super) note: String,
}

/// Returns the `wanted` model. Without one, returns the default model if it is in the cache, or else the first model in the cache.
/// If there is none, the task file gets the default model, and the note explains where it comes from.
pub(super) fn choose_model(wanted: Option<&str>) -> Result<Model, CliError> {
    if let Some(wanted) = wanted {
        let path = models::resolve(wanted, Path::new(""))?;
        models::check_answers(&path)?;
        let reference = if models::is_path(wanted) {
            let absolute = std::path::absolute(&path).map_err(CliError::file("find the folder of", &path))?;
            absolute.to_string_lossy().into_owned()
        } else {
            wanted.into()
        };
        return Ok(Model { note: format!("The model is {reference}."), reference, path: Some(path) });
    }
    let listed = match models::list() {
        Ok(listed) => listed,
        Err(ModelFileError::NoCache) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let answers = |model: &ListedModel| model.is_present && models::check_answers(&model.path).is_ok();
    let mut cached: Vec<ListedModel> = listed.into_iter().filter(answers).collect();
    cached.sort_by_key(|model| model.name != DEFAULT_MODEL);
    Ok(match cached.into_iter().next() {
        Some(ListedModel { name, path, .. }) => {
            Model { note: format!("The model is {name}, which is on this machine."), reference: name, path: Some(path) }
        }
        None => Model {
            reference: DEFAULT_MODEL.into(),
            path: None,
            note: format!(
                "No model is in the cache yet: `scripts/fetch-models {DEFAULT_MODEL}` brings the one in the task file, `gepard models find` \
                 looks for files that other programs have brought, and --model takes a GGUF file of your own."
            ),
        },
    })
}
