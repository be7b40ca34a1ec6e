//! The rules of a script, and how they are read.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::engine::completion::Ended;
use crate::engine::error::EngineError;
use crate::engine::request::Request;
use crate::hash::sha256_hex;

/// One rule of a script.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// Strings that must all occur in the messages of a request. Without any, the rule matches every request.
    #[serde(default)]
    contains: Vec<String>,
    /// The answer.
    #[serde(default)]
    text: Option<String>,
    /// Answers of which the request's seed chooses one. A rule has either these or `text`.
    #[serde(default)]
    texts: Vec<String>,
    /// The log-probabilities of continuations, at most 0.
    #[serde(default)]
    pub(super) scores: BTreeMap<String, f32>,
    /// Why the answer ends.
    #[serde(default)]
    pub(super) ended: Ended,
    /// How long the answer takes, in milliseconds.
    #[serde(default)]
    pub(super) milliseconds: u64,
}

impl Rule {
    /// Returns the answer, which the seed chooses if there are several.
    pub(super) fn text_for(&self, seed: u64) -> &str {
        self.text.as_ref().unwrap_or_else(|| &self.texts[(seed % self.texts.len() as u64) as usize])
    }
}

/// Reads the rules of a script, and the SHA-256 of its file.
pub(super) fn read_script(path: &Path) -> Result<(Vec<Rule>, String), EngineError> {
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
        if let Some((continuation, score)) = rule.scores.iter().find(|(_, score)| **score > 0.0) {
            return Err(bad(
                index + 1,
                format!("the score {score} of {continuation:?} is no log-probability, which is at most 0"),
            ));
        }
        rules.push(rule);
    }
    Ok((rules, sha256_hex(source.as_bytes())))
}

/// Returns the first rule that matches a request.
pub(super) fn rule_for<'r>(rules: &'r [Rule], request: &Request) -> Option<&'r Rule> {
    let occurs = |needle: &String| request.messages.iter().any(|m| m.content.contains(needle.as_str()));
    rules.iter().find(|rule| rule.contains.iter().all(occurs))
}
