//! The file of a model that a task file names as another program does.

use std::path::PathBuf;

use super::cache::Cache;
use super::error::ModelFileError;
use super::find::{FoundModel, called};
use super::other_name::{name_in_cache, repository};

/// Returns the file of the model that another program calls `name`: the one that was added to the cache, else that of the
/// other program.
///
/// # Errors
/// [`ModelFileError::Adapted`] if the other program applies an adapter to it, and [`ModelFileError::NotPulled`] if there is
/// none.
pub(super) fn resolve_other(name: &str, cache: &Cache, found: &[FoundModel]) -> Result<PathBuf, ModelFileError> {
    let added = [name_in_cache(name), name_in_cache(&format!("{name}:latest"))];
    let listed = cache.list()?;
    if let Some(model) = listed.iter().find(|model| added.contains(&model.name)) {
        return cache.resolve(&model.name);
    }
    match called(name, found) {
        Some(found) if found.has_adapter => Err(ModelFileError::Adapted { name: name.to_owned() }),
        Some(found) => Ok(found.path),
        None => Err(ModelFileError::NotPulled { name: name.to_owned(), repo: repository(name) }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Catalog;
    use super::super::find::ModelStore;
    use super::*;

    #[test]
    fn a_name_of_ollama_means_its_file_or_the_added_one() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { folder: folder.path().to_owned(), catalog: Catalog::embedded().unwrap() };
        let blob = |name: &str, has_adapter: bool| FoundModel {
            name: name.to_owned(),
            path: format!("/blobs/{name}").into(),
            bytes: 4,
            has_adapter,
            store: ModelStore::Ollama,
        };
        let found = [blob("hf.co/a/B-GGUF:Q4_K_M", false), blob("small:latest", false), blob("tuned:v1", true)];
        let resolved = |name: &str| resolve_other(name, &cache, &found).map_err(|error| error.to_string());
        assert_eq!(resolved("huggingface.co/a/b-gguf:q4_k_m"), Ok("/blobs/hf.co/a/B-GGUF:Q4_K_M".into()));
        assert_eq!(resolved("small"), Ok("/blobs/small:latest".into()));
        let says = |name: &str, words: &[&str]| {
            let error = resolved(name).unwrap_err();
            words.iter().for_each(|word| assert!(error.contains(word), "{word} not in {error}"));
        };
        says("tuned:v1", &["adapter", "`gguf` and `lora`"]);
        says("hf.co/a/Other:Q8_0", &["`ollama pull hf.co/a/Other:Q8_0`", "from a/Other", "gepard models add FILE"]);
        says("llama3.2:1b", &["`ollama pull llama3.2:1b`", "gepard models add FILE"]);
        for name in ["hf.co-a-b-gguf-q4_k_m", "small-latest"] {
            std::fs::write(folder.path().join(format!("{name}.gguf")), "GGUF").unwrap();
        }
        assert_eq!(resolved("hf.co/a/B-GGUF:Q4_K_M"), Ok(folder.path().join("hf.co-a-b-gguf-q4_k_m.gguf")));
        assert_eq!(resolved("small"), Ok(folder.path().join("small-latest.gguf")));
    }
}
