//! Requests for answers as tokens.

use std::collections::BTreeMap;
use std::rc::Rc;

use llguidance::Matcher;

use super::chat_tokens::{ChatTokens, render_and_tokenize};
use super::prepared::PreparedModel;
use crate::engine::chat::RenderedChat;
use crate::engine::grammar::Grammar;
use crate::engine::reasoning::Tags;
use crate::engine::request::{Decoding, Request};

/// A request and the reasoning before its answer, which the plan sets for the request's model.
#[derive(Debug, Clone)]
pub(super) struct ModelRequest {
    pub(super) request: Request,
    /// The most tokens of reasoning before the answer. At 0 the model answers without reasoning.
    pub(super) thinking: u32,
}

/// A request for an answer as tokens.
pub(super) struct Prompt {
    pub(super) chat: ChatTokens,
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
    pub(super) fn cells(&self) -> usize {
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
        let chat = ChatTokens::new(model, &request.messages, &request.breakpoints, &text, tokens)?;
        let decoding = request.decoding.clone();
        let matcher = match &request.decoding.grammar {
            Some(grammar) => match matchers.entry(grammar).or_insert_with(|| model.matcher(grammar).map(Rc::new)) {
                Ok(matcher) => Some(Rc::clone(matcher)),
                Err(cause) => return Err(format!("its grammar cannot be enforced: {cause}")),
            },
            None => None,
        };
        Ok(Self { chat, open_tag: open_tag.to_owned(), thinking, decoding, seed: request.seed, matcher })
    }
}
