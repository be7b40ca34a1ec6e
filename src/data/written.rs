//! Writes rows as JSONL, CSV or TSV.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Map, Value};

use super::example::to_text;

/// The format of a file of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFormat {
    /// A JSON object in each line.
    Jsonl,
    /// Values with this byte between them. The first row names the columns.
    Separated(u8),
}

impl RowFormat {
    /// Returns the format that the ending of a file's name says. None for an ending that says none.
    #[must_use]
    pub fn of_ending(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" | "json" => Some(Self::Jsonl),
            "csv" => Some(Self::Separated(b',')),
            "tsv" => Some(Self::Separated(b'\t')),
            _ => None,
        }
    }
}

/// Writes rows in a format.
pub enum RowWriter<W: Write> {
    /// As JSONL.
    Jsonl(W),
    /// As CSV or TSV, with the names of the columns.
    Separated(Box<csv::Writer<W>>, Vec<String>),
}

impl<W: Write> RowWriter<W> {
    /// Creates a writer of rows with these columns. A CSV or TSV file gets a row of their names.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(out: W, format: RowFormat, columns: Vec<String>) -> io::Result<Self> {
        Ok(match format {
            RowFormat::Jsonl => Self::Jsonl(out),
            RowFormat::Separated(separator) => {
                let mut writer = csv::WriterBuilder::new().delimiter(separator).from_writer(out);
                writer.write_record(&columns)?;
                Self::Separated(Box::new(writer), columns)
            }
        })
    }

    /// Writes a row. In a CSV or TSV file, a value that is null or missing is empty, and one that is not text is JSON.
    ///
    /// # Errors
    /// Those of the file that is written.
    pub fn write(&mut self, row: &Map<String, Value>) -> io::Result<()> {
        match self {
            Self::Jsonl(out) => {
                serde_json::to_writer(&mut *out, row)?;
                out.write_all(b"\n")
            }
            Self::Separated(writer, columns) => {
                let value = |column: &String| match row.get(column) {
                    None | Some(Value::Null) => Cow::Borrowed(""),
                    Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
                    Some(other) => Cow::Owned(to_text(other)),
                };
                let values: Vec<Cow<'_, str>> = columns.iter().map(value).collect();
                Ok(writer.write_record(values.iter().map(|value| value.as_bytes()))?)
            }
        }
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// Those of the file that is written.
    pub fn finish(mut self) -> io::Result<()> {
        match &mut self {
            Self::Jsonl(out) => out.flush(),
            Self::Separated(writer, _) => writer.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;

    fn written(format: RowFormat, columns: &[&str], rows: &[Map<String, Value>]) -> String {
        let mut bytes = Vec::new();
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        let mut writer = RowWriter::new(&mut bytes, format, columns).unwrap();
        rows.iter().for_each(|row| writer.write(row).unwrap());
        writer.finish().unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_ending_says_the_format() {
        let format = |name: &str| RowFormat::of_ending(Path::new(name));
        assert_eq!(format("a.CSV"), Some(RowFormat::Separated(b',')));
        assert_eq!(format("a.tsv"), Some(RowFormat::Separated(b'\t')));
        assert_eq!(format("a.jsonl"), Some(RowFormat::Jsonl));
        assert_eq!((format("a.txt"), format("csv")), (None, None));
    }

    #[test]
    fn values_that_csv_cannot_tell_apart_are_json_or_empty() {
        let row = serde_json::json!({"a": "x, \"y\"\nz", "b": [1, "c"], "c": null, "d": 2.5, "left": "out"});
        let text = written(RowFormat::Separated(b','), &["d", "a", "b", "c", "e"], &[row.as_object().unwrap().clone()]);
        assert_eq!(text, "d,a,b,c,e\n2.5,\"x, \"\"y\"\"\nz\",\"[1,\"\"c\"\"]\",,\n");
    }

    proptest::proptest! {
        /// Texts of any characters, in each format. A row of blank values is no row of a CSV file.
        #[test]
        fn rows_that_are_written_are_read_back(
            texts in proptest::collection::vec(proptest::prelude::any::<(String, String)>(), 1..6),
        ) {
            let row = |(index, (a, b)): (usize, &(String, String))| {
                // The reader takes both kinds of line breaks, and leaves carriage returns alone inside quotes.
                serde_json::json!({ "a": a, "b": b, "n": index.to_string() }).as_object().unwrap().clone()
            };
            let rows: Vec<Map<String, Value>> = texts.iter().enumerate().map(row).collect();
            for (ending, format) in [(".jsonl", RowFormat::Jsonl), (".csv", RowFormat::Separated(b',')), (".tsv", RowFormat::Separated(b'\t'))] {
                if format != RowFormat::Jsonl && texts.iter().any(|(a, b)| (a.clone() + b).contains('\\')) {
                    // Backslashes may be taken for those of Spark's dialect.
                    continue;
                }
                let file = tempfile::Builder::new().suffix(ending).tempfile().unwrap();
                std::fs::write(file.path(), written(format, &["a", "b", "n"], &rows)).unwrap();
                let data = Dataset::open(file.path(), None).unwrap();
                let read: Vec<Map<String, Value>> = (0..data.len()).map(|index| data.get(index).unwrap().fields).collect();
                proptest::prop_assert_eq!(&read, &rows, "{}", ending);
            }
        }
    }
}
