//! The most tokens of an answer, counted with the model's own tokenizer.

use std::path::Path;

use serde_json::Value;

use crate::data::Example;
use crate::gguf;
use crate::tokenizer::Tokenizer;

/// The least and the most that is returned.
const RANGE: (usize, usize) = (16, 4096);

/// Returns a number of tokens that holds the longest answer, with room to spare: a quarter more and eight. `outputs` are the
/// fields with the answers; of several, each stands in a line with its name. A list or an object is counted as models like to
/// write it: indented and fenced. The number is at most half of the context that the model was trained for.
///
/// Without a model file, or where its vocabulary is of an unknown kind, the tokens are estimated from the bytes.
#[must_use]
pub fn most_tokens(rows: &[Example], outputs: &[&str], model: Option<&Path>) -> usize {
    let header = model.and_then(|path| gguf::read(path).ok());
    let tokenizer = header.as_ref().and_then(|header| Tokenizer::from_gguf(header).ok());
    let answers: Vec<String> = rows.iter().filter_map(|row| whole_answer(row, outputs)).collect();
    let counts = match &tokenizer {
        Some(tokenizer) => tokenizer.count_all(&answers.iter().map(String::as_str).collect::<Vec<_>>()),
        None => answers.iter().map(|answer| estimated_tokens(answer)).collect(),
    };
    let longest = counts.into_iter().max().unwrap_or(0);
    let context = header.and_then(|header| usize::try_from(header.context_length()?).ok());
    let most = context.map_or(RANGE.1, |context| RANGE.1.min(context / 2)).max(RANGE.0);
    (longest + longest / 4 + 8).clamp(RANGE.0, most)
}

/// Returns the answer of a row as a model writes it. None if the row has none.
fn whole_answer(row: &Example, outputs: &[&str]) -> Option<String> {
    if let [only] = outputs {
        return row.input(only).map(longest_form);
    }
    let lines = outputs.iter().map(|output| Some(format!("{output}: {}", longest_form(row.input(output)?))));
    lines.collect::<Option<Vec<String>>>().map(|lines| lines.join("\n"))
}

/// Returns a list or an object as JSON with an item on each line and a fence around it; any other text as it is.
fn longest_form(text: String) -> String {
    let value: Option<Value> = serde_json::from_str(&text).ok().filter(|value: &Value| value.is_array() || value.is_object());
    value.map_or(text, |value| format!("```json\n{value:#}\n```"))
}

/// Returns about as many tokens as a vocabulary made for English needs: half as many as letters of ASCII, and one for every byte of
/// other letters.
fn estimated_tokens(text: &str) -> usize {
    let ascii = text.bytes().filter(u8::is_ascii).count();
    ascii / 2 + (text.len() - ascii)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn without_a_model_the_bytes_count() {
        let most = |answer: &str| {
            let fields = json!({ "a": answer }).as_object().unwrap().clone();
            most_tokens(&[Example { id: "1".into(), fields }], &["a"], None)
        };
        let two = json!({ "team": "facilities", "urgency": "yes" }).as_object().unwrap().clone();
        // `team: facilities` and `urgency: yes` have 29 characters with the line break.
        assert_eq!(most_tokens(&[Example { id: "1".into(), fields: two }], &["team", "urgency"], None), 14 + 3 + 8);
        assert_eq!(most("yes"), 16);
        assert_eq!(most(&"word ".repeat(40)), 133);
        assert_eq!(most(&"आपका ".repeat(20)), 320, "three bytes a letter");
        assert_eq!(most(&"x".repeat(50_000)), 4096);
        // 62 characters in one line, 111 with line breaks and a fence.
        assert_eq!(most(r#"[{"text":"Ada","type":"person"},{"text":"Rome","type":"city"}]"#), 76);
    }
}
