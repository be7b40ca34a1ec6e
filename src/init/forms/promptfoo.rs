//! promptfoo's tests: rows with `vars` and `assert`, or a table with `__expected`.

use serde_json::{Map, Value, json};

use super::converted::{Converted, all_have, row_of};
use crate::data::{Example, is_blank, listed};

/// The assertions whose value is the right answer, or a list of such.
const ANSWERS: [&str; 9] =
    ["equals", "contains", "icontains", "contains-any", "icontains-any", "similar", "levenshtein", "rouge-n", "bleu"];

/// The other kinds of assertions that can stand in a cell of a table (promptfoo's `src/csv.ts`), with their older names.
const OTHERS: [&str; 44] = [
    "answer-relevance",
    "assert-set",
    "classifier",
    "contains-all",
    "contains-html",
    "contains-json",
    "contains-sql",
    "contains-xml",
    "context-faithfulness",
    "context-recall",
    "context-relevance",
    "conversation-relevance",
    "cost",
    "eval",
    "factuality",
    "file",
    "finish-reason",
    "fn",
    "g-eval",
    "gleu",
    "grade",
    "guardrails",
    "human",
    "icontains-all",
    "is-html",
    "is-json",
    "is-refusal",
    "is-sql",
    "is-valid-openai-function-call",
    "is-valid-openai-tools-call",
    "is-xml",
    "javascript",
    "latency",
    "llm-rubric",
    "meteor",
    "model-graded-closedqa",
    "moderation",
    "perplexity",
    "perplexity-score",
    "pi",
    "python",
    "regex",
    "starts-with",
    "webhook",
];

/// Converts tests into rows with the variables and `expected`.
pub(super) fn convert(rows: &[Example]) -> Result<Option<Converted>, String> {
    let is_list = |value: &Value| value.is_array();
    let is_table = rows.iter().any(|row| row.fields.keys().any(|name| is_expectation(name)));
    let are_tests =
        all_have(rows, "vars", Value::is_object) && rows.iter().any(|row| row.fields.get("assert").is_some_and(is_list));
    if !is_table && !are_tests {
        return Ok(None);
    }
    let mut converted = Vec::new();
    for row in rows {
        let (vars, assertions) = if is_table { of_table(row) } else { of_test(row) };
        let kinds: Vec<String> = assertions.iter().map(kind).collect();
        let answer = assertions.iter().find(|assertion| ANSWERS.contains(&kind(assertion).as_str()));
        let is_answer = |value: &&Value| value.is_string() || value.is_number() || value.is_array();
        let Some(expected) = answer.and_then(|assertion| assertion.get("value")).filter(is_answer) else {
            return Err(format!(
                "its rows are tests of promptfoo (`{}`), and the test `{}` asserts {}, from which no right answer follows. Write rows with \
                 the variables and the right answer as fields, and choose a metric (docs/metrics.md): `judge` for `llm-rubric`, `command` \
                 for `javascript` and `python`, `constraints` or `regex` for the rest",
                if is_table { "__expected" } else { "vars`, `assert" },
                row.id,
                if kinds.is_empty() { "nothing".to_owned() } else { listed(kinds) }
            ));
        };
        let mut fields = vars;
        fields.insert("expected".into(), expected.clone());
        converted.push(row_of(row, fields));
    }
    let is_filled = |name: &str| rows.iter().any(|row| row.fields.get(name).is_some_and(|value| !is_blank(value)));
    let around: Vec<&str> = ["__prefix", "__suffix"].into_iter().filter(|name| is_filled(name)).collect();
    let told = format!(
        "Its rows are tests of promptfoo: the variables became fields, and the value of the assertion ({}) became `expected`.{}",
        listed(ANSWERS),
        if around.is_empty() {
            String::new()
        } else {
            format!(" {} are left out: write them into the instruction.", listed(around))
        }
    );
    Ok(Some(Converted { rows: converted, told, output: "expected".into(), instruction: None }))
}

/// Returns the kind of an assertion. Empty if it has none.
fn kind(assertion: &Value) -> String {
    assertion.get("type").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Returns the variables and the assertions of a test in JSON.
fn of_test(row: &Example) -> (Map<String, Value>, Vec<Value>) {
    let vars = row.fields.get("vars").and_then(Value::as_object).cloned().unwrap_or_default();
    (vars, row.fields.get("assert").and_then(Value::as_array).cloned().unwrap_or_default())
}

/// Whether a column of a table holds assertions: `__expected`, `__expected1` and so on.
fn is_expectation(name: &str) -> bool {
    name.strip_prefix("__expected").is_some_and(|number| number.chars().all(|c| c.is_ascii_digit()))
}

/// Returns the variables and the assertions of a row of a table. Columns whose names begin with two underscores are no variables.
fn of_table(row: &Example) -> (Map<String, Value>, Vec<Value>) {
    let is_variable = |name: &str| !name.starts_with("__");
    let vars = row.fields.iter().filter(|(name, _)| is_variable(name)).map(|(name, value)| (name.clone(), value.clone()));
    let cells = row.fields.iter().filter(|(name, value)| is_expectation(name) && !is_blank(value));
    (vars.collect(), cells.map(|(_, value)| of_cell(value)).collect())
}

/// Returns the assertion of a cell: `KIND: value` or `KIND(threshold): value`. Any other cell is the right answer itself.
fn of_cell(cell: &Value) -> Value {
    let Some(text) = cell.as_str() else { return json!({ "type": "equals", "value": cell }) };
    let (head, value) = text.split_once(':').unwrap_or((text, ""));
    let kind = head.split_once('(').filter(|(_, threshold)| threshold.ends_with(')')).map_or(head, |(kind, _)| kind).trim();
    let is_known =
        |kind: &str| ANSWERS.contains(&kind) || (OTHERS.contains(&kind) && (text.contains([':', '(']) || kind.contains('-')));
    if !is_known(kind.strip_prefix("not-").unwrap_or(kind)) {
        return json!({ "type": "equals", "value": text });
    }
    match kind {
        "contains-any" | "icontains-any" => {
            let parts: Vec<&str> = value.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
            json!({ "type": kind, "value": parts })
        }
        _ => json!({ "type": kind, "value": value.trim() }),
    }
}
