//! From logits to the next token.

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;

use crate::engine::Decoding;

/// Tokens that a sampled (not greedy) answer draws from, before `top_p`: llama.cpp's own default.
const TOP_K: i32 = 40;

/// Draws the tokens of one answer.
pub(super) enum Sampler {
    /// The most likely token; of equals, the one with the lowest id.
    Greedy,
    /// llama.cpp's chain: top-k, top-p, temperature, a seeded draw. Without a grammar in it, its
    /// `accept` cannot throw across the language border.
    Chain(LlamaSampler),
}

impl Sampler {
    pub(super) fn new(decoding: &Decoding, seed: u64) -> Self {
        if decoding.temperature <= 0.0 {
            return Self::Greedy;
        }
        // Both halves of the seed count.
        let seed = (seed ^ (seed >> 32)) as u32;
        Self::Chain(LlamaSampler::chain_simple([
            LlamaSampler::top_k(TOP_K),
            LlamaSampler::top_p(decoding.top_p, 1),
            LlamaSampler::temp(decoding.temperature),
            LlamaSampler::dist(seed),
        ]))
    }

    /// The next token, given the logits at `index` of the batch that was just decoded.
    pub(super) fn next(&mut self, context: &LlamaContext<'_>, index: i32) -> LlamaToken {
        match self {
            Self::Greedy => argmax(context.get_logits_ith(index)),
            Self::Chain(chain) => chain.sample(context, index),
        }
    }
}

fn argmax(logits: &[f32]) -> LlamaToken {
    let mut best = (0, f32::NEG_INFINITY);
    for (id, &logit) in (0..).zip(logits) {
        if logit > best.1 {
            best = (id, logit);
        }
    }
    LlamaToken(best.0)
}
