//! Answers one list of requests, a wave, on one context.
//!
//! The prefixes that several prompts share are the nodes of the wave's prefix tree. A node is computed once, alone, in a sequence
//! of its own, and shared with the requests below it cell by cell. The prompts and answers of up to `Sequences::of_requests`
//! requests share every batch: the tokens that the answers leave free are filled with prompts, node by node, and within a node
//! the longest prompt first.
//!
//! At the beginning the KV cache is cleared. Only the first node stays in it if the last wave had the same first node.

mod step;

use std::collections::{BTreeSet, VecDeque};
use std::ops::ControlFlow;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::token::LlamaToken;

use super::active::ActiveRequest;
use super::batch::Batch;
use super::cache::{KvCache, Sequences};
use super::padding::RowPadding;
use super::prefix::unique_tokens;
use super::prefix_tree::PrefixTree;
use super::tokenizer::Tokenizer;
use super::work::{WaveRequest, Work};
use crate::engine::error::EngineError;
use crate::engine::interface::EngineProgress;

/// The sizes of the work, which do not change between waves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) sequences: Sequences,
    /// The most tokens of a batch.
    pub(super) chunk: usize,
    /// The cells of the KV cache, which all sequences share.
    pub(super) cells: usize,
    /// How batches are padded. None if padding them has no effect on the arithmetic of a row.
    pub(super) padding: Option<RowPadding>,
    /// Whether each sequence has a recurrent state, which cannot be cut back.
    pub(super) has_state: bool,
    /// Whether tokens are drafted while few requests are decoded.
    pub(super) drafts: bool,
}

/// The first node of the last wave, which fills the first cells of the KV cache. It has no tokens if there is none.
#[derive(Debug, Default)]
pub(super) struct CarriedNode {
    tokens: Vec<LlamaToken>,
    sequence: i32,
}

/// Which nodes of the prefix tree are in the KV cache.
struct CachedNodes {
    /// For each node its sequence. None if it is not in the cache.
    sequences: Vec<Option<i32>>,
    /// For each node, how many requests below it have no answer yet.
    users: Vec<usize>,
    /// The sequences that no node has.
    free: BTreeSet<i32>,
    /// The node that stays in the cache for the next wave.
    first: Option<usize>,
}

/// A wave in progress.
pub(super) struct Wave<'c, 'm, R> {
    requests: &'c [R],
    tree: PrefixTree,
    nodes: CachedNodes,
    carried: &'c mut CarriedNode,
    cache: KvCache<'c, 'm>,
    batch: Batch,
    tokenizer: Tokenizer<'m>,
    shape: Shape,
    /// Whether batches with logits are padded. They are if any answer must not depend on the other requests.
    pads_logits: bool,
    done: EngineProgress,
    progress: &'c mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
}

impl<'c, 'm, R: WaveRequest> Wave<'c, 'm, R> {
    /// Prepares a wave of `requests`, each of which must fit the cells of the cache alone.
    pub(super) fn new(
        context: &'c mut LlamaContext<'m>,
        carried: &'c mut CarriedNode,
        tokenizer: Tokenizer<'m>,
        shape: Shape,
        requests: &'c [R],
        progress: &'c mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Self {
        let shareable: Vec<usize> = requests.iter().map(|request| request.chat().shareable).collect();
        let tree = PrefixTree::new(&tokens_of(requests), &shareable);
        let nodes = CachedNodes {
            sequences: vec![None; tree.nodes.len()],
            users: tree.nodes.iter().map(|node| node.users).collect(),
            free: BTreeSet::new(),
            first: tree.order.first().and_then(|&index| tree.path(index).first().copied()),
        };
        Self {
            requests,
            tree,
            nodes,
            carried,
            cache: KvCache::new(context, shape.sequences, shape.cells, shape.has_state),
            batch: Batch::new(shape.chunk),
            tokenizer,
            shape,
            pads_logits: requests.iter().any(WaveRequest::is_exact),
            done: EngineProgress::default(),
            progress,
        }
    }

    /// Answers the requests. The answers stand in the order of the requests.
    pub(super) fn run(mut self) -> Result<Vec<R::Answer>, EngineError> {
        self.clear_for_wave()?;
        let unique = unique_tokens(&tokens_of(self.requests));
        let mut waiting: VecDeque<usize> = self.tree.order.iter().copied().collect();
        let mut free: BTreeSet<i32> = self.shape.sequences.of_requests().collect();
        let mut active: Vec<ActiveRequest<'c, R>> = Vec::new();
        let mut answers: Vec<Option<R::Answer>> = self.requests.iter().map(|_| None).collect();

        loop {
            self.admit_waiting(&mut waiting, &mut free, &mut active)?;
            if active.is_empty() {
                break;
            }
            self.step(&mut active)?;
            let mut remaining = Vec::with_capacity(active.len());
            for mut request in active {
                match self.read(&mut request)? {
                    None => remaining.push(request),
                    Some(end) => {
                        self.finish(&request)?;
                        free.insert(request.sequence);
                        let chat = request.chat_usage(unique[request.index]);
                        answers[request.index] = Some(request.work.answer(end, chat));
                    }
                }
            }
            active = remaining;
        }
        if let Some(first) = self.nodes.first
            && let Some(sequence) = self.nodes.sequences[first]
        {
            *self.carried = CarriedNode { tokens: self.node_tokens(first).to_vec(), sequence };
        }
        let missing = || EngineError::Backend { doing: "decoding", cause: "a request found no room in the KV cache".into() };
        answers.into_iter().map(|answer| answer.ok_or_else(missing)).collect()
    }

    /// Clears the cache before the first request, except for the carried node if it is the first node of this wave.
    fn clear_for_wave(&mut self) -> Result<(), EngineError> {
        // If anything fails from here on, nothing is carried to the next wave.
        let carried = std::mem::take(self.carried);
        match self.nodes.first.filter(|&first| self.node_tokens(first) == carried.tokens) {
            Some(first) => self.clear_cache(Some((first, carried.sequence))),
            None => self.clear_cache(None),
        }
    }

    /// Clears the cache for a request that does not fit it while no request is active. The first node is kept if the request is
    /// below it, or if it leaves room for the whole request.
    fn clear_for_request(&mut self, path: &[usize], request: &R) -> Result<(), EngineError> {
        let kept = self.nodes.first.and_then(|first| {
            let fits = request.cells_after(0) + self.tree.nodes[first].end <= self.cache.cells();
            let sequence = self.nodes.sequences[first].filter(|_| path.first() == Some(&first) || fits)?;
            Some((first, sequence))
        });
        if kept.is_none() {
            self.nodes.first = None;
        }
        self.clear_cache(kept)
    }

    /// Clears the cache except for one node and its sequence, which is the first in the cache.
    fn clear_cache(&mut self, kept: Option<(usize, i32)>) -> Result<(), EngineError> {
        self.nodes.sequences.fill(None);
        self.nodes.free = self.shape.sequences.of_nodes().collect();
        match kept {
            None => self.cache.clear(),
            Some((node, sequence)) => {
                self.cache.clear_except(sequence, self.tree.nodes[node].end)?;
                self.nodes.sequences[node] = Some(sequence);
                self.nodes.free.remove(&sequence);
            }
        }
        Ok(())
    }

    /// Admits waiting requests while there are sequences and cells for them.
    fn admit_waiting(
        &mut self,
        waiting: &mut VecDeque<usize>,
        free: &mut BTreeSet<i32>,
        active: &mut Vec<ActiveRequest<'c, R>>,
    ) -> Result<(), EngineError> {
        while let Some(&index) = waiting.front()
            && let Some(&sequence) = free.first()
        {
            let path = self.tree.path(index);
            let request = &self.requests[index];
            if self.cells_needed(&path, request) > self.cache.free_cells() {
                if !active.is_empty() {
                    break;
                }
                self.clear_for_request(&path, request)?;
            }
            waiting.pop_front();
            free.remove(&sequence);
            active.push(self.admit(index, sequence, &path)?);
        }
        Ok(())
    }

    /// Returns the cells that a request needs, with those of the nodes on its path that are not in the cache.
    fn cells_needed(&self, path: &[usize], request: &R) -> usize {
        let cached = path.iter().take_while(|&&node| self.nodes.sequences[node].is_some()).last();
        request.cells_after(cached.map_or(0, |&node| self.tree.nodes[node].end))
    }

    /// Admits a request. The nodes on its path that are not in the cache are computed, as far as there are sequences for them.
    fn admit(&mut self, index: usize, sequence: i32, path: &[usize]) -> Result<ActiveRequest<'c, R>, EngineError> {
        let (mut shared, mut charged, mut above) = (0, 0, None);
        for &node in path {
            let own = match self.nodes.sequences[node] {
                Some(own) => own,
                None => {
                    let Some(own) = self.nodes.free.pop_first() else { break };
                    charged += self.compute_node(node, own, above)?;
                    own
                }
            };
            above = Some(own);
            shared = self.tree.nodes[node].end;
        }
        if let Some(above) = above {
            self.cache.share(above, sequence)?;
        }
        let request = &self.requests[index];
        self.cache.reserve(request.cells_after(shared));
        Ok(ActiveRequest::new(index, sequence, request, shared, charged))
    }

    /// Computes a node in a sequence of its own, after the tokens of the node above it. Returns how many tokens were computed.
    fn compute_node(&mut self, node: usize, sequence: i32, above: Option<i32>) -> Result<usize, EngineError> {
        if let Some(above) = above {
            self.cache.share(above, sequence)?;
        }
        let start = self.tree.nodes[node].start;
        let tokens = &self.node_tokens(node)[start..];
        let mut position = start;
        for chunk in tokens.chunks(self.shape.chunk) {
            for &token in chunk {
                self.batch.add(token, position, sequence, false);
                position += 1;
            }
            self.done.prefilled += chunk.len() as u64;
            self.decode()?;
        }
        self.nodes.sequences[node] = Some(sequence);
        self.cache.reserve(tokens.len());
        Ok(tokens.len())
    }

    /// Retires the cells of a request whose answer has ended, and those of nodes that no request needs any more.
    fn finish(&mut self, request: &ActiveRequest<'c, R>) -> Result<(), EngineError> {
        // The cells of the shared tokens belong to nodes.
        self.cache.retire_cells(request.sequence, request.shared)?;
        self.cache.remove(request.sequence, 0)?;
        let filled = request.position - request.shared + request.retired;
        self.cache.release(request.request.cells_after(request.shared).saturating_sub(filled));
        for node in self.tree.path(request.index) {
            self.nodes.users[node] -= 1;
            if self.nodes.users[node] == 0 && self.nodes.first != Some(node) {
                self.retire_node(node)?;
            }
        }
        self.done.answered += 1;
        Ok(())
    }

    /// Retires the cells of a node, if it is in the cache. The tokens before it belong to the nodes above.
    fn retire_node(&mut self, node: usize) -> Result<(), EngineError> {
        if let Some(sequence) = self.nodes.sequences[node].take() {
            self.cache.retire_cells(sequence, self.tree.nodes[node].start)?;
            self.cache.remove(sequence, 0)?;
            self.nodes.free.insert(sequence);
        }
        Ok(())
    }

    /// Returns the tokens of a prompt up to the end of a node.
    fn node_tokens(&self, node: usize) -> &'c [LlamaToken] {
        let node = &self.tree.nodes[node];
        &self.requests[node.prompt].chat().tokens[..node.end]
    }
}

/// Returns the tokens of each request's chat.
fn tokens_of<R: WaveRequest>(requests: &[R]) -> Vec<&[LlamaToken]> {
    requests.iter().map(|request| request.chat().tokens.as_slice()).collect()
}
