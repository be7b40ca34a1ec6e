//! Decodes the answer to a request.

use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::token::LlamaToken;

use super::chat_tokens::ChatTokens;
use super::drafter::Drafter;
use super::prompt::{Prompt, Thinking};
use super::sampler::{Drawn, Sampler};
use super::tokenizer::Tokenizer;
use super::work::{WaveRequest, Work};
use crate::engine::completion::{Completion, Ended, Usage};
use crate::engine::interface::EngineProgress;
use crate::engine::reasoning;
use crate::engine::repetition::Repetition;

impl WaveRequest for Prompt {
    type Answer = Completion;
    type Work<'r> = Decoder<'r>;

    fn chat(&self) -> &ChatTokens {
        &self.chat
    }

    /// Returns the most cells that reasoning and answer fill.
    fn cells_after_chat(&self) -> usize {
        self.decoding.max_tokens as usize + self.thinking.as_ref().map_or(0, Thinking::cells)
    }

    /// A sampled answer is random anyway.
    fn is_exact(&self) -> bool {
        self.decoding.temperature <= 0.0
    }

    fn begin(&self) -> Decoder<'_> {
        Decoder::new(self)
    }

    fn refused(reason: String) -> Completion {
        Completion { text: String::new(), reasoning: None, ended: Ended::Refused(reason), usage: Usage::default(), served: None }
    }
}

/// The answer to one request, which is being decoded.
pub(super) struct Decoder<'p> {
    prompt: &'p Prompt,
    /// The token that was drawn last, until it is added to a batch.
    next: Option<LlamaToken>,
    /// The drafted tokens behind `next` in the current batch.
    draft: Vec<LlamaToken>,
    drafter: Drafter,
    /// The tokens of the prompt and of the answer so far. It is empty until the first token of the answer.
    so_far: Vec<LlamaToken>,
    sampler: Sampler,
    /// The text of the current phase so far.
    bytes: Vec<u8>,
    /// For each token of `bytes`, where it ends there.
    ends: Vec<usize>,
    /// Tokens that were drawn or forced, in all phases.
    decoded: usize,
    phase: Phase<'p>,
    /// The reasoning, once it has ended. None also if it was empty.
    reasoning: Option<String>,
    /// Tokens of the reasoning, once it has ended.
    reasoned: usize,
    /// The tokens of the current phase, to find circles. None if the model is not asked to reason: such an answer may repeat itself.
    repetition: Option<Repetition<LlamaToken>>,
    /// See [`Usage::repeated`].
    repeated: usize,
}

/// What the next token of an answer belongs to.
enum Phase<'p> {
    /// The reasoning before the answer.
    Thinking(&'p Thinking),
    /// The tokens between reasoning and answer, which are not drawn but set.
    Forced(VecDeque<LlamaToken>),
    /// The answer.
    Answering {
        /// Tokens that were decoded before the answer.
        decoded_before: usize,
    },
}

impl<'p> Decoder<'p> {
    /// Creates an answer without tokens.
    pub(super) fn new(prompt: &'p Prompt) -> Self {
        let matcher = prompt.matcher.as_deref().filter(|_| prompt.thinking.is_none());
        Self {
            prompt,
            next: None,
            draft: Vec::new(),
            drafter: Drafter::new(),
            so_far: Vec::new(),
            sampler: Sampler::new(&prompt.decoding, prompt.seed, matcher),
            bytes: Vec::new(),
            ends: Vec::new(),
            decoded: 0,
            phase: prompt.thinking.as_ref().map_or(Phase::Answering { decoded_before: 0 }, Phase::Thinking),
            reasoning: None,
            reasoned: 0,
            repetition: prompt.thinking.as_ref().map(|_| Repetition::default()),
            repeated: 0,
        }
    }

    /// Returns how many tokens the current phase may still have.
    fn tokens_left(&self) -> usize {
        match &self.phase {
            Phase::Thinking(thinking) => (thinking.budget as usize).saturating_sub(self.decoded),
            Phase::Forced(tokens) => tokens.len(),
            Phase::Answering { decoded_before } => {
                (self.prompt.decoding.max_tokens as usize).saturating_sub(self.decoded - decoded_before)
            }
        }
    }

    /// Draws one token and adds it to the reasoning or the answer. The error is how the answer ended.
    fn draw_token(&mut self, context: &LlamaContext<'_>, tokenizer: &Tokenizer<'_>, row: usize) -> Result<LlamaToken, Ended> {
        if let Phase::Thinking(thinking) = self.phase
            && let Some(token) = self.draw_reasoning(thinking, context, tokenizer, row)?
        {
            return Ok(token);
        }
        if let Phase::Forced(tokens) = &mut self.phase {
            let token = tokens.pop_front();
            let is_last = tokens.is_empty();
            if let Some(token) = token {
                self.add(token, tokenizer);
            }
            if is_last {
                self.begin_answer();
            }
            if let Some(token) = token {
                return Ok(token);
            }
        }
        self.draw_answer(context, tokenizer, row)
    }

    /// Draws one token of the reasoning. None if the reasoning has ended without it.
    fn draw_reasoning(
        &mut self,
        thinking: &'p Thinking,
        context: &LlamaContext<'_>,
        tokenizer: &Tokenizer<'_>,
        row: usize,
    ) -> Result<Option<LlamaToken>, Ended> {
        let token = match self.sampler.draw(context, row) {
            Ok(Drawn::Token(token) | Drawn::Last(token)) if !tokenizer.ends_answer(token) => token,
            Ok(_) => {
                self.end_reasoning(thinking, tokenizer);
                return Ok(None);
            }
            Err(cause) => return Err(Ended::Refused(format!("its reasoning failed: {cause}"))),
        };
        let from = self.bytes.len();
        self.add(token, tokenizer);
        let is_closed = find_stop(&self.bytes, from, &[thinking.tags.close]).is_some();
        if self.goes_in_circles(token) || self.decoded >= thinking.budget as usize || is_closed {
            self.end_reasoning(thinking, tokenizer);
        }
        Ok(Some(token))
    }

    /// Ends the reasoning, and sets the tokens that lead to the answer.
    fn end_reasoning(&mut self, thinking: &Thinking, tokenizer: &Tokenizer<'_>) {
        let thought = format!("{}{}", self.prompt.open_tag, String::from_utf8_lossy(&self.bytes));
        let closing = format!("{}{}", thinking.tags.closing(&thought), thinking.answer_start);
        self.reasoning = reasoning::split(&thought).0;
        self.reasoned = self.decoded;
        let mut tokens = tokenizer.tokenize(&closing);
        tokens.truncate(thinking.most_forced);
        self.phase = Phase::Forced(tokens.into());
    }

    fn begin_answer(&mut self) {
        self.phase = Phase::Answering { decoded_before: self.decoded };
        self.sampler = Sampler::new(&self.prompt.decoding, self.prompt.seed, self.prompt.matcher.as_deref());
        self.bytes.clear();
        self.ends.clear();
        self.repetition = self.repetition.take().map(|_| Repetition::default());
    }

    /// Whether the phase goes in circles with a token that was drawn now. Counts the repeated tokens if so.
    fn goes_in_circles(&mut self, token: LlamaToken) -> bool {
        let repeated = self.repetition.as_mut().and_then(|repetition| repetition.push(token));
        self.repeated += repeated.unwrap_or(0);
        repeated.is_some()
    }

    /// Draws one token of the answer. The error is how the answer ended.
    fn draw_answer(&mut self, context: &LlamaContext<'_>, tokenizer: &Tokenizer<'_>, row: usize) -> Result<LlamaToken, Ended> {
        let (token, is_last) = match self.sampler.draw(context, row) {
            Ok(Drawn::Token(token)) => (token, false),
            Ok(Drawn::Last(token)) => (token, true),
            Ok(Drawn::Complete) => return Err(Ended::Grammar),
            Err(cause) => return Err(Ended::Refused(cause)),
        };
        if tokenizer.ends_answer(token) {
            return Err(if self.prompt.matcher.is_some() { Ended::Grammar } else { Ended::Stop });
        }
        let from = self.bytes.len();
        self.add(token, tokenizer);
        if let Some(end) = find_stop(&self.bytes, from, &self.prompt.decoding.stop) {
            self.bytes.truncate(end);
            return Err(Ended::Stop);
        }
        match (is_last, self.goes_in_circles(token) || self.tokens_left() == 0) {
            (true, _) => Err(Ended::Grammar),
            (false, true) => Err(Ended::Length),
            (false, false) => Ok(token),
        }
    }

    /// Adds a token to the text of the current phase.
    fn add(&mut self, token: LlamaToken, tokenizer: &Tokenizer<'_>) {
        if self.so_far.is_empty() {
            self.so_far.clone_from(&self.prompt.chat.tokens);
        }
        self.so_far.push(token);
        self.decoded += 1;
        tokenizer.append_answer_bytes(token, &mut self.bytes);
        self.ends.push(self.bytes.len());
    }
}

impl Work for Decoder<'_> {
    type Answer = Completion;
    type End = Ended;

    const GUESSES: bool = true;

    /// Returns the token that was drawn last, and drafts of the tokens that may follow it, no more than the current phase may have.
    fn next_tokens(&mut self, extra: usize) -> Vec<LlamaToken> {
        let Some(token) = self.next.take() else { return Vec::new() };
        let left = self.tokens_left().saturating_sub(1);
        self.draft = self.drafter.draft(&self.so_far, extra.min(left)).to_vec();
        std::iter::once(token).chain(self.draft.iter().copied()).collect()
    }

    /// Draws tokens: one, and one more for each drafted token that was right.
    fn read(
        &mut self,
        context: &LlamaContext<'_>,
        tokenizer: &Tokenizer<'_>,
        rows: Range<usize>,
        done: &mut EngineProgress,
    ) -> ControlFlow<Ended, usize> {
        let draft = std::mem::take(&mut self.draft);
        let decoded_before = self.decoded;
        let mut right = 0;
        let result = loop {
            match self.draw_token(context, tokenizer, rows.start + right) {
                Ok(token) if draft.get(right) == Some(&token) => right += 1,
                Ok(token) => {
                    self.next = Some(token);
                    self.drafter.record(draft.len(), right);
                    break ControlFlow::Continue(draft.len() - right);
                }
                Err(ended) => break ControlFlow::Break(ended),
            }
        };
        done.decoded += (self.decoded - decoded_before) as u64;
        result
    }

    fn answer(self, ended: Ended, chat: Usage) -> Completion {
        // A character that is incomplete at the end is left out.
        let complete = match std::str::from_utf8(&self.bytes) {
            Err(error) if error.error_len().is_none() => &self.bytes[..error.valid_up_to()],
            _ => &self.bytes[..],
        };
        // A model may reason in its answer without being asked to.
        let (unasked, text) = reasoning::split(&String::from_utf8_lossy(complete));
        let before_text = complete.len().saturating_sub(text.len());
        let unasked_tokens = if unasked.is_some() { self.ends.partition_point(|&end| end <= before_text) } else { 0 };
        let (decoded, reasoned) = (self.decoded as u64, (self.reasoned + unasked_tokens) as u64);
        let usage = Usage { decoded, reasoned, repeated: self.repeated as u64, ..chat };
        Completion { text, reasoning: self.reasoning.or(unasked), ended, usage, served: None }
    }
}

/// Returns where the first of some stop strings begins in `bytes`, among those that end after index `from`. None if none does.
fn find_stop(bytes: &[u8], from: usize, stops: &[impl AsRef<str>]) -> Option<usize> {
    stops
        .iter()
        .map(AsRef::as_ref)
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

    #[test]
    fn a_stop_string_across_tokens_is_found() {
        let stops = vec!["\n\n".to_owned(), "END".to_owned()];
        assert_eq!(find_stop(b"ab\n\ncd", 3, &stops), Some(2));
        assert_eq!(find_stop(b"abEND", 4, &stops), Some(2));
        assert_eq!(find_stop(b"abEN", 3, &stops), None);
    }
}
