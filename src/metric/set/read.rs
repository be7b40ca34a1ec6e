//! Reads a list from an answer or a row.

use serde_json::Value;

use crate::metric::normalize::is_same_label;

/// The most brackets of a text that are tried as the beginning of a list.
const MOST_TRIED: usize = 50;

/// Returns the items of a list in a text. It is the first JSON list; a list that is the only one in a JSON object; JSON objects one
/// after the other; or, where the items are texts, lines, or parts between `;`, `|` or commas. `expected` are the items that should
/// be there: a mark that occurs in one of them separates nothing. None where the items should be objects and there is no JSON.
pub(super) fn items(text: &str, expected: &[Value]) -> Option<Vec<Value>> {
    let have_objects = expected.iter().any(Value::is_object);
    if let Some(found) = json_items(text, have_objects) {
        return Some(found);
    }
    if text.trim().is_empty() {
        return Some(Vec::new());
    }
    if have_objects {
        return None;
    }
    let known: Vec<&str> = expected.iter().filter_map(Value::as_str).collect();
    let found = written_items(text, &known);
    let is_none = |item: &str| is_same_label(item, "none") && !known.iter().any(|known| is_same_label(item, known));
    Some(match found.as_slice() {
        [only] if is_none(only) => Vec::new(),
        _ => found.into_iter().map(Value::from).collect(),
    })
}

/// Returns the items that stand in a text as JSON. None if there are none.
fn json_items(text: &str, have_objects: bool) -> Option<Vec<Value>> {
    let (mut rest, mut objects) = (text, Vec::new());
    for _ in 0..MOST_TRIED {
        let Some(at) = rest.find(['[', '{']) else { break };
        rest = &rest[at..];
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        match stream.next() {
            Some(Ok(Value::Array(items))) if objects.is_empty() => return Some(items),
            Some(Ok(value)) => {
                rest = &rest[stream.byte_offset()..];
                objects.push(value);
            }
            _ => rest = &rest[1..],
        }
    }
    if let [Value::Object(only)] = objects.as_slice() {
        let mut lists = only.values().filter_map(Value::as_array);
        if let (Some(list), None) = (lists.next(), lists.next())
            && (!have_objects || list.iter().all(Value::is_object))
        {
            return Some(list.clone());
        }
    }
    (have_objects && !objects.is_empty()).then_some(objects)
}

/// Returns the parts of a text that is no JSON: lines, or parts between marks that occur in no known item.
fn written_items(text: &str, known: &[&str]) -> Vec<String> {
    let text = text.trim();
    // A list as Python prints it.
    let text = text.strip_prefix('[').and_then(|inside| inside.strip_suffix(']')).unwrap_or(text);
    let separates = |mark: &char| !known.iter().any(|item| item.contains(*mark));
    let mark = match text.trim().contains('\n') {
        true => Some('\n'),
        false => [';', '|', ',', '，', '、'].into_iter().find(|mark| text.contains(*mark) && separates(mark)),
    };
    let parts: Vec<&str> = mark.map_or_else(|| vec![text], |mark| text.split(mark).collect());
    let items = parts.into_iter().map(|part| without_bullet(part.trim()));
    // A line that introduces a list is no item.
    let introduces = |item: &str| mark == Some('\n') && item.ends_with(':');
    items.filter(|item| !item.is_empty() && !introduces(item)).map(without_quotes).collect()
}

/// Returns a line of a list without the bullet or number before it.
fn without_bullet(line: &str) -> &str {
    pattern!(r"^(?:[-*•]|[0-9]{1,3}[.)])\s+").and_then(|bullet| bullet.find(line)).map_or(line, |bullet| &line[bullet.end()..])
}

fn without_quotes(item: &str) -> String {
    let item = item.trim_end_matches([',', ';']);
    let inside = ['"', '\''].into_iter().find_map(|quote| item.strip_prefix(quote)?.strip_suffix(quote));
    inside.unwrap_or(item).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_is_read_from_many_forms() {
        let labels = [json!("drama"), json!("crime")];
        for text in [
            r#"["drama", "crime"]"#,
            "```json\n[\"drama\", \"crime\"]\n```",
            r#"{"genres": ["drama", "crime"], "why": "so"}"#,
            "drama, crime",
            "drama; crime",
            "drama|crime",
            "- drama\n- crime",
            "The genres are:\n1. drama\n2. crime\n",
            "['drama', 'crime']",
        ] {
            assert_eq!(items(text, &labels), Some(labels.to_vec()), "{text}");
        }
        assert_eq!(items("drama crime", &labels), Some(vec![json!("drama crime")]));
        assert_eq!(items("Arts, Culture; Sport", &[json!("Arts, Culture")]), Some(vec![json!("Arts, Culture"), json!("Sport")]));
        for text in ["", "[]", "none", "None.", "{\"genres\": []}"] {
            assert_eq!(items(text, &[]), Some(Vec::new()), "{text}");
        }
        assert_eq!(items("none", &[json!("None")]), Some(vec![json!("none")]));
    }

    #[test]
    fn objects_are_read_from_a_list_an_object_or_lines() {
        let one = json!({"type": "place", "text": "Bonn [1]"});
        let two = json!({"type": "person", "text": "Ann", "aliases": ["A"]});
        for text in
            [format!("[{one}, {two}]"), format!("Here:\n```\n{{\"entities\": [{one}, {two}]}}\n```"), format!("{one}\n{two}")]
        {
            assert_eq!(items(&text, std::slice::from_ref(&one)), Some(vec![one.clone(), two.clone()]), "{text}");
        }
        assert_eq!(items(&two.to_string(), std::slice::from_ref(&one)), Some(vec![two]));
        assert_eq!(items("Bonn is a place", &[one]), None);
    }
}
