//! Scores the continuations of a chat: reads their tokens' probabilities along a trie, in the request's one sequence.

use std::ops::{ControlFlow, Range};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::token::LlamaToken;

use super::chat_tokens::{ChatTokens, render_and_tokenize};
use super::prepared::PreparedModel;
use super::sampler::{NO_NUMBER, likeliest};
use super::tokenizer::Tokenizer;
use super::trie::Trie;
use super::work::{WaveRequest, Work};
use crate::engine::completion::Usage;
use crate::engine::interface::EngineProgress;
use crate::engine::scoring::{ContinuationScore, ScoreAnswer, ScoreRequest, TokenScore};

/// A [`ScoreRequest`] as tokens.
pub(super) struct ScorePrompt {
    chat: ChatTokens,
    trie: Trie<LlamaToken>,
    /// The number of continuations.
    continuations: usize,
}

impl ScorePrompt {
    /// Renders and tokenizes a request.
    ///
    /// # Errors
    /// Why the request is refused.
    pub(super) fn new(model: &PreparedModel, request: &ScoreRequest) -> Result<Self, String> {
        request.check()?;
        let (rendered, tokens) = render_and_tokenize(model, &request.messages, false)?;
        let chat = ChatTokens::new(model, &request.messages, &request.breakpoints, &rendered.text, tokens)?;
        let tokenizer = model.tokenizer();
        let most = if request.first_token_only { 1 } else { usize::MAX };
        let mut continuations = Vec::with_capacity(request.continuations.len());
        for text in &request.continuations {
            let mut tokens = tokenizer.tokenize_continuation(text)?;
            tokens.truncate(most);
            continuations.push(tokens);
        }
        let trie = Trie::new(chat.tokens[chat.tokens.len() - 1], &continuations);
        if model.has_state && trie.branches() {
            let cause = "it is a recurrent or hybrid model, which cannot go back to where continuations differ";
            return Err(format!("{cause}; score one continuation of a chat at a time"));
        }
        let (length, after) = (chat.tokens.len(), trie.rows_after_chat());
        if length + after > model.context {
            let context = model.context;
            return Err(format!(
                "the prompt has {length} tokens; with {after} for the continuations it exceeds the context of {context}"
            ));
        }
        Ok(Self { chat, trie, continuations: continuations.len() })
    }
}

impl WaveRequest for ScorePrompt {
    type Answer = ScoreAnswer;
    type Work<'r> = Scorer<'r>;

    fn chat(&self) -> &ChatTokens {
        &self.chat
    }

    fn cells_after_chat(&self) -> usize {
        self.trie.rows_after_chat()
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn begin(&self) -> Scorer<'_> {
        let empty = ContinuationScore { tokens: Vec::new(), bytes: Vec::new() };
        Scorer { trie: &self.trie, next: 0, scores: vec![empty; self.continuations] }
    }

    fn refused(reason: String) -> ScoreAnswer {
        ScoreAnswer::refused(reason)
    }
}

/// Reads the scores of one request.
pub(super) struct Scorer<'r> {
    trie: &'r Trie<LlamaToken>,
    /// The first row of the trie that was not read yet.
    next: usize,
    /// For each continuation its first tokens.
    scores: Vec<ContinuationScore>,
}

impl Work for Scorer<'_> {
    type Answer = ScoreAnswer;
    type End = Result<(), String>;

    const GUESSES: bool = false;

    fn next_tokens(&mut self, extra: usize) -> Vec<LlamaToken> {
        match self.next {
            // The first row is the last token of the chat.
            0 => Vec::new(),
            next => self.trie.run(next, 1 + extra).collect(),
        }
    }

    fn read(
        &mut self,
        context: &LlamaContext<'_>,
        tokenizer: &Tokenizer<'_>,
        rows: Range<usize>,
        done: &mut EngineProgress,
    ) -> ControlFlow<Result<(), String>, usize> {
        if self.next > 0 {
            done.prefilled += rows.len() as u64;
        }
        for row in rows {
            if let Err(reason) = self.read_row(context, tokenizer, row) {
                return ControlFlow::Break(Err(reason));
            }
        }
        match self.trie.removed_before(self.next) {
            Some(removed) => ControlFlow::Continue(removed),
            None => ControlFlow::Break(Ok(())),
        }
    }

    fn answer(self, end: Result<(), String>, chat: Usage) -> ScoreAnswer {
        let after_chat = self.next.saturating_sub(1) as u64;
        let usage = Usage { prefilled: chat.prefilled + after_chat, unique: chat.unique + after_chat, ..chat };
        ScoreAnswer { continuations: end.map(|()| self.scores), usage }
    }
}

impl Scorer<'_> {
    /// Reads the scores after the next row of the trie, from row `row` of the batch.
    fn read_row(&mut self, context: &LlamaContext<'_>, tokenizer: &Tokenizer<'_>, row: usize) -> Result<(), String> {
        let row = i32::try_from(row).map_err(|e| e.to_string())?;
        let distribution = Distribution::new(context.get_logits_ith(row)).ok_or(NO_NUMBER)?;
        for reading in &self.trie.rows[self.next].readings {
            let score = &mut self.scores[reading.continuation];
            score.tokens.push(distribution.score(reading.token).ok_or(NO_NUMBER)?);
            let mut bytes = Vec::new();
            tokenizer.append_prompt_bytes(reading.token, &mut bytes);
            score.bytes.push(bytes);
        }
        self.next += 1;
        Ok(())
    }
}

/// The probabilities of a row of logits.
struct Distribution<'l> {
    logits: &'l [f32],
    /// The logarithm of the sum of the logits' exponentials.
    log_sum: f64,
    likeliest: LlamaToken,
}

impl<'l> Distribution<'l> {
    /// Computes the sum in the order of the vocabulary, so that it is the same at each time. None if it is not a finite number.
    fn new(logits: &'l [f32]) -> Option<Self> {
        let likeliest = likeliest((0..).zip(logits.iter().copied()))?;
        let largest = f64::from(*logits.get(usize::try_from(likeliest.0).ok()?)?);
        let sum: f64 = logits.iter().map(|&logit| (f64::from(logit) - largest).exp()).sum();
        let log_sum = largest + sum.ln();
        log_sum.is_finite().then_some(Self { logits, log_sum, likeliest })
    }

    /// Returns the score of a token. None if the vocabulary has no such token.
    fn score(&self, token: LlamaToken) -> Option<TokenScore> {
        let logit = *self.logits.get(usize::try_from(token.0).ok()?)?;
        let log_probability = (f64::from(logit) - self.log_sum) as f32;
        Some(TokenScore { log_probability, is_likeliest: token == self.likeliest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_and_the_first_of_equal_logits_is_the_likeliest() {
        let logits = [1000.0, 999.0, 1000.0, f32::NEG_INFINITY];
        let distribution = Distribution::new(&logits).unwrap();
        let scores: Vec<TokenScore> = (0..4).map(|id| distribution.score(LlamaToken(id)).unwrap()).collect();
        let sum: f64 = scores.iter().map(|score| f64::from(score.log_probability).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        assert_eq!(scores.iter().map(|score| score.is_likeliest).collect::<Vec<_>>(), [true, false, false, false]);
        assert_eq!(scores[3].log_probability, f32::NEG_INFINITY);
        assert!(distribution.score(LlamaToken(4)).is_none() && distribution.score(LlamaToken(-1)).is_none());
        for logits in [[1.0, f32::NAN], [f32::INFINITY, 0.0], [f32::NEG_INFINITY; 2]] {
            assert!(Distribution::new(&logits).is_none());
        }
    }
}
