//! How many threads and how large batches suit a model: found by a short measurement at its first use on a machine, and kept
//! beside the models. What was found is part of a run's fingerprint, because answers depend on it; a run that goes on keeps its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use super::loaded::Loaded;
use super::worker::{context_params, stored_as};
use crate::engine::memory::CacheType;
use crate::engine::settings::{Settings, Tuning};
use crate::{models, whole_file};

/// The record of what was measured, in the folder of the models.
const RECORD: &str = "tuned.json";

/// A setting takes the place of the usual one only if it is faster by more than this share: less is noise.
const CLEARLY: f64 = 0.1;

/// The tuning of a model whose weights are loaded: what the settings say, else what its run had, else what was measured before,
/// else what is measured now, of which `measures` hears before. A measurement that is `cancelled` finds what is usual.
pub(super) fn find(
    backend: &LlamaBackend,
    model: &LlamaModel,
    loaded: &Loaded,
    settings: Settings,
    measures: &dyn Fn(),
    cancelled: &AtomicBool,
) -> Tuning {
    match (settings.threads, settings.chunk) {
        (Some(threads), Some(chunk)) => Tuning { threads, chunk },
        (threads, chunk) => {
            let free = loaded.file.tuning.unwrap_or_else(|| kept_or_measured(backend, model, loaded, measures, cancelled));
            Tuning { threads: threads.unwrap_or(free.threads), chunk: chunk.unwrap_or(free.chunk.max(settings.sequences)) }
        }
    }
}

fn kept_or_measured(
    backend: &LlamaBackend,
    model: &LlamaModel,
    loaded: &Loaded,
    measures: &dyn Fn(),
    cancelled: &AtomicBool,
) -> Tuning {
    let record = models::cache_dir().ok().map(|folder| folder.join(RECORD));
    let mut known = record.as_deref().map(read).unwrap_or_default();
    let key = key(loaded);
    if let Some(tuning) = known.get(&key) {
        return *tuning;
    }
    measures();
    let started = Instant::now();
    // A measurement that fails says nothing; loading will say what is wrong.
    let Some(tuning) = Meter::new(backend, model, loaded, cancelled).and_then(|meter| meter.fastest()) else {
        return usual();
    };
    let _ = loaded.measured.set(started.elapsed().as_secs_f64());
    known.insert(key, tuning);
    if let Some(record) = record {
        keep(&record, &known);
    }
    tuning
}

/// What a measurement is of: weights, where they lie, the kernels, the machine.
fn key(loaded: &Loaded) -> String {
    let weights = if loaded.recoded { " recoded" } else { "" };
    let mut system = sysinfo::System::new();
    system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
    let brand = system.cpus().first().map_or("", |cpu| cpu.brand()).trim();
    let layers = loaded.gpu_layers;
    format!("{}{weights}, {layers} layers on a GPU, {} x {brand}, {}", loaded.sha256, cores(), super::build_features())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What stands unless another setting is clearly faster.
fn usual() -> Tuning {
    Tuning { threads: cores(), chunk: Settings::CHUNK }
}

/// A record that cannot be read is as good as none: all is measured again.
fn read(record: &Path) -> BTreeMap<String, Tuning> {
    let sound = |tuning: &Tuning| (1..=1024).contains(&tuning.threads) && (1..=4096).contains(&tuning.chunk);
    let text = fs::read_to_string(record).unwrap_or_default();
    let mut known: BTreeMap<String, Tuning> = serde_json::from_str(&text).unwrap_or_default();
    known.retain(|_, tuning| sound(tuning));
    known
}

/// Where it cannot be written, it is measured again the next time.
fn keep(record: &Path, known: &BTreeMap<String, Tuning>) {
    let Some(folder) = record.parent() else { return };
    let Ok(bytes) = serde_json::to_vec_pretty(known) else { return };
    if fs::create_dir_all(folder).is_ok() {
        drop(whole_file::write(record, &bytes));
    }
}

/// Times a small likeness of a sub-wave.
struct Meter<'a> {
    backend: &'a LlamaBackend,
    model: &'a LlamaModel,
    /// Layers offloaded.
    gpu_layers: u32,
    is_latent: bool,
    cancelled: &'a AtomicBool,
    /// Tokens of the prompt that is computed: fewer where the model is slow.
    prompt: i32,
}

/// Tokens of the longest prompt that is timed: it fills a batch.
const PROMPT: i32 = Settings::CHUNK as i32;

/// Tokens of the shortest.
const SHORT: i32 = 64;

/// Sequences that get a token each in every step of decoding.
const SEQUENCES: i32 = 16;

impl<'a> Meter<'a> {
    /// Reads the weights once, and sees how fast the model is: a measurement of it takes about two seconds, or as long as the
    /// shortest prompt does.
    fn new(backend: &'a LlamaBackend, model: &'a LlamaModel, loaded: &Loaded, cancelled: &'a AtomicBool) -> Option<Self> {
        let Loaded { gpu_layers, is_latent, .. } = *loaded;
        let meter = Self { backend, model, gpu_layers, is_latent, cancelled, prompt: SHORT };
        meter.seconds(usual())?;
        let seconds = meter.seconds(usual())?;
        let prompt = if seconds * f64::from(PROMPT / SHORT) < 2.0 { PROMPT } else { SHORT };
        Some(Self { prompt, ..meter })
    }

    /// The usual tuning, or one that is clearly faster.
    fn fastest(&self) -> Option<Tuning> {
        let usual = usual();
        let physical = sysinfo::System::physical_core_count().unwrap_or(usual.threads).min(usual.threads).max(1);
        let mut best = (usual, self.seconds(usual)?.min(self.seconds(usual)?));
        let threads = [physical, (physical * 3).div_ceil(4), physical.div_ceil(2)];
        let others = threads.iter().map(|&threads| Tuning { threads, ..usual }).filter(|&other| other != usual);
        for other in others {
            best = self.better(best, other)?;
        }
        if self.prompt == PROMPT {
            best = self.better(best, Tuning { chunk: usual.chunk / 2, ..best.0 })?;
        }
        Some(best.0)
    }

    /// The better of two; the first, unless the other is clearly faster twice.
    fn better(&self, best: (Tuning, f64), other: Tuning) -> Option<(Tuning, f64)> {
        let mut slowest: f64 = 0.0;
        for _ in 0..2 {
            slowest = slowest.max(self.seconds(other)?);
            if slowest > best.1 * (1.0 - CLEARLY) {
                return Some(best);
            }
        }
        Some((other, slowest))
    }

    /// Seconds for a prompt, and for a step of decoding for every 64 tokens of it; None where nothing could be measured, or
    /// need not be any more.
    fn seconds(&self, tuning: Tuning) -> Option<f64> {
        if self.cancelled.load(Ordering::Relaxed) {
            return None;
        }
        let cells = usize::try_from(self.prompt + SEQUENCES * self.prompt / SHORT).ok()?.next_multiple_of(256);
        let stored = stored_as(CacheType::F16, self.gpu_layers, self.is_latent);
        let params = context_params(cells, usize::try_from(SEQUENCES).ok()?, stored, tuning);
        let params = params.with_op_offload(self.gpu_layers > 0);
        let mut context = self.model.new_context(self.backend, params).ok()?;
        let mut batch = LlamaBatch::new(tuning.chunk, 1);
        let vocabulary = self.model.n_vocab().max(2);
        let token = |n: i32| LlamaToken(n.wrapping_mul(7919).rem_euclid(vocabulary));
        let started = Instant::now();
        let positions: Vec<i32> = (0..self.prompt).collect();
        for chunk in positions.chunks(tuning.chunk) {
            batch.clear();
            for &position in chunk {
                batch.add(token(position), position, &[0], position + 1 == self.prompt).ok()?;
            }
            context.decode(&mut batch).ok()?;
        }
        for step in 0..self.prompt / SHORT {
            batch.clear();
            for sequence in 0..SEQUENCES {
                let position = if sequence == 0 { self.prompt + step } else { step };
                batch.add(token(sequence + step), position, &[sequence], true).ok()?;
            }
            context.decode(&mut batch).ok()?;
        }
        context.synchronize();
        Some(started.elapsed().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_kept_and_a_broken_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("not there yet").join(RECORD);
        assert!(read(&record).is_empty());
        let known = BTreeMap::from([("a model".to_owned(), Tuning { threads: 3, chunk: 128 })]);
        keep(&record, &known);
        assert_eq!(read(&record), known);
        fs::write(&record, r#"{"a": {"threads": 0, "chunk": 128}, "b": {"threads": 2, "chunk": 64}}"#).unwrap();
        assert_eq!(read(&record).into_keys().collect::<Vec<_>>(), ["b"]);
        fs::write(&record, "{").unwrap();
        assert!(read(&record).is_empty());
    }

    #[test]
    fn a_run_remembers_its_tuning() {
        let pairs = [(threads_key("task"), "3".to_owned()), (chunk_key("task"), "64".to_owned())];
        let fingerprint = BTreeMap::from(pairs);
        assert_eq!(Tuning::of_run(&fingerprint, "task"), Some(Tuning { threads: 3, chunk: 64 }));
        assert_eq!(Tuning::of_run(&fingerprint, "teacher"), None);
    }
}
