//! The scripted engine: the deterministic double, which answers from a file of rules, without a model.
//!
//! A script is a JSONL file with one rule a line. A request is answered by the first rule whose `contains` strings all occur in
//! the request's messages:
//!
//! ```json
//! {"contains": ["team:", "refund"], "text": "team: billing"}
//! {"contains": ["new instruction"], "texts": ["Answer with one word.", "Be brief."]}
//! {"text": "no idea"}
//! ```
//!
//! If a rule has several `texts`, the request's seed chooses one, at temperature 0 as well. `milliseconds` delays the answer.
//! `ended` is `"stop"` (the default), `"length"` or `{"refused": "why"}`. A request without a matching rule is refused.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::completion::{Completion, Ended, Usage};
use super::error::EngineError;
use super::interface::{Engine, EngineProgress};
use super::reasoning;
use super::request::{ModelId, Request};
use crate::hash::sha256_hex;

/// One rule of a script.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Strings that must all occur in the messages of a request. Without any, the rule matches every request.
    #[serde(default)]
    contains: Vec<String>,
    /// The answer.
    #[serde(default)]
    text: Option<String>,
    /// Answers of which the request's seed chooses one. A rule has either these or `text`.
    #[serde(default)]
    texts: Vec<String>,
    /// Why the answer ends.
    #[serde(default)]
    ended: Ended,
    /// How long the answer takes, in milliseconds.
    #[serde(default)]
    milliseconds: u64,
}

/// A function that answers a request.
type Answerer = Box<dyn FnMut(&Request) -> (String, Ended)>;

/// The most tokens, prompt and answer together, that a request may have.
const CONTEXT: usize = 8192;

/// An [`Engine`] that answers by rules or by a function.
pub struct Scripted {
    answer: Answerer,
    /// The hashes of the scripts, for the fingerprint.
    identity: String,
}

impl Scripted {
    /// Creates an engine that answers by `answer`, which must depend on nothing but the request.
    pub fn new(answer: impl FnMut(&Request) -> (String, Ended) + 'static) -> Self {
        Self { answer: Box::new(answer), identity: "function".into() }
    }

    /// Creates an engine that answers by JSONL scripts, one for each model of the plan.
    ///
    /// # Errors
    /// [`EngineError::Script`] with the file and line that cannot be read.
    pub fn from_files(paths: &[PathBuf]) -> Result<Self, EngineError> {
        let scripts = paths.iter().map(|path| read_script(path)).collect::<Result<Vec<_>, _>>()?;
        let (rules, digests): (Vec<_>, Vec<_>) = scripts.into_iter().unzip();
        let answer = move |request: &Request| match rules.get(request.model.0) {
            Some(rules) => answer_by_rules(rules, request),
            None => (String::new(), Ended::Refused("there is no script for this model".into())),
        };
        Ok(Self { answer: Box::new(answer), identity: digests.join(" ") })
    }
}

/// Reads the rules of a script, and the SHA-256 of its file.
fn read_script(path: &Path) -> Result<(Vec<Rule>, String), EngineError> {
    let bad = |line, cause: String| EngineError::Script { path: path.to_owned(), line, cause };
    let source = std::fs::read_to_string(path).map_err(|e| bad(0, format!("cannot read the script: {e}")))?;
    let mut rules = Vec::new();
    for (index, line) in source.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let rule: Rule = serde_json::from_str(line).map_err(|e| bad(index + 1, e.to_string()))?;
        if rule.text.is_some() != rule.texts.is_empty() {
            return Err(bad(index + 1, "a rule has either `text` or a list of `texts`".into()));
        }
        rules.push(rule);
    }
    Ok((rules, sha256_hex(source.as_bytes())))
}

/// Answers a request by the first rule that matches.
fn answer_by_rules(rules: &[Rule], request: &Request) -> (String, Ended) {
    let occurs = |needle: &String| request.messages.iter().any(|m| m.content.contains(needle.as_str()));
    let Some(rule) = rules.iter().find(|rule| rule.contains.iter().all(occurs)) else {
        return (String::new(), Ended::Refused("no rule of the script answers this request".into()));
    };
    std::thread::sleep(Duration::from_millis(rule.milliseconds));
    let text = rule.text.as_ref().unwrap_or_else(|| &rule.texts[(request.seed % rule.texts.len() as u64) as usize]);
    (text.clone(), rule.ended.clone())
}

/// Counts the tokens of a text. A token of this engine is a word.
fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

impl Engine for Scripted {
    fn generate(
        &mut self,
        requests: &[Request],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>, EngineError> {
        let mut done = EngineProgress::default();
        let mut completions = Vec::with_capacity(requests.len());
        for request in requests {
            if progress(done).is_break() {
                return Err(EngineError::Interrupted);
            }
            let (raw, ended) = (self.answer)(request);
            let (reasoning, text) = reasoning::split(&raw);
            let prefilled = request.messages.iter().map(|m| words(&m.content)).sum::<usize>() as u64;
            let usage = Usage { prefilled, unique: prefilled, reused: 0, decoded: words(&raw) as u64, reasoned: 0 };
            done.answered += 1;
            done.prefilled += usage.prefilled;
            done.decoded += usage.decoded;
            completions.push(Completion { text, reasoning, ended, usage });
        }
        Ok(completions)
    }

    fn count_tokens(&self, _model: ModelId, text: &str) -> usize {
        words(text)
    }

    fn weight_bytes(&self, _model: ModelId) -> u64 {
        1
    }

    fn context_length(&self, _model: ModelId) -> usize {
        CONTEXT
    }

    fn fingerprint(&self) -> Vec<(String, String)> {
        vec![("engine.script".into(), self.identity.clone())]
    }
}
