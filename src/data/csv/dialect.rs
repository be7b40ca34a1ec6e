//! How the values of a file are separated and quoted.

use std::io;

use csv::{Reader, ReaderBuilder, StringRecord};

use super::backslash::{self, Marks};

/// How the values of a file are separated and quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    /// The byte between two values.
    pub(super) separator: u8,
    /// Whether a quote inside quotes stands behind a backslash, as Spark and MySQL write it. Otherwise it is doubled.
    pub(super) has_backslashes: bool,
}

impl Dialect {
    /// Returns a reader that accepts rows with any number of values.
    pub(super) fn reader<R: io::Read>(self, capacity: usize, from: R) -> Reader<R> {
        ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.separator)
            .buffer_capacity(capacity.clamp(1, 1 << 16))
            .from_reader(from)
    }

    /// Returns the values of one row.
    pub(super) fn values(self, text: &str) -> Result<Vec<String>, String> {
        if !self.has_backslashes {
            return self.split(text);
        }
        let marks = Marks::absent_from(text);
        let values = self.split(&backslash::marked(text, self.separator, marks))?;
        Ok(values.iter().map(|value| marks.replaced(value)).collect())
    }

    fn split(self, text: &str) -> Result<Vec<String>, String> {
        let mut record = StringRecord::new();
        self.reader(text.len(), text.as_bytes()).read_record(&mut record).map_err(|error| error.to_string())?;
        Ok(record.iter().map(str::to_owned).collect())
    }

    /// Whether quotes that are opened in a row are not closed in it.
    pub(super) fn has_open_quotes(self, text: &str) -> bool {
        let quotes = |text: &str| text.matches('"').count();
        let count = match self.has_backslashes {
            true => quotes(&backslash::marked(text, self.separator, Marks::absent_from(text))),
            false => quotes(text),
        };
        count % 2 == 1
    }
}
