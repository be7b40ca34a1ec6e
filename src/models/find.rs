//! Finding the model files of other programs on this machine: Ollama, LM Studio, the Hugging Face hub's cache and llama.cpp's.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::cache::is_path;
use crate::gguf;

/// The number of levels of subfolders that are searched.
const DEPTH: usize = 6;

/// A model file of another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundModel {
    /// The name that the other program uses for the model.
    pub name: String,
    /// The path of the file.
    pub path: PathBuf,
    /// The size of the file in bytes.
    pub bytes: u64,
    /// Whether the other program applies an adapter to the model, which the file does not have.
    pub has_adapter: bool,
    /// The program whose folder the file is in.
    pub store: ModelStore,
}

impl FoundModel {
    /// Returns what a user should know before taking the file, as the end of a sentence. None for a language model as it is.
    #[must_use]
    pub fn remark(&self) -> Option<&'static str> {
        let kind = gguf::read(&self.path).ok().and_then(|header| header.other_kind());
        let adapted = "is used with an adapter by Ollama, which this file does not have: its answers differ";
        kind.and_then(|kind| kind.split(';').next()).or(self.has_adapter.then_some(adapted))
    }
}

/// A program that keeps model files in a folder of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelStore {
    /// Ollama, where a manifest names the file of a model by its hash.
    Ollama,
    /// LM Studio.
    LmStudio,
    /// The cache of the Hugging Face hub's client.
    Hub,
    /// The cache of llama.cpp.
    LlamaCpp,
}

impl std::fmt::Display for ModelStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ollama => "Ollama",
            Self::LmStudio => "LM Studio",
            Self::Hub => "the hub's cache",
            Self::LlamaCpp => "llama.cpp",
        })
    }
}

/// Returns the folders of the programs: those that their environment variables name, or else the usual ones.
#[must_use]
pub fn folders() -> Vec<(ModelStore, PathBuf)> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = dirs::home_dir().unwrap_or_default();
    let cache = dirs::cache_dir().unwrap_or_else(|| home.join(".cache"));
    let mut folders = Vec::new();
    match variable("OLLAMA_MODELS") {
        Some(folder) => folders.push((ModelStore::Ollama, folder)),
        // The folder of a user, and those of a system service.
        None => folders.extend(
            [home.join(".ollama/models"), "/usr/share/ollama/.ollama/models".into(), "/var/lib/ollama/models".into()]
                .map(|folder| (ModelStore::Ollama, folder)),
        ),
    }
    folders.extend([home.join(".lmstudio/models"), cache.join("lm-studio/models")].map(|folder| (ModelStore::LmStudio, folder)));
    let hub = variable("HF_HUB_CACHE").or_else(|| Some(variable("HF_HOME")?.join("hub")));
    folders.push((ModelStore::Hub, hub.unwrap_or_else(|| cache.join("huggingface/hub"))));
    folders.push((ModelStore::LlamaCpp, variable("LLAMA_CACHE").unwrap_or_else(|| cache.join("llama.cpp"))));
    folders
}

/// Returns all model files in these folders. A folder that does not exist or may not be read counts as empty.
#[must_use]
pub fn in_folders(folders: &[(ModelStore, PathBuf)]) -> Vec<FoundModel> {
    let mut found = Vec::new();
    for (store, folder) in folders {
        let start = found.len();
        match store {
            ModelStore::Ollama => find_manifests(folder, &folder.join("manifests"), DEPTH, &mut found),
            ModelStore::LmStudio | ModelStore::Hub | ModelStore::LlamaCpp => find_gguf_files(*store, folder, DEPTH, &mut found),
        }
        found[start..].sort_by(|one, other| (&one.name, &one.path).cmp(&(&other.name, &other.path)));
    }
    found
}

/// Returns the file of `found` that another program calls `name` or `name:latest`; `None` where there is none, or `name` is the
/// path of an existing file.
#[must_use]
pub fn called(name: &str, found: &[FoundModel]) -> Option<FoundModel> {
    if is_path(name) && Path::new(name).exists() {
        return None;
    }
    let latest = format!("{name}:latest");
    // Ollama takes both names of the hub, in either case.
    let plain = |name: &str| name.to_lowercase().replace("huggingface.co/", "hf.co/");
    let is_called = |model: &&FoundModel| [name, &latest].iter().any(|wanted| plain(wanted) == plain(&model.name));
    found.iter().find(|model| model.name == name || model.name == latest).or_else(|| found.iter().find(is_called)).cloned()
}

/// Returns the paths of what is in a folder; none where it cannot be read.
fn children(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// An Ollama manifest: the list of files that make up a model.
#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

/// One file of a manifest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    digest: String,
}

/// The host of Ollama's own models, which their names leave out.
const OLLAMA: &str = "registry.ollama.ai";

/// Returns the name that Ollama uses for the model of a manifest, whose path below `manifests` is `HOST/NAMESPACE/NAME/TAG`. None for
/// any other path.
fn ollama_name(below_manifests: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = below_manifests.iter().map(|part| part.to_str()).collect();
    match parts?.as_slice() {
        [OLLAMA, "library", name, tag] => Some(format!("{name}:{tag}")),
        [OLLAMA, namespace, name, tag] => Some(format!("{namespace}/{name}:{tag}")),
        [host, namespace, name, tag] => Some(format!("{host}/{namespace}/{name}:{tag}")),
        _ => None,
    }
}

/// Adds the models of all Ollama manifests under `folder` to `found`.
fn find_manifests(root: &Path, folder: &Path, depth: usize, found: &mut Vec<FoundModel>) {
    for path in children(folder) {
        if path.is_dir() {
            if depth > 0 {
                find_manifests(root, &path, depth - 1, found);
            }
            continue;
        }
        let Some(manifest) = fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Manifest>(&text).ok()) else {
            continue;
        };
        let Some(layer) = manifest.layers.iter().find(|layer| layer.media_type.ends_with(".model")) else { continue };
        // The digest becomes part of a path, so it must not contain separators or `..`.
        let Some(hash) = layer.digest.strip_prefix("sha256:").filter(|hash| hash.chars().all(|c| c.is_ascii_hexdigit())) else {
            continue;
        };
        let blob = root.join("blobs").join(format!("sha256-{hash}"));
        let name = path.strip_prefix(root.join("manifests")).ok().and_then(ollama_name);
        let (Some(name), Ok(metadata)) = (name, fs::metadata(&blob)) else { continue };
        let has_adapter = manifest.layers.iter().any(|layer| layer.media_type.ends_with(".adapter"));
        found.push(FoundModel { name, path: blob, bytes: metadata.len(), has_adapter, store: ModelStore::Ollama });
    }
}

/// Adds all `.gguf` files under `folder` to `found`.
fn find_gguf_files(store: ModelStore, folder: &Path, depth: usize, found: &mut Vec<FoundModel>) {
    for path in children(folder) {
        let is_gguf = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"));
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() && depth > 0 => find_gguf_files(store, &path, depth - 1, found),
            Ok(metadata) if metadata.is_file() && is_gguf => {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                found.push(FoundModel { name, path, bytes: metadata.len(), has_adapter: false, store });
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
        write(&ollama.join("manifests/hf.co/someone/Tiny-GGUF/Q4_K_M"), &manifest("sha256:abc"));
        write(&ollama.join("manifests/hf.co/someone/Tiny-GGUF/latest"), &manifest("sha256:abc"));
        let adapted = manifest("sha256:abc").replace("image.template", "image.adapter");
        write(&ollama.join("manifests/registry.example.org/team/tuned/v1"), &adapted);
        write(&ollama.join("manifests/registry.ollama.ai/library/gone/latest"), &manifest("sha256:def"));
        write(&ollama.join("manifests/registry.ollama.ai/library/bad/latest"), &manifest("sha256:../../x"));
        write(&ollama.join("manifests/registry.ollama.ai/library/worse/latest"), "no JSON");
        let hub = home.path().join("hub");
        write(&hub.join("models--a--b/snapshots/0/Some-Q4.gguf"), "GGUF");
        write(&hub.join("models--a--b/snapshots/0/config.json"), "{}");
        let missing = home.path().join("missing");
        let found = in_folders(&[(ModelStore::Ollama, ollama), (ModelStore::Hub, hub), (ModelStore::LmStudio, missing)]);
        let names: Vec<(&str, ModelStore)> = found.iter().map(|model| (model.name.as_str(), model.store)).collect();
        assert_eq!(
            names,
            [
                ("hf.co/someone/Tiny-GGUF:Q4_K_M", ModelStore::Ollama),
                ("hf.co/someone/Tiny-GGUF:latest", ModelStore::Ollama),
                ("me/own:q4", ModelStore::Ollama),
                ("registry.example.org/team/tuned:v1", ModelStore::Ollama),
                ("small:latest", ModelStore::Ollama),
                ("Some-Q4", ModelStore::Hub)
            ]
        );
        assert!(found.iter().all(|model| model.has_adapter == (model.name == "registry.example.org/team/tuned:v1")));
        let name_of = |name: &str| called(name, &found).map(|model| model.name);
        for (typed, name) in [
            ("hf.co/someone/Tiny-GGUF:Q4_K_M", "hf.co/someone/Tiny-GGUF:Q4_K_M"),
            ("hf.co/someone/Tiny-GGUF", "hf.co/someone/Tiny-GGUF:latest"),
            ("huggingface.co/someone/tiny-gguf:q4_k_m", "hf.co/someone/Tiny-GGUF:Q4_K_M"),
            ("registry.example.org/team/tuned:v1", "registry.example.org/team/tuned:v1"),
        ] {
            assert_eq!(name_of(typed).as_deref(), Some(name));
        }
        assert_eq!(name_of("someone/Tiny-GGUF:Q4_K_M"), None);
        assert!(found[4].path.ends_with("blobs/sha256-abc"));
        assert_eq!(called("small", &found), called("small:latest", &found));
        assert!(called("small", &found).is_some() && called("gone", &found).is_none());
    }
}
