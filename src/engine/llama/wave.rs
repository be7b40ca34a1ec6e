//! One list of requests on one context, decoded together.
//!
//! The KV cache is emptied first, but for the node that an earlier wave has left where this one begins with it. What several
//! prompts begin with is a node of their prefix tree (`tree`): computed once, alone, in a sequence of its own, and shared with
//! those below it cell by cell. Then prompts and answers of up to `sequences` requests share every batch: whatever room the
//! answers leave is filled with prompts, node by node, in each the longest work first. The first node stays for the next wave.
//!
//! Attention adds up a sequence's cells in their order, so each sequence has its tokens in ascending cells: a cell is filled
//! once. What is no longer needed is buried, not freed, until nobody is under way; then whoever found no room has an empty cache.

use std::ops::ControlFlow;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;

use super::active::Active;
use super::loaded::Spelling;
use super::prefix;
use super::prompt::{Prompt, may_share, work};
use super::rows::Rows;
use super::tree::Tree;
use crate::engine::{Completion, EngineError, EngineProgress};

/// Answers under way together for which drafts are worth their place in a batch.
const MOST_DRAFTING: usize = 4;

/// Tokens of drafts in a batch: as many as cost little more than none, where the weights have to be read once for all.
const DRAFT_ROOM: usize = 16;

/// What stands in rows that nobody reads: any token.
const FILLER: LlamaToken = LlamaToken(0);

/// The fixed shape of the batches; part of the plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Requests decoded together; nodes have the sequences from there on.
    pub(super) sequences: usize,
    /// Nodes of the prefix tree that are held together at most.
    pub(super) nodes: usize,
    /// Tokens a batch may have.
    pub(super) chunk: usize,
    /// Cells of the KV cache, shared by all sequences.
    pub(super) cells: usize,
    /// What batches are filled up to, where that makes a row's arithmetic its own.
    pub(super) rows: Option<Rows>,
    /// Whether answers are guessed ahead where few are under way.
    pub(super) drafts: bool,
}

impl Shape {
    /// The sequence of rows that nobody reads; it is behind those of requests and nodes, and empty between batches.
    fn filler(&self) -> i32 {
        i32::try_from(self.sequences + self.nodes).unwrap_or(i32::MAX)
    }

    /// The sequence that has all cells which nobody needs any more.
    fn grave(&self) -> i32 {
        self.filler() + 1
    }
}

/// What the cache holds from an earlier wave: a first node, at the beginning of the cells.
#[derive(Debug, Default)]
pub(super) struct Carried {
    tokens: Vec<LlamaToken>,
    sequence: i32,
}

/// The nodes that are computed.
struct Held {
    /// For each node of the tree its sequence.
    sequences: Vec<Option<i32>>,
    /// For each node, how many requests below it are not done.
    users: Vec<usize>,
    free: Vec<i32>,
    /// The node that stays for the next wave.
    first: Option<usize>,
}

/// A token in a batch.
struct Row {
    token: LlamaToken,
    position: i32,
    sequence: i32,
    /// Whether its logits are read.
    is_read: bool,
}

pub(super) struct Wave<'c, 'm> {
    context: &'c mut LlamaContext<'m>,
    spelling: Spelling<'m>,
    shape: Shape,
    batch: LlamaBatch<'static>,
    /// What the next batch has.
    rows: Vec<Row>,
    /// Whether batches with answers are filled up: a drawn answer is a matter of luck anyway.
    fills_up: bool,
    /// Cells that are neither filled nor promised.
    room: usize,
    done: EngineProgress,
    carried: &'c mut Carried,
}

fn backend(doing: &'static str) -> impl Fn(&dyn std::fmt::Display) -> EngineError {
    move |cause| EngineError::Backend { doing, cause: cause.to_string() }
}

impl<'c, 'm> Wave<'c, 'm> {
    pub(super) fn new(context: &'c mut LlamaContext<'m>, carried: &'c mut Carried, spelling: Spelling<'m>, shape: Shape) -> Self {
        let batch = LlamaBatch::new(shape.chunk + Rows::MOST_ADDED, 1);
        let done = EngineProgress { answered: 0, prefilled: 0, decoded: 0 };
        Self { context, spelling, shape, batch, rows: Vec::new(), fills_up: false, room: shape.cells, done, carried }
    }

    /// Answers `prompts`, each of which fits the cells on its own.
    pub(super) fn run(
        mut self,
        prompts: &[Prompt],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>, EngineError> {
        let slices: Vec<&[LlamaToken]> = prompts.iter().map(|p| p.tokens.as_slice()).collect();
        let unique = prefix::unique(&slices);
        let tree = Tree::of(&slices, &prompts.iter().map(may_share).collect::<Vec<_>>());
        self.fills_up = prompts.iter().any(|prompt| prompt.decoding.temperature <= 0.0);
        let mut held = self.begin(&tree, prompts)?;
        let mut waiting = tree.order.iter().copied().peekable();
        let mut free: Vec<i32> = (0..).take(self.shape.sequences).collect();
        free.reverse();
        let mut active: Vec<Active<'_>> = Vec::new();
        let mut answers: Vec<Option<Completion>> = prompts.iter().map(|_| None).collect();

        loop {
            while let Some(&index) = waiting.peek()
                && let Some(&sequence) = free.last()
            {
                let path = tree.path(index);
                if self.needs(&tree, &held, &path, &prompts[index]) > self.room {
                    if !active.is_empty() {
                        break;
                    }
                    self.turn_over(&tree, &mut held, &path, &prompts[index])?;
                }
                waiting.next();
                free.pop();
                active.push(self.admit(index, sequence, &prompts[index], &tree, &mut held, &path, prompts, progress)?);
            }
            if active.is_empty() {
                break;
            }
            self.step(&mut active, progress)?;

            let mut still = Vec::with_capacity(active.len());
            for mut request in active {
                let (tokens, position) = (request.tokens, request.position);
                let ended = request.draw(self.context, &self.spelling);
                self.done.decoded += u64::from(request.tokens - tokens);
                let Some(ended) = ended else {
                    if request.position < position {
                        // The cells of wrong guesses.
                        self.room -= usize::try_from(position - request.position).unwrap_or(0);
                        self.bury(request.sequence, request.position)?;
                    }
                    still.push(request);
                    continue;
                };
                // What lies in nodes is theirs to bury.
                self.bury(request.sequence, i32::try_from(request.shared).unwrap_or(0))?;
                self.forget(request.sequence, 0)?;
                free.push(request.sequence);
                free.sort_unstable_by(|a, b| b.cmp(a));
                let filled = usize::try_from(request.position).unwrap_or(0).saturating_sub(request.shared);
                self.room += work(request.prompt, request.shared).saturating_sub(filled);
                for node in tree.path(request.index) {
                    held.users[node] -= 1;
                    if held.users[node] == 0 && held.first != Some(node) {
                        self.release(&mut held, tree.nodes[node].start, node)?;
                    }
                }
                self.done.answered += 1;
                answers[request.index] = Some(request.completion(ended, unique[request.index]));
            }
            active = still;
        }
        if let Some(first) = held.first
            && let Some(sequence) = held.sequences[first]
        {
            *self.carried = Carried { tokens: node_tokens(&tree, prompts, first).to_vec(), sequence };
        }
        let missing = || EngineError::Backend { doing: "decoding", cause: "a request found no room in the KV cache".into() };
        answers.into_iter().map(|answer| answer.ok_or_else(missing)).collect()
    }

    /// Empties the cache, but for the first node where an earlier wave has left it.
    fn begin(&mut self, tree: &Tree, prompts: &[Prompt]) -> Result<Held, EngineError> {
        let mut held = Held {
            sequences: vec![None; tree.nodes.len()],
            users: tree.nodes.iter().map(|node| node.users).collect(),
            free: Vec::new(),
            first: tree.order.first().and_then(|&index| tree.path(index).first().copied()),
        };
        // Whatever goes wrong from here on, nothing is carried.
        let carried = std::mem::take(self.carried);
        let kept = held.first.filter(|&first| node_tokens(tree, prompts, first) == carried.tokens);
        if let Some(first) = kept {
            held.sequences[first] = Some(carried.sequence);
        }
        self.empty(tree, &mut held, kept)?;
        Ok(held)
    }

    /// Makes room for a request that has none, while nobody is under way: the cache is emptied, but for the first node if the
    /// request needs it.
    fn turn_over(&mut self, tree: &Tree, held: &mut Held, path: &[usize], prompt: &Prompt) -> Result<(), EngineError> {
        let whole = work(prompt, 0);
        let kept = held.first.filter(|&first| {
            held.sequences[first].is_some() && (path.first() == Some(&first) || whole + tree.nodes[first].end <= self.shape.cells)
        });
        if kept.is_none() {
            held.first = None;
        }
        self.empty(tree, held, kept)
    }

    /// Empties the cache but for one node, which is the first in it.
    fn empty(&mut self, tree: &Tree, held: &mut Held, kept: Option<usize>) -> Result<(), EngineError> {
        let kept = kept.and_then(|node| Some((node, held.sequences[node]?)));
        held.sequences.fill(None);
        held.free = (0..).skip(self.shape.sequences).take(self.shape.nodes).collect();
        self.room = self.shape.cells;
        match kept {
            None => self.context.clear_kv_cache(),
            Some((node, own)) => {
                for sequence in (0..=self.shape.grave()).filter(|&sequence| sequence != own) {
                    self.forget(sequence, 0)?;
                }
                held.sequences[node] = Some(own);
                held.free.retain(|&sequence| sequence != own);
                self.room -= tree.nodes[node].end;
            }
        }
        held.free.reverse();
        Ok(())
    }

    /// Removes what the cache holds of a sequence from `position` on.
    fn forget(&mut self, sequence: i32, position: i32) -> Result<(), EngineError> {
        let cleared = self.context.clear_kv_cache_seq(u32::try_from(sequence).ok(), u32::try_from(position).ok(), None);
        cleared.map(|_| ()).map_err(|e| backend("freeing a sequence")(&e))
    }

    /// Takes from a sequence what it has from `position` on; the cells stay filled.
    fn bury(&mut self, sequence: i32, position: i32) -> Result<(), EngineError> {
        let from = u32::try_from(position).ok();
        let buried = self.context.copy_kv_cache_seq(sequence, self.shape.grave(), from, None);
        buried.map_err(|e| backend("freeing a sequence")(&e))?;
        self.forget(sequence, position)
    }

    /// Takes the sequence of a node that begins at `start`; what is before that lies in the nodes above.
    fn release(&mut self, held: &mut Held, start: usize, node: usize) -> Result<(), EngineError> {
        if let Some(sequence) = held.sequences[node].take() {
            self.bury(sequence, i32::try_from(start).unwrap_or(0))?;
            self.forget(sequence, 0)?;
            held.free.push(sequence);
            held.free.sort_unstable_by(|a, b| b.cmp(a));
        }
        Ok(())
    }

    /// The cells that a request needs now, with the nodes on its way that are still to be computed.
    fn needs(&self, tree: &Tree, held: &Held, path: &[usize], prompt: &Prompt) -> usize {
        let computed = path.iter().take_while(|&&node| held.sequences[node].is_some()).last();
        work(prompt, computed.map_or(0, |&node| tree.nodes[node].end))
    }

    /// Computes the nodes on a request's way that are missing, as far as there are sequences for them.
    #[expect(clippy::too_many_arguments, reason = "all of them change while the wave runs")]
    fn admit<'p>(
        &mut self,
        index: usize,
        sequence: i32,
        prompt: &'p Prompt,
        tree: &Tree,
        held: &mut Held,
        path: &[usize],
        prompts: &[Prompt],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Active<'p>, EngineError> {
        let (mut shared, mut charged, mut above) = (0, 0, None);
        for &node in path {
            let own = match held.sequences[node] {
                Some(own) => own,
                None => {
                    let Some(own) = held.free.pop() else { break };
                    self.share(above, own)?;
                    let of = &tree.nodes[node];
                    self.prefill(&node_tokens(tree, prompts, node)[of.start..], of.start, own, progress)?;
                    held.sequences[node] = Some(own);
                    self.room -= of.end - of.start;
                    charged += of.end - of.start;
                    own
                }
            };
            above = Some(own);
            shared = tree.nodes[node].end;
        }
        self.share(above, sequence)?;
        self.room -= work(prompt, shared);
        let position = i32::try_from(shared).map_err(|e| backend("placing a request")(&e))?;
        Ok(Active::new(index, sequence, prompt, shared, charged, position))
    }

    /// Lets a sequence begin with all that another has.
    fn share(&mut self, from: Option<i32>, to: i32) -> Result<(), EngineError> {
        let Some(from) = from else { return Ok(()) };
        self.context.copy_kv_cache_seq(from, to, None, None).map_err(|e| backend("sharing a prefix")(&e))
    }

    fn prefill(
        &mut self,
        tokens: &[LlamaToken],
        from: usize,
        sequence: i32,
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        let mut position = i32::try_from(from).map_err(|e| backend("placing a prefix")(&e))?;
        for chunk in tokens.chunks(self.shape.chunk) {
            for &token in chunk {
                self.add(token, position, sequence, false);
                position += 1;
            }
            self.done.prefilled += chunk.len() as u64;
            self.decode(progress)?;
        }
        Ok(())
    }

    /// One batch: a token for every answer under way, with drafts where they are few, then prompts while there is room.
    fn step(
        &mut self,
        active: &mut [Active<'_>],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        let mut left = self.shape.chunk;
        // Wrong guesses fill cells, which must be nobody's.
        let room = DRAFT_ROOM.min(left.saturating_sub(active.len())).min(self.room);
        let drafts = if self.shape.drafts && active.len() <= MOST_DRAFTING { room / active.len() } else { 0 };
        for request in &mut *active {
            request.logits = None;
            if left == 0 {
                break;
            }
            if let Some(token) = request.next.take() {
                request.logits = i32::try_from(self.rows.len()).ok();
                self.add(token, request.position, request.sequence, true);
                request.position += 1;
                left -= 1;
                request.guess(drafts);
                for at in 0..request.draft.len() {
                    self.add(request.draft[at], request.position, request.sequence, true);
                    request.position += 1;
                    left -= 1;
                }
            }
        }
        for request in active {
            let tokens = &request.prompt.tokens;
            while left > 0 && request.fed < tokens.len() {
                let last = request.fed + 1 == tokens.len();
                if last {
                    request.logits = i32::try_from(self.rows.len()).ok();
                }
                self.add(tokens[request.fed], request.position, request.sequence, last);
                request.fed += 1;
                request.position += 1;
                left -= 1;
                self.done.prefilled += 1;
            }
        }
        self.decode(progress)
    }

    fn add(&mut self, token: LlamaToken, position: i32, sequence: i32, is_read: bool) {
        self.rows.push(Row { token, position, sequence, is_read });
    }

    /// Computes the batch of what was added.
    fn decode(&mut self, progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>) -> Result<(), EngineError> {
        if progress(self.done).is_break() {
            return Err(EngineError::Interrupted);
        }
        let filled_up = self.fill_up()?;
        self.batch.clear();
        for Row { token, position, sequence, is_read } in self.rows.drain(..) {
            self.batch.add(token, position, &[sequence], is_read).map_err(|e| backend("filling a batch")(&e))?;
        }
        self.context.decode(&mut self.batch).map_err(|e| backend("decoding")(&e))?;
        if filled_up { self.forget(self.shape.filler(), 0) } else { Ok(()) }
    }

    /// Has rows read that nobody needs, and adds such rows behind all others; says whether it added any.
    fn fill_up(&mut self) -> Result<bool, EngineError> {
        let answers = self.rows.iter().filter(|row| row.is_read).count();
        let Some(rows) = self.shape.rows.filter(|_| self.fills_up || answers == 0) else { return Ok(false) };
        let missing = rows.missing(self.rows.len(), answers);
        self.rows.iter_mut().filter(|row| !row.is_read).take(missing.read_too).for_each(|row| row.is_read = true);
        for position in 0..missing.rows {
            let at = i32::try_from(position).map_err(|e| backend("filling a batch")(&e))?;
            self.add(FILLER, at, self.shape.filler(), position < missing.like_answers);
        }
        Ok(missing.rows > 0)
    }
}

/// What a prompt has up to the end of a node.
fn node_tokens<'p>(tree: &Tree, prompts: &'p [Prompt], node: usize) -> &'p [LlamaToken] {
    &prompts[tree.nodes[node].of].tokens[..tree.nodes[node].end]
}
