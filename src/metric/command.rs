//! The metric `command`: an outside program, in any language, judges the rollouts. It keeps running between them.
//!
//! It reads one JSON object per line:
//!
//! ```text
//! {"id", "example": {…}, "outputs": {…}, "trace": [{"module", "inputs", "answer", "outputs", …}]}
//! ```
//!
//! It answers with one line. This is a number, `{"error": "…"}`, or:
//!
//! ```text
//! {"score": 0.5, "feedback": "…", "module_feedback": {…}, "module_scores": {…}, "objectives": {…}}
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::contract::{Metric, missing_outputs};
use super::error::MetricError;
use super::judgement::Judgement;
use super::normalize::shorten;
use crate::data::{Example, listed};
use crate::engine::Completion;
use crate::process::{CallError, Pool};
use crate::program::tools::error_in;
use crate::program::{Rollout, Step};

/// Judges rollouts by an outside program.
#[derive(Debug, Clone)]
pub struct CommandMetric {
    /// The running processes of the program.
    pub pool: Arc<Pool>,
    /// The names of the modules and steps that may get feedback.
    pub modules: Vec<String>,
    /// The outputs of each module, by module name.
    pub outputs: BTreeMap<String, Vec<String>>,
}

/// Returns a step of the trace as JSON.
fn step_json(step: &Step) -> Value {
    let texts = |pairs: &mut dyn Iterator<Item = (&String, &String)>| -> Map<String, Value> {
        pairs.map(|(name, value)| (name.clone(), value.as_str().into())).collect()
    };
    let mut object = json!({
        "module": step.module,
        "inputs": texts(&mut step.inputs.iter().map(|(name, value)| (name, value))),
        "answer": step.answer,
        "outputs": texts(&mut step.outputs.iter()),
    });
    if let Some(problem) = &step.problem {
        object["problem"] = problem.as_str().into();
    }
    if !step.retrieved.is_empty() {
        object["retrieved"] = json!(step.retrieved);
    }
    object
}

/// Returns the line that is sent to the program.
fn message(example: &Example, rollout: &Rollout) -> Value {
    let outputs = rollout.steps.iter().flat_map(|step| &step.outputs);
    let outputs: Map<String, Value> = outputs.map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let trace: Vec<Value> = rollout.steps.iter().map(step_json).collect();
    json!({ "id": example.id, "example": example.fields, "outputs": outputs, "trace": trace })
}

/// Names the kind of a value for an error message.
fn kind_of(value: &Value) -> String {
    match value {
        Value::String(_) => "a text".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        other => other.to_string(),
    }
}

impl CommandMetric {
    /// Returns whether the program crashed because outputs are missing: whether it answers if they are empty texts. If it does
    /// not, the crash has another cause.
    fn crashed_over_missing_outputs(&self, example: &Example, rollout: &Rollout) -> bool {
        missing_outputs(rollout).is_some() && self.pool.call(&message(example, &self.filled(rollout))).is_ok()
    }

    /// Returns the rollout with an empty text for every missing output.
    fn filled(&self, rollout: &Rollout) -> Rollout {
        let mut filled = rollout.clone();
        for step in filled.steps.iter_mut().filter(|step| step.problem.is_some()) {
            for output in self.outputs.get(&step.module).into_iter().flatten() {
                step.outputs.entry(output.clone()).or_default();
            }
        }
        filled
    }

    /// Reads the program's answer for the example with this id.
    fn read(&self, id: &str, answer: &Value) -> Result<Judgement, String> {
        let fields = match answer {
            Value::Number(number) => return Ok(scored(number.as_f64().unwrap_or(f64::NAN))),
            Value::Object(fields) => fields,
            other => return Err(format!("it must answer a number or an object with `score`, not {}", kind_of(other))),
        };
        // Many languages write null for a missing value.
        let given = |key: &str| fields.get(key).filter(|value| !value.is_null());
        if given("id").is_some_and(|other| other != id) {
            return Err(format!("it answered for the id {}; a line must be answered before the next", fields["id"]));
        }
        let score = match fields.get("score") {
            None => return Err(format!("its answer has no `score`: {}", shorten(&answer.to_string(), 200))),
            Some(score) => {
                score.as_f64().ok_or_else(|| format!("its `score` is {}, not a number from 0 to 1", kind_of(score)))?
            }
        };
        let mut judgement = scored(score);
        if let Some(feedback) = given("feedback") {
            judgement.feedback =
                feedback.as_str().ok_or_else(|| format!("its `feedback` is {}, not a text", kind_of(feedback)))?.to_owned();
        }
        let table = |key: &str| match given(key) {
            None => Ok(Vec::new()),
            Some(Value::Object(table)) => Ok(table.iter().collect()),
            Some(other) => Err(format!("its `{key}` is {}, not an object", kind_of(other))),
        };
        let known = |what: &str, module: &String| match self.modules.contains(module) {
            true => Ok(()),
            false => Err(format!("its {what} `{module}`, but the program has {}", listed(&self.modules))),
        };
        for (module, words) in table("module_feedback")? {
            known("`module_feedback` is for", module)?;
            let words = words.as_str().ok_or_else(|| format!("its feedback for `{module}` is {}, not a text", kind_of(words)))?;
            judgement.module_feedback.insert(module.clone(), words.to_owned());
        }
        for (module, score) in table("module_scores")? {
            known("`module_scores` has", module)?;
            let score = score.as_f64().ok_or_else(|| format!("its score for `{module}` is {}, not a number", kind_of(score)))?;
            judgement.module_scores.insert(module.clone(), score);
        }
        for (name, score) in table("objectives")? {
            let score = score.as_f64().ok_or_else(|| format!("its objective `{name}` is {}, not a number", kind_of(score)))?;
            judgement.objectives.insert(name.clone(), score);
        }
        Ok(judgement)
    }
}

/// Creates a judgement with the program's score and no other feedback.
fn scored(score: f64) -> Judgement {
    Judgement::new(score, format!("The score is {score}."))
}

impl Metric for CommandMetric {
    fn judge(&self, example: &Example, rollout: &Rollout, _answers: &[Completion]) -> Result<Judgement, MetricError> {
        let id = || example.id.clone();
        let named = |cause: String| format!("`{}`: {cause}", self.pool.program());
        let answer = self.pool.call(&message(example, rollout)).map_err(|error| match error {
            CallError::Died { .. } if self.crashed_over_missing_outputs(example, rollout) => {
                MetricError::Stumbled { id: id(), cause: error.to_string() }
            }
            error => MetricError::Unreadable { id: id(), cause: error.to_string() },
        })?;
        if let Some(error) = error_in(&answer) {
            return Err(MetricError::Stumbled { id: id(), cause: named(format!("it says: {error}")) });
        }
        self.read(&example.id, &answer).map_err(|cause| MetricError::Unreadable { id: id(), cause: named(cause) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests_support::{example, rollout};
    use std::time::Duration;

    fn metric(script: &str) -> CommandMetric {
        let argv = ["python3", "-u", "-c", script].map(str::to_owned).to_vec();
        let command = crate::process::Command { argv, folder: std::env::temp_dir(), timeout: Duration::from_secs(20), slots: 1 };
        let outputs = [("m".to_owned(), vec!["answer".to_owned(), "note".to_owned()])].into();
        CommandMetric { pool: Arc::new(Pool::new(command)), modules: vec!["m".into()], outputs }
    }

    /// Returns the verdict of a program that answers every line with this text.
    fn says(answer: &str) -> Result<Judgement, MetricError> {
        let metric = metric(&format!("import sys\nfor line in sys.stdin: print({answer:?})"));
        crate::metric::judge(&metric, &example(&json!({ "a": "ü" })), &rollout(&[("answer", "x")]), &[])
    }

    #[test]
    fn a_number_or_an_object_is_a_verdict() {
        assert_eq!(says("0.5").unwrap(), Judgement::new(0.5, "The score is 0.5."));
        let whole =
            says(r#"{"id": "1", "score": 1, "feedback": "Good.", "module_feedback": {"m": "So."}, "objectives": {"o": 0.5}}"#);
        let whole = whole.unwrap();
        assert_eq!((whole.score, whole.feedback.as_str()), (1.0, "Good."));
        assert_eq!((whole.module_feedback["m"].as_str(), whole.objectives["o"]), ("So.", 0.5));
        assert_eq!(says(r#"{"score": 0, "feedback": null, "objectives": null}"#).unwrap().score, 0.0);
        assert_eq!(says(r#"{"score": 1, "error": ""}"#).unwrap().score, 1.0);
    }

    #[test]
    fn what_is_sent_has_the_example_the_outputs_and_every_step() {
        let metric = metric("import sys, json\nfor line in sys.stdin: print(json.dumps({'score': 1, 'feedback': line.strip()}))");
        let verdict = metric.judge(&example(&json!({ "a": ["ü"] })), &rollout(&[("answer", "x\ny")]), &[]).unwrap();
        let sent: Value = serde_json::from_str(&verdict.feedback).unwrap();
        let step = json!({ "module": "m", "inputs": {}, "answer": "", "outputs": { "answer": "x\ny" } });
        assert_eq!(sent, json!({ "id": "1", "example": { "a": ["ü"] }, "outputs": { "answer": "x\ny" }, "trace": [step] }));
    }

    #[test]
    fn every_wrong_reply_has_its_own_error() {
        for (answer, wanted) in [
            ("hello", "no JSON: hello"),
            ("", "no JSON"),
            ("true", "must answer a number or an object with `score`, not true"),
            ("[1]", "not a list"),
            ("{}", "has no `score`: {}"),
            (r#"{"score": null}"#, "its `score` is null, not a number"),
            (r#"{"score": "0.5"}"#, "its `score` is a text"),
            (r#"{"score": NaN}"#, "no JSON, which has no NaN and no Infinity"),
            (r#"{"score": 1e999}"#, "no JSON"),
            (r#"{"score": 1.5}"#, "the score is 1.5, not a number from 0 to 1"),
            ("-0.1", "the score is -0.1"),
            (r#"{"score": 1, "objectives": {"o": 12}}"#, "the objective `o` is 12, not a number from 0 to 1"),
            (r#"{"score": 1, "module_scores": {"m": -2}}"#, "the score of the module `m` is -2, not"),
            (r#"{"score": 1, "objectives": {"o": "x"}}"#, "objective `o` is a text"),
            (r#"{"score": 1, "feedback": ["x"]}"#, "its `feedback` is a list"),
            (r#"{"score": 1, "module_feedback": {"n": "x"}}"#, "is for `n`, but the program has `m`"),
            (r#"{"score": 1, "module_scores": {"n": 1}}"#, "has `n`, but the program has `m`"),
            (r#"{"score": 1, "module_scores": {"m": "x"}}"#, "is a text, not a number"),
            (r#"{"score": 1, "module_feedback": "x"}"#, "its `module_feedback` is a text"),
            (r#"{"score": 1, "id": "2"}"#, "it answered for the id \"2\""),
            (r#"{"error": "the file is gone"}"#, "it says: the file is gone"),
        ] {
            let error = says(answer).unwrap_err().to_string();
            assert!(error.contains(wanted) && error.contains("example `1`"), "{answer}: {error}");
        }
    }

    #[test]
    fn a_program_that_stumbles_over_a_missing_output_gives_a_zero_and_any_other_error_is_its_own() {
        let mut half = rollout(&[("answer", "x")]);
        half.steps[0].problem = Some("`note` is missing.".into());
        let judged = |body: &str| {
            let script = format!("import sys, json\nfor line in sys.stdin:\n  out = json.loads(line)['outputs']\n  {body}");
            crate::metric::judge(&metric(&script), &example(&json!({})), &half, &[])
        };
        for (body, wanted) in
            [("print(len(out['note']))", "KeyError: 'note'"), ("print(json.dumps({'error': 'no note'}))", "it says: no note")]
        {
            let verdict = judged(body).unwrap();
            assert_eq!(verdict.score, 0.0, "{body}");
            assert!(verdict.feedback.starts_with("`note` is missing. The score is 0, "), "{}", verdict.feedback);
            assert!(verdict.feedback.contains(wanted), "{wanted} not in {}", verdict.feedback);
        }
        for (body, wanted) in [
            ("sys.exit('no model')", "no model"),
            ("print('hm')", "no JSON"),
            ("print(2)", "the score is 2"),
            ("print(json.dumps({'score': float('nan')}))", "which has no NaN"),
            ("print(json.dumps({'score': 'x'}))", "its `score` is a text"),
            ("print(1); print(1)", "more than one line"),
        ] {
            let error = judged(body).unwrap_err().to_string();
            assert!(error.contains(wanted), "{wanted} not in {error}");
        }
    }
}
