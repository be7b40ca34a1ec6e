//! Model files that other programs have brought to this machine: Ollama, LM Studio, the hub's cache and llama.cpp's.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::cache::is_path;

/// How deep folders are looked through.
const DEPTH: usize = 6;

/// A model file of another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What the other program calls it.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Whose it is.
    pub from: Owner,
}

/// The program whose folder a file is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Ollama: a blob that a manifest names.
    Ollama,
    /// LM Studio.
    LmStudio,
    /// The cache of Hugging Face's hub.
    Hub,
    /// The cache of llama.cpp.
    LlamaCpp,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ollama => "Ollama",
            Self::LmStudio => "LM Studio",
            Self::Hub => "the hub's cache",
            Self::LlamaCpp => "llama.cpp",
        })
    }
}

/// Where the programs keep their files: those folders that their own variables name, else the usual ones.
#[must_use]
pub fn folders() -> Vec<(Owner, PathBuf)> {
    let said = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = dirs::home_dir().unwrap_or_default();
    let cache = dirs::cache_dir().unwrap_or_else(|| home.join(".cache"));
    let mut folders = Vec::new();
    match said("OLLAMA_MODELS") {
        Some(folder) => folders.push((Owner::Ollama, folder)),
        // A user's own, and those of a service.
        None => folders.extend(
            [home.join(".ollama/models"), "/usr/share/ollama/.ollama/models".into(), "/var/lib/ollama/models".into()]
                .map(|folder| (Owner::Ollama, folder)),
        ),
    }
    folders.extend([home.join(".lmstudio/models"), cache.join("lm-studio/models")].map(|folder| (Owner::LmStudio, folder)));
    let hub = said("HF_HUB_CACHE").or_else(|| Some(said("HF_HOME")?.join("hub")));
    folders.push((Owner::Hub, hub.unwrap_or_else(|| cache.join("huggingface/hub"))));
    folders.push((Owner::LlamaCpp, said("LLAMA_CACHE").unwrap_or_else(|| cache.join("llama.cpp"))));
    folders
}

/// All model files in these folders. A folder that is not there or may not be read has none.
#[must_use]
pub fn in_folders(folders: &[(Owner, PathBuf)]) -> Vec<Found> {
    let mut found = Vec::new();
    for (owner, folder) in folders {
        let start = found.len();
        match owner {
            Owner::Ollama => manifests(folder, &folder.join("manifests"), DEPTH, &mut found),
            Owner::LmStudio | Owner::Hub | Owner::LlamaCpp => ggufs(*owner, folder, DEPTH, &mut found),
        }
        found[start..].sort_by(|one, other| (&one.name, &one.path).cmp(&(&other.name, &other.path)));
    }
    found
}

/// The file that `name` means: another program's name for it, like `qwen2.5:0.5b`.
#[must_use]
pub fn called(name: &str, found: &[Found]) -> Option<Found> {
    let latest = format!("{name}:latest");
    let is = |one: &&Found| one.name == name || one.name == latest;
    if is_path(name) && Path::new(name).exists() { None } else { found.iter().find(is).cloned() }
}

fn inside(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// The model's layer in a manifest.
#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    digest: String,
}

/// Manifests lie in HOST/NAMESPACE/NAME/TAG.
fn manifests(root: &Path, folder: &Path, depth: usize, found: &mut Vec<Found>) {
    for path in inside(folder) {
        if path.is_dir() {
            if depth > 0 {
                manifests(root, &path, depth - 1, found);
            }
            continue;
        }
        let Some(model) = fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Manifest>(&text).ok()) else { continue };
        let Some(layer) = model.layers.iter().find(|layer| layer.media_type.ends_with(".model")) else { continue };
        // A digest is part of a path: nothing in it may lead elsewhere.
        let Some(hash) = layer.digest.strip_prefix("sha256:").filter(|hash| hash.chars().all(|c| c.is_ascii_hexdigit())) else {
            continue;
        };
        let blob = root.join("blobs").join(format!("sha256-{hash}"));
        let parts: Vec<String> = path.iter().rev().take(3).map(|part| part.to_string_lossy().into_owned()).collect();
        let ([tag, name, namespace], Ok(about)) = (parts.as_slice(), fs::metadata(&blob)) else { continue };
        let name = if namespace == "library" { format!("{name}:{tag}") } else { format!("{namespace}/{name}:{tag}") };
        found.push(Found { name, path: blob, bytes: about.len(), from: Owner::Ollama });
    }
}

fn ggufs(owner: Owner, folder: &Path, depth: usize, found: &mut Vec<Found>) {
    for path in inside(folder) {
        let is_gguf = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"));
        match fs::metadata(&path) {
            Ok(about) if about.is_dir() && depth > 0 => ggufs(owner, &path, depth - 1, found),
            Ok(about) if about.is_file() && is_gguf => {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                found.push(Found { name, path, bytes: about.len(), from: owner });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, content: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    #[test]
    fn files_of_other_programs_are_found_by_their_names() {
        let home = tempfile::tempdir().unwrap();
        let ollama = home.path().join("ollama");
        let manifest = |digest: &str| {
            format!(
                r#"{{"layers": [{{"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:00", "size": 1}},
                    {{"mediaType": "application/vnd.ollama.image.model", "digest": "{digest}", "size": 4}}]}}"#
            )
        };
        write(&ollama.join("blobs/sha256-abc"), "GGUF");
        write(&ollama.join("manifests/registry.ollama.ai/library/small/latest"), &manifest("sha256:abc"));
        write(&ollama.join("manifests/registry.ollama.ai/me/own/q4"), &manifest("sha256:abc"));
        write(&ollama.join("manifests/registry.ollama.ai/library/gone/latest"), &manifest("sha256:def"));
        write(&ollama.join("manifests/registry.ollama.ai/library/bad/latest"), &manifest("sha256:../../x"));
        write(&ollama.join("manifests/registry.ollama.ai/library/worse/latest"), "no JSON");
        let hub = home.path().join("hub");
        write(&hub.join("models--a--b/snapshots/0/Some-Q4.gguf"), "GGUF");
        write(&hub.join("models--a--b/snapshots/0/config.json"), "{}");
        let nowhere = home.path().join("nowhere");
        let found = in_folders(&[(Owner::Ollama, ollama), (Owner::Hub, hub), (Owner::LmStudio, nowhere)]);
        let names: Vec<(&str, Owner)> = found.iter().map(|one| (one.name.as_str(), one.from)).collect();
        assert_eq!(names, [("me/own:q4", Owner::Ollama), ("small:latest", Owner::Ollama), ("Some-Q4", Owner::Hub)]);
        assert!(found[1].path.ends_with("blobs/sha256-abc"));
        assert_eq!(called("small", &found), called("small:latest", &found));
        assert!(called("small", &found).is_some() && called("gone", &found).is_none());
    }
}
