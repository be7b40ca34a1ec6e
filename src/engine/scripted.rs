//! The scripted engine: the deterministic double, which answers from a file of rules, without a model.
//!
//! A script is a JSONL file with one rule a line. A request is answered by the first rule whose `contains` strings all occur in
//! the request's messages:
//!
//! ```json
//! {"contains": ["team:", "refund"], "text": "team: billing"}
//! {"contains": ["new instruction"], "texts": ["Answer with one word.", "Be brief."]}
//! {"contains": ["urgent"], "text": "team: outage", "scores": {" outage": -0.2, " billing": -2.5}}
//! {"text": "no idea"}
//! ```
//!
//! If a rule has several `texts`, the request's seed chooses one, at temperature 0 as well. `milliseconds` delays the answer.
//! `ended` is `"stop"` (the default), `"length"` or `{"refused": "why"}`. A request without a matching rule is refused.
//!
//! **Scores.** A continuation is one token. It is the likeliest if it is the text of the rule, with or without the begun answer before
//! it and whatever white space is around both. Its log-probability is the one that `scores` has for it. A continuation that is not in
//! `scores` has 0 if it is the likeliest, and otherwise the logarithm of 0.001.

mod script;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use self::script::{Rule, read_script, rule_for};
use super::completion::{Completion, Ended, Usage};
use super::error::EngineError;
use super::interface::{Engine, EngineProgress};
use super::reasoning;
use super::request::{Decoding, Message, ModelId, Request, Role};
use super::scoring::{ContinuationScore, ScoreAnswer, ScoreRequest, TokenScore};

/// A function that answers a request.
type Answerer = Box<dyn FnMut(&Request) -> (String, Ended)>;

/// What an engine answers by.
enum Script {
    Function(Answerer),
    /// The rules for each model of the plan.
    Rules(Vec<Vec<Rule>>),
}

/// The most tokens, prompt and answer together, that a request may have.
const CONTEXT: usize = 8192;

/// The probability of a continuation that no rule knows.
const UNLIKELY: f32 = 0.001;

/// An [`Engine`] that answers by rules or by a function.
pub struct Scripted {
    script: Script,
    /// The hashes of the scripts, for the fingerprint.
    identity: String,
}

impl Scripted {
    /// Creates an engine that answers by `answer`, which must depend on nothing but the request.
    pub fn new(answer: impl FnMut(&Request) -> (String, Ended) + 'static) -> Self {
        Self { script: Script::Function(Box::new(answer)), identity: "function".into() }
    }

    /// Creates an engine that answers by JSONL scripts, one for each model of the plan.
    ///
    /// # Errors
    /// [`EngineError::Script`] with the file and line that cannot be read.
    pub fn from_files(paths: &[PathBuf]) -> Result<Self, EngineError> {
        let scripts = paths.iter().map(|path| read_script(path)).collect::<Result<Vec<_>, _>>()?;
        let (rules, digests): (Vec<_>, Vec<_>) = scripts.into_iter().unzip();
        Ok(Self { script: Script::Rules(rules), identity: digests.join(" ") })
    }

    /// Answers a request. Returns the scores of its rule too; there are none without a rule.
    fn answer(&mut self, request: &Request) -> (String, Ended, BTreeMap<String, f32>) {
        let rule = match &mut self.script {
            Script::Function(answer) => {
                let (text, ended) = answer(request);
                return (text, ended, BTreeMap::new());
            }
            Script::Rules(rules) => match rules.get(request.model.0) {
                Some(rules) => rule_for(rules, request).ok_or("no rule of the script answers this request"),
                None => Err("there is no script for this model"),
            },
        };
        match rule {
            Ok(rule) => {
                std::thread::sleep(Duration::from_millis(rule.milliseconds));
                (rule.text_for(request.seed).to_owned(), rule.ended.clone(), rule.scores.clone())
            }
            Err(reason) => (String::new(), Ended::Refused(reason.into()), BTreeMap::new()),
        }
    }

    /// Scores the continuations of a request.
    ///
    /// # Errors
    /// Why the request is refused.
    fn scores(&mut self, request: &ScoreRequest) -> Result<Vec<ContinuationScore>, String> {
        request.check()?;
        let ScoreRequest { model, messages, breakpoints, .. } = request.clone();
        let (text, ended, scores) =
            self.answer(&Request { model, messages, breakpoints, decoding: Decoding::greedy(1), seed: 0 });
        if let Ended::Refused(reason) = ended {
            return Err(reason);
        }
        let begun = request.messages.last().filter(|last| last.role == Role::Assistant).map_or("", |last| &last.content);
        let score = |continuation: &String| {
            let is_likeliest = [continuation.trim(), format!("{begun}{continuation}").trim()].contains(&text.trim());
            let unscored = if is_likeliest { 0.0 } else { UNLIKELY.ln() };
            let log_probability = scores.get(continuation).copied().unwrap_or(unscored);
            ContinuationScore {
                tokens: vec![TokenScore { log_probability, is_likeliest }],
                bytes: vec![continuation.clone().into_bytes()],
            }
        };
        Ok(request.continuations.iter().map(score).collect())
    }
}

/// Counts the tokens of a text. A token of this engine is a word.
fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

/// Returns the cost of a chat.
fn prompt_usage(messages: &[Message]) -> Usage {
    let prefilled = messages.iter().map(|message| words(&message.content)).sum::<usize>() as u64;
    Usage { prefilled, unique: prefilled, ..Usage::default() }
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
            let (raw, ended, _) = self.answer(request);
            let (reasoning, text) = reasoning::split(&raw);
            let usage = Usage { decoded: words(&raw) as u64, ..prompt_usage(&request.messages) };
            done.answered += 1;
            done.prefilled += usage.prefilled;
            done.decoded += usage.decoded;
            completions.push(Completion { text, reasoning, ended, usage, served: None });
        }
        Ok(completions)
    }

    fn score(
        &mut self,
        requests: &[ScoreRequest],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<ScoreAnswer>, EngineError> {
        let mut done = EngineProgress::default();
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            if progress(done).is_break() {
                return Err(EngineError::Interrupted);
            }
            let answer = match self.scores(request) {
                Ok(scores) => ScoreAnswer { continuations: Ok(scores), usage: prompt_usage(&request.messages) },
                Err(reason) => ScoreAnswer::refused(reason),
            };
            done.answered += 1;
            done.prefilled += answer.usage.prefilled;
            answers.push(answer);
        }
        Ok(answers)
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

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = r#"{"contains": ["urgent"], "text": "team: outage", "scores": {" outage": -0.2, " billing": -2.5}}
{"contains": ["refund"], "text": "billing"}
{"contains": ["loop"], "text": "", "ended": {"refused": "too deep"}}
"#;

    fn engine(script: &str) -> Result<Scripted, EngineError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script.jsonl");
        std::fs::write(&path, script).unwrap();
        Scripted::from_files(&[path])
    }

    fn request(text: &str, continuations: &[&str]) -> ScoreRequest {
        let begun = Message { role: Role::Assistant, content: "team:".into() };
        ScoreRequest {
            model: ModelId(0),
            messages: vec![Message::user(text), begun],
            breakpoints: Vec::new(),
            continuations: continuations.iter().map(|&text| text.to_owned()).collect(),
            first_token_only: false,
        }
    }

    /// Scores requests. Returns for each continuation its log-probability and whether it is greedy, or why the request is refused.
    fn scores(requests: &[ScoreRequest]) -> Vec<Result<Vec<(f64, bool)>, String>> {
        let answers = engine(SCRIPT).unwrap().score(requests, &mut |_| ControlFlow::Continue(())).unwrap();
        let pairs = |scores: Vec<ContinuationScore>| scores.iter().map(|s| (s.log_probability(), s.is_greedy())).collect();
        answers.into_iter().map(|answer| answer.continuations.map(pairs)).collect()
    }

    #[test]
    fn a_rule_scores_its_answer_and_the_continuations_it_names() {
        let continuations = [" billing", " outage", " sales"];
        let scored = scores(&[request("urgent", &continuations), request("a refund", &continuations)]);
        let unlikely = f64::from(UNLIKELY.ln());
        assert_eq!(scored[0], Ok(vec![(f64::from(-2.5_f32), false), (f64::from(-0.2_f32), true), (unlikely, false)]));
        assert_eq!(scored[1], Ok(vec![(0.0, true), (unlikely, false), (unlikely, false)]));
    }

    #[test]
    fn a_request_that_cannot_be_scored_has_the_reason_and_the_others_have_scores() {
        let requests = [request("hello", &["a"]), request("loop", &["a"]), request("urgent", &[]), request("urgent", &["a", ""])];
        let reasons = [
            "no rule of the script answers this request",
            "too deep",
            "it has no continuation to score",
            "its continuation 2 is empty",
        ];
        assert_eq!(scores(&requests), reasons.map(|reason| Err(reason.to_owned())));
    }

    #[test]
    fn a_score_above_0_is_an_error_of_the_script() {
        let error = engine(r#"{"text": "a", "scores": {"a": 0.5}}"#).err().unwrap().to_string();
        assert!(error.ends_with(":1: the score 0.5 of \"a\" is no log-probability, which is at most 0"), "{error}");
    }

    #[test]
    fn scoring_can_be_interrupted() {
        let result = engine(SCRIPT).unwrap().score(&[request("urgent", &["a"])], &mut |_| ControlFlow::Break(()));
        assert!(matches!(result, Err(EngineError::Interrupted)));
    }
}
