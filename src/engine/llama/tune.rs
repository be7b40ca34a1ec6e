//! Chooses the threads and the batch size of a model. They are measured once for a model on a machine, and kept in the cache
//! folder. They belong to the fingerprint of a run, because answers depend on them; a resumed run keeps those it had.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use super::backend::build_features;
use super::context::{CacheTypes, ContextSize};
use crate::engine::memory::CacheType;
use crate::engine::settings::{Settings, Tuning};
use crate::whole_file;

/// The record of measured tunings, in the cache folder.
const RECORD: &str = "tuned.json";

/// The time that a measurement may take. On a slower machine or with a larger model the usual tuning is chosen.
const LIMIT: Duration = Duration::from_secs(60);

/// The share of the time by which a tuning must be faster than the usual one to replace it. Smaller differences are noise.
const LEAST_GAIN: f64 = 0.1;

/// A model whose weights are loaded, as far as its speed depends on it.
pub(super) struct TunedModel<'a> {
    pub(super) backend: &'a LlamaBackend,
    pub(super) model: &'a LlamaModel,
    /// The SHA-256 of the model file.
    pub(super) sha256: &'a str,
    /// Whether the weights were loaded from a recoded copy.
    pub(super) is_recoded: bool,
    /// Layers on the GPU.
    pub(super) gpu_layers: u32,
    /// Whether the attention keeps keys and values in the same cells.
    pub(super) has_latent_attention: bool,
    /// The tuning of the resumed run. None if there is none.
    pub(super) recorded: Option<Tuning>,
}

/// The tuning that was chosen for a model.
pub(super) struct ChosenTuning {
    pub(super) tuning: Tuning,
    /// The measurement. None if the tuning was known before.
    pub(super) measured: Option<Measured>,
}

/// A measurement of tunings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// The seconds that it took.
    pub(super) seconds: f64,
    /// Whether the result was written into the record, so that the next start need not measure.
    pub(super) is_kept: bool,
    /// Whether it came to its end within the limit. Otherwise the usual tuning was chosen.
    pub(super) is_complete: bool,
}

/// Why a measurement has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped {
    /// It was cancelled, or llama.cpp failed.
    Failed,
    /// The limit was reached.
    TimeUp,
}

impl From<Tuning> for ChosenTuning {
    fn from(tuning: Tuning) -> Self {
        Self { tuning, measured: None }
    }
}

/// Chooses the tuning of a model. The settings come first, then the tuning of the resumed run, then the record, and then a
/// measurement, before which `on_measure` is called. If `cancelled` is set meanwhile, the usual tuning is chosen.
pub(super) fn choose(model: &TunedModel<'_>, settings: &Settings, on_measure: &dyn Fn(), cancelled: &AtomicBool) -> ChosenTuning {
    if let (Some(threads), Some(chunk)) = (settings.threads, settings.chunk) {
        return Tuning { threads, chunk }.into();
    }
    let ChosenTuning { tuning: free, measured } = match model.recorded {
        Some(recorded) => recorded.into(),
        None => look_up_or_measure(model, settings.cache_folder.as_deref(), on_measure, cancelled),
    };
    let tuning = Tuning {
        threads: settings.threads.unwrap_or(free.threads),
        chunk: settings.chunk.unwrap_or(free.chunk.max(settings.sequences)),
    };
    ChosenTuning { tuning, measured }
}

/// Returns the tuning of the record in the cache folder, or measures it and adds it to the record.
fn look_up_or_measure(
    model: &TunedModel<'_>,
    cache_folder: Option<&Path>,
    on_measure: &dyn Fn(),
    cancelled: &AtomicBool,
) -> ChosenTuning {
    let record = cache_folder.map(|folder| folder.join(RECORD));
    let mut tunings = record.as_deref().map(read_record).unwrap_or_default();
    let key = record_key(model);
    if let Some(&tuning) = tunings.get(&key) {
        return tuning.into();
    }
    on_measure();
    let started = Instant::now();
    // The cause of a failed measurement is not reported here: creating the context fails for the same cause.
    let fastest = Measurement::new(model, cancelled, started + LIMIT).and_then(|measurement| measurement.fastest());
    let (tuning, is_complete) = match fastest {
        Ok(tuning) => (tuning, true),
        // It is kept, so that the next start does not take as long again.
        Err(Stopped::TimeUp) => (usual(), false),
        Err(Stopped::Failed) => return usual().into(),
    };
    let seconds = started.elapsed().as_secs_f64();
    tunings.insert(key, tuning);
    let is_kept = record.is_some_and(|record| write_record(&record, &tunings));
    ChosenTuning { tuning, measured: Some(Measured { seconds, is_kept, is_complete }) }
}

/// Returns the name of a measurement in the record: the weights, where they are, the machine and the kernels.
fn record_key(model: &TunedModel<'_>) -> String {
    let &TunedModel { sha256, is_recoded, gpu_layers, .. } = model;
    let recoded = if is_recoded { " recoded" } else { "" };
    let mut system = sysinfo::System::new();
    system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
    let brand = system.cpus().first().map_or("", |cpu| cpu.brand()).trim();
    format!("{sha256}{recoded}, {gpu_layers} layers on a GPU, {} x {brand}, {}", cores(), build_features())
}

/// Returns how many threads this process can run at once. It is 1 if the operating system does not tell.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Returns the tuning that is chosen unless another one is clearly faster.
fn usual() -> Tuning {
    Tuning { threads: cores(), chunk: Settings::CHUNK }
}

/// Reads the record. It is empty if it cannot be read, so that everything is measured again.
fn read_record(record: &Path) -> BTreeMap<String, Tuning> {
    let text = fs::read_to_string(record).unwrap_or_default();
    let mut tunings: BTreeMap<String, Tuning> = serde_json::from_str(&text).unwrap_or_default();
    tunings.retain(|_, tuning| tuning.is_valid());
    tunings
}

/// Writes the record. False if it cannot be written: the tuning is measured again at the next start then.
fn write_record(record: &Path, tunings: &BTreeMap<String, Tuning>) -> bool {
    let Some(folder) = record.parent() else { return false };
    let Ok(bytes) = serde_json::to_vec_pretty(tunings) else { return false };
    fs::create_dir_all(folder).is_ok() && whole_file::write(record, &bytes).is_ok()
}

/// Drops the cause of a failure, which creating the context of the engine will report.
fn failed<E>(_: E) -> Stopped {
    Stopped::Failed
}

/// Times work like that of a small sub-wave.
struct Measurement<'a> {
    model: &'a TunedModel<'a>,
    cancelled: &'a AtomicBool,
    /// When the limit is reached.
    deadline: Instant,
    /// Tokens of the prompt that is computed: [`LONG_PROMPT`], or [`SHORT_PROMPT`] if the model is slow.
    prompt: i32,
}

/// A tuning and the seconds that the work took with it.
#[derive(Clone, Copy)]
struct Timed {
    tuning: Tuning,
    seconds: f64,
}

/// Tokens of the long prompt. They fill a batch.
const LONG_PROMPT: i32 = Settings::CHUNK as i32;

/// Tokens of the short prompt.
const SHORT_PROMPT: i32 = 64;

/// The sequences that get one token each in a step of decoding.
const SEQUENCES: i32 = 16;

/// The seconds that computing the long prompt may take for it to be used.
const MAX_SECONDS: f64 = 2.0;

impl<'a> Measurement<'a> {
    /// Chooses the prompt by the speed of the model, so that one timing takes about two seconds, or as long as the short prompt
    /// does. The first timing only reads the weights into memory.
    fn new(model: &'a TunedModel<'a>, cancelled: &'a AtomicBool, deadline: Instant) -> Result<Self, Stopped> {
        let short = Self { model, cancelled, deadline, prompt: SHORT_PROMPT };
        short.seconds(usual())?;
        let seconds = short.seconds(usual())? * f64::from(LONG_PROMPT / SHORT_PROMPT);
        Ok(if seconds < MAX_SECONDS { Self { prompt: LONG_PROMPT, ..short } } else { short })
    }

    /// Returns the usual tuning, or one that is clearly faster.
    fn fastest(&self) -> Result<Tuning, Stopped> {
        let usual = usual();
        let physical = sysinfo::System::physical_core_count().unwrap_or(usual.threads).min(usual.threads).max(1);
        let mut best = Timed { tuning: usual, seconds: self.seconds(usual)?.min(self.seconds(usual)?) };
        let threads = [physical, (physical * 3).div_ceil(4), physical.div_ceil(2)];
        let others = threads.iter().map(|&threads| Tuning { threads, ..usual }).filter(|&other| other != usual);
        for other in others {
            best = self.better(best, other)?;
        }
        if self.prompt == LONG_PROMPT {
            best = self.better(best, Tuning { chunk: usual.chunk / 2, ..best.tuning })?;
        }
        Ok(best.tuning)
    }

    /// Returns the other tuning if it is clearly faster than the best one twice, with the longer of the two times; otherwise the
    /// best one.
    fn better(&self, best: Timed, other: Tuning) -> Result<Timed, Stopped> {
        let mut slowest: f64 = 0.0;
        for _ in 0..2 {
            slowest = slowest.max(self.seconds(other)?);
            if slowest > best.seconds * (1.0 - LEAST_GAIN) {
                return Ok(best);
            }
        }
        Ok(Timed { tuning: other, seconds: slowest })
    }

    /// Fails if the measurement was cancelled or its limit is reached. This is asked before each batch.
    fn check(&self) -> Result<(), Stopped> {
        match (self.cancelled.load(Ordering::Relaxed), Instant::now() >= self.deadline) {
            (true, _) => Err(Stopped::Failed),
            (false, true) => Err(Stopped::TimeUp),
            (false, false) => Ok(()),
        }
    }

    /// Returns the seconds for computing the prompt, and then one step of decoding for every 64 of its tokens.
    fn seconds(&self, tuning: Tuning) -> Result<f64, Stopped> {
        self.check()?;
        let TunedModel { backend, model, gpu_layers, has_latent_attention, .. } = *self.model;
        let cells = usize::try_from(self.prompt + SEQUENCES * self.prompt / SHORT_PROMPT).map_err(failed)?.next_multiple_of(256);
        let size = ContextSize { cells, sequences: usize::try_from(SEQUENCES).map_err(failed)?, tuning };
        let params =
            size.params(CacheTypes::new(CacheType::F16, gpu_layers, has_latent_attention), gpu_layers).map_err(failed)?;
        let mut context = model.new_context(backend, params).map_err(failed)?;
        let mut batch = LlamaBatch::new(tuning.chunk, 1);
        let vocabulary = model.n_vocab().max(2);
        let token = |n: i32| LlamaToken(n.wrapping_mul(7919).rem_euclid(vocabulary));
        let started = Instant::now();
        let positions: Vec<i32> = (0..self.prompt).collect();
        for chunk in positions.chunks(tuning.chunk) {
            self.check()?;
            batch.clear();
            for &position in chunk {
                batch.add(token(position), position, &[0], position + 1 == self.prompt).map_err(failed)?;
            }
            context.decode(&mut batch).map_err(failed)?;
        }
        for step in 0..self.prompt / SHORT_PROMPT {
            self.check()?;
            batch.clear();
            for sequence in 0..SEQUENCES {
                let position = if sequence == 0 { self.prompt + step } else { step };
                batch.add(token(sequence + step), position, &[sequence], true).map_err(failed)?;
            }
            context.decode(&mut batch).map_err(failed)?;
        }
        context.synchronize();
        Ok(started.elapsed().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back_and_a_broken_one_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("not there yet").join(RECORD);
        assert!(read_record(&record).is_empty());
        let tunings = BTreeMap::from([("a model".to_owned(), Tuning { threads: 3, chunk: 128 })]);
        assert!(write_record(&record, &tunings));
        assert_eq!(read_record(&record), tunings);
        assert!(!write_record(&record.join("below a file"), &tunings));
        fs::write(&record, r#"{"a": {"threads": 0, "chunk": 128}, "b": {"threads": 2, "chunk": 64}}"#).unwrap();
        assert_eq!(read_record(&record).into_keys().collect::<Vec<_>>(), ["b"]);
        fs::write(&record, "{").unwrap();
        assert!(read_record(&record).is_empty());
    }
}
