//! Tries what a server can do beyond the plain protocol.

use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::body;
use super::client::Client;
use super::failure::Failure;
use super::identity::Software;
use super::scoring;
use super::settings::Patience;
use super::style::{Abilities, Style};
use crate::engine::grammar::{Grammar, Shape};
use crate::engine::request::{Decoding, Message, ModelId, Request, Role};
use crate::engine::scoring::ScoreRequest;

/// A server that is tried.
pub(super) struct Trial<'a> {
    pub(super) client: &'a Client,
    pub(super) url: &'a str,
    /// How requests are written, without any ability.
    pub(super) style: &'a Style,
    pub(super) patience: &'a Patience,
}

impl Trial<'_> {
    /// Tries everything. Returns what the server can do, and what its user should know, a sentence each.
    pub(super) fn run(&self) -> Result<(Abilities, Vec<String>), Failure> {
        let (software, thinking) = (self.style.software, self.style.thinking);
        let mut abilities = Abilities::default();
        let mut notes = Vec::new();
        let counted = self.chat(&count(), Abilities { begun: true, ..Abilities::default() })?;
        if thinking > 0 {
            abilities.budget = match software {
                Software::Vllm | Software::LlamaServer => {
                    self.chat(&plain(), Abilities { budget: true, ..Abilities::default() })?.is_some()
                }
                Software::Sglang | Software::Other => false,
            };
            if !abilities.budget {
                notes.push(format!(
                    "the reasoning is not bounded to {thinking} tokens: only the tokens of reasoning and answer together are"
                ));
            }
        } else {
            let text = counted.as_ref().map_or("", |answer| answer.text.trim_start());
            // The beginning has more tokens than an answer may have, so that no model writes it itself.
            abilities.repeats_begun = text.strip_prefix(COUNTED).is_some_and(|rest| rest.trim_start().starts_with('8'));
            abilities.begun = abilities.repeats_begun || text.starts_with('8');
            if !abilities.begun {
                notes.push("the server does not continue begun answers: their beginnings are asked for in words".into());
            }
            if counted.is_some_and(|answer| answer.reasoning.is_some()) {
                notes.push("the model reasons before its answers, although the server was asked to switch that off".into());
            }
        }
        let (grammar, schema) = (Abilities { grammar: true, ..abilities }, Abilities { schema: true, ..abilities });
        let given = self.chat(&odd_values(), grammar)?;
        abilities.grammar = given.is_some_and(|answer| ["qux", "zob"].contains(&answer.text.trim()));
        let given = self.chat(&odd_object(), schema)?;
        abilities.schema = given.is_some_and(|answer| is_odd_object(&answer.text));
        if abilities.schema && abilities.begun {
            abilities.begun_schema = self.holds_a_begun_answer_to_a_schema(Abilities { begun_schema: true, ..abilities })?;
            if !abilities.begun_schema {
                notes.push(
                    "the server holds no begun answer to a JSON schema: beginnings of such answers are asked for in words".into(),
                );
            }
        }
        match (abilities.grammar, abilities.schema) {
            (true, true) => {}
            (true, false) => notes.push("the server holds no answer to a JSON schema".into()),
            (false, true) => {
                notes.push("the server holds answers to a JSON schema and to no other form: typed outputs are only read".into());
            }
            (false, false) => notes.push("the server holds no answer to a form: typed outputs are only read".into()),
        }
        if software == Software::Vllm && abilities.begun {
            let scored = scoring::score(self.client, self.url, self.style, &one_continuation());
            abilities.scores = self.possible(scored.map(Some))?.is_some_and(|(scores, _)| scores.len() == 1);
        }
        if !abilities.scores {
            notes.push("the server scores no given answers: ties are not broken by the likelihood of right answers".into());
        }
        Ok((abilities, notes))
    }

    /// Returns whether the server continues a begun answer under a JSON schema. `abilities` are those to try it with.
    fn holds_a_begun_answer_to_a_schema(&self, abilities: Abilities) -> Result<bool, Failure> {
        let mut request = odd_object();
        let beginning = "answer:";
        request.messages.push(Message { role: Role::Assistant, content: beginning.into() });
        let Some(given) = self.chat(&request, abilities)? else { return Ok(false) };
        let text = body::without_beginning(given.text, if abilities.repeats_begun { beginning } else { "" });
        Ok(is_odd_object(&text))
    }

    /// Sends a chat as a server with these abilities would get it. None if the server refuses it or answers without an answer.
    fn chat(&self, request: &Request, abilities: Abilities) -> Result<Option<Answer>, Failure> {
        let style = Style { abilities, ..self.style.clone() };
        let body = body::chat(request, &style).body.to_string();
        let url = format!("{}/chat/completions", self.url);
        for attempt in 1..self.patience.attempts {
            match self.client.post(&url, &body) {
                Err(Failure::Broken(_) | Failure::Busy { .. }) => std::thread::sleep(self.patience.wait(attempt)),
                other => return self.possible(other.map(|reply| answer::read(&reply).ok())),
            }
        }
        self.possible(self.client.post(&url, &body).map(|reply| answer::read(&reply).ok()))
    }

    /// Returns None in place of a failure that says that the server cannot do what it was asked for.
    fn possible<T>(&self, result: Result<Option<T>, Failure>) -> Result<Option<T>, Failure> {
        match result {
            Err(Failure::Final(_) | Failure::TooLong(_) | Failure::Broken(_)) => Ok(None),
            other => other,
        }
    }
}

/// The beginning of an answer that counts.
const COUNTED: &str = "1, 2, 3, 4, 5, 6, 7,";

/// A request whose greedy answer begins with 8 if the server continues it.
fn count() -> Request {
    let begun = Message { role: Role::Assistant, content: COUNTED.into() };
    request(vec![Message::user("Count from 1 to 12, with commas between the numbers."), begun], 8, None)
}

/// A request without anything special.
fn plain() -> Request {
    request(vec![Message::user("Answer with one word: which colour has the sky?")], 8, None)
}

/// A request whose answer no model would give unless it is held to it.
fn odd_values() -> Request {
    let grammar = Grammar::value(&Shape::Values(vec!["qux".into(), "zob".into()]));
    request(vec![Message::user("Which colour has the sky?")], 16, Some(grammar))
}

/// A request whose answer no model would give unless it is held to it.
fn odd_object() -> Request {
    let schema = json!({
        "type": "object", "properties": { "qux": { "enum": ["zob"] } }, "required": ["qux"], "additionalProperties": false,
    });
    request(vec![Message::user("Which colour has the sky?")], 32, Some(Grammar::value(&Shape::Json(schema))))
}

/// Returns whether an answer is the one to which [`odd_object`] holds it.
fn is_odd_object(text: &str) -> bool {
    serde_json::from_str::<Value>(text.trim()).is_ok_and(|value| value == json!({ "qux": "zob" }))
}

/// A request for a score.
fn one_continuation() -> ScoreRequest {
    ScoreRequest {
        model: ModelId(0),
        messages: plain().messages,
        breakpoints: Vec::new(),
        continuations: vec!["Blue".into()],
        first_token_only: true,
    }
}

fn request(messages: Vec<Message>, max_tokens: u32, grammar: Option<Grammar>) -> Request {
    let decoding = Decoding { grammar, ..Decoding::greedy(max_tokens) };
    Request { model: ModelId(0), messages, breakpoints: Vec::new(), decoding, seed: 0 }
}
