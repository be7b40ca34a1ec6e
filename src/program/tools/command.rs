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
        if let Some(Value::String(error)) = fields.get("error") {
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
