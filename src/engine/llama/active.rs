//! A request under way, and its answer as it grows.

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;

use super::draft::Drafter;
use super::prompt::Prompt;
use super::sample::{Drawn, Sampler};
use crate::engine::{Completion, Ended, Usage, reasoning};

pub(super) struct Active<'p> {
    /// Its place in the wave.
    pub(super) index: usize,
    pub(super) sequence: i32,
    pub(super) prompt: &'p Prompt,
    /// Prompt tokens that nodes had for it, and those of them that were computed for it.
    pub(super) shared: usize,
    charged: usize,
    /// Prompt tokens already in a batch.
    pub(super) fed: usize,
    /// Where its next token goes.
    pub(super) position: i32,
    /// The token drawn last, not yet in a batch.
    pub(super) next: Option<LlamaToken>,
    /// Where the logits of this request begin in the batch under way.
    pub(super) logits: Option<i32>,
    /// Guesses that stand behind `next` in the batch under way.
    pub(super) draft: Vec<LlamaToken>,
    drafter: Drafter,
    /// Prompt and answer, once there is one.
    said: Vec<LlamaToken>,
    sampler: Sampler,
    bytes: Vec<u8>,
    /// Tokens of the answer.
    pub(super) tokens: u32,
}

impl<'p> Active<'p> {
    pub(super) fn new(index: usize, sequence: i32, prompt: &'p Prompt, shared: usize, charged: usize, position: i32) -> Self {
        Self {
            index,
            sequence,
            prompt,
            shared,
            charged,
            fed: shared,
            position,
            next: None,
            logits: None,
            draft: Vec::new(),
            drafter: Drafter::new(),
            said: Vec::new(),
            sampler: Sampler::new(&prompt.decoding, prompt.seed, prompt.matcher.as_ref()),
            bytes: Vec::new(),
            tokens: 0,
        }
    }

    /// Guesses at most `most` tokens that may follow `next`, as far as the answer may go.
    pub(super) fn guess(&mut self, most: usize) {
        let left = self.prompt.decoding.max_tokens.saturating_sub(self.tokens + 1) as usize;
        self.draft = self.drafter.guess(&self.said, most.min(left)).to_vec();
    }

    /// Draws what the batch has logits for: a token, and one more for each guess that was right. Says how the answer
    /// ended, if it did. `position` is behind what was right; what the cache holds from there on is to be removed.
    pub(super) fn draw(&mut self, context: &LlamaContext<'_>, vocab: &LlamaVocab<'_>) -> Option<Ended> {
        let mut index = self.logits.take()?;
        let draft = std::mem::take(&mut self.draft);
        let mut right = 0;
        loop {
            let token = match self.say(context, vocab, index) {
                Ok(token) => token,
                Err(ended) => return Some(ended),
            };
            if draft.get(right) != Some(&token) {
                self.next = Some(token);
                break;
            }
            right += 1;
            index += 1;
        }
        self.drafter.hear(draft.len(), right);
        self.position -= i32::try_from(draft.len() - right).unwrap_or(0);
        None
    }

    /// Draws one token and adds it to the answer, or says how that ended.
    fn say(&mut self, context: &LlamaContext<'_>, vocab: &LlamaVocab<'_>, index: i32) -> Result<LlamaToken, Ended> {
        let (token, is_last) = match self.sampler.next(context, index) {
            Ok(Drawn::Token(token)) => (token, false),
            Ok(Drawn::Last(token)) => (token, true),
            Ok(Drawn::Complete) => return Err(Ended::Grammar),
            Err(cause) => return Err(Ended::Refused(format!("its grammar failed: {cause}"))),
        };
        if vocab.is_eog(token) {
            return Err(if self.prompt.matcher.is_some() { Ended::Grammar } else { Ended::Stop });
        }
        if self.said.is_empty() {
            self.said.clone_from(&self.prompt.tokens);
        }
        self.said.push(token);
        self.tokens += 1;
        let from = self.bytes.len();
        vocab.token_to_piece_into(token, &mut self.bytes, false, None);
        if let Some(end) = find_stop(&self.bytes, from, &self.prompt.decoding.stop) {
            self.bytes.truncate(end);
            return Err(Ended::Stop);
        }
        match (is_last, self.tokens >= self.prompt.decoding.max_tokens) {
            (true, _) => Err(Ended::Grammar),
            (false, true) => Err(Ended::Length),
            (false, false) => Ok(token),
        }
    }

    /// The whole answer.
    pub(super) fn completion(&self, ended: Ended, unique: u64) -> Completion {
        let usage = Usage {
            prefilled: (self.prompt.tokens.len() - self.shared + self.charged) as u64,
            unique,
            reused: (self.shared - self.charged) as u64,
            decoded: u64::from(self.tokens),
        };
        let raw = format!("{}{}", self.prompt.opened, String::from_utf8_lossy(&self.bytes));
        let (reasoning, text) = reasoning::split(&raw);
        Completion { text, reasoning, ended, usage }
    }
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

    #[test]
    fn a_stop_string_across_pieces_is_found() {
        let stops = vec!["\n\n".to_owned(), "END".to_owned()];
        assert_eq!(find_stop(b"ab\n\ncd", 3, &stops), Some(2));
        assert_eq!(find_stop(b"abEND", 4, &stops), Some(2));
        assert_eq!(find_stop(b"abEN", 3, &stops), None);
    }
}
