//! `command`: an outside program of the user's own.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Act, Fault, Made};
use crate::data::to_text;
use crate::process::Pool;

/// Sends `{"inputs": {…}}` and reads an object with the outputs.
#[derive(Debug)]
pub struct Command {
    /// The running programs.
    pub pool: Arc<Pool>,
    /// The fields that the answer must have.
    pub outputs: Vec<String>,
}

/// The same of a program whose finds are counted: an answer that does not list them under `retrieved` is none.
#[derive(Debug)]
pub struct Search(pub Command);

/// What a program says went wrong, of any type. Many always write an `error`, empty or false where there is none.
#[must_use]
pub fn error_in(answer: &Value) -> Option<String> {
    let error = answer.get("error")?;
    let is_none = match error {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    };
    (!is_none).then(|| to_text(error))
}

impl Command {
    /// What it made, and whether it listed what it retrieved.
    fn ask(&self, inputs: &[(String, String)]) -> Result<(Made, bool), Fault> {
        let inputs: serde_json::Map<String, Value> = inputs.iter().map(|(n, v)| (n.clone(), v.as_str().into())).collect();
        let message = json!({ "inputs": inputs });
        // Asked once more, as an outside metric is.
        let answer = self.pool.call(&message).or_else(|_| self.pool.call(&message)).map_err(|e| Fault::Broken(e.to_string()))?;
        if let Some(error) = error_in(&answer) {
            return Err(Fault::Fails(error));
        }
        let Value::Object(fields) = answer else {
            let wanted = self.outputs.join(", ");
            return Err(Fault::Broken(format!("it must answer a JSON object with {wanted}, not {answer}")));
        };
        // Null is what many languages make of what is not there.
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

impl Act for Command {
    fn act(&self, inputs: &[(String, String)]) -> Result<Made, Fault> {
        self.ask(inputs).map(|(made, _)| made)
    }
}

impl Act for Search {
    fn act(&self, inputs: &[(String, String)]) -> Result<Made, Fault> {
        let (made, is_listed) = self.0.ask(inputs)?;
        let lacks = "its answer lacks `retrieved`, the list of what it found, by which the metric `retrieval` judges it";
        if is_listed { Ok(made) } else { Err(Fault::Broken(lacks.into())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A program that answers every line with the text.
    fn says(answer: &str) -> Command {
        let script = format!("import sys\nfor line in sys.stdin: print({answer:?})");
        let argv = ["python3", "-u", "-c", script.as_str()].map(str::to_owned).to_vec();
        let (folder, timeout) = (std::env::temp_dir(), Duration::from_secs(20));
        let command = crate::process::Command { argv, folder, timeout, slots: 1 };
        Command { pool: Arc::new(Pool::new(command)), outputs: vec!["rows".into()] }
    }

    #[test]
    fn an_empty_error_is_none() {
        let said =
            |error: &str| says(&format!("{{\"error\": {error}, \"rows\": 3}}")).act(&[]).map(|made| made.outputs["rows"].clone());
        for none in ["\"\"", "\" \"", "null", "false", "{}", "[]"] {
            assert_eq!(said(none), Ok("3".into()), "{none}");
        }
        assert_eq!(said("\"no table\""), Err(Fault::Fails("no table".into())));
        assert_eq!(said("{\"code\": 1}"), Err(Fault::Fails("{\"code\":1}".into())));
    }

    #[test]
    fn an_output_that_is_null_is_not_there() {
        let made = says("{\"rows\": null}").act(&[]);
        assert_eq!(made, Err(Fault::Broken("its answer lacks `rows`".into())));
    }

    #[test]
    fn a_search_must_list_what_it_found() {
        let found = |answer: &str| Search(says(answer)).act(&[]).map(|made| made.retrieved);
        assert_eq!(found("{\"rows\": \"\", \"retrieved\": [\"A\", 7]}"), Ok(vec!["A".into(), "7".into()]));
        assert_eq!(found("{\"rows\": \"\", \"retrieved\": []}"), Ok(Vec::new()));
        for answer in ["{\"rows\": \"A\"}", "{\"rows\": \"A\", \"retrieved\": null}", "{\"rows\": \"A\", \"retrieved\": \"A\"}"] {
            assert!(matches!(found(answer), Err(Fault::Broken(why)) if why.contains("lacks `retrieved`")), "{answer}");
        }
        assert!(says("{\"rows\": \"A\"}").act(&[]).is_ok());
    }
}
