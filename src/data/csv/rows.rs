//! Finds the rows of a CSV file.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;

use csv::ByteRecord;

use super::backslash::Quotes;
use super::dialect::Dialect;
use super::error::CsvError;
use crate::data::row::{LONGEST_ROW, Row};
use crate::data::source::Source;

/// The position from which rows are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct From {
    /// The offset of the first byte.
    pub(super) start: usize,
    /// The line in which it stands, counted from 1.
    pub(super) line: usize,
}

/// A reader that also stores the bytes that were read since the end of the last row. So no row has to be read twice to know its
/// content. It fails as soon as a row is longer than [`LONGEST_ROW`].
struct RecordingReader<R> {
    from: R,
    recorded: Rc<RefCell<VecDeque<u8>>>,
    /// Follows the quotes of a file with backslashes. Its escaped quotes are not passed on, because they end no value.
    quotes: Option<Quotes>,
}

impl<R: Read> Read for RecordingReader<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut recorded = self.recorded.borrow_mut();
        if is_too_long(&recorded) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let count = self.from.read(bytes)?;
        recorded.extend(&bytes[..count]);
        if let Some(quotes) = &mut self.quotes {
            for byte in &mut bytes[..count] {
                if quotes.is_escaped(*byte) && *byte == b'"' {
                    *byte = b'x';
                }
            }
        }
        Ok(count)
    }
}

/// Whether the bytes are more than one row can have. The reader's buffer may hold 128 KB beyond the row.
fn is_too_long(recorded: &VecDeque<u8>) -> bool {
    recorded.len() > LONGEST_ROW + (1 << 17)
}

/// Counts line breaks: a line feed, a carriage return, or both together.
#[derive(Debug, Default)]
struct LineBreaks {
    is_after_return: bool,
}

impl LineBreaks {
    fn count(&mut self, bytes: &[u8]) -> usize {
        let mut count = 0;
        let mut end = 0;
        for at in memchr::memchr2_iter(b'\r', b'\n', bytes) {
            let is_second_half = bytes[at] == b'\n' && self.is_after_return && at == end;
            count += usize::from(!is_second_half);
            self.is_after_return = bytes[at] == b'\r';
            end = at + 1;
        }
        self.is_after_return &= end == bytes.len();
        count
    }
}

/// Finds the first `limit` rows, the header included. A line break inside quotes does not end a row. Blank lines, and rows whose
/// values are all blank, are no rows.
pub(super) fn find_rows(dialect: Dialect, source: &Source, from: From, limit: usize) -> Result<Vec<Row>, CsvError> {
    let From { start, mut line } = from;
    let mut rows: Vec<Row> = Vec::new();
    let recorded = Rc::new(RefCell::new(VecDeque::new()));
    let recording = RecordingReader {
        from: source.reader_from(start),
        recorded: Rc::clone(&recorded),
        quotes: dialect.has_backslashes.then(|| Quotes::new(dialect.separator)),
    };
    let mut reader = dialect.reader(usize::MAX, recording);
    let mut record = ByteRecord::new();
    let mut after = start;
    let mut breaks = LineBreaks::default();
    let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    while rows.len() < limit {
        let before = after;
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) if is_too_long(&recorded.borrow()) => {
                let megabytes = LONGEST_ROW >> 20;
                let cause = format!("the row has more than {megabytes} MB; is a double quote opened in it and not closed?");
                return Err(CsvError::Row { line, cause });
            }
            Err(error) => return Err(io::Error::other(error).into()),
        }
        after = start + usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        let row: Vec<u8> = recorded.borrow_mut().drain(..after - before).collect();
        let leading = row.iter().take_while(|byte| is_break(byte)).count();
        let trailing = row[leading..].iter().rev().take_while(|byte| is_break(byte)).count();
        line += breaks.count(&row[..leading]);
        if !record.iter().all(|value| value.trim_ascii().is_empty()) {
            rows.push(Row { start: before + leading, end: after - trailing, line });
        }
        line += breaks.count(&row[leading..]);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_are_counted_over_the_ends_of_pieces() {
        for (pieces, count) in [
            (&["a\r", "\nb\r\n"][..], 2),
            (&["a\r", "b\r", "\r"], 3),
            (&["a\n", "\nb"], 2),
            (&["\r\n\r\n", "x\r", "y\n"], 4),
            (&["a\r", "", "\nb"], 1),
        ] {
            let mut breaks = LineBreaks::default();
            assert_eq!(pieces.iter().map(|piece| breaks.count(piece.as_bytes())).sum::<usize>(), count, "{pieces:?}");
        }
    }
}
