//! GGUF models in this process, through llama.cpp. The only folder that names the binding's types.
//!
//! Each model has a thread that owns its weights and its context (`worker`); the caller's side has the vocabularies, and
//! counts tokens. Roles with the same file and settings share one copy. Where memory does not hold all models, one is loaded at a
//! time.

mod active;
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
mod vocabulary;
mod wave;
mod worker;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use llama_cpp_2::LlamaBackendDeviceType;
use llama_cpp_2::llama_backend::LlamaBackend;

use self::found::Found;
use self::loaded::Loaded;
use self::worker::{Asked, HearsLoading, TOKENIZER_STACK, Worker};
use super::memory::{self, Machine, MemoryPlan, Need};
use super::settings::{
    Device, Hears, ModelFile, Preparation, RECODED, Settings, Tuning, cache_key, chunk_key, context_key, layers_key, threads_key,
    weights_key,
};
use super::{Completion, Engine, EngineError, EngineProgress, Message, ModelId, Request};

pub use self::vocabulary::{Vocabulary, checked_tokenizer};

/// The binding and its version, as pinned in Cargo.toml: kernels differ between versions.
const BINDING: &str = "llama-cpp-2 0.1.160";

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
                    pairs.push((threads_key(name), threads.to_string()));
                    pairs.push((chunk_key(name), chunk.to_string()));
                }
            }
        }
        pairs
    }
}
