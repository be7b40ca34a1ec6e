//! One list of requests on one context, decoded together.
//!
//! The KV cache is emptied first, so that what a wave says depends on the wave alone. What several prompts begin with is
//! a node of their prefix tree (`tree`): computed once, alone, in a sequence of its own, and shared with those below it
//! cell by cell. Then prompts and answers of up to `sequences` requests share every batch: whatever
//! room the answers leave is filled with prompts, node by node, in each the longest work first.
//!
//! The first node stays for the next wave. If that begins with the same one, the cache is as it would be had the node
//! been computed again: the same chunks, in the same cells, and nothing else.

use std::ops::ControlFlow;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use llguidance::Matcher;

use super::active::Active;
use super::prefix;
use super::tree::Tree;
use crate::engine::{Completion, Decoding, EngineError, EngineProgress};

/// Answers under way together for which drafts are worth their place in a batch.
const MOST_DRAFTING: usize = 4;

/// Tokens of drafts in a batch: as many as cost little more than none, where the weights have to be read once for all.
const DRAFT_ROOM: usize = 16;

/// A request as tokens.
pub(super) struct Prompt {
    pub(super) tokens: Vec<LlamaToken>,
    /// Where, in tokens, it may branch off from the others, ascending; None: anywhere.
    pub(super) breakpoints: Option<Vec<usize>>,
    /// What the chat template has written of the answer that is not to be seen: an opening tag of
    /// reasoning.
    pub(super) opened: &'static str,
    pub(super) decoding: Decoding,
    pub(super) seed: u64,
    /// Enforces the grammar of the answer, where it has one.
    pub(super) matcher: Option<Matcher>,
}

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
}

/// What the cache holds from an earlier wave: a first node, at the beginning of the cells.
#[derive(Debug, Default)]
pub(super) struct Carried {
    tokens: Vec<LlamaToken>,
    sequence: i32,
}

/// The nodes that are computed, and the room that is left.
struct Held {
    /// For each node of the tree its sequence.
    sequences: Vec<Option<i32>>,
    /// For each node, how many requests below it are not done.
    users: Vec<usize>,
    free: Vec<i32>,
    room: usize,
    /// The node that stays for the next wave.
    first: Option<usize>,
}

pub(super) struct Wave<'c, 'm> {
    context: &'c mut LlamaContext<'m>,
    vocab: LlamaVocab<'m>,
    shape: Shape,
    batch: LlamaBatch<'static>,
    done: EngineProgress,
    carried: &'c mut Carried,
}

fn backend(doing: &'static str) -> impl Fn(&dyn std::fmt::Display) -> EngineError {
    move |cause| EngineError::Backend { doing, cause: cause.to_string() }
}

impl<'c, 'm> Wave<'c, 'm> {
    pub(super) fn new(context: &'c mut LlamaContext<'m>, carried: &'c mut Carried, vocab: LlamaVocab<'m>, shape: Shape) -> Self {
        let batch = LlamaBatch::new(shape.chunk, 1);
        let done = EngineProgress { answered: 0, prefilled: 0, decoded: 0 };
        Self { context, vocab, shape, batch, done, carried }
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
                if !self.fits(&tree, &mut held, &path, &prompts[index])? {
                    break;
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
                let ended = request.draw(self.context, &self.vocab);
                self.done.decoded += u64::from(request.tokens - tokens);
                let Some(ended) = ended else {
                    if request.position < position {
                        self.forget(request.sequence, request.position)?;
                    }
                    still.push(request);
                    continue;
                };
                self.forget(request.sequence, 0)?;
                free.push(request.sequence);
                free.sort_unstable_by(|a, b| b.cmp(a));
                held.room += work(request.prompt, request.shared);
                for node in tree.path(request.index) {
                    held.users[node] -= 1;
                    if held.users[node] == 0 && held.first != Some(node) {
                        self.release(&tree, &mut held, node)?;
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
        let ids = (0..).skip(self.shape.sequences).take(self.shape.nodes);
        let mut held = Held {
            sequences: vec![None; tree.nodes.len()],
            users: tree.nodes.iter().map(|node| node.users).collect(),
            free: ids.collect(),
            room: self.shape.cells,
            first: tree.order.first().and_then(|&index| tree.path(index).first().copied()),
        };
        // Whatever goes wrong from here on, nothing is carried.
        let carried = std::mem::take(self.carried);
        match held.first.filter(|&first| node_tokens(tree, prompts, first) == carried.tokens) {
            None => self.context.clear_kv_cache(),
            Some(first) => {
                let all = 0..i32::try_from(self.shape.sequences + self.shape.nodes).unwrap_or(i32::MAX);
                for sequence in all.filter(|&sequence| sequence != carried.sequence) {
                    self.forget(sequence, 0)?;
                }
                held.sequences[first] = Some(carried.sequence);
                held.free.retain(|&sequence| sequence != carried.sequence);
                held.room -= carried.tokens.len();
            }
        }
        held.free.reverse();
        Ok(held)
    }

    /// Removes what the cache holds of a sequence from `position` on.
    fn forget(&mut self, sequence: i32, position: i32) -> Result<(), EngineError> {
        let cleared = self.context.clear_kv_cache_seq(u32::try_from(sequence).ok(), u32::try_from(position).ok(), None);
        cleared.map(|_| ()).map_err(|e| backend("freeing a sequence")(&e))
    }

    fn release(&mut self, tree: &Tree, held: &mut Held, node: usize) -> Result<(), EngineError> {
        if let Some(sequence) = held.sequences[node].take() {
            self.forget(sequence, 0)?;
            held.free.push(sequence);
            held.free.sort_unstable_by(|a, b| b.cmp(a));
            held.room += tree.nodes[node].end - tree.nodes[node].start;
        }
        Ok(())
    }

    /// Whether a request has room now, with the nodes on its way that are still to be computed.
    fn fits(&mut self, tree: &Tree, held: &mut Held, path: &[usize], prompt: &Prompt) -> Result<bool, EngineError> {
        let computed = path.iter().take_while(|&&node| held.sequences[node].is_some()).last();
        let need = work(prompt, computed.map_or(0, |&node| tree.nodes[node].end));
        if need > held.room
            && let Some(first) = held.first.filter(|&first| held.users[first] == 0)
        {
            // Nobody needs it any more: it need not stay.
            held.first = None;
            self.release(tree, held, first)?;
        }
        Ok(need <= held.room)
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
                    held.room -= of.end - of.start;
                    charged += of.end - of.start;
                    own
                }
            };
            above = Some(own);
            shared = tree.nodes[node].end;
        }
        self.share(above, sequence)?;
        held.room -= work(prompt, shared);
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
            self.batch.clear();
            for &token in chunk {
                self.add(token, position, sequence, false)?;
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
        self.batch.clear();
        let mut left = self.shape.chunk;
        let drafts =
            if active.len() > MOST_DRAFTING { 0 } else { DRAFT_ROOM.min(left.saturating_sub(active.len())) / active.len() };
        for request in &mut *active {
            request.logits = None;
            if left == 0 {
                break;
            }
            if let Some(token) = request.next.take() {
                request.logits = Some(self.batch.n_tokens());
                self.add(token, request.position, request.sequence, true)?;
                request.position += 1;
                left -= 1;
                request.guess(drafts);
                for at in 0..request.draft.len() {
                    self.add(request.draft[at], request.position, request.sequence, true)?;
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
                    request.logits = Some(self.batch.n_tokens());
                }
                self.add(tokens[request.fed], request.position, request.sequence, last)?;
                request.fed += 1;
                request.position += 1;
                left -= 1;
                self.done.prefilled += 1;
            }
        }
        self.decode(progress)
    }

    fn add(&mut self, token: LlamaToken, position: i32, sequence: i32, logits: bool) -> Result<(), EngineError> {
        self.batch.add(token, position, &[sequence], logits).map_err(|e| backend("filling a batch")(&e))
    }

    fn decode(&mut self, progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>) -> Result<(), EngineError> {
        if progress(self.done).is_break() {
            return Err(EngineError::Interrupted);
        }
        self.context.decode(&mut self.batch).map_err(|e| backend("decoding")(&e))
    }
}

/// Cells that a request needs beyond the shared prefix.
fn work(prompt: &Prompt, shared: usize) -> usize {
    prompt.tokens.len() - shared + prompt.decoding.max_tokens as usize
}

/// How much of a prompt may be shared: up to its last breakpoint, where it has any, and never its last token, whose
/// logits begin the answer.
fn may_share(prompt: &Prompt) -> usize {
    let end = prompt.tokens.len().saturating_sub(1);
    prompt.breakpoints.as_ref().and_then(|points| points.last()).map_or(end, |&last| last.min(end))
}

/// What a prompt has up to the end of a node.
fn node_tokens<'p>(tree: &Tree, prompts: &'p [Prompt], node: usize) -> &'p [LlamaToken] {
    &prompts[tree.nodes[node].of].tokens[..tree.nodes[node].end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Decoding;

    fn prompt(tokens: &[i32], breakpoints: &[usize]) -> Prompt {
        Prompt {
            tokens: tokens.iter().map(|&t| LlamaToken(t)).collect(),
            breakpoints: Some(breakpoints.to_vec()),
            opened: "",
            decoding: Decoding::greedy(4),
            seed: 0,
            matcher: None,
        }
    }

    #[test]
    fn a_prompt_shares_up_to_its_last_breakpoint_and_keeps_its_last_token() {
        assert_eq!(may_share(&prompt(&[1, 2, 3, 4, 5], &[2, 3])), 3);
        assert_eq!(may_share(&prompt(&[1, 2, 3], &[1, 3])), 2);
        assert_eq!(may_share(&prompt(&[1, 2, 3], &[])), 2);
    }
}
