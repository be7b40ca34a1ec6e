//! The state of a DSPy program: what `save` of a `dspy.Module` writes and its `load` reads, with one predictor a module.

use serde_json::{Map, Value, json};

use super::{Deployed, ExportError, File};
use crate::program::layout::REASONING;
use crate::program::parse;

/// The state, with what DSPy does otherwise.
pub(super) fn state(modules: &[Deployed]) -> Result<File, ExportError> {
    let mut state = Map::new();
    let mut classes = Vec::new();
    for one in modules {
        let fields = std::iter::once(&one.module.name).chain(&one.module.inputs).chain(&one.module.outputs);
        if let Some(bad) = fields.into_iter().find(|name| !is_python_name(name)) {
            return Err(one.wrong(format!("`{bad}` is no name in Python, and DSPy has fields and predictors by name")));
        }
        let name = &one.module.name;
        let signature = format!("{} -> {}", one.module.inputs.join(", "), one.module.outputs.join(", "));
        let (key, class) = match one.text.reasoning {
            true => (format!("{name}.predict"), "ChainOfThought"),
            false => (name.clone(), "Predict"),
        };
        classes.push(format!("self.{name} = dspy.{class}(\"{signature}\")"));
        state.insert(key, predictor(one));
    }
    state.insert("metadata".into(), json!({ "dependency_versions": {} }));
    let notes = vec![
        format!("a dspy.Module can `load` it whose __init__ has: {}", classes.join("; ")),
        "DSPy's adapters lay fields out in their own way ([[ ## field ## ]] marks, instruction in the system turn), so the prompt \
         is not the one measured: texts and worked examples are the same, scores can differ"
            .into(),
    ];
    Ok(File { name: "program.json".into(), content: format!("{:#}\n", Value::Object(state)), notes })
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
            demo.extend(written(&outputs, &one.module.outputs, &demonstration.answer));
            Value::Object(demo)
        }).collect::<Vec<_>>(),
        "signature": { "instructions": one.text.instruction, "fields": fields },
        "lm": null,
    })
}

/// The outputs of a worked example.
fn written<'a>(outputs: &'a [&str], names: &[String], answer: &str) -> impl Iterator<Item = (String, Value)> + 'a {
    // The first label is given, not written.
    let begun = format!("{}: {answer}", outputs.first().copied().unwrap_or_default());
    let labels: Vec<String> = outputs.iter().map(|&name| name.to_owned()).collect();
    let answer = if outputs.len() == 1 || parse::begins_with_a_label(names, answer) { answer } else { begun.as_str() };
    let mut found = parse::outputs(&labels, answer);
    outputs.iter().filter_map(move |&name| Some((name.to_owned(), found.remove(name)?.into())))
}

/// A field as a signature's state has it; the prefix is DSPy's own for such a name.
fn field(name: &str) -> Value {
    let words: Vec<String> = name.split('_').filter(|word| !word.is_empty()).map(capital).collect();
    json!({ "prefix": format!("{}:", words.join(" ")), "description": format!("${{{name}}}") })
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

/// What Python keeps for itself.
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
