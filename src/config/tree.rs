//! A task file as a tree in which every value knows where it was written.

use toml::de::{DeTable, DeValue};

use crate::data::listed;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// A line of the task file, from 1.
    Line(usize),
    /// The command line.
    Set,
}

/// A value and its origin.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

/// What a value can be. Dates, which no key takes, are text.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    List(Vec<Entry>),
    Table(Table),
}

impl Entry {
    /// The name of a table that has one.
    fn name(&self) -> Option<&str> {
        let Value::Table(table) = &self.value else { return None };
        match &table.get("name")?.value {
            Value::Text(name) => Some(name),
            _ => None,
        }
    }
}

impl Value {
    /// What it is, in words for an error.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Text(_) => "text".into(),
            Self::Integer(_) => "a whole number".into(),
            Self::Float(number) => format!("{number:?}"),
            Self::Flag(_) => "true or false".into(),
            Self::List(_) => "a list".into(),
            Self::Table(_) => "a table".into(),
        }
    }
}

impl Value {
    /// The same as JSON.
    pub(super) fn json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Integer(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::List(items) => items.iter().map(|item| item.value.json()).collect(),
            Self::Table(table) => {
                let fields = table.0.iter().map(|(name, entry)| (name.clone(), entry.value.json()));
                serde_json::Value::Object(fields.collect())
            }
        }
    }
}

/// Keys and values in the order of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Table(pub(super) Vec<(String, Entry)>);

impl Table {
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, entry)| entry)
    }

    /// Puts `value` at a dotted path, making tables on the way.
    ///
    /// # Errors
    /// What is wrong with the path, in words.
    pub(super) fn set(&mut self, path: &[&str], value: Value) -> Result<(), String> {
        let [first, rest @ ..] = path else {
            return Err("names no key".into());
        };
        let place = match self.0.iter().position(|(name, _)| name == first) {
            Some(place) => place,
            None => {
                let empty = Entry { origin: Origin::Set, value: Value::Table(Self::default()) };
                self.0.push(((*first).to_owned(), empty));
                self.0.len() - 1
            }
        };
        let entry = &mut self.0[place].1;
        let [name, key @ ..] = rest else {
            *entry = Entry { origin: Origin::Set, value };
            return Ok(());
        };
        let no_part = || format!("`{first}` has no such part");
        match &mut entry.value {
            Value::Table(table) => table.set(rest, value),
            // `module.NAME.key` reaches into a list of named tables.
            Value::List(entries) => {
                let known = listed(entries.iter().filter_map(Entry::name));
                let place = entries.iter().position(|entry| entry.name() == Some(*name));
                match place.map(|place| &mut entries[place].value) {
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

/// Reads TOML.
///
/// # Errors
/// The line, from 1, and what is wrong there.
pub(super) fn parse(source: &str) -> Result<Table, (usize, String)> {
    let lines = Lines::of(source);
    let parsed = DeTable::parse(source).map_err(|e| (e.span().map_or(1, |s| lines.at(s.start)), e.message().to_owned()))?;
    Ok(table(&lines, parsed.get_ref()))
}

/// Reads a value as it stands after `key =`; what is no TOML value is text.
pub(super) fn parse_value(source: &str) -> Value {
    match DeValue::parse(source) {
        Ok(parsed) => value(&Lines::of(source), parsed.get_ref()),
        Err(_) => Value::Text(source.to_owned()),
    }
}

/// Where the line breaks of a text are.
struct Lines(Vec<usize>);

impl Lines {
    fn of(source: &str) -> Self {
        Self(source.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line of a byte, from 1.
    fn at(&self, offset: usize) -> usize {
        1 + self.0.partition_point(|&line_break| line_break < offset)
    }
}

fn table(lines: &Lines, parsed: &DeTable<'_>) -> Table {
    let entry = |(key, item): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let key: &std::borrow::Cow<'_, str> = key.get_ref();
        let origin = Origin::Line(lines.at(item.span().start));
        (key.to_string(), Entry { origin, value: value(lines, item.get_ref()) })
    };
    Table(parsed.iter().map(entry).collect())
}

fn value(lines: &Lines, parsed: &DeValue<'_>) -> Value {
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
                .map(|item| Entry { origin: Origin::Line(lines.at(item.span().start)), value: value(lines, item.get_ref()) })
                .collect(),
        ),
        DeValue::Table(inner) => Value::Table(table(lines, inner)),
    }
}
