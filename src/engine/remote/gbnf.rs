//! Constraints on answers in the forms that servers know: a JSON schema, or a grammar in GBNF.
//!
//! GBNF is the notation of llama.cpp (`grammars/README.md`), which XGrammar reads as well, the default of vLLM and SGLang. This
//! module translates what [`Grammar`] writes in llguidance's dialect of Lark, not Lark in general.

use serde_json::Value;

use crate::engine::grammar::Grammar;

/// A constraint on an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constraint {
    /// The answer is JSON that matches this schema.
    Schema(Value),
    /// The answer matches this grammar in GBNF, whose first rule is `root`.
    Gbnf(String),
}

/// A JSON string in GBNF.
const STRING: &str =
    r#""\"" ( [^"\\\x00-\x1F] | "\\" ( ["\\/bfnrt] | "u" [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F] ) )* "\"""#;

/// Returns a grammar as a constraint. `begun` is the beginning of the answer, which the model may repeat. None if a part of the
/// grammar cannot be said in GBNF, which is so for a JSON schema beside other fields.
pub(super) fn constraint(grammar: &Grammar, begun: Option<&str>) -> Option<Constraint> {
    let rules: Vec<(&str, &str)> = grammar.lark().lines().map(split_rule).collect::<Option<_>>()?;
    if let [("start", r#"" "? v0"#), ("v0", value)] = rules.as_slice()
        && let Some(schema) = value.strip_prefix("%json ")
    {
        return plain_schema(schema).map(Constraint::Schema);
    }
    let mut text = String::new();
    for (name, body) in rules {
        match name.split_once('[') {
            Some((name, options)) => text += &until(name, options)?,
            None if name == "start" => {
                let begun = begun.map(|begun| format!("{}? ", literal(begun))).unwrap_or_default();
                text += &format!("root ::= {begun}{}\n", expression(body)?);
            }
            None => text += &format!("{name} ::= {}\n", expression(body)?),
        }
    }
    Some(Constraint::Gbnf(text))
}

/// Splits a rule at the colon after its name and options.
fn split_rule(line: &str) -> Option<(&str, &str)> {
    let from = if line.split(':').next()?.contains('[') { line.find("]: ")? } else { 0 };
    let colon = from + line[from..].find(": ")?;
    Some((&line[..colon], &line[colon + 2..]))
}

/// Returns a schema without llguidance's options.
fn plain_schema(schema: &str) -> Option<Value> {
    let mut schema: Value = serde_json::from_str(schema).ok()?;
    if let Some(schema) = schema.as_object_mut() {
        schema.shift_remove("x-guidance");
    }
    Some(schema)
}

/// Translates the body of a rule: literals, regular expressions, lists in JSON, names, and the signs between them.
fn expression(body: &str) -> Option<String> {
    if let Some(schema) = body.strip_prefix("%json ") {
        return json_list(&plain_schema(schema)?);
    }
    if let Some(pattern) = body.strip_prefix('/') {
        return regex(pattern.strip_suffix('/')?);
    }
    let mut text = String::new();
    let mut rest = body;
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            text += &literal(&stream.next()?.ok()?);
            rest = &rest[stream.byte_offset()..];
        } else if first.is_ascii_alphanumeric() || " ()|?".contains(first) {
            text.push(first);
            rest = &rest[1..];
        } else {
            return None;
        }
    }
    Some(text)
}

/// Returns a literal.
fn literal(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        c if c.is_ascii_control() => format!("\\x{:02X}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// Translates the schema of a list of strings. None for any other schema.
fn json_list(schema: &Value) -> Option<String> {
    let items = &schema["items"];
    if schema["type"] != "array" {
        return None;
    }
    let (item, most) = match items["enum"].as_array() {
        Some(values) => {
            let texts: Vec<&str> = values.iter().map(Value::as_str).collect::<Option<_>>()?;
            let alternatives: Vec<String> = texts.iter().map(|text| literal(&Value::from(*text).to_string())).collect();
            (format!("( {} )", alternatives.join(" | ")), schema["maxItems"].as_u64())
        }
        None if items["type"] == "string" => (STRING.to_owned(), None),
        None => return None,
    };
    let more = most.map_or("*".to_owned(), |most| format!("{{0,{}}}", most.saturating_sub(1)));
    Some(format!(r#""[" ( {item} ( ", " {item} ){more} )? "]""#))
}

/// Translates a regular expression of single characters, classes, groups and repetitions.
fn regex(pattern: &str) -> Option<String> {
    let mut items: Vec<String> = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '[' => {
                let end = rest.find(']')?;
                items.push(rest[..=end].replace("\\s", " \\t\\r\\n"));
                end + 1
            }
            '(' if rest.starts_with("(?") => return None,
            '(' | ')' | '|' => {
                items.push(first.to_string());
                1
            }
            '*' | '+' | '?' => {
                items.last_mut()?.push(first);
                1
            }
            '{' => {
                let end = rest.find('}')?;
                items.last_mut()?.push_str(&rest[..=end]);
                end + 1
            }
            '\\' if rest.starts_with("\\S") => {
                items.push("[^ \\t\\r\\n]".to_owned());
                2
            }
            '\\' if rest[1..].starts_with('.') => {
                items.push(literal("."));
                2
            }
            '\\' | '.' | '^' | '$' => return None,
            other => {
                items.push(literal(other.encode_utf8(&mut [0; 4])));
                other.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    Some(items.join(" "))
}

/// Translates a rule for any text that ends with the first occurrence of a text: a rule for each number of characters of it that
/// the text so far ends with (Knuth, Morris, Pratt).
fn until(name: &str, options: &str) -> Option<String> {
    let end: String = serde_json::from_str(options.strip_prefix("suffix=")?.strip_suffix(']')?).ok()?;
    let end: Vec<char> = end.chars().collect();
    let state = |matched: usize| if matched == 0 { name.to_owned() } else { format!("{name}s{matched}") };
    let mut distinct = end.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let others = format!("[^{}]", distinct.iter().map(|c| in_class(*c)).collect::<String>());
    let mut text = String::new();
    for matched in 0..end.len() {
        let mut ways = vec![format!("{others} {}", state(0))];
        for &next in &distinct {
            let read: Vec<char> = end[..matched].iter().copied().chain([next]).collect();
            // The longest beginning of `end` that what was read ends with.
            let reached = (0..=read.len().min(end.len())).rev().find(|&length| read.ends_with(&end[..length]))?;
            let next = format!("[{}]", in_class(next));
            ways.push(if reached == end.len() { next } else { format!("{next} {}", state(reached)) });
        }
        text += &format!("{} ::= {}\n", state(matched), ways.join(" | "));
    }
    Some(text)
}

/// Returns a character as it stands in a class.
fn in_class(c: char) -> String {
    match c {
        '\n' => "\\n".into(),
        '\\' | ']' | '[' | '^' | '-' => format!("\\{c}"),
        other => other.to_string(),
    }
}
