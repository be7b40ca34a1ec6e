//! From logits to the next token.

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;
use llguidance::Matcher;
use llguidance::toktrie::SimpleVob;

use crate::engine::Decoding;
use crate::engine::settings::TOP_K;

/// Draws the tokens of one answer.
pub(super) struct Sampler {
    draw: Draw,
    /// What may come next, where a grammar says so.
    matcher: Option<Matcher>,
}

enum Draw {
    /// The most likely token; of equals, the one with the lowest id.
    Greedy,
    /// llama.cpp's chain: top-k, top-p, temperature, a seeded draw. Nothing in it learns from what was drawn, so nothing
    /// has to be told, and no exception can cross the language border.
    Chain(LlamaSampler),
}

/// What a draw came to.
pub(super) enum Drawn {
    Token(LlamaToken),
    /// The last token of a grammar's answer: none may follow.
    Last(LlamaToken),
    /// The grammar's answer was complete before.
    Complete,
}

impl Sampler {
    pub(super) fn new(decoding: &Decoding, seed: u64, matcher: Option<&Matcher>) -> Self {
        let draw = if decoding.temperature <= 0.0 {
            Draw::Greedy
        } else {
            // Both halves of the seed count. llama.cpp takes the largest number for "any seed".
            let seed = ((seed ^ (seed >> 32)) as u32).min(u32::MAX - 1);
            Draw::Chain(LlamaSampler::chain_simple([
                LlamaSampler::top_k(TOP_K),
                LlamaSampler::top_p(decoding.top_p, 1),
                LlamaSampler::temp(decoding.temperature),
                LlamaSampler::dist(seed),
            ]))
        };
        Self { draw, matcher: matcher.map(Matcher::deep_clone) }
    }

    /// The next token, given the logits at `index` of the batch that was just decoded.
    ///
    /// # Errors
    /// What a grammar could not do.
    pub(super) fn next(&mut self, context: &LlamaContext<'_>, index: i32) -> Result<Drawn, String> {
        let logits = context.get_logits_ith(index);
        let Some(matcher) = &mut self.matcher else {
            return Ok(Drawn::Token(match &mut self.draw {
                Draw::Greedy => argmax((0..).zip(logits.iter().copied())),
                Draw::Chain(chain) => chain.sample(context, index),
            }));
        };
        if matcher.is_stopped() {
            return Ok(Drawn::Complete);
        }
        let mask = matcher.compute_mask_or_eos().map_err(|e| e.to_string())?;
        let token = match &mut self.draw {
            Draw::Greedy => argmax(allowed(&mask, logits)),
            Draw::Chain(chain) => {
                let candidates = allowed(&mask, logits).map(|(id, logit)| LlamaTokenData::new(LlamaToken(id), logit, 0.0));
                let mut candidates = LlamaTokenDataArray::from_iter(candidates, false);
                candidates.apply_sampler(chain);
                candidates.selected_token().ok_or("it allows no token")?
            }
        };
        matcher.consume_token(token.0.cast_unsigned()).map_err(|e| e.to_string())?;
        Ok(if matcher.is_stopped() { Drawn::Last(token) } else { Drawn::Token(token) })
    }
}

/// The tokens that a mask lets through.
fn allowed<'a>(mask: &'a SimpleVob, logits: &'a [f32]) -> impl Iterator<Item = (i32, f32)> + 'a {
    mask.iter().filter_map(|id| Some((id.cast_signed(), *logits.get(id as usize)?)))
}

fn argmax(logits: impl Iterator<Item = (i32, f32)>) -> LlamaToken {
    let mut best = (0, f32::NEG_INFINITY);
    for (id, logit) in logits {
        if logit > best.1 {
            best = (id, logit);
        }
    }
    LlamaToken(best.0)
}
