//! Requests as tokens.

use std::collections::BTreeMap;
use std::rc::Rc;

use llama_cpp_2::token::LlamaToken;
use llguidance::Matcher;

use super::prepared::PreparedModel;
use crate::engine::chat::RenderedChat;
use crate::engine::grammar::Grammar;
use crate::engine::reasoning::Tags;
use crate::engine::request::{Decoding, Message, Request};

/// A request and the reasoning before its answer, which the plan sets for the request's model.
#[derive(Debug, Clone)]
pub(super) struct ModelRequest {
    pub(super) request: Request,
    /// The most tokens of reasoning before the answer. At 0 the model answers without reasoning.
    pub(super) thinking: u32,
}

/// A request as tokens.
pub(super) struct Prompt {
    pub(super) tokens: Vec<LlamaToken>,
    /// The numbers of tokens after which the prompt may differ from others, ascending. None if it may differ anywhere.
    pub(super) breakpoints: Option<Vec<usize>>,
    /// The tag that opens reasoning at the end of the prompt. It is empty if the model is not asked to reason.
    pub(super) open_tag: String,
    /// The reasoning before the answer. None if the model is not asked to reason.
    pub(super) thinking: Option<Thinking>,
    pub(super) decoding: Decoding,
    /// The seed of the sampler.
    pub(super) seed: u64,
    /// The matcher of the answer's grammar, in its initial state. The requests of a wave with the same grammar share it.
    pub(super) matcher: Option<Rc<Matcher>>,
}

/// Reasoning before an answer.
#[derive(Debug, Clone)]
pub(super) struct Thinking {
    /// The most tokens of the reasoning.
    pub(super) budget: u32,
    pub(super) tags: Tags,
    /// The beginning of the answer, which the request gives. It follows the closing tag.
    pub(super) answer_start: String,
    /// The most tokens of the closing tag and the beginning of the answer.
    pub(super) most_forced: usize,
}

impl Thinking {
    /// Returns the most cells that reasoning, closing tag and the beginning of the answer fill.
    fn cells(&self) -> usize {
        self.budget as usize + self.most_forced
    }
}

/// The matchers of the grammars that occur in a wave. Each is compiled once.
pub(super) type Matchers<'r> = BTreeMap<&'r Grammar, Result<Rc<Matcher>, String>>;

impl Prompt {
    /// Renders and tokenizes a request.
    ///
    /// # Errors
    /// Why the request is refused.
    pub(super) fn new<'r>(
        model: &PreparedModel,
        ModelRequest { request, thinking }: &'r ModelRequest,
        matchers: &mut Matchers<'r>,
    ) -> Result<Self, String> {
        let (rendered, tokens) = render_and_tokenize(model, &request.messages, *thinking > 0)?;
        let RenderedChat { text, open_tag, answer_start } = rendered;
        let thinking = model.template.tags().filter(|_| *thinking > 0).map(|tags| {
            let most_forced = model.closing_tokens + model.tokenizer().tokenize(&answer_start).len();
            Thinking { budget: *thinking, tags, answer_start, most_forced }
        });
        let reasoning = thinking.as_ref().map_or(0, Thinking::cells);
        let needed = tokens.len() + reasoning + request.decoding.max_tokens as usize;
        if needed > model.context {
            let reasoning = if reasoning > 0 { format!(" and {reasoning} for reasoning before it") } else { String::new() };
            return Err(format!(
                "the prompt has {} tokens; with {} for the answer{reasoning} it exceeds the context of {}",
                tokens.len(),
                request.decoding.max_tokens,
                model.context
            ));
        }
        if tokens.is_empty() {
            return Err("the prompt is empty".into());
        }
        let breakpoints = token_breakpoints(model, request, &text, &tokens);
        let decoding = request.decoding.clone();
        let matcher = match &request.decoding.grammar {
            Some(grammar) => match matchers.entry(grammar).or_insert_with(|| model.matcher(grammar).map(Rc::new)) {
                Ok(matcher) => Some(Rc::clone(matcher)),
                Err(cause) => return Err(format!("its grammar cannot be enforced: {cause}")),
            },
            None => None,
        };
        Ok(Self { tokens, breakpoints, open_tag: open_tag.to_owned(), thinking, decoding, seed: request.seed, matcher })
    }

    /// Returns the most cells that the request fills after its first `shared` tokens, which lie in the cells of nodes.
    pub(super) fn cells_after(&self, shared: usize) -> usize {
        let reasoning = self.thinking.as_ref().map_or(0, Thinking::cells);
        self.tokens.len() - shared + self.decoding.max_tokens as usize + reasoning
    }

    /// Returns how many tokens may be shared with other prompts: up to the last breakpoint, or any if there are none. The last
    /// token is never shared, because its logits give the first token of the answer.
    pub(super) fn shareable(&self) -> usize {
        let end = self.tokens.len().saturating_sub(1);
        self.breakpoints.as_ref().and_then(|points| points.last()).map_or(end, |&last| last.min(end))
    }
}

/// Renders a chat with the model's template, and tokenizes it.
///
/// # Errors
/// Why the template refuses the chat.
pub(super) fn render_and_tokenize(
    model: &PreparedModel,
    messages: &[Message],
    thinking: bool,
) -> Result<(RenderedChat, Vec<LlamaToken>), String> {
    let rendered = model.template.render_for_answer(messages, thinking).map_err(|e| e.to_string())?;
    let tokens = model.tokenize_prompt(&rendered.text);
    Ok((rendered, tokens))
}

/// Converts the request's breakpoints to numbers of tokens: those that end at or before a breakpoint.
///
/// It is None if the tokens do not spell the rendered text, because some vocabularies add spaces to it. A breakpoint within a
/// message that the template rewrites is left out, so that less is shared.
fn token_breakpoints(model: &PreparedModel, request: &Request, text: &str, tokens: &[LlamaToken]) -> Option<Vec<usize>> {
    let mut in_text = Vec::new();
    let (mut content_start, mut searched) = (0, 0);
    for message in &request.messages {
        let content = message.content.trim();
        let trimmed = message.content.len() - message.content.trim_start().len();
        let content_end = content_start + message.content.len();
        if let Some(found) = text[searched..].find(content) {
            let at = searched + found;
            let inside = request.breakpoints.iter().filter(|&&b| b > content_start && b <= content_end);
            in_text.extend(inside.map(|&b| at + (b - content_start).saturating_sub(trimmed).min(content.len())));
            searched = at + content.len();
        }
        content_start = content_end;
    }
    let mut ends = Vec::with_capacity(tokens.len());
    let mut bytes = Vec::new();
    let tokenizer = model.tokenizer();
    for &token in tokens {
        tokenizer.append_prompt_bytes(token, &mut bytes);
        ends.push(bytes.len());
    }
    // A token for the beginning of text may stand before the text.
    let before = bytes.strip_suffix(text.as_bytes())?.len();
    Some(in_text.into_iter().map(|at| ends.partition_point(|&end| end <= before + at)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(tokens: &[i32], breakpoints: &[usize]) -> Prompt {
        Prompt {
            tokens: tokens.iter().map(|&t| LlamaToken(t)).collect(),
            breakpoints: Some(breakpoints.to_vec()),
            open_tag: String::new(),
            thinking: None,
            decoding: Decoding::greedy(4),
            seed: 0,
            matcher: None,
        }
    }

    #[test]
    fn a_prompt_shares_up_to_its_last_breakpoint_and_never_its_last_token() {
        assert_eq!(prompt(&[1, 2, 3, 4, 5], &[2, 3]).shareable(), 3);
        assert_eq!(prompt(&[1, 2, 3], &[1, 3]).shareable(), 2);
        assert_eq!(prompt(&[1, 2, 3], &[]).shareable(), 2);
    }
}
