//! Names that another program gives a model, such as `hf.co/user/repo:tag` of Ollama, in a task file.

use std::path::PathBuf;

use super::cache::Cache;
use super::error::ModelFileError;
use super::find::{FoundModel, called};

/// The hosts of the model hub, as Ollama's names begin.
const HUB: [&str; 2] = ["hf.co/", "huggingface.co/"];

/// Whether a reference is a name as Ollama has them rather than a path: it begins with a host of the model hub, or it ends
/// with a tag. A reference that begins as a path, or that ends in `.gguf`, is none.
pub(super) fn is_other_name(reference: &str) -> bool {
    let name = reference.to_lowercase();
    let is_tagged = name.rsplit(['/', '\\']).next().is_some_and(|last| last.contains(':'));
    let is_plain = !name.starts_with(['/', '\\', '.', '~']) && !name.ends_with(".gguf");
    is_plain && (is_tagged || HUB.iter().any(|host| name.starts_with(host)))
}

/// Returns the name in the cache that a model of another program gets when it is added.
#[must_use]
pub fn name_in_cache(name: &str) -> String {
    name.to_lowercase().replace("huggingface.co/", "hf.co/").replace([':', '/'], "-")
}

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

/// Returns the repository of the model hub that a name contains, as `user/repo`. None if it names none.
fn repository(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let host = HUB.iter().find(|host| lower.starts_with(**host))?;
    let rest = name.get(host.len()..)?;
    Some(rest.rsplit_once(':').map_or(rest, |(repo, _)| repo).to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Catalog;
    use super::super::find::ModelStore;
    use super::*;

    #[test]
    fn names_of_ollama_are_told_from_paths_and_own_names() {
        for name in ["hf.co/a/B-GGUF:Q4_K_M", "hf.co/a/B-GGUF", "huggingface.co/a/b:latest", "llama3.2:1b", "me/own:q4"] {
            assert!(is_other_name(name), "{name}");
        }
        for path in
            ["./a:b", "/x/sha256:abc", "~/m/a:b", "a/b:c.gguf", "hf.co/a/b/x.gguf", "C:\\m\\x.gguf", "models/x", "qwen3-8b"]
        {
            assert!(!is_other_name(path), "{path}");
        }
    }

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
