//! The catalog of known models, from `models/catalog.toml`.

use serde::Deserialize;

use super::error::ModelFileError;

/// The models that are known by name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// The models whose file is known by its SHA-256, in the order of the catalog file.
    #[serde(rename = "model")]
    pub models: Vec<CatalogModel>,
    /// The models of which only the address on the model hub is known, in the order of the catalog file.
    #[serde(default)]
    pub unpinned: Vec<UnpinnedModel>,
}

/// A model whose file is known by its SHA-256.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogModel {
    /// The name by which a task file refers to the model.
    pub name: String,
    /// The name of the file in the cache.
    pub file: String,
    /// The required size of the file in bytes.
    pub bytes: u64,
    /// The required SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
    /// The licence of the weights.
    pub licence: String,
    /// A description of the model in one line.
    pub about: String,
    /// The address of the same file on the model hub, if it is there.
    pub hub: Option<HubFile>,
    /// The address of the file on a package index, if it is there.
    pub packages: Option<PackagedFile>,
}

/// A model of which only the address on the model hub is known. The user adds its file, whose SHA-256 is recorded then.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnpinnedModel {
    /// The name by which a task file refers to the model.
    pub name: String,
    /// The licence of the weights.
    pub licence: String,
    /// A description of the model in one line.
    pub about: String,
    /// The address of the file on the model hub.
    pub hub: HubFile,
}

/// The address of a file on the model hub.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubFile {
    /// The repository, as `owner/name`.
    pub repo: String,
    /// The path of the file in the repository.
    pub file: String,
}

/// The address of a file that lies in pieces on a package index.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackagedFile {
    /// The kind of index; `pip` is the only one.
    pub index: String,
    /// The packages as `name==version`, in the order in which their pieces are joined.
    pub names: Vec<String>,
    /// The glob pattern of the pieces inside each package.
    pub members: String,
}

impl Catalog {
    /// Returns the catalog that is compiled into the program.
    ///
    /// # Errors
    /// [`ModelFileError::Catalog`] where it is not valid.
    pub fn embedded() -> Result<Self, ModelFileError> {
        toml::from_str(include_str!("../../models/catalog.toml"))
            .map_err(|error| ModelFileError::Catalog { what: error.to_string() })
    }

    /// Returns the model called `name`.
    pub fn get(&self, name: &str) -> Option<&CatalogModel> {
        self.models.iter().find(|model| model.name == name)
    }

    /// Returns the model whose file has this SHA-256.
    pub fn with_sha256(&self, sha256: &str) -> Option<&CatalogModel> {
        self.models.iter().find(|model| model.sha256 == sha256)
    }
}
