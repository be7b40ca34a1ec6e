//! The engine over the servers of all models.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::answer::{self, Answer};
use super::body::{self, Sent};
use super::client::Client;
use super::dispatch::{Answered, Stopped, Watch, Work, dispatch};
use super::failure::Failure;
use super::scoring;
use super::served::{Served, is_same};
use super::settings::ServedModel;
use super::unique;
use crate::engine::completion::{Completion, Ended, ServedBy, Usage};
use crate::engine::error::EngineError;
use crate::engine::interface::{Engine, EngineProgress};
use crate::engine::request::{Message, ModelId, Request};
use crate::engine::scoring::{ContinuationScore, ScoreAnswer, ScoreRequest};
use crate::engine::server_changes::ServerChanges;
use crate::engine::settings::context_key;
use crate::hash::number;

/// An [`Engine`] whose models run on servers.
pub struct Remote {
    models: Vec<Served>,
    /// What happens to the servers of all models.
    changes: Arc<ServerChanges>,
}

impl Remote {
    /// Asks all servers what they are and what they can do. `look` is called several times a second.
    ///
    /// # Errors
    /// [`EngineError::Server`] if no server of a model can be used, and [`EngineError::Interrupted`] if `look` returns
    /// [`ControlFlow::Break`].
    pub fn open(models: &[ServedModel], look: &mut dyn FnMut() -> ControlFlow<()>) -> Result<Self, EngineError> {
        let mut served = Vec::new();
        let changes = Arc::default();
        for model in models {
            if look().is_break() {
                return Err(EngineError::Interrupted);
            }
            served.push(Served::open(model, &changes)?);
        }
        Ok(Self { models: served, changes })
    }

    /// Returns what a user should know about the servers, a sentence or two each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.models.iter().flat_map(|model| model.notes.iter().cloned()).collect()
    }

    /// Sends the requests of one model. Returns the answers in order.
    fn send<W: Work>(
        model: &mut Served,
        chats: &[(&[Message], &[usize])],
        work: W,
        watch: &mut Watch<'_, W::Answer>,
    ) -> Result<Vec<Answered<W::Answer>>, EngineError> {
        let beginnings: Vec<u64> = chats.iter().map(|(messages, breakpoints)| beginning(messages, breakpoints)).collect();
        let work = Arc::new(work);
        dispatch(&mut model.pool, &beginnings, &work, &model.settings.patience, watch).map_err(|stopped| match stopped {
            Stopped::Failed(cause) => EngineError::Server { name: model.settings.name.clone(), cause },
            Stopped::Interrupted => {
                model.client.close();
                match Client::new(&model.settings) {
                    Ok(client) => model.client = Arc::new(client),
                    Err(cause) => return EngineError::Server { name: model.settings.name.clone(), cause },
                }
                EngineError::Interrupted
            }
        })
    }
}

/// Returns a number for the part of a chat that other chats share: up to its last breakpoint, or all of it without one.
fn beginning(messages: &[Message], breakpoints: &[usize]) -> u64 {
    let text: String = messages.iter().map(|message| message.content.as_str()).collect();
    let end = breakpoints.last().copied().unwrap_or(text.len());
    number(&[text.get(..end).unwrap_or(&text)])
}

/// Returns a chat as one text.
fn text_of(messages: &[Message]) -> String {
    messages.iter().flat_map(|message| [message.role.name(), "\n", &message.content, "\n"]).collect()
}

/// Sends chats.
struct Chats {
    client: Arc<Client>,
    served: Served,
    /// The bodies of the requests.
    bodies: Vec<String>,
}

impl Work for Chats {
    type Answer = Answer;

    fn send(&self, url: &str, job: usize) -> Result<Answer, Failure> {
        let url = format!("{url}/chat/completions");
        let reply = self.client.post(&url, &self.bodies[job])?;
        answer::read(&reply).map_err(|missing| Failure::Final(format!("{url} answers with JSON that is no answer: {missing}")))
    }

    fn is_back(&self, url: &str) -> Result<(), String> {
        is_same(&self.client, url, &self.served)
    }
}

/// Sends requests for scores.
struct Scores {
    client: Arc<Client>,
    served: Served,
    requests: Vec<ScoreRequest>,
}

impl Work for Scores {
    type Answer = (Vec<ContinuationScore>, u64);

    fn send(&self, url: &str, job: usize) -> Result<Self::Answer, Failure> {
        scoring::score(&self.client, url, &self.served.style, &self.requests[job])
    }

    fn is_back(&self, url: &str) -> Result<(), String> {
        is_same(&self.client, url, &self.served)
    }
}

/// Returns the indices of the requests of each model.
fn by_model(models: usize, of: impl Iterator<Item = ModelId>) -> Result<Vec<Vec<usize>>, EngineError> {
    let mut indices = vec![Vec::new(); models];
    for (index, ModelId(model)) in of.enumerate() {
        let of_model = indices.get_mut(model).ok_or_else(|| EngineError::Server {
            name: format!("number {}", model + 1),
            cause: "there is no such model on servers; this is an error in gepard".into(),
        })?;
        of_model.push(index);
    }
    Ok(indices)
}

/// Returns the answers of all requests, each of which has one.
fn in_order<T>(answers: Vec<Option<T>>) -> Result<Vec<T>, EngineError> {
    let requests = answers.len();
    let answers: Vec<T> = answers.into_iter().flatten().collect();
    if answers.len() == requests { Ok(answers) } else { Err(EngineError::MissingAnswers { requests, answers: answers.len() }) }
}

impl Engine for Remote {
    fn generate(
        &mut self,
        requests: &[Request],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>, EngineError> {
        let texts: Vec<String> = requests.iter().map(|request| text_of(&request.messages)).collect();
        let shares = unique::shares(&texts);
        let mut done = EngineProgress::default();
        let mut completions: Vec<Option<Completion>> = requests.iter().map(|_| None).collect();
        let indices = by_model(self.models.len(), requests.iter().map(|request| request.model))?;
        for (model, indices) in self.models.iter_mut().zip(indices) {
            if indices.is_empty() {
                continue;
            }
            let sent: Vec<Sent> = indices.iter().map(|&index| body::chat(&requests[index], &model.style)).collect();
            let chats: Vec<(&[Message], &[usize])> = indices
                .iter()
                .map(|&index| (requests[index].messages.as_slice(), requests[index].breakpoints.as_slice()))
                .collect();
            let bodies = sent.iter().map(|sent| sent.body.to_string()).collect();
            let work = Chats { client: Arc::clone(&model.client), served: model.clone(), bodies };
            let mut watch = |answered: Option<&Answered<Answer>>| {
                if let Some(answered) = answered {
                    done.answered += 1;
                    if let Ok(answer) = &answered.answer {
                        done.prefilled += answer.prompt.unwrap_or(0).saturating_sub(answer.cached);
                        done.decoded += answer.decoded.unwrap_or(0);
                    }
                }
                progress(done)
            };
            let answers = Self::send(model, &chats, work, &mut watch)?;
            for ((index, sent), answered) in indices.into_iter().zip(sent).zip(answers) {
                let prompt = || model.count(&texts[index]) as u64;
                completions[index] = Some(completion(model, answered, &sent.beginning, shares[index], &prompt));
            }
        }
        in_order(completions)
    }

    fn score(
        &mut self,
        requests: &[ScoreRequest],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<ScoreAnswer>, EngineError> {
        let mut done = EngineProgress::default();
        let mut answers: Vec<Option<ScoreAnswer>> = requests.iter().map(|_| None).collect();
        let indices = by_model(self.models.len(), requests.iter().map(|request| request.model))?;
        for (model, mut indices) in self.models.iter_mut().zip(indices) {
            indices.retain(|&index| {
                let refused = match requests[index].check() {
                    Ok(()) if model.style.abilities.scores => return true,
                    Ok(()) => "its servers score no given answers".to_owned(),
                    Err(reason) => reason,
                };
                answers[index] = Some(ScoreAnswer::refused(refused));
                done.answered += 1;
                false
            });
            if indices.is_empty() {
                continue;
            }
            let own: Vec<ScoreRequest> = indices.iter().map(|&index| requests[index].clone()).collect();
            let chats: Vec<(&[Message], &[usize])> =
                own.iter().map(|request| (request.messages.as_slice(), request.breakpoints.as_slice())).collect();
            let work = Scores { client: Arc::clone(&model.client), served: model.clone(), requests: own.clone() };
            let mut watch = |answered: Option<&Answered<(Vec<ContinuationScore>, u64)>>| {
                if let Some(answered) = answered {
                    done.answered += 1;
                    done.prefilled += answered.answer.as_ref().map_or(0, |(_, tokens)| *tokens);
                }
                progress(done)
            };
            let scored = Self::send(model, &chats, work, &mut watch)?;
            for (index, answered) in indices.into_iter().zip(scored) {
                answers[index] = Some(match answered.answer {
                    Ok((scores, tokens)) => ScoreAnswer {
                        continuations: Ok(scores),
                        usage: Usage { prefilled: tokens, unique: tokens, ..Usage::default() },
                    },
                    Err(reason) => ScoreAnswer::refused(reason),
                });
            }
        }
        in_order(answers)
    }

    fn count_tokens(&self, model: ModelId, text: &str) -> usize {
        self.models[model.0].count(text)
    }

    fn weight_bytes(&self, model: ModelId) -> u64 {
        self.models[model.0].identity.weight_bytes.unwrap_or(1).max(1)
    }

    fn context_length(&self, model: ModelId) -> usize {
        self.models[model.0].context
    }

    fn fingerprint(&self) -> Vec<(String, String)> {
        let of_model = |model: &Served| {
            let name = &model.settings.name;
            let counting = model.tokenizer_sha256.clone().unwrap_or_else(|| "four bytes a token".into());
            [
                (format!("model.{name}.server"), model.identity.to_string()),
                (format!("model.{name}.abilities"), model.style.abilities.names()),
                (format!("model.{name}.tokenizer"), counting),
                (context_key(name), model.context.to_string()),
            ]
        };
        self.models.iter().flat_map(of_model).collect()
    }

    fn server_changes(&self) -> Option<Arc<ServerChanges>> {
        Some(Arc::clone(&self.changes))
    }
}

/// Returns the answer to a request. `share` is the share of its prompt that no earlier prompt begins with, and `prompt` counts the
/// tokens of the prompt where the server does not.
fn completion(model: &Served, answered: Answered<Answer>, beginning: &str, share: f64, prompt: &dyn Fn() -> u64) -> Completion {
    let milliseconds = u64::try_from(answered.took.as_millis()).unwrap_or(u64::MAX);
    let served = Some(ServedBy { server: answered.url, milliseconds });
    let answer = match answered.answer {
        Ok(answer) => answer,
        Err(reason) => {
            return Completion {
                text: String::new(),
                reasoning: None,
                ended: Ended::Refused(reason),
                usage: Usage::default(),
                served,
            };
        }
    };
    let prompt = answer.prompt.unwrap_or_else(prompt);
    let reasoned = answer.reasoned.unwrap_or_else(|| answer.reasoning.as_deref().map_or(0, |text| model.count(text) as u64));
    let usage = Usage {
        prefilled: prompt.saturating_sub(answer.cached),
        unique: (prompt as f64 * share).round() as u64,
        reused: answer.cached.min(prompt),
        decoded: answer.decoded.unwrap_or_else(|| model.count(&answer.text) as u64 + reasoned),
        reasoned,
        repeated: 0,
    };
    let text = body::without_beginning(answer.text, beginning);
    Completion { text, reasoning: answer.reasoning, ended: answer.ended, usage, served }
}
