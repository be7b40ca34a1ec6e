//! A model with its servers, which were asked what they are and what they can do.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::client::Client;
use super::failure::Failure;
use super::identity::{Identity, identify};
use super::limit::Limit;
use super::pool::Pool;
use super::settings::ServedModel;
use super::style::{Abilities, Style};
use super::trial::Trial;
use crate::engine::error::EngineError;
use crate::engine::server_changes::ServerChanges;
use crate::gguf;
use crate::hash::sha256_hex;
use crate::tokenizer::Tokenizer;

/// The context in tokens if neither the plan nor the servers tell it.
const CONTEXT: usize = 8192;

/// The bytes of a token if there is no tokenizer.
const BYTES_OF_A_TOKEN: usize = 4;

/// A model with its servers.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) settings: ServedModel,
    pub(super) client: Arc<Client>,
    pub(super) pool: Pool,
    pub(super) identity: Identity,
    /// How requests are written.
    pub(super) style: Style,
    /// The most tokens of prompt and answer together.
    pub(super) context: usize,
    /// What a user should know, a sentence or two each.
    pub(super) notes: Vec<String>,
    tokenizer: Option<Arc<Tokenizer>>,
    /// The SHA-256 of the tokenizer's file. None without one.
    pub(super) tokenizer_sha256: Option<String>,
}

impl Served {
    /// Asks the servers of a model what they are, and one of them what it can do. What happens to them later is added to `changes`.
    ///
    /// # Errors
    /// [`EngineError::Server`] if none answers, one does not offer the model or cannot be trusted, or they differ.
    pub(super) fn open(settings: &ServedModel, changes: &Arc<ServerChanges>) -> Result<Self, EngineError> {
        let error = |cause: String| EngineError::Server { name: settings.name.clone(), cause };
        let client = Arc::new(Client::new(settings).map_err(error)?);
        let (tokenizer, tokenizer_sha256) = match &settings.tokenizer {
            Some(path) => {
                let (tokenizer, sha256) = read_tokenizer(path).map_err(error)?;
                (Some(Arc::new(tokenizer)), Some(sha256))
            }
            None => (None, None),
        };
        let said = ask_all(&client, settings);
        let mut pool = Pool::new(&settings.urls, settings.concurrency, Arc::clone(changes), Instant::now());
        let mut first: Option<(&str, Identity)> = None;
        let mut absent = Vec::new();
        for ((node, url), said) in pool.nodes.iter_mut().zip(&settings.urls).zip(said) {
            match (said, &first) {
                (Err(Failure::Final(cause) | Failure::TooLong(cause)), _) => return Err(error(cause)),
                (Err(failure), _) => {
                    node.leave_out(failure.cause().to_owned(), settings.patience.wait(1), Instant::now());
                    absent.push(failure.cause().to_owned());
                }
                (Ok(identity), Some((other, known))) if identity.to_string() != known.to_string() => {
                    return Err(error(format!(
                        "its servers differ, so that their answers would: {other} is {known}, and {url} is {identity}; name only \
                         equal ones in `urls`"
                    )));
                }
                (Ok(identity), _) => {
                    if let (None, Some(slots)) = (settings.concurrency, identity.slots) {
                        node.limit = Limit::new(Some(slots));
                    }
                    first.get_or_insert((url, identity));
                }
            }
        }
        let Some((url, identity)) = first else {
            return Err(error(format!("no server answers: {}", absent.join("; "))));
        };
        let style = Style {
            model: settings.model.clone(),
            software: identity.software,
            abilities: Abilities::default(),
            thinking: settings.thinking,
        };
        let trial = Trial { client: &client, url, style: &style, patience: &settings.patience };
        let (abilities, found) = trial.run().map_err(|failure| error(failure.cause().to_owned()))?;
        let notes = notes(settings, &identity, &absent, &found);
        Ok(Self {
            settings: settings.clone(),
            client,
            pool,
            style: Style { abilities, ..style },
            context: settings.context.or(identity.context).unwrap_or(CONTEXT),
            identity,
            notes,
            tokenizer,
            tokenizer_sha256,
        })
    }

    /// Returns the number of tokens of a text, or an estimate of it without a tokenizer.
    pub(super) fn count(&self, text: &str) -> usize {
        match &self.tokenizer {
            Some(tokenizer) => tokenizer.count(text),
            None => text.len().div_ceil(BYTES_OF_A_TOKEN),
        }
    }
}

/// Checks that a server which did not answer for a time is there again, and is what it was.
///
/// # Errors
/// Why it cannot get requests.
pub(super) fn is_same(client: &Client, url: &str, served: &Served) -> Result<(), String> {
    match identify(client, url, &served.settings.model) {
        Ok(identity) if identity.to_string() == served.identity.to_string() => Ok(()),
        Ok(identity) => Err(format!("{url} is {identity} now, and was {}", served.identity)),
        Err(failure) => Err(failure.cause().to_owned()),
    }
}

/// Asks all servers at the same time what they are. The answers stand in the order of the URLs.
fn ask_all(client: &Client, settings: &ServedModel) -> Vec<Result<Identity, Failure>> {
    std::thread::scope(|scope| {
        let ask = |url: &'_ String| {
            let url = url.clone();
            scope.spawn(move || identify(client, &url, &settings.model))
        };
        let asked: Vec<_> = settings.urls.iter().map(ask).collect();
        let ended = |_| Err(Failure::Broken("the thread that asked the server has ended".into()));
        asked.into_iter().map(|thread| thread.join().unwrap_or_else(ended)).collect()
    })
}

/// Returns what a user should know about the servers of a model.
fn notes(settings: &ServedModel, identity: &Identity, absent: &[String], found: &[String]) -> Vec<String> {
    let name = &settings.name;
    let there = settings.urls.len() - absent.len();
    let mut notes = vec![format!("model `{name}`: {identity} on {there} of {} servers", settings.urls.len())];
    notes.extend(absent.iter().map(|cause| format!("model `{name}`: {cause}: the server is left out until it answers")));
    notes.extend(found.iter().map(|note| format!("model `{name}`: {note}")));
    if settings.tokenizer.is_none() {
        notes.push(format!(
            "model `{name}`: tokens of prompts are estimated as four bytes each; name a `tokenizer` to have them counted"
        ));
    }
    let doctor = "`gepard doctor` measures how often";
    notes.push(format!(
        "model `{name}`: a server may answer the same request differently under another load, at temperature 0 as well; {doctor}"
    ));
    notes
}

/// Reads a `tokenizer.json` or the vocabulary of a GGUF file. Returns the SHA-256 of the file, of a GGUF file that of its vocabulary.
fn read_tokenizer(path: &Path) -> Result<(Tokenizer, String), String> {
    let error = |cause: String| format!("`tokenizer`: {}: {cause}", path.display());
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
        let header = gguf::read(path).map_err(|e| error(e.to_string()))?;
        let tokenizer = Tokenizer::from_gguf(&header).map_err(|e| error(e.to_string()))?;
        let probe: Vec<String> = tokenizer.tokenize(PROBE).iter().map(u32::to_string).collect();
        return Ok((tokenizer, format!("gguf {}", sha256_hex(probe.join(" ").as_bytes()))));
    }
    let tokenizer = Tokenizer::from_file(path).map_err(|e| error(e.to_string()))?;
    let bytes = std::fs::read(path).map_err(|e| error(e.to_string()))?;
    Ok((tokenizer, sha256_hex(&bytes)))
}

/// A text by whose tokens vocabularies are told apart.
const PROBE: &str = "The quick brown fox jumps over 12345 lazy dogs; größer, naïve, 東京, and e.g. f(x) = x^2!\n\n\tEnd.";
