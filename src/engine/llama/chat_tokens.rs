//! Chats as tokens, and how much of them may be shared.

use llama_cpp_2::token::LlamaToken;

use super::prepared::PreparedModel;
use crate::engine::chat::RenderedChat;
use crate::engine::request::Message;

/// The tokens of a chat, up to where the model continues.
pub(super) struct ChatTokens {
    /// The tokens, at least one.
    pub(super) tokens: Vec<LlamaToken>,
    /// How many of the first tokens may be shared with other chats: fewer than there are, because the logits after the last one
    /// are read for this chat.
    pub(super) shareable: usize,
}

impl ChatTokens {
    /// Creates the tokens of a chat. `text` is the rendered chat, and `tokens` are its tokens. `breakpoints` are those of the
    /// request for `messages`.
    ///
    /// # Errors
    /// There is no token.
    pub(super) fn new(
        model: &PreparedModel,
        messages: &[Message],
        breakpoints: &[usize],
        text: &str,
        tokens: Vec<LlamaToken>,
    ) -> Result<Self, String> {
        if tokens.is_empty() {
            return Err("the prompt is empty".into());
        }
        let breakpoints = token_breakpoints(model, messages, breakpoints, text, &tokens);
        Ok(Self { shareable: shareable(tokens.len(), breakpoints.as_deref()), tokens })
    }
}

/// Returns how many of a chat's tokens may be shared: up to the last breakpoint, or any if there are none, but never the last.
fn shareable(tokens: usize, breakpoints: Option<&[usize]>) -> usize {
    let end = tokens.saturating_sub(1);
    breakpoints.and_then(|points| points.last()).map_or(end, |&last| last.min(end))
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

/// Converts the breakpoints of a request to numbers of tokens: those that end at or before a breakpoint.
///
/// It is None if the tokens do not spell the rendered text, because some vocabularies add spaces to it. A breakpoint within a
/// message that the template rewrites is left out, so that less is shared.
fn token_breakpoints(
    model: &PreparedModel,
    messages: &[Message],
    breakpoints: &[usize],
    text: &str,
    tokens: &[LlamaToken],
) -> Option<Vec<usize>> {
    let mut in_text = Vec::new();
    let (mut content_start, mut searched) = (0, 0);
    for message in messages {
        let content = message.content.trim();
        let trimmed = message.content.len() - message.content.trim_start().len();
        let content_end = content_start + message.content.len();
        if let Some(found) = text[searched..].find(content) {
            let at = searched + found;
            let inside = breakpoints.iter().filter(|&&b| b > content_start && b <= content_end);
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

    #[test]
    fn a_chat_shares_up_to_its_last_breakpoint_and_never_its_last_token() {
        assert_eq!(shareable(5, Some(&[2, 3])), 3);
        assert_eq!(shareable(3, Some(&[1, 3])), 2);
        assert_eq!(shareable(3, Some(&[])), 2);
        assert_eq!(shareable(3, None), 2);
    }
}
