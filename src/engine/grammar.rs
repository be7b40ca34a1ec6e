//! What an answer must look like: shapes of values, and grammars of whole answers.
//!
//! Grammars are written in the Lark dialect of [llguidance](https://github.com/guidance-ai/llguidance), which
//! enforces them token by token and lets nothing through that is not UTF-8.

use std::sync::LazyLock;

use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::ApproximateTokEnv;
use llguidance::{Matcher, ParserFactory};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a value must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Words in one line.
    Text,
    /// One of these, spelled exactly so.
    Values(Vec<String>),
    /// A decimal number: perhaps a sign, digits, perhaps decimals.
    Number,
    /// `true` or `false`.
    Flag,
    /// A JSON list of texts in one line: of these, or of any where there are none.
    List(Vec<String>),
    /// JSON that fits this schema, in one line.
    Json(Value),
}

/// What a whole answer must look like.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Grammar(String);

/// Words with single spaces between them.
const WORDS: &str = r"/\S+([ \t]\S+)*/";

impl Grammar {
    /// An answer that is one value.
    #[must_use]
    pub fn value(shape: &Shape) -> Self {
        let mut rules = Rules::default();
        let value = rules.value(shape);
        rules.start(&format!("\" \"? {value}"))
    }

    /// An answer of lines `name: value`, in this order. Where the answer is `begun`, the first name and its colon are
    /// there already. Where it is `reasoned`, text of any length comes before the first line, behind that name.
    #[must_use]
    pub fn lines(fields: &[(&str, &Shape)], begun: bool, reasoned: Option<&str>) -> Self {
        let mut rules = Rules::default();
        let mut parts: Vec<String> = Vec::new();
        if let (Some(label), Some((first, _))) = (reasoned, fields.first()) {
            if !begun {
                parts.push(quoted(&format!("{label}:")));
            }
            parts.push(rules.until(&format!("\n{first}:")));
        }
        for (place, (name, shape)) in fields.iter().enumerate() {
            let is_written = place == 0 && (begun || reasoned.is_some());
            let line_break = if place == 0 { "" } else { "\n" };
            if !is_written {
                parts.push(quoted(&format!("{line_break}{name}:")));
            }
            let value = rules.value(shape);
            parts.push(format!("\" \"? {value}"));
        }
        rules.start(&parts.join(" "))
    }

    /// Its text, in llguidance's dialect of Lark.
    #[must_use]
    pub fn lark(&self) -> &str {
        &self.0
    }

    /// Tries the grammar without a model.
    ///
    /// # Errors
    /// What is wrong with it: a schema that cannot be enforced, for one.
    pub fn check(&self) -> Result<(), String> {
        self.matcher(of_bytes()?).map(|_| ())
    }

    /// What enforces it on the tokens of a model.
    pub(super) fn matcher(&self, factory: &ParserFactory) -> Result<Matcher, String> {
        let matcher = Matcher::new(factory.create_parser(TopLevelGrammar::from_lark(self.0.clone())));
        match matcher.get_error() {
            Some(error) => Err(error),
            None => Ok(matcher),
        }
    }
}

/// What enforces grammars where no model is at hand: each byte is a token.
fn of_bytes() -> Result<&'static ParserFactory, String> {
    static MADE: LazyLock<Result<ParserFactory, String>> = LazyLock::new(|| {
        let mut factory = ParserFactory::new_simple(&ApproximateTokEnv::single_byte_env()).map_err(|e| e.to_string())?;
        factory.quiet();
        Ok(factory)
    });
    MADE.as_ref().map_err(Clone::clone)
}

/// The rules below a grammar's start.
#[derive(Default)]
struct Rules(Vec<String>);

impl Rules {
    fn start(self, start: &str) -> Grammar {
        Grammar(format!("start: {start}\n{}", self.0.concat()))
    }

    /// The name of a rule for one value.
    fn value(&mut self, shape: &Shape) -> String {
        let name = format!("v{}", self.0.len());
        let rule = match shape {
            Shape::Text => WORDS.to_owned(),
            Shape::Values(values) => values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(" | "),
            Shape::Number => r"/-?[0-9]{1,15}(\.[0-9]{1,9})?/".to_owned(),
            Shape::Flag => r#""true" | "false""#.to_owned(),
            Shape::List(values) => format!("%json {}", compact(&list(values))),
            Shape::Json(schema) => format!("%json {}", compact(schema)),
        };
        self.0.push(format!("{name}: {rule}\n"));
        name
    }

    /// The name of a rule for anything up to and with `end`.
    fn until(&mut self, end: &str) -> String {
        let name = format!("v{}", self.0.len());
        self.0.push(format!("{name}[suffix={}]: /(?s:.*)/\n", quoted(end)));
        name
    }
}

/// A literal of Lark, which is spelled as in JSON.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The schema of a list of texts. One of given values is no longer than they are many, so that no model goes on for ever.
fn list(values: &[String]) -> Value {
    match values {
        [] => json!({ "type": "array", "items": { "type": "string" } }),
        values => json!({ "type": "array", "items": { "enum": values }, "maxItems": values.len() }),
    }
}

/// The schema, without white space that nobody needs.
fn compact(schema: &Value) -> Value {
    let options = json!({ "whitespace_flexible": false, "item_separator": ", ", "key_separator": ": " });
    match schema {
        Value::Object(map) => {
            let mut map = map.clone();
            map.insert("x-guidance".into(), options);
            Value::Object(map)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use llguidance::toktrie::TokEnv;
    use proptest::prelude::*;

    /// Whether a text, read byte by byte, is a whole answer.
    fn accepts(grammar: &Grammar, text: &str) -> bool {
        let env: TokEnv = ApproximateTokEnv::single_byte_env();
        let mut matcher = grammar.matcher(of_bytes().unwrap()).unwrap();
        let tokens = env.tokenize(text);
        matcher.try_consume_tokens(&tokens).unwrap() == tokens.len() && matcher.is_accepting().unwrap()
    }

    #[test]
    fn values_are_spelled_exactly_so() {
        let grammar = Grammar::value(&Shape::Values(vec!["late".into(), "a \"b\"\\ü".into()]));
        for (text, is_one) in
            [("late", true), (" late", true), (" a \"b\"\\ü", true), ("lat", false), ("later", false), ("", false)]
        {
            assert_eq!(accepts(&grammar, text), is_one, "{text}");
        }
    }

    #[test]
    fn numbers_flags_and_text_have_no_end_of_white_space() {
        let number = Grammar::value(&Shape::Number);
        assert!(accepts(&number, " -12.5") && accepts(&number, "7") && !accepts(&number, "1,000") && !accepts(&number, "1."));
        let flag = Grammar::value(&Shape::Flag);
        assert!(accepts(&flag, "true") && !accepts(&flag, "True"));
        let text = Grammar::value(&Shape::Text);
        assert!(accepts(&text, " so it is") && !accepts(&text, "two  spaces") && !accepts(&text, "two\nlines"));
    }

    #[test]
    fn json_follows_its_schema_in_one_line() {
        let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"], "additionalProperties": false });
        let grammar = Grammar::value(&Shape::Json(schema));
        assert!(accepts(&grammar, r#" {"n": 3}"#));
        for wrong in [r#"{"n":3}"#, r#"{ "n": 3}"#, r#"{"n": 3, "m": 1}"#, "{}", "[]"] {
            assert!(!accepts(&grammar, wrong), "{wrong}");
        }
        let wrong = Grammar::value(&Shape::Json(json!({ "type": "nonsense" }))).check().unwrap_err();
        assert!(wrong.contains("nonsense"), "{wrong}");
    }

    #[test]
    fn lists_are_of_any_texts_or_of_given_ones() {
        let any = Grammar::value(&Shape::List(Vec::new()));
        let given = Grammar::value(&Shape::List(vec!["red".into(), "sky \"blue\"".into()]));
        for (text, is_any, is_given) in [
            (" []", true, true),
            (r#"["red"]"#, true, true),
            (r#"["sky \"blue\"", "red"]"#, true, true),
            (r#"["red", "red", "red"]"#, true, false),
            (r#"["green"]"#, true, false),
            (r#"["red""#, false, false),
            ("[1]", false, false),
            ("red", false, false),
        ] {
            assert_eq!((accepts(&any, text), accepts(&given, text)), (is_any, is_given), "{text}");
        }
    }

    #[test]
    fn lines_stand_in_their_order() {
        let values = Shape::Values(vec!["low".into(), "high".into()]);
        let fields = [("urgency", &values), ("why", &Shape::Text)];
        assert!(accepts(&Grammar::lines(&fields, false, None), "urgency: low\nwhy: it can wait"));
        assert!(!accepts(&Grammar::lines(&fields, false, None), "why: it can wait\nurgency: low"));
        assert!(accepts(&Grammar::lines(&fields, true, None), " high\nwhy: fire"));
        let reasoned = Grammar::lines(&fields, true, Some("reasoning"));
        assert!(accepts(&reasoned, " a\n\nb\nurgency: high\nwhy: fire"));
        assert!(!accepts(&reasoned, " high\nwhy: fire"));
        assert!(accepts(&Grammar::lines(&fields, false, Some("reasoning")), "reasoning: a\nurgency: low\nwhy: b"));
    }

    #[test]
    fn a_judge_s_verdict_says_why_before_it_says_what() {
        let reason = json!({ "type": "string", "minLength": 1, "maxLength": 5 });
        let schema = json!({
            "type": "object", "properties": { "reason": reason, "grade": { "enum": [1, 2, 3] } },
            "required": ["reason", "grade"], "additionalProperties": false,
        });
        let grammar = Grammar::value(&Shape::Json(schema));
        for (answer, fits) in [
            (r#"{"reason": "Gut ü", "grade": 3}"#, true),
            (r#"{"grade": 3, "reason": "Gut"}"#, false),
            (r#"{"reason": "Gut", "grade": 4}"#, false),
            (r#"{"reason": "longer", "grade": 3}"#, false),
            (r#"{"reason": "", "grade": 3}"#, false),
        ] {
            assert_eq!(accepts(&grammar, answer), fits, "{answer}");
        }
    }

    /// Schemas of any shape, deep and wrong ones among them.
    fn any_schema() -> impl Strategy<Value = Value> {
        let simple = prop_oneof![
            prop::sample::select(&["string", "integer", "number", "boolean", "null", "array", "object", "nonsense"][..])
                .prop_map(|kind| json!({ "type": kind })),
            prop::collection::vec("\\PC{0,6}", 0..4).prop_map(|values| json!({ "enum": values })),
            (any::<i64>(), any::<i64>()).prop_map(|(low, high)| json!({ "type": "integer", "minimum": low, "maximum": high })),
            (any::<f64>(), 0..9_u64).prop_map(|(by, n)| json!({ "type": "number", "multipleOf": by, "minimum": n })),
            ("[a-z\\[\\](){}+*?.^$|\\\\0-9]{0,10}", 0..70_u64)
                .prop_map(|(pattern, n)| json!({ "type": "string", "pattern": pattern, "maxLength": n })),
            prop::sample::select(&["#", "#/x", "http://example.org/s.json"][..]).prop_map(|to| json!({ "$ref": to })),
            any::<bool>().prop_map(Value::from),
        ];
        simple.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(("[a-z\"\\\\]{0,4}", inner.clone()), 0..3).prop_map(|fields| {
                    let names: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
                    let properties: serde_json::Map<String, Value> = fields.into_iter().collect();
                    json!({ "type": "object", "properties": properties, "required": names, "additionalProperties": false })
                }),
                (inner.clone(), 0..50_u64).prop_map(|(items, n)| json!({ "type": "array", "items": items, "maxItems": n })),
                prop::collection::vec(inner.clone(), 0..3).prop_map(|any| json!({ "anyOf": any })),
                prop::collection::vec(inner.clone(), 0..3).prop_map(|all| json!({ "allOf": all })),
                inner.prop_map(|inner| json!({ "$defs": { "x": inner }, "$ref": "#/$defs/x" })),
            ]
        })
    }

    proptest! {
        /// A schema that cannot be enforced is an error in words.
        #[test]
        fn any_schema_makes_a_grammar_or_an_error(schema in any_schema(), begun in any::<bool>(), name in "\\PC{1,6}") {
            let shape = Shape::Json(schema);
            for grammar in [Grammar::value(&shape), Grammar::lines(&[(&name, &shape), ("b", &Shape::Flag)], begun, Some("why"))] {
                if let Err(words) = grammar.check() {
                    prop_assert!(!words.is_empty());
                }
            }
        }

        #[test]
        fn any_values_make_a_grammar_of_themselves(values in prop::collection::vec("\\PC{1,12}", 1..5)) {
            let grammar = Grammar::value(&Shape::Values(values.clone()));
            prop_assert_eq!(grammar.check(), Ok(()));
            for value in &values {
                prop_assert!(accepts(&grammar, value), "{value:?}");
            }
        }
    }
}
