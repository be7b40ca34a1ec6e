//! The step `template`: a Jinja template that is filled in with fields.

use minijinja::{Environment, UndefinedBehavior};

use super::tool::{Action, Fault, Made};

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
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment
}

/// Returns the fields that a template reads, sorted by name.
///
/// # Errors
/// A description of what is wrong with the template.
pub fn template_fields(source: &str) -> Result<Vec<String>, String> {
    let environment = environment();
    let template = environment.template_from_str(source).map_err(|e| e.to_string())?;
    let globals: Vec<&str> = environment.globals().map(|(name, _)| name).collect();
    let undeclared = template.undeclared_variables(false).into_iter();
    let mut fields: Vec<String> = undeclared.filter(|name| !globals.contains(&name.as_str())).collect();
    fields.sort();
    Ok(fields)
}

impl Template {
    /// Creates a step that renders the template `source` and writes the field `output`.
    pub fn new(source: impl Into<String>, output: impl Into<String>) -> Self {
        Self { source: source.into(), output: output.into() }
    }
}

impl Action for Template {
    fn act(&self, inputs: &[(String, String)]) -> Result<Made, Fault> {
        let fields: std::collections::BTreeMap<String, String> = inputs.iter().cloned().collect();
        let text =
            environment().render_str(&self.source, fields).map_err(|e| Fault::Fails(format!("its template fails: {e}")))?;
        Ok(Made { outputs: [(self.output.clone(), text)].into(), retrieved: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_filled_in_and_are_not_rendered_themselves() {
        let source = "{{ a }} and {{ b | upper }}{% for i in range(2) %}!{% endfor %}";
        assert_eq!(template_fields(source).unwrap(), ["a", "b"]);
        let step = Template::new(source, "text");
        let made = step.act(&[("a".into(), "{{ b }}".into()), ("b".into(), "x".into())]).unwrap();
        assert_eq!(made.outputs["text"], "{{ b }} and X!!");
        assert!(step.act(&[]).is_err());
        assert!(template_fields("{{ a").is_err());
        let endless = Template::new("{% for i in range(100000) %}{% for j in range(100000) %}.{% endfor %}{% endfor %}", "t");
        assert!(endless.act(&[]).is_err());
    }
}
