//! The layout of gepard for programs of Python: chats, grammars of answers, and how answers are read.

use gepard::engine::{Grammar, ModelId, Shape};
use gepard::program::{Demonstration, Layout, Module, ModuleText, parse, render};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::{Value, json};

/// A call that is to be rendered, as JSON has it.
struct Call {
    module: Module,
    text: ModuleText,
    inputs: Vec<(String, String)>,
}

/// Renders a call: its chat, which ends with the begun answer, and the grammar of the answer, null where none of the outputs is typed.
///
/// `call` is JSON with `instruction`, `reasoning` (whether the answer begins with it), `outputs` (pairs of name and shape), `inputs`
/// (pairs of name and value) and `demonstrations` (`inputs`, `outputs`, and `reasoning` or null).
///
/// # Errors
/// `ValueError` for JSON of another form.
#[pyfunction]
pub fn render_call(call: &str) -> PyResult<String> {
    let Call { module, text, inputs } = read_call(call).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let prompt = render::prompt(&module, &text, &inputs);
    let grammar = render::grammar(&module, &text);
    Ok(json!({ "messages": prompt.messages, "breakpoints": prompt.breakpoints, "grammar": grammar }).to_string())
}

/// Reads an answer to a call. Returns the outputs, the reasoning (null where there is none), and what is missing in words (null if
/// nothing is), as JSON.
///
/// # Errors
/// `ValueError` for JSON of another form.
#[pyfunction]
pub fn read_answer(call: &str, answer: &str) -> PyResult<String> {
    let Call { module, text, .. } = read_call(call).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let whole = render::whole_answer(&module, &text, answer);
    let outputs = match text.reasoning {
        true => parse::reasoned(&module.outputs, &whole),
        false => parse::outputs(&module.outputs, &whole),
    };
    let reasoning = text.reasoning.then(|| reasoning(&module, &text, &whole));
    let missing = parse::missing(&module.outputs, &outputs, answer);
    Ok(json!({ "outputs": outputs, "reasoning": reasoning, "missing": missing }).to_string())
}

/// Returns the grammar of answers that match a JSON schema.
///
/// # Errors
/// `ValueError` if it cannot be enforced.
#[pyfunction]
pub fn json_grammar(schema: &str) -> PyResult<String> {
    let schema: Value = serde_json::from_str(schema).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let grammar = Grammar::value(&Shape::Json(schema));
    grammar.check().map_err(PyValueError::new_err)?;
    Ok(grammar.lark().to_owned())
}

/// Returns the words before the first output.
fn reasoning(module: &Module, text: &ModuleText, whole: &str) -> String {
    let label = render::answer_start(module, text);
    let words = whole.trim_start().strip_prefix(&label).unwrap_or(whole);
    let end = module.outputs.first().and_then(|first| words.find(&format!("\n{first}:")));
    words[..end.unwrap_or(words.len())].trim().to_owned()
}

fn read_call(call: &str) -> serde_json::Result<Call> {
    let mut call: Value = serde_json::from_str(call)?;
    let outputs: Vec<(String, Shape)> = serde_json::from_value(call["outputs"].take())?;
    let inputs: Vec<(String, String)> = serde_json::from_value(call["inputs"].take())?;
    let instruction: String = serde_json::from_value(call["instruction"].take())?;
    let reasoning = call["reasoning"] == json!(true);
    let demonstrations: Vec<Value> = serde_json::from_value(call["demonstrations"].take())?;
    let demonstrations = demonstrations.into_iter().map(demonstration).collect::<serde_json::Result<_>>()?;
    let module = Module {
        name: "module".into(),
        inputs: inputs.iter().map(|(name, _)| name.clone()).collect(),
        outputs: outputs.iter().map(|(name, _)| name.clone()).collect(),
        shapes: outputs.into_iter().filter(|(_, shape)| *shape != Shape::Text).collect(),
        max_tokens: 1,
        temperature: 0.0,
        top_p: 1.0,
        model: ModelId(0),
        layout: Layout::default(),
        frozen: false,
        keep: Vec::new(),
        labels: std::collections::BTreeMap::new(),
    };
    Ok(Call { module, text: ModuleText { demonstrations, reasoning, ..ModuleText::new(instruction) }, inputs })
}

fn demonstration(mut shown: Value) -> serde_json::Result<Demonstration> {
    let inputs: Vec<(String, String)> = serde_json::from_value(shown["inputs"].take())?;
    let outputs: Vec<(String, String)> = serde_json::from_value(shown["outputs"].take())?;
    let reasoning: Option<String> = serde_json::from_value(shown["reasoning"].take())?;
    Ok(Demonstration { id: String::new(), inputs, answer: render::worked_answer(reasoning.as_deref(), &outputs) })
}
