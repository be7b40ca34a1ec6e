//! Draws the next token of an answer from its logits.

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;
use llguidance::Matcher;
use llguidance::toktrie::SimpleVob;

use crate::engine::request::Decoding;
use crate::engine::settings::TOP_K;

/// Why a request is refused if its logits are not numbers.
pub(super) const NO_NUMBER: &str = "the model computed no number as a logit";

/// Draws the tokens of one answer.
pub(super) struct Sampler {
    method: Method,
    /// Enforces the grammar of the answer. None allows every token.
    matcher: Option<Matcher>,
}

/// How a token is chosen among those that are allowed.
enum Method {
    /// The likeliest token; of equally likely ones, the one with the lowest id.
    Greedy,
    /// llama.cpp's chain of top-k, top-p, temperature and a seeded draw. None of these samplers depends on earlier tokens, so the
    /// chain is not told which token was accepted, a call in which llama.cpp could throw a C++ exception.
    Chain(LlamaSampler),
}

/// The result of a draw.
pub(super) enum Drawn {
    /// A token, which others may follow.
    Token(LlamaToken),
    /// The last token of the answer: the grammar allows none after it.
    Last(LlamaToken),
    /// No token: the answer was already complete under its grammar.
    Complete,
}

impl Sampler {
    /// Creates the sampler of an answer. `matcher` is copied, in the state in which it is.
    pub(super) fn new(decoding: &Decoding, seed: u64, matcher: Option<&Matcher>) -> Self {
        let method = if decoding.temperature <= 0.0 {
            Method::Greedy
        } else {
            // Both halves of the seed count. llama.cpp takes the largest number for a random seed.
            let seed = ((seed ^ (seed >> 32)) as u32).min(u32::MAX - 1);
            Method::Chain(LlamaSampler::chain_simple([
                LlamaSampler::top_k(TOP_K),
                LlamaSampler::top_p(decoding.top_p, 1),
                LlamaSampler::temp(decoding.temperature),
                LlamaSampler::dist(seed),
            ]))
        };
        Self { method, matcher: matcher.map(Matcher::deep_clone) }
    }

    /// Draws the next token from the logits of row `row` of the batch that was decoded last.
    ///
    /// # Errors
    /// Why no token could be drawn, as a sentence about the answer.
    pub(super) fn draw(&mut self, context: &LlamaContext<'_>, row: usize) -> Result<Drawn, String> {
        let row = i32::try_from(row).map_err(|e| e.to_string())?;
        let logits = context.get_logits_ith(row);
        let Some(matcher) = &mut self.matcher else {
            return Ok(Drawn::Token(match &mut self.method {
                Method::Greedy => likeliest((0..).zip(logits.iter().copied())).ok_or(NO_NUMBER)?,
                Method::Chain(chain) => chain.sample(context, row),
            }));
        };
        if matcher.is_stopped() {
            return Ok(Drawn::Complete);
        }
        let failed = |cause: &dyn std::fmt::Display| format!("its grammar failed: {cause}");
        let mask = matcher.compute_mask_or_eos().map_err(|e| failed(&e))?;
        let token = match &mut self.method {
            Method::Greedy => likeliest(allowed(&mask, logits)),
            Method::Chain(chain) => {
                let candidates = allowed(&mask, logits).map(|(id, logit)| LlamaTokenData::new(LlamaToken(id), logit, 0.0));
                let mut candidates = LlamaTokenDataArray::from_iter(candidates, false);
                candidates.apply_sampler(chain);
                candidates.selected_token()
            }
        };
        let token = token.ok_or_else(|| failed(&"it allows no token"))?;
        matcher.consume_token(token.0.cast_unsigned()).map_err(|e| failed(&e))?;
        Ok(if matcher.is_stopped() { Drawn::Last(token) } else { Drawn::Token(token) })
    }
}

/// Returns the ids and logits of the tokens that a mask allows.
fn allowed<'a>(mask: &'a SimpleVob, logits: &'a [f32]) -> impl Iterator<Item = (i32, f32)> + 'a {
    mask.iter().filter_map(|id| Some((id.cast_signed(), *logits.get(id as usize)?)))
}

/// Returns the token with the largest logit; of equal ones, the first. None if no logit is greater than negative infinity.
pub(super) fn likeliest(logits: impl Iterator<Item = (i32, f32)>) -> Option<LlamaToken> {
    let mut best = None;
    let mut largest = f32::NEG_INFINITY;
    for (id, logit) in logits {
        if logit > largest {
            (best, largest) = (Some(LlamaToken(id)), logit);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_token_is_the_first_of_equal_ones_and_is_none_without_a_number() {
        let token = |logits: &[f32]| likeliest((0..).zip(logits.iter().copied()));
        assert_eq!(token(&[-2.0, 1.5, 1.5, f32::NAN]), Some(LlamaToken(1)));
        assert_eq!(token(&[f32::NAN, f32::NEG_INFINITY]), None);
    }
}
