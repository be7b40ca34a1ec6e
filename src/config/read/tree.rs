//! A task file as a tree of values that know where they come from.

use toml::de::{DeTable, DeValue};

use crate::data::listed;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum Origin {
    /// A line of the task file, counted from 1.
    Line(usize),
    /// A `--set` of the command line.
    Set,
}

/// A value with its origin.
#[derive(Debug, Clone)]
pub(in crate::config) struct Item {
    pub(in crate::config) origin: Origin,
    pub(in crate::config) value: Value,
}

/// A TOML value. No key takes a date, so a date is read as text.
#[derive(Debug, Clone)]
pub(in crate::config) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    List(Vec<Item>),
    Table(Table),
}

impl Item {
    /// Returns the value of `name` if the item is a table with one.
    fn name(&self) -> Option<&str> {
        match &self.value.table()?.get("name")?.value {
            Value::Text(name) => Some(name),
            _ => None,
        }
    }
}

impl Value {
    /// Names the type of the value for an error message. A number with a point is named by itself.
    pub(in crate::config) fn in_words(&self) -> String {
        match self {
            Self::Text(_) => "text".into(),
            Self::Integer(_) => "a whole number".into(),
            Self::Float(number) => format!("{number:?}"),
            Self::Flag(_) => "true or false".into(),
            Self::List(_) => "a list".into(),
            Self::Table(_) => "a table".into(),
        }
    }

    /// Returns the value if it is text.
    pub(super) fn text(&self) -> Option<String> {
        if let Self::Text(text) = self { Some(text.clone()) } else { None }
    }

    /// Returns the value if it is a number.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns the value if it is a table.
    pub(super) fn table(&self) -> Option<&Table> {
        if let Self::Table(table) = self { Some(table) } else { None }
    }

    /// Returns the value as JSON.
    pub(in crate::config) fn json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Integer(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::List(items) => items.iter().map(|item| item.value.json()).collect(),
            Self::Table(table) => {
                let fields = table.0.iter().map(|(name, item)| (name.clone(), item.value.json()));
                serde_json::Value::Object(fields.collect())
            }
        }
    }
}

/// A TOML table: keys and values in the order of the file.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct Table(pub(in crate::config) Vec<(String, Item)>);

impl Table {
    pub(in crate::config) fn get(&self, key: &str) -> Option<&Item> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, item)| item)
    }

    /// Sets the value at a dotted path. Tables that are missing on the way are created.
    ///
    /// # Errors
    /// A message if the path does not fit the table.
    pub(in crate::config) fn set(&mut self, path: &[&str], value: Value) -> Result<(), String> {
        let [first, rest @ ..] = path else {
            return Err("names no key".into());
        };
        let index = match self.0.iter().position(|(name, _)| name == first) {
            Some(index) => index,
            None => {
                let empty = Item { origin: Origin::Set, value: Value::Table(Self::default()) };
                self.0.push(((*first).to_owned(), empty));
                self.0.len() - 1
            }
        };
        let item = &mut self.0[index].1;
        let [name, key @ ..] = rest else {
            *item = Item { origin: Origin::Set, value };
            return Ok(());
        };
        let no_part = || format!("`{first}` has no such part");
        match &mut item.value {
            Value::Table(table) => table.set(rest, value),
            // In a list of tables, a name in the path selects one of them: `module.NAME.key`.
            Value::List(items) => {
                let known = listed(items.iter().filter_map(Item::name));
                let index = items.iter().position(|item| item.name() == Some(*name));
                match index.map(|index| &mut items[index].value) {
                    Some(Value::Table(_)) if key.is_empty() => {
                        Err(format!("`{first}.{name}` is a whole table; name one of its keys"))
                    }
                    Some(Value::Table(table)) => table.set(key, value),
                    _ if known.is_empty() => Err(no_part()),
                    _ => Err(format!("no {first} is called `{name}`; known: {known}")),
                }
            }
            _ => Err(no_part()),
        }
    }
}

/// Parses TOML.
///
/// # Errors
/// The line, counted from 1, and what is wrong there.
pub(in crate::config) fn parse(source: &str) -> Result<Table, (usize, String)> {
    let lines = LineBreaks::new(source);
    let parsed = DeTable::parse(source).map_err(|e| (e.span().map_or(1, |s| lines.line_of(s.start)), e.message().to_owned()))?;
    Ok(table(&lines, parsed.get_ref()))
}

/// Parses a TOML value, as it stands behind `key =`. Anything that is no TOML value is taken as text.
pub(in crate::config) fn parse_value(source: &str) -> Value {
    match DeValue::parse(source) {
        Ok(parsed) => value(&LineBreaks::new(source), parsed.get_ref()),
        Err(_) => Value::Text(source.to_owned()),
    }
}

/// The offsets of the line breaks of a text.
struct LineBreaks(Vec<usize>);

impl LineBreaks {
    fn new(source: &str) -> Self {
        Self(source.match_indices('\n').map(|(offset, _)| offset).collect())
    }

    /// Returns the line of a byte, counted from 1.
    fn line_of(&self, offset: usize) -> usize {
        1 + self.0.partition_point(|&line_break| line_break < offset)
    }
}

fn table(lines: &LineBreaks, parsed: &DeTable<'_>) -> Table {
    let entry = |(key, item): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let key: &std::borrow::Cow<'_, str> = key.get_ref();
        let origin = Origin::Line(lines.line_of(item.span().start));
        (key.to_string(), Item { origin, value: value(lines, item.get_ref()) })
    };
    Table(parsed.iter().map(entry).collect())
}

fn value(lines: &LineBreaks, parsed: &DeValue<'_>) -> Value {
    match parsed {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => {
            let text = number.as_str();
            match i64::from_str_radix(text, number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => Value::Text(text.to_owned()),
            }
        }
        DeValue::Float(number) => number.as_str().parse().map_or_else(|_| Value::Text(number.as_str().to_owned()), Value::Float),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(date) => Value::Text(date.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| Item { origin: Origin::Line(lines.line_of(item.span().start)), value: value(lines, item.get_ref()) })
                .collect(),
        ),
        DeValue::Table(inner) => Value::Table(table(lines, inner)),
    }
}
