//! GGUF models in this process, through llama.cpp. The only folder that names the binding's types.
//!
//! Each model has a thread that owns its weights and its context (`worker`); the caller's side has the vocabularies, and
//! counts tokens. Roles with the same file and settings share one copy. Where memory does not hold all models, one is loaded at a
//! time.

mod active;
mod chat;
mod draft;
mod found;
mod loaded;
mod prefix;
mod prompt;
mod recoded;
mod rows;
mod sample;
mod tree;
mod tune;
mod wave;
mod worker;

pub use chat::{ChatTemplate, Rendered, TemplateError};
pub use sample::TOP_K;
pub use tune::Tuning;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use llama_cpp_2::LlamaBackendDeviceType;
use llama_cpp_2::llama_backend::LlamaBackend;
use serde::Serialize;

use self::found::Found;
use self::loaded::Loaded;
use self::worker::{Asked, HearsLoading, TOKENIZER_STACK, Worker};
use super::memory::{self, CacheType, Machine, MemoryPlan, Need};
use super::{Completion, Engine, EngineError, EngineProgress, Message, ModelId, Request};

/// The binding and its version, as pinned in Cargo.toml: kernels differ between versions.
const BINDING: &str = "llama-cpp-2 0.1.160";

/// How many layers go to the GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GpuLayers {
    /// As many as fit where the build has a GPU back end and finds a device, else none.
    Auto,
    /// All of them.
    All,
    /// So many.
    Count(u32),
    /// As many as a run that goes on had, whatever is free now; none where there is no GPU any more.
    Kept(u32),
}

/// Where a run's fingerprint has the layers that the model called `name` had on a GPU.
#[must_use]
pub fn layers_key(name: &str) -> String {
    format!("model.{name}.layers_on_gpu")
}

/// Where it has the tokens of its context.
#[must_use]
pub fn context_key(name: &str) -> String {
    format!("model.{name}.context")
}

/// Where it has what its cache was stored as.
#[must_use]
pub fn cache_key(name: &str) -> String {
    format!("model.{name}.cache")
}

/// Where it has what its weights were loaded from.
#[must_use]
pub fn weights_key(name: &str) -> String {
    format!("model.{name}.weights")
}

/// What stands there for a recoded copy.
pub const RECODED: &str = "recoded";

/// One model of the plan.
#[derive(Debug, Clone)]
pub struct ModelFile {
    /// The name in the task file.
    pub name: String,
    /// The GGUF file.
    pub path: PathBuf,
    /// Layers to offload.
    pub gpu_layers: GpuLayers,
    /// Tokens of context; the default is what it was trained on, at most 8192, and less where memory is short.
    pub context: Option<usize>,
    /// What its cache is stored as; the default is 16-bit floats, unless memory is short.
    pub cache: Option<CacheType>,
    /// Tokens of reasoning before each answer, at most; 0: it answers at once.
    pub thinking: u32,
    /// Threads and batches that it was run with before, for a run that goes on; the default is what was found fastest here.
    pub tuning: Option<Tuning>,
    /// Whether it was a recoded copy that was run before, for a run that goes on; the default is one where it is faster.
    pub recoded: Option<bool>,
}

impl ModelFile {
    /// What is wrong with it.
    fn error(&self, cause: String) -> EngineError {
        EngineError::Model { name: self.name.clone(), path: self.path.clone(), cause }
    }
}

/// What is done before a model can answer, where it may take long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Preparation {
    /// Its file is read from end to end, for its SHA-256.
    Hashing,
    /// A copy of it is written, of which this CPU is faster.
    Recoding,
    /// Its weights are loaded.
    Loading,
    /// It is new on this machine: what threads and batches suit it is found out.
    Measuring,
}

/// Hears what is begun, of which model, and how many bytes its file has; and None now and then while that goes on. It is broken
/// off where this says so.
pub type Hears<'a> = dyn FnMut(Option<(Preparation, &str, u64)>) -> ControlFlow<()> + 'a;

/// The shape of all work; part of the plan, because answers depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Threads of llama.cpp; the default is what a measurement finds at a model's first use on a machine.
    pub threads: Option<usize>,
    /// Requests decoded together, 1 to 253.
    pub sequences: usize,
    /// Tokens in a batch, at least `sequences`; the default is measured like `threads`.
    pub chunk: Option<usize>,
    /// Bytes of memory that models may take; the default is seven eighths of the machine's.
    pub memory: Option<u64>,
    /// Whether a lone answer's next tokens are guessed from its prompt and verified together. On a CPU this changes its speed alone.
    pub drafts: bool,
}

impl Settings {
    /// Requests decoded together, unless the plan says otherwise.
    pub const SEQUENCES: usize = 32;

    /// The most tokens in a batch, unless the plan says otherwise: on a CPU, an interrupt is felt within one.
    pub const CHUNK: usize = 256;

    /// The most tokens that a batch may have.
    fn most_chunk(self) -> usize {
        self.chunk.unwrap_or(Self::CHUNK)
    }
}

/// The engine over llama.cpp.
pub struct Llama {
    models: Vec<Arc<Loaded>>,
    /// For each model of the plan, its place in `models`.
    roles: Vec<usize>,
    /// For each model of the plan, tokens of reasoning.
    thinking: Vec<u32>,
    names: Vec<String>,
    settings: Settings,
    /// How they share the machine.
    memory: MemoryPlan,
    machine: Machine,
    /// For each model its thread, where it is loaded.
    workers: Vec<Option<Worker>>,
}

/// llama.cpp's global state: made once a process, and silent, since a library never prints.
fn backend() -> Result<&'static LlamaBackend, EngineError> {
    static BACKEND: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    let made = BACKEND.get_or_init(|| {
        #[cfg(feature = "dynamic-backends")]
        load_backends();
        let mut backend = LlamaBackend::init().map_err(|e| e.to_string())?;
        backend.void_logs();
        Ok(backend)
    });
    made.as_ref().map_err(|cause| EngineError::Backend { doing: "starting up", cause: cause.clone() })
}

/// Loads llama.cpp's back ends, of the CPU's the best for this one: from the folder `backends` beside the program, else from
/// where they were built. llama.cpp would look in the working directory too, where anybody can put a library.
#[cfg(feature = "dynamic-backends")]
fn load_backends() {
    extern "C" fn silent(_: llama_cpp_sys_2::ggml_log_level, _: *const std::ffi::c_char, _: *mut std::ffi::c_void) {}
    // SAFETY: the function is a static one that reads nothing of what it is given.
    #[allow(unsafe_code)]
    unsafe {
        llama_cpp_sys_2::llama_log_set(Some(silent), std::ptr::null_mut());
    }
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("backends")));
    match beside.filter(|folder| folder.is_dir() && folder.to_str().is_some()) {
        Some(folder) => llama_cpp_2::llama_backend::load_backends_from_path(&folder),
        None => llama_cpp_2::llama_backend::load_backends(),
    }
}

/// What the kernels in this build use: instruction sets and back ends, as llama.cpp lists them.
#[must_use]
pub fn build_features() -> String {
    #[cfg(feature = "dynamic-backends")]
    drop(backend());
    // SAFETY: takes no argument and returns a pointer to a static, NUL-terminated buffer that
    // llama.cpp fills anew at each call; it is copied before anything else can call it.
    #[allow(unsafe_code)]
    let text = unsafe { std::ffi::CStr::from_ptr(llama_cpp_sys_2::llama_print_system_info()) };
    let text = text.to_string_lossy();
    let on = |part: &&str| !part.trim().is_empty() && !part.trim().ends_with("= 0");
    let parts: Vec<&str> = text.split('|').filter(on).map(str::trim).collect();
    format!("{BINDING}; {}", parts.join(", "))
}

/// A device that llama.cpp can compute on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// What llama.cpp calls it.
    pub name: String,
    /// Bytes of its memory.
    pub memory: u64,
}

/// The devices that llama.cpp finds.
#[must_use]
pub fn devices() -> Vec<Device> {
    // Back ends that are libraries must be loaded first. Where that fails, there are none.
    drop(backend());
    let device = |device: llama_cpp_2::LlamaBackendDevice| Device {
        name: format!("{}: {}", device.name, device.description),
        memory: device.memory_total as u64,
    };
    llama_cpp_2::list_llama_ggml_backend_devices().into_iter().map(device).collect()
}

/// The files of a plan, each once, and for each role its place among them.
fn find(
    backend: &LlamaBackend,
    files: &[ModelFile],
    chunk: usize,
    hears: &mut Hears<'_>,
) -> Result<(Vec<Found>, Vec<usize>), EngineError> {
    let mut found: Vec<(&ModelFile, Found)> = Vec::new();
    let mut roles = Vec::new();
    for file in files {
        let same = |(other, _): &(&ModelFile, _)| {
            // However it is spelled, it is one file.
            let path = |file: &ModelFile| std::fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone());
            let key = |file: &ModelFile| (path(file), file.gpu_layers, file.context, file.cache, file.tuning);
            key(other) == key(file)
        };
        let place = match found.iter().position(same) {
            Some(place) => place,
            None => {
                found.push((file, Found::open(backend, file, chunk, hears)?));
                found.len() - 1
            }
        };
        roles.push(place);
    }
    Ok((found.into_iter().map(|(_, found)| found).collect(), roles))
}

/// The memory that models may take here.
fn machine(backend: &LlamaBackend, settings: Settings) -> Machine {
    let devices = llama_cpp_2::list_llama_ggml_backend_devices();
    let free = |kind| devices.iter().filter(|device| device.device_type == kind).map(|device| device.memory_free as u64).sum();
    // llama.cpp leaves the integrated ones alone where there is another.
    let free: u64 = match free(LlamaBackendDeviceType::Gpu) {
        0 => free(LlamaBackendDeviceType::IntegratedGpu),
        free => free,
    };
    let machine = Machine::this(backend.supports_gpu_offload().then_some(free));
    Machine { ram: settings.memory.unwrap_or(machine.ram), ..machine }
}

impl Llama {
    /// Checks every file, shares the memory out among them, and loads them.
    ///
    /// # Errors
    /// [`EngineError::Model`] names the model, its file and what to do; [`EngineError::Memory`] says what would fit.
    pub fn open(files: &[ModelFile], settings: Settings) -> Result<Self, EngineError> {
        Self::open_and_tell(files, settings, &mut |_| ControlFlow::Continue(()))
    }

    /// The same, and `hears` hears what takes long.
    ///
    /// # Errors
    /// As [`Self::open`], and [`EngineError::Interrupted`] where `hears` breaks off.
    pub fn open_and_tell(files: &[ModelFile], settings: Settings, hears: &mut Hears<'_>) -> Result<Self, EngineError> {
        let backend = backend()?;
        let (found, roles) = find(backend, files, settings.most_chunk(), hears)?;
        let needs: Vec<Need> = found.iter().map(|found| found.need.clone()).collect();
        let machine = machine(backend, settings);
        let memory = memory::plan(&needs, &machine)?;
        let open = |(found, share)| Ok(Arc::new(Loaded::open(backend, found, share)?));
        let models: Vec<Arc<Loaded>> = found.into_iter().zip(&memory.shares).map(open).collect::<Result<_, EngineError>>()?;
        for (file, &place) in files.iter().zip(&roles).filter(|(file, _)| file.thinking > 0) {
            check_thinking(file, &models[place])?;
        }
        let thinking = files.iter().map(|file| file.thinking).collect();
        let names = files.iter().map(|file| file.name.clone()).collect();
        let workers = models.iter().map(|_| None).collect();
        let mut llama = Self { models, roles, thinking, names, settings, memory, machine, workers };
        // Whatever cannot be loaded is told now, in turns or not. The first one stays.
        for place in (0..llama.models.len()).rev() {
            let Loaded { file, size, .. } = &*Arc::clone(&llama.models[place]);
            let mut tell = |begun: Option<Preparation>| hears(begun.map(|begun| (begun, &*file.name, *size)));
            if tell(Some(Preparation::Loading)).is_break() {
                return Err(EngineError::Interrupted);
            }
            llama.worker(place, &mut tell)?;
        }
        Ok(llama)
    }

    /// How the models share this machine, and what of it they may have.
    #[must_use]
    pub fn memory(&self) -> (&MemoryPlan, &Machine) {
        (&self.memory, &self.machine)
    }

    /// The models whose threads and batches were measured now, for the first time on this machine: name, what was
    /// found, and the seconds it took.
    #[must_use]
    pub fn measured(&self) -> Vec<(String, Tuning, f64)> {
        let of = |loaded: &Arc<Loaded>| Some((loaded.file.name.clone(), *loaded.tuning.get()?, *loaded.measured.get()?));
        self.models.iter().filter_map(of).collect()
    }

    /// The ids of the tokens that a chat is read as, up to where the answer begins.
    ///
    /// # Errors
    /// Why the model's template cannot render it, as [`Ended::Refused`](super::Ended::Refused) has it.
    pub fn prompt_tokens(&self, model: ModelId, messages: &[Message]) -> Result<Vec<i32>, String> {
        let loaded = self.loaded(model).ok_or("the plan has no such model")?;
        let thinks = self.thinking.get(model.0).is_some_and(|&tokens| tokens > 0);
        let (_, tokens) =
            on_deep_stack(messages.iter().map(|m| m.content.len()).sum(), || worker::read(loaded, messages, thinks))?;
        Ok(tokens.into_iter().map(|token| token.0).collect())
    }

    fn asked(&self, request: &Request) -> Asked {
        Asked { request: request.clone(), thinking: self.thinking.get(request.model.0).copied().unwrap_or(0) }
    }

    fn loaded(&self, model: ModelId) -> Option<&Loaded> {
        self.roles.get(model.0).map(|&place| &*self.models[place])
    }

    /// The thread of a model, which is loaded now if it was not. In turns, another one makes way.
    fn worker(&mut self, place: usize, hears: &mut HearsLoading<'_>) -> Result<&Worker, EngineError> {
        if self.memory.in_turns {
            let others = self.workers.iter_mut().enumerate().filter(|(other, _)| *other != place);
            others.for_each(|(_, worker)| *worker = None);
        }
        let slot = &mut self.workers[place];
        Ok(match slot {
            Some(worker) => worker,
            empty => empty.insert(Worker::start(backend()?, &self.models[place], self.settings, hears)?),
        })
    }
}

/// Bytes of a text that is tokenized on a thread with a deeper stack.
const LONG_TEXT: usize = 4096;

/// Tokenizes a text of so many bytes. Some tokenizers recurse at each character; where there is no thread, this one's stack has to
/// do.
fn on_deep_stack<T: Send>(bytes: usize, tokenize: impl Fn() -> T + Sync) -> T {
    if bytes < LONG_TEXT {
        return tokenize();
    }
    let done = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(TOKENIZER_STACK).spawn_scoped(scope, &tokenize).ok()?;
        thread.join().ok()
    });
    done.unwrap_or_else(tokenize)
}

/// Whether a model can reason as far as it is asked to.
fn check_thinking(file: &ModelFile, loaded: &Loaded) -> Result<(), EngineError> {
    if loaded.template.tags().is_none() {
        return Err(file.error("`thinking` is set, but its chat template marks no reasoning; leave it out".into()));
    }
    if file.thinking as usize + loaded.lead >= loaded.context {
        let (thinking, context) = (file.thinking, loaded.context);
        return Err(file.error(format!("`thinking = {thinking}` leaves nothing of the context of {context} tokens; lower it")));
    }
    Ok(())
}

impl Engine for Llama {
    /// The requests to each model together, models in the order of first use.
    fn generate(
        &mut self,
        requests: &[Request],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>, EngineError> {
        let unknown =
            || EngineError::Backend { doing: "ordering requests", cause: "a request names no model of the plan".into() };
        let mut of_models: Vec<(usize, Vec<usize>)> = Vec::new();
        for (index, request) in requests.iter().enumerate() {
            let place = *self.roles.get(request.model.0).ok_or_else(unknown)?;
            match of_models.iter_mut().find(|(model, _)| *model == place) {
                Some((_, indices)) => indices.push(index),
                None => of_models.push((place, vec![index])),
            }
        }
        let mut completions: Vec<Option<Completion>> = requests.iter().map(|_| None).collect();
        let mut before = EngineProgress::default();
        for (place, indices) in of_models {
            let of_model = indices.iter().map(|&index| self.asked(&requests[index])).collect();
            let mut last = before;
            // In turns, gigabytes may have to be loaded first.
            let worker = self.worker(place, &mut |_| progress(before))?;
            let answers = worker.answer(of_model, &mut |done| {
                last = before + done;
                progress(last)
            })?;
            before = last;
            for (index, answer) in indices.into_iter().zip(answers) {
                completions[index] = Some(answer);
            }
        }
        completions.into_iter().map(|completion| completion.ok_or_else(unknown)).collect()
    }

    fn count_tokens(&self, model: ModelId, text: &str) -> usize {
        let Some(loaded) = self.loaded(model) else { return 0 };
        // As in a prompt: what spells a special token is one.
        on_deep_stack(text.len(), || loaded.vocab().tokenize(text.as_bytes(), false, true).len())
    }

    fn size(&self, model: ModelId) -> u64 {
        self.loaded(model).map_or(1, |loaded| loaded.size)
    }

    fn context_length(&self, model: ModelId) -> usize {
        let thinking = self.thinking.get(model.0).map_or(0, |&thinking| thinking as usize);
        let before = |loaded: &Loaded| if thinking > 0 { thinking + loaded.lead } else { 0 };
        self.loaded(model).map_or(0, |loaded| loaded.context.saturating_sub(before(loaded)))
    }

    fn fingerprint(&self) -> Vec<(String, String)> {
        let mut pairs = vec![
            ("engine.build".to_owned(), build_features()),
            ("engine.devices".to_owned(), devices().into_iter().map(|device| device.name).collect::<Vec<_>>().join(", ")),
            ("engine.sequences".to_owned(), self.settings.sequences.to_string()),
        ];
        for (index, name) in self.names.iter().enumerate() {
            if let Some(loaded) = self.loaded(ModelId(index)) {
                pairs.push((format!("model.{name}.sha256"), loaded.sha256.clone()));
                let weights = if loaded.recoded { RECODED } else { "as stored" };
                pairs.push((weights_key(name), weights.to_owned()));
                pairs.push((context_key(name), loaded.context.to_string()));
                pairs.push((cache_key(name), loaded.cache.to_string()));
                let rows = loaded.rows.map_or("any".to_owned(), |rows| rows.to_string());
                pairs.push((format!("model.{name}.rows"), rows));
                pairs.push((layers_key(name), loaded.gpu_layers.to_string()));
                if let Some(Tuning { threads, chunk }) = loaded.tuning.get() {
                    pairs.push((tune::threads_key(name), threads.to_string()));
                    pairs.push((tune::chunk_key(name), chunk.to_string()));
                }
            }
        }
        pairs
    }
}
