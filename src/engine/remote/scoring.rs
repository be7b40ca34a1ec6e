//! Scores of given continuations, by vLLM's `/tokenize` and the log-probabilities of prompts in its `/completions`.

use serde_json::{Value, json};

use super::client::Client;
use super::failure::Failure;
use super::identity::root;
use super::style::Style;
use crate::engine::request::Role;
use crate::engine::scoring::{ContinuationScore, ScoreRequest, TokenScore};

/// Scores the continuations of a request. Returns the scores, and the number of prompt tokens that they took.
pub(super) fn score(
    client: &Client,
    url: &str,
    style: &Style,
    request: &ScoreRequest,
) -> Result<(Vec<ContinuationScore>, u64), Failure> {
    let tokenize = format!("{}/tokenize", root(url));
    let is_begun = request.messages.last().is_some_and(|last| last.role == Role::Assistant);
    let messages: Vec<Value> = request.messages.iter().map(|m| json!({ "role": m.role.name(), "content": m.content })).collect();
    let chat = json!({
        "model": style.model,
        "messages": messages,
        "add_generation_prompt": !is_begun,
        "continue_final_message": is_begun,
        "chat_template_kwargs": { "enable_thinking": false, "thinking": false },
    });
    let chat = tokens(&tokenize, &client.post(&tokenize, &chat.to_string())?)?;
    let mut scores = Vec::new();
    let mut computed = chat.len() as u64;
    for continuation in &request.continuations {
        let text = json!({ "model": style.model, "prompt": continuation, "add_special_tokens": false });
        let mut own = tokens(&tokenize, &client.post(&tokenize, &text.to_string())?)?;
        if request.first_token_only {
            own.truncate(1);
        }
        let prompt: Vec<u64> = chat.iter().chain(&own).copied().collect();
        let body = json!({ "model": style.model, "prompt": prompt, "max_tokens": 1, "temperature": 0, "prompt_logprobs": 1 });
        let completions = format!("{url}/completions");
        let reply = client.post(&completions, &body.to_string())?;
        let listed = reply["choices"][0]["prompt_logprobs"].as_array().filter(|listed| listed.len() == prompt.len());
        let listed = listed.ok_or_else(|| Failure::Final(format!("{completions} gives no log-probabilities of the prompt")))?;
        let score = |(token, at): (&u64, &Value)| {
            let found = &at[token.to_string()];
            let log_probability = found["logprob"].as_f64()? as f32;
            Some(TokenScore { log_probability: log_probability.min(0.0), is_likeliest: found["rank"] == 1 })
        };
        let of_own: Option<Vec<TokenScore>> = own.iter().zip(&listed[chat.len()..]).map(score).collect();
        let of_own = of_own.ok_or_else(|| Failure::Final(format!("{completions} leaves out a token of the prompt")))?;
        computed += own.len() as u64;
        scores.push(ContinuationScore { tokens: of_own, bytes: Vec::new() });
    }
    Ok((scores, computed))
}

/// Reads the tokens in a reply of `/tokenize`.
fn tokens(url: &str, reply: &Value) -> Result<Vec<u64>, Failure> {
    let listed = reply["tokens"].as_array().map(|tokens| tokens.iter().filter_map(Value::as_u64).collect());
    listed.ok_or_else(|| Failure::Final(format!("{url} gives no tokens")))
}
