//! Model files by name: the models of the catalog, and those that a user added to the cache folder.
//!
//! Nothing here uses a network; `scripts/fetch-models` downloads the files of the catalog.

mod add;
mod cache;
mod catalog;
mod digest;
mod error;
mod find;
mod other_file;
mod other_name;
#[cfg(test)]
mod tests;
mod user;
mod verify;

pub use add::AddedModel;
pub use cache::{ListedModel, NameSource, is_path};
pub use catalog::{Catalog, CatalogModel, HubFile, PackagedFile, UnpinnedModel};
pub use digest::sha256;
pub use error::ModelFileError;
pub use find::{FoundModel, ModelStore};
pub use other_name::name_in_cache;
pub use user::{add, cache_dir, check_answers, find, find_named, link, list, pinned, resolve, verify};
pub use verify::{VerifiedModel, VerifyOutcome};
