//! Files of other formats, recognized by their first bytes.

/// The number of bytes from which a format can be told.
pub(super) const BYTES: usize = 4096;

/// The beginnings of files that are neither JSON nor text, and what they are.
const BEGINNINGS: [(&[u8], &str); 26] = [
    (b"PAR1", PARQUET),
    (b"\x1f\x8b", "is compressed by gzip; write it decompressed: gzip -d"),
    (b"\x28\xb5\x2f\xfd", "is compressed by zstd; write it decompressed: zstd -d"),
    (b"BZh", "is compressed by bzip2; write it decompressed: bzip2 -d"),
    (b"\xfd7zXZ\0", "is compressed by xz; write it decompressed: xz -d"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; give the file in it that has the rows"),
    (b"Rar!", "is a RAR archive; give the file in it that has the rows"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", SPREADSHEET),
    (
        b"ARROW1",
        "is an Arrow file; write it as JSONL, such as pandas.read_feather(…).to_json(…, orient=\"records\", lines=True) does",
    ),
    (
        b"FEA1",
        "is a Feather file; write it as JSONL, such as pandas.read_feather(…).to_json(…, orient=\"records\", lines=True) does",
    ),
    (b"\xff\xff\xff\xff", "is an Arrow stream, as the package `datasets` saves it; write it as JSONL: Dataset.to_json(…)"),
    (b"SQLite format 3\0", "is an SQLite database; write a table of it as CSV: sqlite3 -header -csv FILE 'select * from TABLE'"),
    (b"\x89HDF", "is an HDF5 file; write its rows as JSONL"),
    (b"\x93NUMPY", "is a NumPy file; write its rows as JSONL"),
    (b"\x80\x02", PICKLE),
    (b"\x80\x03", PICKLE),
    (b"\x80\x04", PICKLE),
    (b"\x80\x05", PICKLE),
    (b"Obj\x01", "is an Avro file; write its rows as JSONL"),
    (b"ORC", "is an ORC file; write its rows as JSONL"),
    (b"%PDF-", "is a PDF document; write its content as JSONL"),
    (b"GGUF", "is a model file (GGUF), not data"),
    (b"\xff\xfe", UTF16),
    (b"\xfe\xff", UTF16),
    (b"version https://git-lfs", "is a pointer of Git LFS and not the file itself; bring it with: git lfs pull"),
    (b"<!DOCTYPE html", WEB_PAGE),
];

const PARQUET: &str = "is a Parquet file; `scripts/datasets/convert table` writes it as JSONL";
const SPREADSHEET: &str = "is a spreadsheet; save it as CSV (UTF-8), with the names of the fields in the first row";
const PICKLE: &str = "is a Python pickle; write its rows as JSONL";
const UTF16: &str = "is UTF-16 text; save the file as UTF-8";
const WEB_PAGE: &str = "is a web page and not data; was it saved under the address of a page about the file?";

/// Returns what a file is, and what to do with it, if it begins as no file of rows does. None if it may be one.
pub(super) fn format(beginning: &[u8]) -> Option<&'static str> {
    if beginning.starts_with(b"PK\x03\x04") {
        let has = |name: &[u8]| memchr::memmem::find(beginning, name).is_some();
        let is_spreadsheet = has(b"[Content_Types].xml") || has(b"xl/") || has(b"opendocument.spreadsheet");
        return Some(if is_spreadsheet { SPREADSHEET } else { "is a ZIP archive; give the file in it that has the rows" });
    }
    let begins = |known: &[u8]| beginning.get(..known.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(known));
    if begins(b"<html") {
        return Some(WEB_PAGE);
    }
    if beginning.get(8..).is_some_and(|rest| rest.starts_with(b"DUCK\0")) {
        return Some("is a database of DuckDB; write a table of it as JSONL: COPY table TO 'rows.jsonl'");
    }
    let known = BEGINNINGS.iter().find(|(known, _)| is_binary_or_exact(known, beginning));
    known.map(|(_, format)| *format).or_else(|| with_zeros(beginning))
}

/// Returns what a file with zero bytes is. None if it has none, as all text in UTF-8.
fn with_zeros(beginning: &[u8]) -> Option<&'static str> {
    let zeros = beginning.iter().filter(|byte| **byte == 0).count();
    match zeros {
        0 => None,
        // Each letter of most scripts is two bytes in UTF-16, one of which is zero in Western text.
        many if many > 3 && many * 3 >= beginning.len() => Some(UTF16),
        _ => Some("has zero bytes, so it is no text; write its rows as JSONL"),
    }
}

/// Whether a file begins so. A beginning of three letters must be followed by a byte that no text has.
fn is_binary_or_exact(known: &[u8], beginning: &[u8]) -> bool {
    let Some(rest) = beginning.strip_prefix(known) else { return false };
    let is_short_word = known.len() <= 4 && known.iter().all(u8::is_ascii_alphanumeric);
    !is_short_word || rest.iter().any(|byte| *byte < b'\t' || *byte >= 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_from_text() {
        for (bytes, says) in [
            (&b"PAR1\x15\x04\x15"[..], "Parquet"),
            (b"\x1f\x8b\x08\x00", "gzip"),
            (b"\x28\xb5\x2f\xfd\x04", "zstd"),
            (b"PK\x03\x04\x14\0\0\0[Content_Types].xml", "spreadsheet"),
            (b"PK\x03\x04\x14\0\0\0mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "spreadsheet"),
            (b"PK\x03\x04\x14\0\0\0train.jsonl", "ZIP"),
            (b"\xff\xfem\0e\0", "UTF-16"),
            (b"\x80\x04\x95\x10", "pickle"),
            (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
            (b"<!DOCTYPE html>\n<html>", "web page"),
            (b"SQLite format 3\0", "SQLite"),
            (b"\x12\0\0\0\0\0\0\0DUCK\0\0", "DuckDB"),
            (b"a\0,\0b\0\n\x001\0,\x002\0", "UTF-16"),
            (b"\0{\0\"\0a\0\"\0:\x001\0}", "UTF-16"),
            (b"a,b\n1,2\n\0\0", "zero bytes"),
        ] {
            assert!(format(bytes).is_some_and(|format| format.contains(says)), "{says}");
        }
        for text in ["", "{\"a\": 1}", "ORC,name\n1,2\n", "BZh,b\n1,2", "PAR1,x\n", "<p>text</p>,label", "\u{feff}a,b\n"] {
            assert_eq!(format(text.as_bytes()), None, "{text}");
        }
    }
}
