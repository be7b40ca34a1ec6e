//! GGUF models in this process, through llama.cpp. The only folder that names the binding's types.
//!
//! One thread owns the contexts (`worker`); weights are shared with the caller's side, which
//! counts tokens. Roles with the same file and settings share one copy.

mod active;
mod chat;
mod draft;
mod loaded;
mod prefix;
mod recoded;
mod sample;
mod tree;
mod wave;
mod worker;

pub use chat::{ChatTemplate, TemplateError};

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use llama_cpp_2::llama_backend::LlamaBackend;

use self::loaded::Loaded;
use self::worker::{Job, Update};
use super::{Completion, Engine, EngineError, EngineProgress, ModelId, Request};

/// The binding and its version, as pinned in Cargo.toml: kernels differ between versions.
const BINDING: &str = "llama-cpp-2 0.1.160";

/// How many layers go to the GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GpuLayers {
    /// All of them where the build has a GPU back end and finds a device, else none.
    Auto,
    /// All of them.
    All,
    /// So many.
    Count(u32),
}

/// One model of the plan.
#[derive(Debug, Clone)]
pub struct ModelFile {
    /// The name in the task file.
    pub name: String,
    /// The GGUF file.
    pub path: PathBuf,
    /// Layers to offload.
    pub gpu_layers: GpuLayers,
    /// Tokens of context; the default is what it was trained on, at most 8192.
    pub context: Option<usize>,
}

/// The shape of all work; part of the plan, because answers depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Threads of llama.cpp.
    pub threads: usize,
    /// Requests decoded together, 1 to 255.
    pub sequences: usize,
    /// Tokens in a batch, at least `sequences`.
    pub chunk: usize,
}

impl Settings {
    /// Requests decoded together, unless the plan says otherwise.
    pub const SEQUENCES: usize = 32;

    /// Tokens in a batch, unless the plan says otherwise.
    pub const CHUNK: usize = 256;
}

/// The engine over llama.cpp.
pub struct Llama {
    models: Vec<Arc<Loaded>>,
    /// For each model of the plan, its place in `models`.
    roles: Vec<usize>,
    names: Vec<String>,
    settings: Settings,
    cancelled: Arc<AtomicBool>,
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// llama.cpp's global state: made once a process, and silent, since a library never prints.
fn backend() -> Result<&'static LlamaBackend, EngineError> {
    static BACKEND: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    let made = BACKEND.get_or_init(|| {
        let mut backend = LlamaBackend::init().map_err(|e| e.to_string())?;
        backend.void_logs();
        Ok(backend)
    });
    made.as_ref().map_err(|cause| EngineError::Backend { doing: "starting up", cause: cause.clone() })
}

/// What the kernels in this build use: instruction sets and back ends, as llama.cpp lists them.
#[must_use]
pub fn build_features() -> String {
    // SAFETY: takes no argument and returns a pointer to a static, NUL-terminated buffer that
    // llama.cpp fills anew at each call; it is copied before anything else can call it.
    #[allow(unsafe_code)]
    let text = unsafe { std::ffi::CStr::from_ptr(llama_cpp_sys_2::llama_print_system_info()) };
    let text = text.to_string_lossy();
    let on = |part: &&str| !part.trim().is_empty() && !part.trim().ends_with("= 0");
    let parts: Vec<&str> = text.split('|').filter(on).map(str::trim).collect();
    format!("{BINDING}; {}", parts.join(", "))
}

/// The devices that llama.cpp finds, by name.
fn devices() -> String {
    let names = llama_cpp_2::list_llama_ggml_backend_devices().into_iter().map(|device| device.name);
    names.collect::<Vec<_>>().join(", ")
}

impl Llama {
    /// Checks and loads every file, and starts the thread.
    ///
    /// # Errors
    /// [`EngineError::Model`] names the model, its file and what to do.
    pub fn open(files: &[ModelFile], settings: Settings) -> Result<Self, EngineError> {
        let backend = backend()?;
        let mut opened: Vec<(&ModelFile, Arc<Loaded>)> = Vec::new();
        let mut roles = Vec::new();
        for file in files {
            let same = |(other, _): &(&ModelFile, _)| {
                other.path == file.path && other.gpu_layers == file.gpu_layers && other.context == file.context
            };
            let place = match opened.iter().position(same) {
                Some(place) => place,
                None => {
                    opened.push((file, Arc::new(Loaded::open(backend, file)?)));
                    opened.len() - 1
                }
            };
            roles.push(place);
        }
        let models: Vec<Arc<Loaded>> = opened.into_iter().map(|(_, loaded)| loaded).collect();
        let cancelled = Arc::new(AtomicBool::new(false));
        let (jobs, inbox) = channel();
        let thread = std::thread::Builder::new()
            .name("llama".into())
            .spawn({
                let (models, roles, cancelled) = (models.clone(), roles.clone(), Arc::clone(&cancelled));
                move || worker::run(backend, &models, &roles, settings, &cancelled, &inbox)
            })
            .map_err(|e| EngineError::Backend { doing: "starting its thread", cause: e.to_string() })?;
        let names = files.iter().map(|file| file.name.clone()).collect();
        Ok(Self { models, roles, names, settings, cancelled, jobs: Some(jobs), thread: Some(thread) })
    }

    fn loaded(&self, model: ModelId) -> Option<&Loaded> {
        self.roles.get(model.0).map(|&place| &*self.models[place])
    }
}

impl Engine for Llama {
    fn generate(
        &mut self,
        requests: &[Request],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>, EngineError> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        self.cancelled.store(false, Ordering::Relaxed);
        let (updates, inbox) = channel();
        let job = Job { requests: requests.to_vec(), updates };
        self.jobs.as_ref().ok_or(EngineError::Gone)?.send(job).map_err(|_| EngineError::Gone)?;
        loop {
            match inbox.recv().map_err(|_| EngineError::Gone)? {
                Update::Progress(done) => {
                    if progress(done).is_break() {
                        self.cancelled.store(true, Ordering::Relaxed);
                    }
                }
                Update::Done(result) => return result,
            }
        }
    }

    fn count_tokens(&self, model: ModelId, text: &str) -> usize {
        self.loaded(model).map_or(0, |loaded| loaded.model.vocab().tokenize(text.as_bytes(), false, false).len())
    }

    fn size(&self, model: ModelId) -> u64 {
        self.loaded(model).map_or(1, |loaded| loaded.model.size().max(1))
    }

    fn context_length(&self, model: ModelId) -> usize {
        self.loaded(model).map_or(0, |loaded| loaded.context)
    }

    fn fingerprint(&self) -> Vec<(String, String)> {
        let mut pairs = vec![
            ("engine.build".to_owned(), build_features()),
            ("engine.devices".to_owned(), devices()),
            ("engine.threads".to_owned(), self.settings.threads.to_string()),
            ("engine.sequences".to_owned(), self.settings.sequences.to_string()),
            ("engine.chunk".to_owned(), self.settings.chunk.to_string()),
        ];
        for (index, name) in self.names.iter().enumerate() {
            if let Some(loaded) = self.loaded(ModelId(index)) {
                pairs.push((format!("model.{name}.sha256"), loaded.sha256.clone()));
                let weights = if loaded.recoded { "recoded" } else { "as stored" };
                pairs.push((format!("model.{name}.weights"), weights.to_owned()));
                pairs.push((format!("model.{name}.context"), loaded.context.to_string()));
                pairs.push((format!("model.{name}.layers_on_gpu"), loaded.gpu_layers.to_string()));
            }
        }
        pairs
    }
}

impl Drop for Llama {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
