//! The long data of a page: rollouts and reflections, compressed in packs that the page decompresses when they are shown.
//!
//! A pack is base64 of deflated JSON in which numbers stand for texts. So an example that 200 candidates were run on is in the
//! page once.

use crate::program::PoolIndex;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};

use super::pack_json::{iterations, rollouts};
use super::text_numbers::{NumberOf, PackTexts, TextCounter};
use crate::report::history::History;
use crate::report::texts::Text;

/// The level of the compression, from 0 to 10.
const COMPRESSION_LEVEL: u8 = 7;

/// All packs of a page.
pub(super) struct Packs {
    /// The packs as they are in the page.
    pub(super) encoded: EncodedPacks,
    /// The number of candidates whose traces were left out.
    pub(super) left_out: usize,
}

/// The packs of a page, each as base64 of deflated JSON.
#[derive(Debug, Default, Serialize)]
pub(super) struct EncodedPacks {
    /// The number of texts in the common table.
    count: usize,
    /// The common table: the texts that several packs have.
    common: String,
    /// The iterations.
    iterations: String,
    /// The rollouts of each candidate, in the order of [`History::runs`]; None if they were left out.
    runs: Vec<Option<String>>,
}

impl Packs {
    /// Returns about how many bytes the packs take in the page.
    pub(super) fn bytes(&self) -> usize {
        let runs: usize = self.encoded.runs.iter().flatten().map(String::len).sum();
        self.encoded.common.len() + self.encoded.iterations.len() + runs + 8 * self.encoded.runs.len() + 100
    }
}

/// Returns packs of at most `most_bytes`, if that is possible. First the traces of the least important candidates are left out,
/// then the prompts of the reflectors.
pub(super) fn fitting(history: &History, most_bytes: usize) -> Packs {
    let order = by_importance(history);
    let mut kept = order.len();
    let mut with_prompts = true;
    loop {
        let packs = pack(history, &order[..kept], with_prompts);
        let bytes = packs.bytes();
        if bytes <= most_bytes || (kept == 0 && !with_prompts) {
            return packs;
        }
        if kept == 0 {
            with_prompts = false;
        } else {
            let share = (kept as f64 * most_bytes as f64 / bytes as f64 * 0.95) as usize;
            kept = share.min(kept - 1);
        }
    }
}

/// Returns the indices of [`History::runs`], the most important first: the best candidate, the seed, the rest of the pool by
/// rank, and the candidates that did not join the pool.
fn by_importance(history: &History) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    let pool = (0..history.members.len()).map(PoolIndex);
    let members = history.best().into_iter().chain([PoolIndex::SEED]).chain(history.ranking()).chain(pool);
    let of_members = members.filter_map(|pool_index| history.members.get(pool_index.0)?.run);
    for run in of_members.chain(0..history.runs.len()) {
        if !order.contains(&run) {
            order.push(run);
        }
    }
    order
}

/// Packs the iterations and the rollouts of the runs with the indices in `kept`.
fn pack(history: &History, kept: &[usize], with_prompts: bool) -> Packs {
    let mut counter = TextCounter::default();
    counter.count(|number_of| drop(iterations(history, with_prompts, number_of)));
    for &run in kept {
        counter.count(|number_of| drop(rollouts(&history.runs[run], number_of)));
    }
    let common = counter.common();
    let text = |text: &Text| history.texts.get(*text);
    let packed = |write: &mut dyn FnMut(&mut NumberOf<'_>) -> Value| {
        let mut own = PackTexts::new(&common);
        let content = write(&mut |text| own.number(text));
        encode(&json!({ "texts": own.texts.iter().map(text).collect::<Vec<_>>(), "content": content }))
    };
    let mut runs = vec![None; history.runs.len()];
    for &run in kept {
        runs[run] = Some(packed(&mut |number_of| rollouts(&history.runs[run], number_of)));
    }
    let encoded = EncodedPacks {
        count: common.texts.len(),
        common: encode(&json!(common.texts.iter().map(text).collect::<Vec<_>>())),
        iterations: packed(&mut |number_of| iterations(history, with_prompts, number_of)),
        runs,
    };
    Packs { encoded, left_out: history.runs.len() - kept.len() }
}

fn encode(value: &Value) -> String {
    STANDARD.encode(miniz_oxide::deflate::compress_to_vec(value.to_string().as_bytes(), COMPRESSION_LEVEL))
}
