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

impl Act for Command {
    fn act(&self, inputs: &[(String, String)]) -> Result<Made, Fault> {
        let inputs: serde_json::Map<String, Value> = inputs.iter().map(|(n, v)| (n.clone(), v.as_str().into())).collect();
        let message = json!({ "inputs": inputs });
        // Asked once more, as an outside metric is.
        let answer = self.pool.call(&message).or_else(|_| self.pool.call(&message)).map_err(|e| Fault::Broken(e.to_string()))?;
        let Value::Object(fields) = answer else {
            let wanted = self.outputs.join(", ");
            return Err(Fault::Broken(format!("it must answer a JSON object with {wanted}, not {answer}")));
        };
        // Many programs always write an `error`, empty where there is none.
        if let Some(Value::String(error)) = fields.get("error")
            && !error.trim().is_empty()
        {
            return Err(Fault::Fails(error.clone()));
        }
        let output = |name: &String| match fields.get(name) {
            Some(value) => Ok((name.clone(), to_text(value))),
            None => Err(Fault::Broken(format!("its answer lacks `{name}`"))),
        };
        let retrieved = fields.get("retrieved").and_then(Value::as_array).map(|keys| keys.iter().map(to_text).collect());
        Ok(Made { outputs: self.outputs.iter().map(output).collect::<Result<_, _>>()?, retrieved: retrieved.unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_empty_error_is_none() {
        let said = |error: &str| {
            let script = format!("import sys\nfor line in sys.stdin: print('{{\"error\": \"{error}\", \"rows\": 3}}')");
            let argv = ["python3", "-u", "-c", script.as_str()].map(str::to_owned).to_vec();
            let (folder, timeout) = (std::env::temp_dir(), Duration::from_secs(20));
            let command = crate::process::Command { argv, folder, timeout, slots: 1 };
            let step = Command { pool: Arc::new(Pool::new(command)), outputs: vec!["rows".into()] };
            step.act(&[]).map(|made| made.outputs["rows"].clone())
        };
        assert_eq!(said(""), Ok("3".into()));
        assert_eq!(said("no table"), Err(Fault::Fails("no table".into())));
    }
}
