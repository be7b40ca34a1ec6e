//! The filters of Hugging Face's chat templates that minijinja has not, or has otherwise.

use minijinja::value::{Kwargs, StringInput, Value};
use minijinja::{Environment, ErrorKind};
use serde::Serialize;

/// Adds the filters to an environment.
pub(super) fn add(environment: &mut Environment<'_>) {
    environment.add_filter("tojson", to_json);
    environment.add_filter("indent", indent);
    environment.add_filter("length", length);
    environment.add_filter("count", length);
}

/// The `length` filter of Jinja2, for which an undefined value is empty.
fn length(value: &Value) -> Result<usize, minijinja::Error> {
    if value.is_undefined() { Ok(0) } else { minijinja::filters::length(value) }
}

/// The widest indentation that a template may set. An indentation takes memory before anything is written.
const MAX_INDENT: usize = 64;

fn too_wide() -> minijinja::Error {
    minijinja::Error::new(ErrorKind::InvalidOperation, format!("an indentation of more than {MAX_INDENT} spaces"))
}

/// The `indent` filter of minijinja, with a bound on the width.
fn indent(
    text: StringInput<'_>,
    width: Option<usize>,
    first: Option<bool>,
    blank: Option<bool>,
    kwargs: Kwargs,
) -> Result<Value, minijinja::Error> {
    let named: Option<usize> = kwargs.get("width")?;
    if width.or(named).is_some_and(|width| width > MAX_INDENT) {
        return Err(too_wide());
    }
    minijinja::filters::indent(text, width, first, blank, kwargs)
}

/// The `tojson` filter of Hugging Face:
/// `json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)`, with
/// `ensure_ascii=False` as the default (transformers 5.24, `utils/chat_template_utils.py`).
fn to_json(value: &Value, kwargs: Kwargs) -> Result<String, minijinja::Error> {
    let fail = |e: serde_json::Error| minijinja::Error::new(ErrorKind::BadSerialization, e.to_string());
    let indent: Option<usize> = kwargs.get("indent")?;
    let separators: Option<Vec<String>> = kwargs.get("separators")?;
    let is_ascii = kwargs.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false);
    let is_sorted = kwargs.get::<Option<bool>>("sort_keys")?.unwrap_or(false);
    kwargs.assert_all_used()?;
    if indent.is_some_and(|width| width > MAX_INDENT) {
        return Err(too_wide());
    }
    let item = if indent.is_some() { "," } else { ", " };
    let (item, key) = match separators.as_deref() {
        None => (item.to_owned(), ": ".to_owned()),
        Some([item, key]) => (item.clone(), key.clone()),
        Some(_) => return Err(minijinja::Error::new(ErrorKind::InvalidOperation, "`separators` has two texts")),
    };
    let mut value = serde_json::to_value(value).map_err(fail)?;
    if is_sorted {
        value.sort_all_objects();
    }
    let mut out = Vec::new();
    let format = PythonJson { indent, item, key, depth: 0, has_value: false, is_ascii };
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, format)).map_err(fail)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Writes JSON as Python's `json.dumps` does.
struct PythonJson {
    /// The width of a level; None writes one line.
    indent: Option<usize>,
    /// The text between two items.
    item: String,
    /// The text between a key and its value.
    key: String,
    depth: usize,
    /// Whether the array or object that ends next has anything in it.
    has_value: bool,
    /// Whether characters outside of ASCII are escaped.
    is_ascii: bool,
}

impl PythonJson {
    fn line_break<W: ?Sized + std::io::Write>(&self, out: &mut W) -> std::io::Result<()> {
        match self.indent {
            Some(width) => write!(out, "\n{:1$}", "", width * self.depth),
            None => Ok(()),
        }
    }

    fn open<W: ?Sized + std::io::Write>(&mut self, out: &mut W, bracket: &str) -> std::io::Result<()> {
        self.depth += 1;
        self.has_value = false;
        out.write_all(bracket.as_bytes())
    }

    fn close<W: ?Sized + std::io::Write>(&mut self, out: &mut W, bracket: &str) -> std::io::Result<()> {
        self.depth -= 1;
        if self.has_value {
            self.line_break(out)?;
        }
        self.has_value = true;
        out.write_all(bracket.as_bytes())
    }

    fn next<W: ?Sized + std::io::Write>(&mut self, out: &mut W, first: bool) -> std::io::Result<()> {
        if !first {
            out.write_all(self.item.as_bytes())?;
        }
        self.has_value = true;
        self.line_break(out)
    }
}

impl serde_json::ser::Formatter for PythonJson {
    fn begin_array<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        self.open(out, "[")
    }

    fn end_array<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        self.close(out, "]")
    }

    fn begin_array_value<W: ?Sized + std::io::Write>(&mut self, out: &mut W, first: bool) -> std::io::Result<()> {
        self.next(out, first)
    }

    fn begin_object<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        self.open(out, "{")
    }

    fn end_object<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        self.close(out, "}")
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(&mut self, out: &mut W, first: bool) -> std::io::Result<()> {
        self.next(out, first)
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        out.write_all(self.key.as_bytes())
    }

    fn end_array_value<W: ?Sized + std::io::Write>(&mut self, _: &mut W) -> std::io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn end_object_value<W: ?Sized + std::io::Write>(&mut self, _: &mut W) -> std::io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + std::io::Write>(&mut self, out: &mut W, text: &str) -> std::io::Result<()> {
        if !self.is_ascii {
            return out.write_all(text.as_bytes());
        }
        for unit in text.encode_utf16() {
            match u8::try_from(unit) {
                Ok(byte) if byte.is_ascii() => out.write_all(&[byte])?,
                _ => write!(out, "\\u{unit:04x}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(source: &str) -> String {
        let mut environment = Environment::new();
        add(&mut environment);
        let value: serde_json::Value = serde_json::json!({ "b": [1, [], {}], "a": { "ü": "é😀\n" } });
        environment.render_str(source, minijinja::context! { value => minijinja::value::Serde(value) }).unwrap()
    }

    /// The right texts are those of Python 3.12's `json.dumps`.
    #[test]
    fn json_is_written_as_python_writes_it() {
        let plain = "{\"b\": [1, [], {}], \"a\": {\"ü\": \"é😀\\n\"}}";
        assert_eq!(rendered("{{ value|tojson }}"), plain);
        assert_eq!(rendered("{{ value|tojson(ensure_ascii=False, sort_keys=False) }}"), plain);
        assert_eq!(
            rendered("{{ value|tojson(sort_keys=True, ensure_ascii=True, separators=(',', ':')) }}"),
            "{\"a\":{\"\\u00fc\":\"\\u00e9\\ud83d\\ude00\\n\"},\"b\":[1,[],{}]}"
        );
        assert_eq!(
            rendered("{{ value|tojson(indent=2) }}"),
            "{\n  \"b\": [\n    1,\n    [],\n    {}\n  ],\n  \"a\": {\n    \"ü\": \"é😀\\n\"\n  }\n}"
        );
        assert_eq!(rendered("{{ [1]|tojson(indent=0) }}"), "[\n1\n]");
    }

    #[test]
    fn an_undefined_value_is_empty() {
        let source = "{{ x|length }}{{ x|count }}{{ [1, 2]|length }}{% for y in x %}y{% endfor %}{% if x %}x{% endif %}{% if not x|length %}!{% endif %}";
        assert_eq!(rendered(source), "002!");
    }
}
