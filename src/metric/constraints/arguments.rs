//! The arguments of a constraint, as an example or a task file gives them.

use std::cell::RefCell;

use serde_json::{Map, Value};

use super::bounds::{Count, Keyword, Range, Relation, keyword};
use crate::data::{listed, to_text};

/// The arguments of one constraint. The errors name the kind and the argument.
pub(super) struct Arguments<'a> {
    pub(super) kind: &'a str,
    given: &'a Map<String, Value>,
    /// The keys that were read. After reading, these are all keys that the kind takes.
    asked: RefCell<Vec<String>>,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(kind: &'a str, given: &'a Map<String, Value>) -> Self {
        Self { kind, given, asked: RefCell::default() }
    }

    /// Returns an argument. None where it is not given.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        let mut asked = self.asked.borrow_mut();
        if !asked.iter().any(|known| known == key) {
            asked.push(key.to_owned());
        }
        self.given.get(key)
    }

    /// Returns an error for an argument that was not read, because the kind does not take it.
    pub(super) fn finish(&self) -> Result<(), String> {
        let asked = self.asked.borrow();
        let Some(unknown) = self.given.keys().find(|key| !asked.contains(key)) else { return Ok(()) };
        let known = if asked.is_empty() { "nothing".to_owned() } else { listed(asked.iter()) };
        Err(format!("the constraint `{}` takes no `{unknown}`; it takes {known}", self.kind))
    }

    /// Returns the error for an argument that is missing or is not `wanted`.
    pub(super) fn bad(&self, key: &str, wanted: &str) -> String {
        match self.given.get(key) {
            None => format!("the constraint `{}` lacks `{key}`", self.kind),
            Some(had) => format!("`{key}` of the constraint `{}` must be {wanted}, not {had}", self.kind),
        }
    }

    /// Reads a whole number. It may be written with a decimal point, like `5.0`, as other programs write the numbers of a column
    /// that also has empty cells.
    pub(super) fn number(&self, key: &str) -> Result<usize, String> {
        let exact = |n: f64| (n.fract() == 0.0 && (0.0..1e15).contains(&n)).then_some(n as u64);
        let number = self.get(key).and_then(|value| value.as_u64().or_else(|| value.as_f64().and_then(exact)));
        number.and_then(|n| usize::try_from(n).ok()).ok_or_else(|| self.bad(key, "a whole number"))
    }

    /// Reads a whole number that is 1 or more.
    pub(super) fn ordinal(&self, key: &str) -> Result<usize, String> {
        match self.number(key)? {
            0 => Err(self.bad(key, "1 or more")),
            number => Ok(number),
        }
    }

    /// Reads a share in percent.
    pub(super) fn percentage(&self, key: &str) -> Result<f64, String> {
        let share = self.get(key).and_then(Value::as_f64).filter(|share| *share >= 0.0);
        share.ok_or_else(|| self.bad(key, "a percentage, a number that is 0 or more"))
    }

    /// Reads a whole number that may be left out.
    pub(super) fn limit(&self, key: &str) -> Result<Option<usize>, String> {
        if self.get(key).is_some() { self.number(key).map(Some) } else { Ok(None) }
    }

    /// Reads the range from `min_WHAT` to `max_WHAT`.
    pub(super) fn range(&self, what: &str) -> Result<Range, String> {
        let range = Range { least: self.limit(&format!("min_{what}"))?, most: self.limit(&format!("max_{what}"))? };
        match (range.least, range.most) {
            (Some(least), Some(most)) if least > most => {
                Err(format!("`min_{what}` of the constraint `{}` is {least}, more than `max_{what}`, {most}", self.kind))
            }
            _ => Ok(range),
        }
    }

    /// Reads a text.
    pub(super) fn text(&self, key: &str) -> Result<String, String> {
        self.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| self.bad(key, "text"))
    }

    /// Reads a list of texts that is not empty.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, String> {
        let items = self.get(key).and_then(Value::as_array).filter(|items| !items.is_empty());
        items.map(|items| items.iter().map(to_text).collect()).ok_or_else(|| self.bad(key, "a list of texts"))
    }

    /// Reads a relation and a number under these keys.
    pub(super) fn count(&self, relation: &str, number: &str) -> Result<Count, String> {
        let relation = match self.text(relation)?.as_str() {
            "less than" => Relation::LessThan,
            "at least" => Relation::AtLeast,
            _ => return Err(self.bad(relation, "\"less than\" or \"at least\"")),
        };
        Ok(Count { relation, number: self.number(number)? })
    }

    /// Reads a list of keywords that is not empty.
    pub(super) fn keywords(&self, key: &str) -> Result<Vec<Keyword>, String> {
        self.texts(key)?.into_iter().map(keyword).collect()
    }
}
