//! Answers that are the position of one of several choices.

use serde_json::Value;

use crate::data::Example;

/// The singular of names of fields with choices, as in `options` and `choice_2`.
const NAMES: [&str; 9] = ["option", "choice", "ending", "candidate", "alternative", "answer", "solution", "sol", "opt"];

/// Returns where the choices are whose positions the answers are, and from which number they are counted: "in `options`, counted from
/// 0". The number is left out if the answers leave it open. None if the answers are no such positions.
pub(super) fn positions(rows: &[Example], inputs: &[String], answer: &str) -> Option<String> {
    let answers: Vec<usize> = rows.iter().map(|row| row.input(answer)?.trim().parse().ok()).collect::<Option<Vec<usize>>>()?;
    let is_named = |field: &String| {
        let name = field.to_lowercase();
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
        NAMES.contains(&stem.trim_end_matches('s'))
    };
    let named: Vec<&String> = inputs.iter().filter(|field| is_named(field)).collect();
    let (place, counts) = match named.as_slice() {
        [one] => {
            let count = |row: &Example| match row.fields.get(*one)? {
                Value::Array(items) => Some(items.len()),
                Value::String(text) => serde_json::from_str::<Vec<Value>>(text).ok().map(|items| items.len()),
                _ => None,
            };
            (format!("in `{one}`"), rows.iter().map(count).collect::<Option<Vec<usize>>>()?)
        }
        [first, .., last] => (format!("among `{first}` to `{last}`"), vec![named.len(); rows.len()]),
        [] => return None,
    };
    let pairs = || answers.iter().zip(&counts);
    let (has_zero, has_last) = (answers.contains(&0), pairs().any(|(answer, count)| answer == count));
    if (has_zero && has_last) || pairs().any(|(answer, count)| answer > count) {
        return None;
    }
    Some(match (has_zero, has_last) {
        (true, _) => format!("{place}, counted from 0"),
        (_, true) => format!("{place}, counted from 1"),
        _ => place,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn positions_are_told_from_codes() {
        let of = |row: &dyn Fn(usize) -> Value| {
            let rows: Vec<Example> =
                (0..6).map(|n| Example { id: n.to_string(), fields: row(n).as_object().unwrap().clone() }).collect();
            let inputs: Vec<String> = rows[0].fields.keys().filter(|name| *name != "label").cloned().collect();
            positions(&rows, &inputs, "label")
        };
        let found = |text: &str| Some(text.to_owned());
        assert_eq!(of(&|n| json!({ "options": ["a", "b"], "label": n % 2 })), found("in `options`, counted from 0"));
        assert_eq!(of(&|n| json!({ "endings": "[\"a\", \"b\"]", "label": 1 + n % 2 })), found("in `endings`, counted from 1"));
        assert_eq!(of(&|_| json!({ "choices": ["a", "b", "c"], "label": "1" })), found("in `choices`"));
        assert_eq!(of(&|n| json!({ "sol1": "a", "sol2": "b", "label": n % 2 })), found("among `sol1` to `sol2`, counted from 0"));
        assert_eq!(
            of(&|n| json!({ "option_1": "a", "option_2": "b", "label": (1 + n % 2).to_string() })),
            found("among `option_1` to `option_2`, counted from 1")
        );
        assert_eq!(of(&|n| json!({ "sentence1": "a", "sentence2": "b", "label": n % 2 })), None);
        assert_eq!(of(&|n| json!({ "tokens": ["a", "b"], "label": n % 2 })), None);
        assert_eq!(of(&|n| json!({ "options": ["a", "b"], "label": n % 3 })), None);
        assert_eq!(of(&|_| json!({ "options": ["a", "b"], "label": "B" })), None);
    }
}
