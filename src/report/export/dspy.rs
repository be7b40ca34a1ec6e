//! The state of a DSPy program, as `save` of a `dspy.Module` writes it and `load` reads it, with one predictor for each module.

use serde_json::{Map, Value, json};

use super::deployed::Deployed;
use super::error::ExportError;
use super::file::ExportFile;
use crate::program::layout::REASONING;
use crate::program::parse;

/// Returns the state of a program.
pub(super) fn state(modules: &[Deployed]) -> Result<ExportFile, ExportError> {
    let mut state = Map::new();
    let mut statements = Vec::new();
    for one in modules {
        let names = std::iter::once(&one.module.name).chain(&one.module.inputs).chain(&one.module.outputs);
        if let Some(bad) = names.into_iter().find(|name| !is_python_name(name)) {
            return Err(one.form_error(format!("`{bad}` is not a name in Python, as DSPy needs for fields and predictors")));
        }
        let name = &one.module.name;
        let signature = format!("{} -> {}", one.module.inputs.join(", "), one.module.outputs.join(", "));
        let (key, class) = match one.text.reasoning {
            true => (format!("{name}.predict"), "ChainOfThought"),
            false => (name.clone(), "Predict"),
        };
        statements.push(format!("self.{name} = dspy.{class}(\"{signature}\")"));
        state.insert(key, predictor(one));
    }
    state.insert("metadata".into(), json!({ "dependency_versions": {} }));
    let notes = vec![
        format!("a dspy.Module can `load` it whose __init__ has: {}", statements.join("; ")),
        "DSPy's adapters have a layout of their own ([[ ## field ## ]] marks, instruction in the system turn), so the prompt is not \
         the one measured: texts and demonstrations are the same, scores can differ"
            .into(),
    ];
    Ok(ExportFile { name: "program.json".into(), content: format!("{:#}\n", Value::Object(state)), notes })
}

fn predictor(one: &Deployed) -> Value {
    let reasoning = one.text.reasoning.then_some(REASONING);
    let outputs: Vec<&str> = reasoning.into_iter().chain(one.module.outputs.iter().map(String::as_str)).collect();
    let fields = one.module.inputs.iter().map(String::as_str).chain(outputs.iter().copied());
    let fields: Vec<Value> = fields.map(field).collect();
    json!({
        "traces": [],
        "train": [],
        "demos": one.text.demonstrations.iter().map(|demonstration| {
            let inputs = demonstration.inputs.iter().map(|(name, value)| (name.clone(), value.as_str().into()));
            let mut demo: Map<String, Value> = inputs.collect();
            demo.extend(demonstrated_outputs(&outputs, &one.module.outputs, &demonstration.answer));
            Value::Object(demo)
        }).collect::<Vec<_>>(),
        "signature": { "instructions": one.text.instruction, "fields": fields },
        "lm": null,
    })
}

/// Returns the outputs in the answer of a demonstration. `outputs` are the labels that the answer can have, `names` those of the
/// module's outputs.
fn demonstrated_outputs<'a>(outputs: &'a [&str], names: &[String], answer: &str) -> impl Iterator<Item = (String, Value)> + 'a {
    // The prompt has the first label already, so the answer usually lacks it.
    let with_label = format!("{}: {answer}", outputs.first().copied().unwrap_or_default());
    let labels: Vec<String> = outputs.iter().map(|&name| name.to_owned()).collect();
    let is_complete = outputs.len() == 1 || parse::begins_with_a_label(names, answer);
    let mut found = parse::outputs(&labels, if is_complete { answer } else { &with_label });
    outputs.iter().filter_map(move |&name| Some((name.to_owned(), found.remove(name)?.into())))
}

/// Returns the state of a field in a signature, with the prefix and description that DSPy itself gives to a field of this name.
fn field(name: &str) -> Value {
    let words: Vec<String> = name.split('_').filter(|word| !word.is_empty()).map(capitalized).collect();
    json!({ "prefix": format!("{}:", words.join(" ")), "description": format!("${{{name}}}") })
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

/// The keywords of Python, which cannot be names.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else",
    "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise",
    "return", "try", "while", "with", "yield",
];

fn is_python_name(name: &str) -> bool {
    if KEYWORDS.contains(&name) {
        return false;
    }
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first == '_' || first.is_alphabetic()) && letters.all(|c| c == '_' || c.is_alphanumeric())
}
