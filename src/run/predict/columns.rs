//! The columns of the output file: those of the input, then the program's outputs and the error.

use serde_json::{Map, Value};

use crate::evaluate::Prediction;
use crate::program::Program;

/// The name of the column with the error of a row, unless the input or the program has that name.
const ERROR: &str = "error";

/// What stands before the name of an added column if the input has a column of that name.
const PREFIX: &str = "predicted_";

/// The columns that are added to the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    /// The name of each output of the program, with that of its column.
    pub(super) outputs: Vec<(String, String)>,
    /// The name of the column with the error of a row.
    pub(super) error: String,
}

impl Columns {
    /// Names the columns that are added for `outputs` to rows with the columns `input`. A column of the input keeps its name and its
    /// values; an added one of the same name is called `predicted_NAME`.
    ///
    /// # Errors
    /// The name that is taken as well.
    pub(super) fn new(input: &[String], outputs: &[&str]) -> Result<Self, String> {
        let named = |name: &str, is_taken: bool| -> Result<String, String> {
            let other = format!("{PREFIX}{name}");
            match is_taken {
                false => Ok(name.to_owned()),
                true if input.contains(&other) || outputs.contains(&other.as_str()) => Err(other),
                true => Ok(other),
            }
        };
        let is_taken = |name: &str| input.iter().any(|column| column == name);
        let outputs_named = outputs.iter().map(|name| Ok(((*name).to_owned(), named(name, is_taken(name))?)));
        Ok(Self {
            outputs: outputs_named.collect::<Result<_, String>>()?,
            error: named(ERROR, is_taken(ERROR) || outputs.contains(&ERROR))?,
        })
    }

    /// Returns the names of the added columns, in their order.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.outputs.iter().map(|(_, column)| column).chain([&self.error])
    }

    /// Returns the added columns that have another name than what they hold, each with that name.
    pub(super) fn renamed(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.outputs.iter().map(|(name, column)| (name.as_str(), column.as_str()));
        all.chain([(ERROR, self.error.as_str())]).filter(|(name, column)| name != column)
    }

    /// Adds a prediction to a row. An output that was not written is null, and so is the error of a row without one.
    pub(super) fn add(&self, program: &Program, prediction: &Prediction, row: &mut Map<String, Value>) {
        for (name, column) in &self.outputs {
            let value = prediction.outputs.get(name).map_or(Value::Null, |text| program.output_value(name, text));
            row.insert(column.clone(), value);
        }
        row.insert(self.error.clone(), prediction.error.clone().map_or(Value::Null, Value::String));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(input: &[&str], outputs: &[&str]) -> Result<Vec<String>, String> {
        let input: Vec<String> = input.iter().map(|&name| name.to_owned()).collect();
        Columns::new(&input, outputs).map(|columns| columns.names().cloned().collect())
    }

    #[test]
    fn a_column_of_the_input_keeps_its_name() {
        let named = |names: &[&str]| Ok(names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(columns(&["text"], &["team"]), named(&["team", "error"]));
        assert_eq!(
            columns(&["text", "team", "error"], &["team", "order"]),
            named(&["predicted_team", "order", "predicted_error"])
        );
        assert_eq!(columns(&["text"], &["error"]), named(&["error", "predicted_error"]));
        assert_eq!(columns(&["team", "predicted_team"], &["team"]), Err("predicted_team".into()));
        assert_eq!(columns(&["team"], &["team", "predicted_team"]), Err("predicted_team".into()));
    }
}
