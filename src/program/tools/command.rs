//! The step `command`: an outside program of the user.

use std::sync::Arc;

use serde_json::{Value, json};

use super::tool::{Action, Fault, Input, Made};
use crate::data::to_text;
use crate::process::Pool;

/// A step that sends `{"inputs": {…}}` to an outside program and reads a JSON object with the outputs from its answer.
#[derive(Debug)]
pub struct CommandTool {
    /// The running processes of the program.
    pub pool: Arc<Pool>,
    /// The fields that the answer must have.
    pub outputs: Vec<String>,
}

/// A [`CommandTool`] whose retrieved rows the metric counts: its answer must list them under `retrieved`.
#[derive(Debug)]
pub struct SearchCommand(pub CommandTool);

/// Returns the `error` field of a program's answer. None if the field is missing, null, false or empty, which many programs write
/// if nothing went wrong.
#[must_use]
pub fn error_in(answer: &Value) -> Option<String> {
    let error = answer.get("error")?;
    let is_empty = match error {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    };
    (!is_empty).then(|| to_text(error))
}

impl CommandTool {
    /// Calls the program. Returns its result, and whether its answer has a list `retrieved`.
    fn call(&self, inputs: &[Input]) -> Result<(Made, bool), Fault> {
        let inputs: serde_json::Map<String, Value> =
            inputs.iter().map(|input| (input.name.clone(), input.text().into())).collect();
        let message = json!({ "inputs": inputs });
        // A failed call is repeated once, as with an outside metric.
        let answer = self.pool.call(&message).or_else(|_| self.pool.call(&message)).map_err(|e| Fault::Broken(e.to_string()))?;
        if let Some(error) = error_in(&answer) {
            return Err(Fault::Fails(error));
        }
        let Value::Object(fields) = answer else {
            let wanted = self.outputs.join(", ");
            return Err(Fault::Broken(format!("it must answer a JSON object with {wanted}, not {answer}")));
        };
        // Many languages write a missing value as null.
        let output = |name: &String| match fields.get(name).filter(|value| !value.is_null()) {
            Some(value) => Ok((name.clone(), to_text(value))),
            None => Err(Fault::Broken(format!("its answer lacks `{name}`"))),
        };
        let outputs = self.outputs.iter().map(output).collect::<Result<_, _>>()?;
        let listed = fields.get("retrieved").and_then(Value::as_array);
        let retrieved = listed.into_iter().flatten().map(to_text).collect();
        Ok((Made { outputs, retrieved }, listed.is_some()))
    }
}

impl Action for CommandTool {
    fn act(&self, inputs: &[Input]) -> Result<Made, Fault> {
        self.call(inputs).map(|(made, _)| made)
    }
}

impl Action for SearchCommand {
    fn act(&self, inputs: &[Input]) -> Result<Made, Fault> {
        let (made, is_listed) = self.0.call(inputs)?;
        let lacks = "its answer lacks `retrieved`, the list of what it found, by which the metric `retrieval` judges it";
        if is_listed { Ok(made) } else { Err(Fault::Broken(lacks.into())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Returns a step whose program answers every call with `answer`.
    fn answering(answer: &str) -> CommandTool {
        let script = format!("import sys\nfor line in sys.stdin: print({answer:?})");
        let argv = ["python3", "-u", "-c", script.as_str()].map(str::to_owned).to_vec();
        let (folder, timeout) = (std::env::temp_dir(), Duration::from_secs(20));
        let command = crate::process::Command { argv, folder, timeout, slots: 1 };
        CommandTool { pool: Arc::new(Pool::new(command)), outputs: vec!["rows".into()] }
    }

    #[test]
    fn an_empty_error_is_no_error() {
        let result = |error: &str| {
            answering(&format!("{{\"error\": {error}, \"rows\": 3}}")).act(&[]).map(|made| made.outputs["rows"].clone())
        };
        for empty in ["\"\"", "\" \"", "null", "false", "{}", "[]"] {
            assert_eq!(result(empty), Ok("3".into()), "{empty}");
        }
        assert_eq!(result("\"no table\""), Err(Fault::Fails("no table".into())));
        assert_eq!(result("{\"code\": 1}"), Err(Fault::Fails("{\"code\":1}".into())));
    }

    #[test]
    fn an_output_that_is_null_is_missing() {
        let made = answering("{\"rows\": null}").act(&[]);
        assert_eq!(made, Err(Fault::Broken("its answer lacks `rows`".into())));
    }

    #[test]
    fn a_search_must_list_the_rows_that_it_found() {
        let found = |answer: &str| SearchCommand(answering(answer)).act(&[]).map(|made| made.retrieved);
        assert_eq!(found("{\"rows\": \"\", \"retrieved\": [\"A\", 7]}"), Ok(vec!["A".into(), "7".into()]));
        assert_eq!(found("{\"rows\": \"\", \"retrieved\": []}"), Ok(Vec::new()));
        for answer in ["{\"rows\": \"A\"}", "{\"rows\": \"A\", \"retrieved\": null}", "{\"rows\": \"A\", \"retrieved\": \"A\"}"] {
            assert!(matches!(found(answer), Err(Fault::Broken(why)) if why.contains("lacks `retrieved`")), "{answer}");
        }
        assert!(answering("{\"rows\": \"A\"}").act(&[]).is_ok());
    }
}
