//! The step `template`: a Jinja template that is filled in with fields. They have their JSON types: a list can be indexed, and
//! `false` is false.

use std::collections::BTreeMap;

use minijinja::value::ValueKind;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};

use crate::engine::jinja;

use super::tool::{Action, Fault, Input, Made};

/// The most instructions that rendering a template may execute, so that an endless loop in it ends.
const FUEL: u64 = 1_000_000;

/// A step that renders a template.
#[derive(Debug)]
pub struct Template {
    source: String,
    output: String,
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    jinja::add_methods(&mut environment);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    // What is neither text nor a number is shown as JSON, as a prompt shows it.
    environment.set_formatter(|out, state, value| match (value.kind(), serde_json::to_string(value)) {
        (ValueKind::Seq | ValueKind::Map | ValueKind::Bool | ValueKind::None, Ok(json)) => {
            out.write_str(&json).map_err(minijinja::Error::from)
        }
        _ => minijinja::escape_formatter(out, state, value),
    });
    environment
}

/// Returns what a template calls that does not exist: a filter, a test, a function or a method. None if nothing of the kind is met
/// while it is rendered without fields.
#[must_use]
pub fn unknown_call(source: &str) -> Option<String> {
    let mut environment = environment();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    let error = environment.render_str(&jinja::as_minijinja(source), ()).err()?;
    let is_unknown = matches!(
        error.kind(),
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction | ErrorKind::TemplateNotFound
    );
    is_unknown.then(|| error.to_string())
}

/// Returns the fields that a template reads, sorted by name.
///
/// # Errors
/// A description of what is wrong with the template.
pub fn template_fields(source: &str) -> Result<Vec<String>, String> {
    let environment = environment();
    let source = jinja::as_minijinja(source);
    environment.template_from_str(&source).map_err(|e| e.to_string())?;
    let source = jinja::without_slices(&source);
    let template = environment.template_from_str(&source).map_err(|e| e.to_string())?;
    let globals: Vec<&str> = environment.globals().map(|(name, _)| name).collect();
    let undeclared = template.undeclared_variables(false).into_iter();
    let mut fields: Vec<String> = undeclared.filter(|name| !globals.contains(&name.as_str())).collect();
    fields.sort();
    Ok(fields)
}

impl Template {
    /// Creates a step that renders the template `source` and writes the field `output`.
    pub fn new(source: impl Into<String>, output: impl Into<String>) -> Self {
        Self { source: jinja::as_minijinja(&source.into()), output: output.into() }
    }
}

impl Action for Template {
    fn act(&self, inputs: &[Input]) -> Result<Made, Fault> {
        let mut fields: BTreeMap<&str, minijinja::Value> = BTreeMap::new();
        for Input { name, value } in inputs {
            fields.insert(name, if value.is_null() { "".into() } else { minijinja::value::Serde(value).into() });
        }
        let text =
            environment().render_str(&self.source, fields).map_err(|e| Fault::Fails(format!("its template fails: {e}")))?;
        Ok(Made { outputs: [(self.output.clone(), text)].into(), retrieved: Vec::new() })
    }

    fn can_be_tried(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn input(name: &str, value: impl Into<Value>) -> Input {
        Input { name: name.into(), value: value.into() }
    }

    #[test]
    fn fields_have_their_json_types() {
        let shown =
            |source: &str, value: Value| Template::new(source, "t").act(&[input("x", value)]).unwrap().outputs["t"].clone();
        assert_eq!(shown("A) {{ x[0] }} B) {{ x[-1] }}", json!(["1", "y"])), "A) 1 B) y");
        assert_eq!(
            shown("{% for one in x %}- {{ one.name }}: {{ one.n + 1 }}\n{% endfor %}", json!([{ "name": "a", "n": 2 }])),
            "- a: 3\n"
        );
        assert_eq!(shown("{% if x %}set{% else %}not set{% endif %} {{ x }}", json!(false)), "not set false");
        assert_eq!(shown("{{ x }} {{ x.b }}", json!({ "b": [1, 2.5], "a": null })), r#"{"b":[1,2.5],"a":null} [1,2.5]"#);
        assert_eq!(shown("{{ x }}|{{ x | length }}", json!(["ä", 1])), r#"["ä",1]|2"#);
        assert_eq!(shown("{{ x }}{% if x %}!{% endif %}", Value::Null), "", "null is empty");
        assert_eq!(shown("{{ x }} {{ x > 3 }}", json!(3.5)), "3.5 true");
        assert_eq!(shown("{{ x[0] }}", json!("[text]")), "[", "text stays text");
        let keys = |value: Value| shown("{% for key in x %}{{ key }}={{ x[key] }};{% endfor %}", value);
        assert_eq!(keys(json!({ "z": 1, "a": true })), "z=1;a=true;", "in the order of the row");
    }

    #[test]
    fn what_does_not_exist_is_found_without_fields() {
        for (source, says) in [
            ("{{ x | shout }}", "unknown filter"),
            ("{{ call(x) }}", "unknown function"),
            ("{% if x is nice %}{% endif %}", "unknown test"),
            ("{% include 'other' %}", "template not found"),
        ] {
            assert!(unknown_call(source).is_some_and(|told| told.contains(says)), "{source}: {:?}", unknown_call(source));
        }
        for source in ["{{ x }}", "{{ x[0].y | upper }}", "{% for one in x %}{{ one | trim }}{% endfor %}", "{{ x | int + 1 }}"] {
            assert_eq!(unknown_call(source), None, "{source}");
        }
    }

    #[test]
    fn fields_are_filled_in_and_are_not_rendered_themselves() {
        let source = "{{ a }} and {{ b | upper }}{% for i in range(2) %}!{% endfor %}";
        assert_eq!(template_fields(source).unwrap(), ["a", "b"]);
        let step = Template::new(source, "text");
        let made = step.act(&[input("a", "{{ b }}"), input("b", "x")]).unwrap();
        assert_eq!(made.outputs["text"], "{{ b }} and X!!");
        assert_eq!(template_fields("{{ c[1:] }}{{ d[a:b] }}{{ '%s' % e }}").unwrap(), ["a", "b", "c", "d", "e"]);
        let python = Template::new("{{ a.upper()[:2] }} {{ b.split(',')[1] }} {{ '%s: %d' % (a, 3) }}", "text");
        assert_eq!(python.act(&[input("a", "xyz"), input("b", "p,q")]).unwrap().outputs["text"], "XY q xyz: 3");
        assert!(step.act(&[]).is_err());
        assert!(template_fields("{{ a").is_err());
        let endless = Template::new("{% for i in range(100000) %}{% for j in range(100000) %}.{% endfor %}{% endfor %}", "t");
        assert!(endless.act(&[]).is_err());
    }
}
