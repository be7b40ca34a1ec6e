//! Constraints on answers: shapes of single values, and grammars of whole answers.
//!
//! Grammars are written in the Lark dialect of [llguidance](https://github.com/guidance-ai/llguidance), which enforces them token
//! by token and allows only valid UTF-8.

use std::sync::LazyLock;

use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::ApproximateTokEnv;
use llguidance::{Matcher, ParserFactory};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::schema::Enforceable;

/// The form that a value must have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Words in one line, with single spaces or tabs between them.
    Text,
    /// Exactly one of these strings.
    Values(Vec<String>),
    /// A decimal number: an optional minus, up to 15 digits, and up to 9 decimals.
    Number,
    /// `true` or `false`.
    Flag,
    /// A JSON list of strings in one line. Its items are from these strings, or any if this is empty.
    List(Vec<String>),
    /// JSON in one line that matches this JSON schema, but for the keywords that [`Enforceable`] leaves out.
    Json(Value),
}

/// The constraint on a whole answer, as text in llguidance's dialect of Lark.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Grammar(String);

/// A Lark expression for words with single spaces or tabs between them.
const WORDS: &str = r"/\S+([ \t]\S+)*/";

impl Grammar {
    /// Creates the grammar of an answer that is one value.
    #[must_use]
    pub fn value(shape: &Shape) -> Self {
        let mut rules = Rules::default();
        let value = rules.value(shape);
        rules.start(&format!("\" \"? {value}"))
    }

    /// Creates the grammar of an answer that has a line `name: value` for each field, in this order.
    ///
    /// If `begun`, the prompt ends with the name and the colon of the first line. If there is a `reasoning_label`, the first line
    /// has this name, and text of any length follows it up to the first field.
    #[must_use]
    pub fn lines(fields: &[(&str, &Shape)], begun: bool, reasoning_label: Option<&str>) -> Self {
        let mut rules = Rules::default();
        let mut parts: Vec<String> = Vec::new();
        if let (Some(label), Some((first, _))) = (reasoning_label, fields.first()) {
            if !begun {
                parts.push(quoted(&format!("{label}:")));
            }
            parts.push(rules.until(&format!("\n{first}:")));
        }
        for (index, (name, shape)) in fields.iter().enumerate() {
            let is_written = index == 0 && (begun || reasoning_label.is_some());
            let line_break = if index == 0 { "" } else { "\n" };
            if !is_written {
                parts.push(quoted(&format!("{line_break}{name}:")));
            }
            let value = rules.value(shape);
            parts.push(format!("\" \"? {value}"));
        }
        rules.start(&parts.join(" "))
    }

    /// Creates the grammar of an answer of one line: one of `alone`, or one of `before_text` with a text of at most `most` characters
    /// behind it. The text has no backquotes.
    #[must_use]
    pub fn command(alone: &[String], before_text: &[String], most: usize) -> Self {
        let any = |words: &[String]| words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" | ");
        let text = format!("text: /[^\\s`][^\\n`]{{0,{}}}/\n", most.saturating_sub(1));
        let with_text = format!("({}) \" \"? text", any(before_text));
        let start = if alone.is_empty() { with_text } else { format!("{} | {with_text}", any(alone)) };
        Rules(vec![text]).start(&start)
    }

    /// Returns the text of the grammar, in llguidance's dialect of Lark.
    #[must_use]
    pub fn lark(&self) -> &str {
        &self.0
    }

    /// Checks that the grammar can be enforced. No model is needed for this.
    ///
    /// # Errors
    /// What is wrong with the grammar, for example a schema that llguidance does not support.
    pub fn check(&self) -> Result<(), String> {
        self.matcher(byte_parsers()?).map(|_| ())
    }

    /// Creates a matcher, which enforces the grammar on the tokens of the factory's model.
    ///
    /// # Errors
    /// What is wrong with the grammar.
    pub(super) fn matcher(&self, factory: &ParserFactory) -> Result<Matcher, String> {
        let matcher = Matcher::new(factory.create_parser(TopLevelGrammar::from_lark(self.0.clone())));
        match matcher.get_error() {
            Some(error) => Err(error),
            None => Ok(matcher),
        }
    }
}

/// Returns a factory of parsers for a vocabulary in which each byte is a token.
fn byte_parsers() -> Result<&'static ParserFactory, String> {
    static PARSERS: LazyLock<Result<ParserFactory, String>> = LazyLock::new(|| {
        let mut factory = ParserFactory::new_simple(&ApproximateTokEnv::single_byte_env()).map_err(|e| e.to_string())?;
        factory.quiet();
        Ok(factory)
    });
    PARSERS.as_ref().map_err(Clone::clone)
}

/// The rules of a grammar under construction, without its start rule.
#[derive(Default)]
struct Rules(Vec<String>);

impl Rules {
    /// Finishes the grammar with this expression as its start rule.
    fn start(self, start: &str) -> Grammar {
        Grammar(format!("start: {start}\n{}", self.0.concat()))
    }

    /// Adds a rule for one value and returns its name.
    fn value(&mut self, shape: &Shape) -> String {
        let name = format!("v{}", self.0.len());
        let rule = match shape {
            Shape::Text => WORDS.to_owned(),
            Shape::Values(values) => values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(" | "),
            Shape::Number => r"/-?[0-9]{1,15}(\.[0-9]{1,9})?/".to_owned(),
            Shape::Flag => r#""true" | "false""#.to_owned(),
            Shape::List(values) => format!("%json {}", compact(&list_schema(values))),
            Shape::Json(schema) => format!("%json {}", compact(&Enforceable::new(schema).schema)),
        };
        self.0.push(format!("{name}: {rule}\n"));
        name
    }

    /// Adds a rule for any text that ends with the first `end`, and returns its name.
    fn until(&mut self, end: &str) -> String {
        let name = format!("v{}", self.0.len());
        self.0.push(format!("{name}[suffix={}]: /(?s:.*)/\n", quoted(end)));
        name
    }
}

/// Returns a Lark literal. Lark's literals have JSON's syntax.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Returns the JSON schema of a list of strings. A list of given values has at most as many items as there are values, because a
/// model could otherwise continue the list without end.
fn list_schema(values: &[String]) -> Value {
    match values {
        [] => json!({ "type": "array", "items": { "type": "string" } }),
        values => json!({ "type": "array", "items": { "enum": values }, "maxItems": values.len() }),
    }
}

/// Returns the schema with the option that allows no white space but one space after `,` and `:`.
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

    /// Returns whether a text is a complete answer under a grammar.
    fn accepts(grammar: &Grammar, text: &str) -> bool {
        let env: TokEnv = ApproximateTokEnv::single_byte_env();
        let mut matcher = grammar.matcher(byte_parsers().unwrap()).unwrap();
        let tokens = env.tokenize(text);
        matcher.try_consume_tokens(&tokens).unwrap() == tokens.len() && matcher.is_accepting().unwrap()
    }

    #[test]
    fn a_command_is_one_line_and_its_text_is_bounded() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let grammar = Grammar::command(&words(&["delete 1"]), &words(&["add:", "replace 1:"]), 5);
        for text in ["delete 1", "add: a b c", "add:b", "replace 1: ä.?! "] {
            assert!(accepts(&grammar, text), "{text}");
        }
        for text in
            ["delete 2", "delete 1: a", "add:", "add: ", "add: abcdef", "add: a\nb", "add: a`b", "replace 2: a", " add: a"]
        {
            assert!(!accepts(&grammar, text), "{text}");
        }
        assert!(!accepts(&Grammar::command(&[], &words(&["add:"]), 5), "delete 1"));
    }

    #[test]
    fn only_the_given_values_are_accepted() {
        let grammar = Grammar::value(&Shape::Values(vec!["late".into(), "a \"b\"\\ü".into()]));
        for (text, is_one) in
            [("late", true), (" late", true), (" a \"b\"\\ü", true), ("lat", false), ("later", false), ("", false)]
        {
            assert_eq!(accepts(&grammar, text), is_one, "{text}");
        }
    }

    #[test]
    fn numbers_flags_and_text_have_no_superfluous_white_space() {
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
    fn list_items_are_any_strings_or_the_given_ones() {
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
    fn a_judge_writes_its_reason_before_its_grade() {
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

    /// Generates JSON schemas of any shape, with nested and invalid ones among them.
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
        #![proptest_config(ProptestConfig { cases: if cfg!(debug_assertions) { 32 } else { 256 }, ..ProptestConfig::default() })]

        /// A schema that cannot be enforced is an error with a message.
        #[test]
        fn any_schema_makes_a_grammar_or_an_error(schema in any_schema(), begun in any::<bool>(), name in "\\PC{1,6}") {
            let shape = Shape::Json(schema);
            for grammar in [Grammar::value(&shape), Grammar::lines(&[(&name, &shape), ("b", &Shape::Flag)], begun, Some("why"))] {
                if let Err(message) = grammar.check() {
                    prop_assert!(!message.is_empty());
                }
            }
        }

        #[test]
        fn a_grammar_of_values_accepts_each_of_them(values in prop::collection::vec("\\PC{1,12}", 1..5)) {
            let grammar = Grammar::value(&Shape::Values(values.clone()));
            prop_assert_eq!(grammar.check(), Ok(()));
            for value in &values {
                prop_assert!(accepts(&grammar, value), "{value:?}");
            }
        }
    }
}
