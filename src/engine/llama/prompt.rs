//! A request as the scheduler sees it.

use std::rc::Rc;

use llama_cpp_2::token::LlamaToken;
use llguidance::Matcher;

use crate::engine::Decoding;
use crate::engine::reasoning::Tags;

/// A request as tokens.
pub(super) struct Prompt {
    pub(super) tokens: Vec<LlamaToken>,
    /// Where, in tokens, it may branch off from the others, ascending; None: anywhere.
    pub(super) breakpoints: Option<Vec<usize>>,
    /// What stands of the answer in the prompt and is not to be seen: what opens reasoning.
    pub(super) opened: String,
    /// How it reasons before it answers, where it does.
    pub(super) thinking: Option<Thinking>,
    pub(super) decoding: Decoding,
    pub(super) seed: u64,
    /// Enforces the grammar of the answer, where it has one: at its beginning, for all requests of the wave that have it.
    pub(super) matcher: Option<Rc<Matcher>>,
}

/// Reasoning before an answer.
#[derive(Debug, Clone)]
pub(super) struct Thinking {
    /// The most tokens of it.
    pub(super) budget: u32,
    pub(super) tags: Tags,
    /// What the answer begins with behind it, given by the request.
    pub(super) then: String,
    /// Tokens of what ends it and of `then`, at most.
    pub(super) most_forced: usize,
}

impl Thinking {
    /// Cells that it needs.
    pub(super) fn work(&self) -> usize {
        self.budget as usize + self.most_forced
    }
}

/// Cells that a request needs beyond the shared prefix.
pub(super) fn work(prompt: &Prompt, shared: usize) -> usize {
    prompt.tokens.len() - shared + prompt.decoding.max_tokens as usize + prompt.thinking.as_ref().map_or(0, Thinking::work)
}

/// How much of a prompt may be shared: up to its last breakpoint, where it has any, and never its last token, whose
/// logits begin the answer.
pub(super) fn may_share(prompt: &Prompt) -> usize {
    let end = prompt.tokens.len().saturating_sub(1);
    prompt.breakpoints.as_ref().and_then(|points| points.last()).map_or(end, |&last| last.min(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Decoding;

    fn prompt(tokens: &[i32], breakpoints: &[usize]) -> Prompt {
        Prompt {
            tokens: tokens.iter().map(|&t| LlamaToken(t)).collect(),
            breakpoints: Some(breakpoints.to_vec()),
            opened: String::new(),
            thinking: None,
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
