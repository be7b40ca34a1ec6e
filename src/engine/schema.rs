//! JSON schemas that answers are decoded under: which keywords cannot be enforced, and the order of properties.
//!
//! llguidance 1.9.1 refuses a whole schema for a keyword that it does not implement. Schemas that Pydantic 2 writes have such keywords:
//! `uniqueItems` for a set, `format` for paths, bytes and secrets, `deprecated`.

use serde_json::{Map, Value};

/// The formats of strings that llguidance enforces (`json/formats.rs`, version 1.9.1).
const FORMATS: [&str; 11] =
    ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri", "unknown"];

/// Keywords that allow fewer values than an answer may then have, or none fewer: without them the answer still has the right shape.
const LEFT_OUT: [&str; 4] = ["uniqueItems", "deprecated", "contentSchema", "$vocabulary"];

/// Keywords of JSON Schema that llguidance does not implement, and without which an answer could have another shape.
const REFUSED: [&str; 16] = [
    "not",
    "if",
    "then",
    "else",
    "contains",
    "minContains",
    "maxContains",
    "propertyNames",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedItems",
    "unevaluatedProperties",
    "$dynamicRef",
    "$dynamicAnchor",
    "$recursiveRef",
];

/// Keywords whose value is a schema, or a list of schemas.
const SCHEMAS: [&str; 7] = ["items", "prefixItems", "additionalItems", "additionalProperties", "anyOf", "oneOf", "allOf"];

/// Keywords whose value is an object of schemas.
const OBJECTS_OF_SCHEMAS: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];

/// A keyword that stands at a place of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyword {
    /// The keyword, with its value if that matters: `uniqueItems`, `format: path`.
    pub keyword: String,
    /// The place as a JSON pointer; empty for the schema itself.
    pub place: String,
}

impl std::fmt::Display for Keyword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { keyword, place } = self;
        if place.is_empty() { write!(f, "`{keyword}`") } else { write!(f, "`{keyword}` at `{place}`") }
    }
}

/// A schema as it can be enforced.
#[derive(Debug, Clone, PartialEq)]
pub struct Enforceable {
    /// The schema without the keywords of `left_out`.
    pub schema: Value,
    /// The keywords that are not enforced.
    pub left_out: Vec<Keyword>,
    /// The keywords for which the schema is refused.
    pub refused: Vec<Keyword>,
}

impl Enforceable {
    /// Removes those keywords of a schema that are not enforced and do not change the shape of an answer.
    #[must_use]
    pub fn new(schema: &Value) -> Self {
        let mut enforceable = Self { schema: Value::Null, left_out: Vec::new(), refused: Vec::new() };
        enforceable.schema = enforceable.visit(schema, "");
        enforceable
    }

    fn visit(&mut self, schema: &Value, place: &str) -> Value {
        let Value::Object(keywords) = schema else { return schema.clone() };
        let mut kept = Map::new();
        for (keyword, value) in keywords {
            let below = format!("{place}/{}", keyword.replace('~', "~0").replace('/', "~1"));
            let found = |keyword: String| Keyword { keyword, place: place.to_owned() };
            let format = value.as_str().filter(|format| keyword == "format" && !FORMATS.contains(format));
            if let Some(format) = format {
                self.left_out.push(found(format!("format: {format}")));
                continue;
            }
            if LEFT_OUT.contains(&keyword.as_str()) {
                // `uniqueItems: false` and `deprecated` say nothing about the values.
                if keyword != "deprecated" && *value != Value::Bool(false) {
                    self.left_out.push(found(keyword.clone()));
                }
                continue;
            }
            if REFUSED.contains(&keyword.as_str()) {
                self.refused.push(found(keyword.clone()));
            }
            let value = match value {
                Value::Array(schemas) if SCHEMAS.contains(&keyword.as_str()) => {
                    let schemas = schemas.iter().enumerate();
                    Value::Array(schemas.map(|(index, schema)| self.visit(schema, &format!("{below}/{index}"))).collect())
                }
                Value::Object(schemas) if OBJECTS_OF_SCHEMAS.contains(&keyword.as_str()) => {
                    let schemas = schemas.iter();
                    Value::Object(
                        schemas.map(|(name, schema)| (name.clone(), self.visit(schema, &format!("{below}/{name}")))).collect(),
                    )
                }
                schema if SCHEMAS.contains(&keyword.as_str()) => self.visit(schema, &below),
                other => other.clone(),
            };
            kept.insert(keyword.clone(), value);
        }
        Value::Object(kept)
    }
}

/// The most levels of a value whose properties are put in order.
const MAX_DEPTH: usize = 64;

/// Returns a value whose objects have their properties in the order in which a schema declares them, as answers under the schema do.
/// Properties that it does not declare stand behind the others, in their own order.
#[must_use]
pub fn in_declared_order(value: &Value, schema: &Value) -> Value {
    ordered(value, schema, schema, MAX_DEPTH)
}

fn ordered(value: &Value, schema: &Value, root: &Value, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return value.clone() };
    let Some(schema) = resolved(schema, root) else { return value.clone() };
    // Of several forms, the first that declares all properties of an object, or items of a list, counts.
    let forms = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|keyword| schema.get(keyword)?.as_array()).flatten();
    match value {
        Value::Object(fields) => {
            let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
                let form = forms.into_iter().find(|form| declares(form, fields, root));
                return form.map_or_else(|| value.clone(), |form| ordered(value, form, root, depth));
            };
            let declared = properties.iter().filter_map(|(name, schema)| Some((name, fields.get(name)?, Some(schema))));
            let others =
                fields.iter().filter(|(name, _)| !properties.contains_key(*name)).map(|(name, value)| (name, value, None));
            let field = |(name, value, schema): (&String, &Value, Option<&Value>)| {
                (name.clone(), schema.map_or_else(|| value.clone(), |schema| ordered(value, schema, root, depth)))
            };
            Value::Object(declared.chain(others).map(field).collect())
        }
        Value::Array(items) => {
            let schema = schema.get("items").or_else(|| forms.into_iter().find_map(|form| form.get("items")));
            let item = |item: &Value| schema.map_or_else(|| item.clone(), |schema| ordered(item, schema, root, depth));
            Value::Array(items.iter().map(item).collect())
        }
        other => other.clone(),
    }
}

/// Returns what a schema refers to with `$ref` within `root`, or the schema itself if it refers to nothing. None if the reference
/// leads nowhere.
fn resolved<'s>(schema: &'s Value, root: &'s Value) -> Option<&'s Value> {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => root.pointer(reference.strip_prefix('#')?),
        None => Some(schema),
    }
}

/// Whether a schema declares all properties of an object.
fn declares(schema: &Value, fields: &Map<String, Value>, root: &Value) -> bool {
    let properties = resolved(schema, root).and_then(|schema| schema.get("properties")?.as_object());
    properties.is_some_and(|properties| fields.keys().all(|name| properties.contains_key(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn harmless_keywords_are_left_out_and_named_with_their_place() {
        let schema = json!({
            "properties": {
                "tags": { "type": "array", "uniqueItems": true, "items": { "type": "string", "format": "path" } },
                "uniqueItems": { "type": "string", "format": "date", "deprecated": true },
                "key": { "anyOf": [{ "type": "string", "format": "password" }, { "type": "null" }], "default": { "format": "x" } },
            },
            "type": "object",
        });
        let found = Enforceable::new(&schema);
        let named: Vec<String> = found.left_out.iter().map(Keyword::to_string).collect();
        let right = [
            "`uniqueItems` at `/properties/tags`",
            "`format: path` at `/properties/tags/items`",
            "`format: password` at `/properties/key/anyOf/0`",
        ];
        assert_eq!(named, right);
        assert_eq!(found.schema["properties"]["uniqueItems"], json!({ "type": "string", "format": "date" }));
        assert_eq!(found.schema["properties"]["key"]["default"], json!({ "format": "x" }));
        assert!(found.refused.is_empty());
    }

    #[test]
    fn keywords_that_change_the_shape_are_refused() {
        let found = Enforceable::new(&json!({ "$defs": { "a": { "not": { "type": "null" } } }, "if": true }));
        let named: Vec<String> = found.refused.iter().map(Keyword::to_string).collect();
        assert_eq!(named, ["`not` at `/$defs/a`", "`if`"]);
    }

    #[test]
    fn properties_stand_in_their_declared_order_at_every_depth() {
        let schema = json!({
            "properties": {
                "b": { "type": "string" },
                "a": { "items": { "$ref": "#/$defs/part" } },
                "c": { "anyOf": [{ "$ref": "#/$defs/part" }, { "type": "null" }] },
            },
            "$defs": { "part": { "properties": { "y": {}, "x": {} } } },
        });
        let value = json!({ "c": { "x": 1, "y": 2 }, "z": 0, "a": [{ "x": 1, "y": 2 }], "b": "t" });
        let right = r#"{"b":"t","a":[{"y":2,"x":1}],"c":{"y":2,"x":1},"z":0}"#;
        assert_eq!(in_declared_order(&value, &schema).to_string(), right);
        assert_eq!(in_declared_order(&json!("t"), &schema), json!("t"));
        let endless = json!({ "$ref": "#" });
        assert_eq!(in_declared_order(&json!({ "a": 1 }), &endless), json!({ "a": 1 }));
    }
}
