//! Long things in the page: rollouts and reflections, deflated, in pieces that are unpacked when they are looked at.
//!
//! A pack is JSON in which a text is a number: below the length of the common table it is a place there, else one in the
//! pack's own. So a question that 200 candidates answered stands in the page once.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};

use crate::report::history::{Asked, Chat, History, Iteration, Proposal, Runs, Scored, Step, place_of};
use crate::report::texts::Text;

/// How hard to deflate, from 0 to 10.
const LEVEL: u8 = 7;

/// Gives the number that a text has in a pack.
type Take<'a> = dyn FnMut(Text) -> usize + 'a;
/// Goes through the texts of a pack.
type Read<'a> = dyn FnMut(&mut Take<'_>) + 'a;
/// Writes a pack.
type Write<'a> = dyn FnMut(&mut Take<'_>) -> Value + 'a;

/// All packs of a page.
pub(super) struct Packs {
    pub(super) encoded: Encoded,
    /// Candidates whose traces found no room.
    pub(super) left_out: usize,
}

/// What the page has of them: base64 of deflated JSON.
#[derive(Debug, Default, Serialize)]
pub(super) struct Encoded {
    /// How many texts the common table has.
    count: usize,
    /// The texts that several packs have.
    common: String,
    /// What was tried.
    iterations: String,
    /// The rollouts, in the order of [`History::runs`]; None where they found no room.
    runs: Vec<Option<String>>,
}

impl Packs {
    /// Roughly their length in the page.
    pub(super) fn bytes(&self) -> usize {
        let runs: usize = self.encoded.runs.iter().flatten().map(String::len).sum();
        self.encoded.common.len() + self.encoded.iterations.len() + runs + 8 * self.encoded.runs.len() + 100
    }
}

/// Packs of at most `room` bytes. What finds no room is left out, the traces of the least important candidates first, and
/// what reflectors read last of all.
pub(super) fn fitting(history: &History, room: usize) -> Packs {
    let order = order(history);
    let mut kept = order.len();
    let mut chats = true;
    loop {
        let packs = pack(history, &order[..kept], chats);
        let bytes = packs.bytes();
        if bytes <= room || (kept == 0 && !chats) {
            return packs;
        }
        if kept == 0 {
            chats = false;
        } else {
            let share = (kept as f64 * room as f64 / bytes as f64 * 0.95) as usize;
            kept = share.min(kept - 1);
        }
    }
}

/// Places of runs, the most important first: the answer's, the seed's, the pool's by rank, then what was only tried.
fn order(history: &History) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    let members = history.best().into_iter().chain([0]).chain(history.ranking()).chain(0..history.members.len());
    let of_members = members.filter_map(|place| history.members.get(place)?.run);
    for run in of_members.chain(0..history.runs.len()) {
        if !order.contains(&run) {
            order.push(run);
        }
    }
    order
}

fn pack(history: &History, kept: &[usize], chats: bool) -> Packs {
    let mut table = Table::default();
    table.count(&mut |take| drop(iterations(history, chats, take)));
    for &run in kept {
        table.count(&mut |take| drop(rollouts(&history.runs[run], take)));
    }
    table.close();
    let packed = |write: &mut Write<'_>| {
        let mut own = Own { table: &table, places: BTreeMap::new(), texts: Vec::new() };
        let value = write(&mut |text| own.place(text));
        let texts: Vec<&str> = own.texts.iter().map(|text| history.texts.get(*text)).collect();
        encode(&json!({ "texts": texts, "of": value }))
    };
    let mut runs = vec![None; history.runs.len()];
    for &run in kept {
        runs[run] = Some(packed(&mut |take| rollouts(&history.runs[run], take)));
    }
    let common: Vec<&str> = table.common.iter().map(|text| history.texts.get(*text)).collect();
    let encoded = Encoded {
        count: common.len(),
        common: encode(&json!(common)),
        iterations: packed(&mut |take| iterations(history, chats, take)),
        runs,
    };
    Packs { encoded, left_out: history.runs.len() - kept.len() }
}

fn encode(value: &Value) -> String {
    STANDARD.encode(miniz_oxide::deflate::compress_to_vec(value.to_string().as_bytes(), LEVEL))
}

/// Which texts stand in more than one pack.
#[derive(Default)]
struct Table {
    /// The last pack that has a text, and whether another had it before.
    seen: BTreeMap<Text, (usize, bool)>,
    packs: usize,
    common: Vec<Text>,
    places: BTreeMap<Text, usize>,
}

impl Table {
    fn count(&mut self, read: &mut Read<'_>) {
        let pack = self.packs;
        self.packs += 1;
        let seen = &mut self.seen;
        read(&mut |text| {
            let (last, several) = seen.entry(text).or_insert((pack, false));
            *several |= *last != pack;
            *last = pack;
            0
        });
    }

    fn close(&mut self) {
        self.common = self.seen.iter().filter(|(_, (_, several))| *several).map(|(text, _)| *text).collect();
        self.places = self.common.iter().enumerate().map(|(place, text)| (*text, place)).collect();
    }
}

/// The texts of one pack.
struct Own<'a> {
    table: &'a Table,
    places: BTreeMap<Text, usize>,
    texts: Vec<Text>,
}

impl Own<'_> {
    fn place(&mut self, text: Text) -> usize {
        if let Some(&place) = self.table.places.get(&text) {
            return place;
        }
        let next = self.table.common.len() + self.texts.len();
        *self.places.entry(text).or_insert_with(|| {
            self.texts.push(text);
            next
        })
    }
}

fn pairs(pairs: &[(Text, Text)], take: &mut Take<'_>) -> Value {
    pairs.iter().map(|(name, text)| json!([take(*name), take(*text)])).collect()
}

fn rollouts(run: &Runs, take: &mut Take<'_>) -> Value {
    run.rollouts.iter().map(|scored| rollout(scored, take)).collect()
}

/// `[split, example, score, feedback, module feedback, objectives, failure, steps]`
fn rollout(scored: &Scored, take: &mut Take<'_>) -> Value {
    let objectives: Value = scored.objectives.iter().map(|(name, score)| json!([take(*name), score])).collect();
    json!([
        place_of(scored.split),
        scored.example,
        scored.score,
        take(scored.feedback),
        pairs(&scored.module_feedback, take),
        objectives,
        scored.failure.map(&mut *take),
        scored.steps.iter().map(|step| self::step(step, take)).collect::<Value>(),
    ])
}

/// `[module, inputs, answer, ended, outputs, problem, retrieved, tokens, seconds]`
fn step(step: &Step, take: &mut Take<'_>) -> Value {
    json!([
        take(step.module),
        pairs(&step.inputs, take),
        take(step.answer),
        step.ended.map(&mut *take),
        pairs(&step.outputs, take),
        step.problem.map(&mut *take),
        step.retrieved.iter().map(|key| json!(take(*key))).collect::<Value>(),
        step.tokens,
        step.seconds,
    ])
}

fn iterations(history: &History, chats: bool, take: &mut Take<'_>) -> Value {
    history.iterations.iter().map(|iteration| self::iteration(iteration, chats, take)).collect()
}

fn iteration(iteration: &Iteration, chats: bool, take: &mut Take<'_>) -> Value {
    json!({
        "number": iteration.number,
        "parents": iteration.parents,
        "examples": iteration.examples,
        "perfect": iteration.perfect,
        "merge": iteration.merge.as_ref().map(proposal),
        "proposals": iteration.proposals.iter().map(proposal).collect::<Value>(),
        "asked": iteration.asked.iter().map(|asked| self::asked(asked, chats, take)).collect::<Value>(),
    })
}

fn proposal(proposal: &Proposal) -> Value {
    json!({
        "number": proposal.number,
        "parent": proposal.parent,
        "ancestor": proposal.ancestor,
        "operators": proposal.operators,
        "instructions": proposal.instructions,
        "demonstrations": proposal.demonstrations,
        "fate": proposal.fate,
        "why": proposal.why,
        "candidate": proposal.candidate,
        "run": proposal.run,
    })
}

fn asked(asked: &Asked, chats: bool, take: &mut Take<'_>) -> Value {
    let unusable = asked.unusable.as_ref().map(|(reason, text)| json!([reason, take(*text)]));
    let answers: Value = asked.chats.iter().map(|chat| self::chat(chat, chats, take)).collect();
    json!({
        "proposal": asked.proposal,
        "parent": asked.parent,
        "module": asked.module,
        "operator": asked.operator,
        "reflector": asked.reflector,
        "again": asked.again,
        "leftOut": asked.left_out,
        "questions": asked.questions,
        "sentences": asked.sentences,
        "unusable": unusable,
        "chats": answers,
    })
}

fn chat(chat: &Chat, whole: bool, take: &mut Take<'_>) -> Value {
    let read = match whole {
        true => chat.read.iter().map(|(role, text)| json!([role, take(*text)])).collect(),
        false => Value::Null,
    };
    json!({ "read": read, "thought": chat.thought.map(&mut *take), "wrote": take(chat.wrote), "ended": chat.ended })
}
