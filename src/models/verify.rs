//! Comparing the files of the cache with the SHA-256 that is pinned for each.

use std::path::PathBuf;

use super::cache::{AddedRecord, Cache, ListedModel, NameSource};
use super::digest::sha256;
use super::error::ModelFileError;

/// A model whose file was compared with its pinned SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedModel {
    /// The name of the model.
    pub name: String,
    /// The path of its file.
    pub path: PathBuf,
    /// The list that the name comes from.
    pub source: NameSource,
    /// The result of the comparison.
    pub outcome: VerifyOutcome,
}

/// The result of comparing a model's file with its pinned SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyOutcome {
    /// The file has the pinned SHA-256.
    Ok,
    /// The file has another SHA-256.
    Mismatch {
        /// The pinned SHA-256.
        expected: String,
        /// The SHA-256 of the file.
        actual: String,
    },
    /// No SHA-256 is pinned for the file.
    Unpinned {
        /// The SHA-256 of the file.
        actual: String,
    },
    /// The model is recorded as added, but its file does not exist.
    Missing,
}

impl Cache {
    /// Verifies the model `name`, or all models that should be in the cache.
    pub(super) fn verify(&self, name: Option<&str>) -> Result<Vec<VerifiedModel>, ModelFileError> {
        let models = self.list()?;
        if let Some(name) = name {
            let Some(model) = models.iter().find(|model| model.name == name) else {
                return Err(self.unknown(name, &models));
            };
            self.check_was_added(model)?;
            if !model.is_present && model.source == NameSource::Catalog {
                return Err(ModelFileError::NotFetched { name: name.to_owned(), cache: self.folder.clone() });
            }
        }
        let record = self.record()?;
        models
            .into_iter()
            .filter(|model| name.is_none_or(|name| model.name == name))
            // A model of the catalog that was never fetched is left out.
            .filter(|model| model.is_present || model.source == NameSource::Added)
            .map(|model| self.verify_one(model, &record))
            .collect()
    }

    fn verify_one(&self, model: ListedModel, record: &AddedRecord) -> Result<VerifiedModel, ModelFileError> {
        let pinned = match model.source {
            NameSource::Catalog => self.catalog.get(&model.name).map(|known| &known.sha256),
            NameSource::Added => record.models.iter().find(|added| added.name == model.name).map(|added| &added.sha256),
            NameSource::LooseFile | NameSource::Hub => None,
        };
        let outcome = if model.is_present {
            let actual = sha256(&model.path)?;
            match pinned {
                None => VerifyOutcome::Unpinned { actual },
                Some(expected) if *expected == actual => VerifyOutcome::Ok,
                Some(expected) => VerifyOutcome::Mismatch { expected: expected.clone(), actual },
            }
        } else {
            VerifyOutcome::Missing
        };
        Ok(VerifiedModel { name: model.name, path: model.path, source: model.source, outcome })
    }
}
