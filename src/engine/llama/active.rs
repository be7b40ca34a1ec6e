//! A request under way, and its answer as it grows.

use std::collections::VecDeque;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::token::LlamaToken;

use super::draft::Drafter;
use super::loaded::Spelling;
use super::prompt::{Prompt, Thinking};
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
    /// For each token in `bytes`, where it ends there.
    ends: Vec<usize>,
    /// Tokens drawn or set, reasoning among them.
    pub(super) tokens: u32,
    phase: Phase<'p>,
    /// The reasoning, once it is over.
    thought: Option<String>,
    /// Tokens of it.
    reasoned: u32,
}

/// What the tokens of an answer are for.
enum Phase<'p> {
    /// They reason.
    Thinking(&'p Thinking),
    /// They are set: they lead from reasoning to the answer.
    Forced(VecDeque<LlamaToken>),
    /// They answer; so many tokens came before.
    Answering(u32),
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
            sampler: Sampler::new(&prompt.decoding, prompt.seed, prompt.matcher.as_deref().filter(|_| prompt.thinking.is_none())),
            bytes: Vec::new(),
            ends: Vec::new(),
            tokens: 0,
            phase: prompt.thinking.as_ref().map_or(Phase::Answering(0), Phase::Thinking),
            thought: None,
            reasoned: 0,
        }
    }

    /// Tokens that may be drawn yet before reasoning or answer has its full length.
    fn left(&self) -> u32 {
        match &self.phase {
            Phase::Thinking(thinking) => thinking.budget.saturating_sub(self.tokens),
            Phase::Forced(tokens) => u32::try_from(tokens.len()).unwrap_or(0),
            Phase::Answering(before) => self.prompt.decoding.max_tokens.saturating_sub(self.tokens - before),
        }
    }

    /// Guesses at most `most` tokens that may follow `next`, as far as the answer may go.
    pub(super) fn guess(&mut self, most: usize) {
        let left = self.left().saturating_sub(1) as usize;
        self.draft = self.drafter.guess(&self.said, most.min(left)).to_vec();
    }

    /// Draws what the batch has logits for: a token, and one more for each guess that was right. Says how the answer
    /// ended, if it did. `position` is behind what was right; what the cache holds from there on is to be removed.
    pub(super) fn draw(&mut self, context: &LlamaContext<'_>, spelling: &Spelling<'_>) -> Option<Ended> {
        let mut index = self.logits.take()?;
        let draft = std::mem::take(&mut self.draft);
        let mut right = 0;
        loop {
            let token = match self.say(context, spelling, index) {
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

    /// Draws one token and adds it to the reasoning or the answer, or says how that ended.
    fn say(&mut self, context: &LlamaContext<'_>, spelling: &Spelling<'_>, index: i32) -> Result<LlamaToken, Ended> {
        if let Phase::Thinking(thinking) = self.phase
            && let Some(token) = self.think(thinking, context, spelling, index)?
        {
            return Ok(token);
        }
        if let Phase::Forced(tokens) = &mut self.phase {
            let token = tokens.pop_front();
            let is_last = tokens.is_empty();
            token.iter().for_each(|&token| self.add(token, spelling));
            if is_last {
                self.begin_answer();
            }
            if let Some(token) = token {
                return Ok(token);
            }
        }
        self.answer(context, spelling, index)
    }

    /// Draws one token of reasoning; None where that is over.
    fn think(
        &mut self,
        thinking: &'p Thinking,
        context: &LlamaContext<'_>,
        spelling: &Spelling<'_>,
        index: i32,
    ) -> Result<Option<LlamaToken>, Ended> {
        let token = match self.sampler.next(context, index) {
            Ok(Drawn::Token(token) | Drawn::Last(token)) if !spelling.vocab.is_eog(token) => token,
            Ok(_) => {
                self.conclude(thinking, spelling);
                return Ok(None);
            }
            Err(cause) => return Err(Ended::Refused(format!("its reasoning failed: {cause}"))),
        };
        let from = self.bytes.len();
        self.add(token, spelling);
        if self.tokens >= thinking.budget || find_stop(&self.bytes, from, &[thinking.tags.close]).is_some() {
            self.conclude(thinking, spelling);
        }
        Ok(Some(token))
    }

    /// Ends the reasoning.
    fn conclude(&mut self, thinking: &Thinking, spelling: &Spelling<'_>) {
        let thought = format!("{}{}", self.prompt.opened, String::from_utf8_lossy(&self.bytes));
        let lead = format!("{}{}", thinking.tags.closing(&thought), thinking.then);
        self.thought = reasoning::split(&thought).0;
        self.reasoned = self.tokens;
        let mut tokens = spelling.vocab.tokenize(lead.as_bytes(), false, true);
        tokens.truncate(thinking.most_forced);
        self.phase = Phase::Forced(tokens.into());
    }

    fn begin_answer(&mut self) {
        self.phase = Phase::Answering(self.tokens);
        self.sampler = Sampler::new(&self.prompt.decoding, self.prompt.seed, self.prompt.matcher.as_deref());
        self.bytes.clear();
        self.ends.clear();
    }

    /// Draws one token of the answer, or says how that ended.
    fn answer(&mut self, context: &LlamaContext<'_>, spelling: &Spelling<'_>, index: i32) -> Result<LlamaToken, Ended> {
        let (token, is_last) = match self.sampler.next(context, index) {
            Ok(Drawn::Token(token)) => (token, false),
            Ok(Drawn::Last(token)) => (token, true),
            Ok(Drawn::Complete) => return Err(Ended::Grammar),
            Err(cause) => return Err(Ended::Refused(format!("its grammar failed: {cause}"))),
        };
        if spelling.vocab.is_eog(token) {
            return Err(if self.prompt.matcher.is_some() { Ended::Grammar } else { Ended::Stop });
        }
        let from = self.bytes.len();
        self.add(token, spelling);
        if let Some(end) = find_stop(&self.bytes, from, &self.prompt.decoding.stop) {
            self.bytes.truncate(end);
            return Err(Ended::Stop);
        }
        match (is_last, self.left() == 0) {
            (true, _) => Err(Ended::Grammar),
            (false, true) => Err(Ended::Length),
            (false, false) => Ok(token),
        }
    }

    fn add(&mut self, token: LlamaToken, spelling: &Spelling<'_>) {
        if self.said.is_empty() {
            self.said.clone_from(&self.prompt.tokens);
        }
        self.said.push(token);
        self.tokens += 1;
        spelling.append(token, &mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// The whole answer.
    pub(super) fn completion(&self, ended: Ended, unique: u64) -> Completion {
        // A character that was cut off at the end is left out.
        let whole = match std::str::from_utf8(&self.bytes) {
            Err(error) if error.error_len().is_none() => &self.bytes[..error.valid_up_to()],
            _ => &self.bytes[..],
        };
        let (reasoning, text) = reasoning::split(&String::from_utf8_lossy(whole));
        // What came before the answer, where the model reasoned without being asked to.
        let before = whole.len().saturating_sub(text.len());
        let unasked = if reasoning.is_some() { self.ends.partition_point(|&end| end <= before) } else { 0 };
        let usage = Usage {
            prefilled: (self.prompt.tokens.len() - self.shared + self.charged) as u64,
            unique,
            reused: (self.shared - self.charged) as u64,
            decoded: u64::from(self.tokens),
            reasoned: u64::from(self.reasoned) + unasked as u64,
        };
        Completion { text, reasoning: self.thought.clone().or(reasoning), ended, usage }
    }
}

/// Where the first of some texts begins, if one ends in the bytes that came last.
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
    fn a_stop_string_across_pieces_is_found() {
        let stops = vec!["\n\n".to_owned(), "END".to_owned()];
        assert_eq!(find_stop(b"ab\n\ncd", 3, &stops), Some(2));
        assert_eq!(find_stop(b"abEND", 4, &stops), Some(2));
        assert_eq!(find_stop(b"abEN", 3, &stops), None);
    }
}
