//! Names that another program gives a model, such as `hf.co/user/repo:tag` of Ollama.

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

/// Returns the repository of the model hub that a name contains, as `user/repo`. None if it names none.
pub(super) fn repository(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let host = HUB.iter().find(|host| lower.starts_with(**host))?;
    let rest = name.get(host.len()..)?;
    Some(rest.rsplit_once(':').map_or(rest, |(repo, _)| repo).to_owned())
}

#[cfg(test)]
mod tests {
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
}
