//! One list of requests on one context, decoded together.
//!
//! The KV cache is emptied first, so that what a wave says depends on the wave alone. The prefix
//! that all requests share is computed once, in sequence 0, and shared with the others cell by
//! cell. Then prompts and answers of up to `sequences` requests share every batch: whatever
//! room the answers leave is filled with prompts, the longest work first.

use std::ops::ControlFlow;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;

use super::prefix;
use super::sample::Sampler;
use crate::engine::{Completion, Decoding, Ended, EngineError, EngineProgress, Usage, reasoning};

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
}

/// The fixed shape of the batches; part of the plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Requests decoded together.
    pub(super) sequences: usize,
    /// Tokens a batch may have.
    pub(super) chunk: usize,
    /// Cells of the KV cache, shared by all sequences.
    pub(super) cells: usize,
}

/// A request under way.
struct Active<'p> {
    index: usize,
    sequence: i32,
    prompt: &'p Prompt,
    /// Prompt tokens already in a batch.
    fed: usize,
    /// The token drawn last, not yet in a batch.
    next: Option<LlamaToken>,
    position: i32,
    sampler: Sampler,
    answer: Answer,
    /// Where the logits of this request stand in the batch under way.
    logits: Option<i32>,
}

/// An answer as it grows.
#[derive(Default)]
struct Answer {
    bytes: Vec<u8>,
    tokens: u32,
}

pub(super) struct Wave<'c, 'm> {
    context: &'c mut LlamaContext<'m>,
    vocab: LlamaVocab<'m>,
    shape: Shape,
    batch: LlamaBatch<'static>,
    done: EngineProgress,
}

fn backend(doing: &'static str) -> impl Fn(&dyn std::fmt::Display) -> EngineError {
    move |cause| EngineError::Backend { doing, cause: cause.to_string() }
}

impl<'c, 'm> Wave<'c, 'm> {
    pub(super) fn new(context: &'c mut LlamaContext<'m>, vocab: LlamaVocab<'m>, shape: Shape) -> Self {
        let batch = LlamaBatch::new(shape.chunk, 1);
        let done = EngineProgress { answered: 0, prefilled: 0, decoded: 0 };
        Self { context, vocab, shape, batch, done }
    }

    /// Answers `prompts`, each of which fits the cells on its own.
    pub(super) fn run(
        mut self,
        prompts: &[Prompt],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>, EngineError> {
        self.context.clear_kv_cache();
        let shared = shared_prefix(prompts);
        if shared > 0 {
            self.prefill_shared(&prompts[0].tokens[..shared], progress)?;
        }
        let slices: Vec<&[LlamaToken]> = prompts.iter().map(|p| p.tokens.as_slice()).collect();
        let unique = prefix::unique(&slices);

        let mut waiting: Vec<usize> = (0..prompts.len()).collect();
        waiting.sort_by_key(|&i| (std::cmp::Reverse(work(&prompts[i], shared)), i));
        let mut waiting = waiting.into_iter().peekable();
        let mut free: Vec<i32> = (1..).take(self.shape.sequences).collect();
        free.reverse();
        let mut room = self.shape.cells - shared;
        let mut active: Vec<Active<'_>> = Vec::new();
        let mut answers: Vec<Option<Completion>> = prompts.iter().map(|_| None).collect();
        let mut shared_is_charged = false;

        loop {
            while let Some(&index) = waiting.peek()
                && let Some(&sequence) = free.last()
                && work(&prompts[index], shared) <= room
            {
                waiting.next();
                free.pop();
                room -= work(&prompts[index], shared);
                active.push(self.admit(index, sequence, &prompts[index], shared)?);
            }
            if active.is_empty() {
                break;
            }
            self.step(&mut active, progress)?;

            let mut still = Vec::with_capacity(active.len());
            for mut request in active {
                let Some(ended) = self.draw(&mut request) else {
                    still.push(request);
                    continue;
                };
                self.context
                    .clear_kv_cache_seq(u32::try_from(request.sequence).ok(), None, None)
                    .map_err(|e| backend("freeing a sequence")(&e))?;
                free.push(request.sequence);
                free.sort_unstable_by(|a, b| b.cmp(a));
                room += work(request.prompt, shared);
                let own = (request.prompt.tokens.len() - shared) as u64;
                let reused = if shared_is_charged { shared as u64 } else { 0 };
                let prefilled = if shared_is_charged { own } else { own + shared as u64 };
                shared_is_charged = true;
                let usage = Usage { prefilled, unique: unique[request.index], reused, decoded: u64::from(request.answer.tokens) };
                self.done.answered += 1;
                let raw = format!("{}{}", request.prompt.opened, String::from_utf8_lossy(&request.answer.bytes));
                let (reasoning, text) = reasoning::split(&raw);
                answers[request.index] = Some(Completion { text, reasoning, ended, usage });
            }
            active = still;
        }
        let missing = || EngineError::Backend { doing: "decoding", cause: "a request found no room in the KV cache".into() };
        answers.into_iter().map(|answer| answer.ok_or_else(missing)).collect()
    }

    fn prefill_shared(
        &mut self,
        tokens: &[LlamaToken],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        let mut position = 0;
        for chunk in tokens.chunks(self.shape.chunk) {
            self.batch.clear();
            for &token in chunk {
                self.add(token, position, 0, false)?;
                position += 1;
            }
            self.done.prefilled += chunk.len() as u64;
            self.decode(progress)?;
        }
        Ok(())
    }

    fn admit<'p>(&mut self, index: usize, sequence: i32, prompt: &'p Prompt, shared: usize) -> Result<Active<'p>, EngineError> {
        if shared > 0 {
            self.context.copy_kv_cache_seq(0, sequence, None, None).map_err(|e| backend("sharing the common prefix")(&e))?;
        }
        Ok(Active {
            index,
            sequence,
            prompt,
            fed: shared,
            next: None,
            position: i32::try_from(shared).map_err(|e| backend("placing a request")(&e))?,
            sampler: Sampler::new(&prompt.decoding, prompt.seed),
            answer: Answer::default(),
            logits: None,
        })
    }

    /// One batch: a token for every answer under way, then prompts while there is room.
    fn step(
        &mut self,
        active: &mut [Active<'_>],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        self.batch.clear();
        let mut left = self.shape.chunk;
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

    /// Draws the next token of a request that has logits; says how the answer ended, if it did.
    fn draw(&mut self, request: &mut Active<'_>) -> Option<Ended> {
        let index = request.logits.take()?;
        let token = request.sampler.next(self.context, index);
        if self.vocab.is_eog(token) {
            return Some(Ended::Stop);
        }
        let answer = &mut request.answer;
        answer.tokens += 1;
        self.done.decoded += 1;
        let from = answer.bytes.len();
        self.vocab.token_to_piece_into(token, &mut answer.bytes, false, None);
        if let Some(end) = find_stop(&answer.bytes, from, &request.prompt.decoding.stop) {
            answer.bytes.truncate(end);
            return Some(Ended::Stop);
        }
        if answer.tokens >= request.prompt.decoding.max_tokens {
            return Some(Ended::Length);
        }
        request.next = Some(token);
        None
    }
}

/// Cells that a request needs beyond the shared prefix.
fn work(prompt: &Prompt, shared: usize) -> usize {
    prompt.tokens.len() - shared + prompt.decoding.max_tokens as usize
}

/// How much of the prompts is computed once: the longest prefix that they all share, but no further
/// than the last breakpoint of any. Each keeps at least its last token to itself: its logits begin
/// the answer.
fn shared_prefix(prompts: &[Prompt]) -> usize {
    let [first, rest @ ..] = prompts else { return 0 };
    if rest.is_empty() {
        return 0;
    }
    let same = rest.iter().map(|p| prefix::common(&first.tokens, &p.tokens)).min().unwrap_or(0);
    let allowed = |p: &Prompt| {
        let end = p.tokens.len().saturating_sub(1);
        p.breakpoints.as_ref().map_or(end, |points| points.last().copied().unwrap_or(0).min(end))
    };
    prompts.iter().map(allowed).min().unwrap_or(0).min(same)
}

/// Where the first stop string begins, if one ends in the bytes that came last.
fn find_stop(bytes: &[u8], from: usize, stops: &[String]) -> Option<usize> {
    stops
        .iter()
        .filter(|stop| !stop.is_empty())
        .filter_map(|stop| {
            let begin = (from + 1).saturating_sub(stop.len());
            bytes[begin..].windows(stop.len()).position(|w| w == stop.as_bytes()).map(|at| begin + at)
        })
        .min()
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
        }
    }

    #[test]
    fn the_shared_prefix_ends_where_prompts_part_or_may_part() {
        let shared = |a, b| shared_prefix(&[a, b]);
        assert_eq!(shared(prompt(&[1, 2, 3, 4, 5], &[2, 3]), prompt(&[1, 2, 3, 9, 9], &[2])), 2);
        // Tokens at the border may depend on what follows.
        assert_eq!(shared(prompt(&[1, 2, 3, 4], &[3]), prompt(&[1, 2, 8, 9], &[3])), 2);
        assert_eq!(shared(prompt(&[1, 2, 3], &[]), prompt(&[1, 2, 3], &[])), 0);
    }

    #[test]
    fn equal_prompts_keep_their_last_token() {
        let prompts = [prompt(&[1, 2, 3], &[1, 3]), prompt(&[1, 2, 3], &[1, 3])];
        assert_eq!(shared_prefix(&prompts), 2);
    }

    #[test]
    fn where_branches_are_unknown_all_that_is_common_is_shared() {
        let mut prompts = [prompt(&[1, 2, 3, 4], &[2]), prompt(&[1, 2, 3, 5], &[2])];
        prompts.iter_mut().for_each(|p| p.breakpoints = None);
        assert_eq!(shared_prefix(&prompts), 3);
    }

    #[test]
    fn one_prompt_shares_nothing() {
        assert_eq!(shared_prefix(&[prompt(&[1, 2, 3], &[2])]), 0);
    }

    #[test]
    fn a_stop_string_across_pieces_is_found() {
        let stops = vec!["\n\n".to_owned(), "END".to_owned()];
        assert_eq!(find_stop(b"ab\n\ncd", 3, &stops), Some(2));
        assert_eq!(find_stop(b"abEND", 4, &stops), Some(2));
        assert_eq!(find_stop(b"abEN", 3, &stops), None);
    }
}
