//! A request as the scheduler sees it.

use llama_cpp_2::token::LlamaToken;
use llguidance::Matcher;

use crate::engine::Decoding;

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

/// Cells that a request needs beyond the shared prefix.
pub(super) fn work(prompt: &Prompt, shared: usize) -> usize {
    prompt.tokens.len() - shared + prompt.decoding.max_tokens as usize
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
