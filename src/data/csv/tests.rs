//! Tests of CSV and TSV files.

use std::io::Write;

use proptest::prelude::*;

use crate::data::dataset::Dataset;
use crate::data::error::DataError;

fn dataset(ending: &str, content: &[u8], limit: Option<usize>) -> Result<Dataset, DataError> {
    let mut file = tempfile::Builder::new().suffix(ending).tempfile().unwrap();
    file.write_all(content).unwrap();
    Dataset::open(file.path(), limit)
}

fn texts(data: &Dataset, field: &str) -> Vec<String> {
    data.check(&[field.to_owned()]).unwrap().iter().map(|row| row.text(field).unwrap()).collect()
}

#[test]
fn the_first_row_names_the_fields_and_all_values_are_text() {
    let content = b"\xef\xbb\xbfid,message, label \r\n7,\"one, \"\"two\"\"\r\nthree\",007\r\n\r\n  8,,true";
    let data = dataset(".csv", content, None).unwrap();
    let rows = data.check(&["message".into(), "label".into()]).unwrap();
    assert_eq!(rows[0].id, "7");
    assert_eq!(rows[0].text("message").unwrap(), "one, \"two\"\r\nthree");
    assert_eq!(rows[0].fields["label"], "007");
    assert_eq!((rows[1].id.as_str(), &rows[1].fields["message"], &rows[1].fields["label"]), ("  8", &"".into(), &"true".into()));
    assert_eq!(data.id(1).unwrap(), "  8");
}

#[test]
fn lines_are_counted_as_an_editor_does() {
    for line_break in ["\n", "\r\n"] {
        let content = ["text", "\"a", "b\"", "", "c"].join(line_break);
        let data = dataset(".CSV", content.as_bytes(), None).unwrap();
        let ids: Vec<String> = data.check(&[]).unwrap().into_iter().map(|row| row.id).collect();
        assert_eq!(ids, ["line-2", "line-5"], "{line_break:?}");
    }
}

#[test]
fn tabs_separate_by_the_name_s_ending() {
    assert_eq!(texts(&dataset(".tsv", b"a\tb\n1,2\t3", None).unwrap(), "a"), ["1,2"]);
}

#[test]
fn semicolons_separate_where_the_header_has_them_and_no_comma() {
    let data = dataset(".csv", b"a;b\n1,5;\"x;y\"\n", None).unwrap();
    assert_eq!((texts(&data, "a"), texts(&data, "b")), (vec!["1,5".to_owned()], vec!["x;y".to_owned()]));
    assert_eq!(texts(&dataset(".csv", b"a;b,c\n1,2\n", None).unwrap(), "a;b"), ["1"]);
}

#[test]
fn a_quote_that_is_never_closed_does_not_take_all_memory() {
    let content = ["a,b\n1,\"x\n", &"3,4\n".repeat(5 << 20)].concat();
    let error = dataset(".csv", content.as_bytes(), None).unwrap_err().to_string();
    assert!(error.contains(":2: the row has more than 16 MB; is a double quote opened"), "{error}");
}

#[test]
fn errors_name_the_line() {
    for (content, line, says) in [
        (&b"a,b\n1,2\n1\n"[..], 3, "the row has 1 value, the first row names 2 fields; a value with a comma"),
        (b"a,b\n\"1,2\n3,4\n5,6\n", 2, "a double quote that is opened in this row is not closed"),
        (b"a,b\n1,\"x\n3,4\n", 2, "not closed"),
        (b"a;b\n1;2\n3\n", 3, "the row has 1 value, the first row names 2 fields; a value with a semicolon"),
        (b"a\tb\n1\t2\n", 1, "end its name in .tsv"),
        (b"a,a\n1,2\n", 1, "two columns are called `a`"),
        (b"\na,\n1,2\n", 3, "column 2 has no name in the first row, and here the value \"2\""),
        (b"a,,b\n1,2,3\n", 1, "column 2 has no name; the first row must name"),
        (b",a\nfirst,1\n", 2, "column 1 has no name in the first row, and here the value \"first\""),
        (b"\"a\", \"b\"\n\"1\", \"2\"\n", 1, "the name \"b\" has its quotes in it, because a space stands before them"),
        (b"a,b\n1,2\na, b\n3,4\n", 3, "the row repeats the names of the fields"),
        (b"a|b\n1|2\n", 1, "write `sep=|` as its first line"),
        (b"a\xe4,b\n1,2\n", 1, "the names of the fields are not UTF-8"),
        (b"a,b\n1,2\n1,\xfc\n", 3, "not UTF-8 at byte 3 of the row; save the file as UTF-8"),
        (b"id,a\n1,2\n1,3\n", 3, "the id `1` stands in line 2 already"),
        (b"id,b\n1,2\n", 2, "the field `a` is missing; the row has `id`, `b`"),
    ] {
        let error = dataset(".csv", content, None).and_then(|data| data.check(&["a".into()])).unwrap_err();
        let DataError::Row { line: at, cause, .. } = &error else { panic!("{error}") };
        assert_eq!(*at, line, "{error}");
        assert!(cause.contains(says), "{cause}");
    }
}

#[test]
fn a_limit_leaves_the_rest_unread() {
    let data = dataset(".csv", b"a,b\n1,2\n3\n", Some(1)).unwrap();
    assert_eq!(texts(&data, "a"), ["1"]);
    assert!(dataset(".csv", b"", None).unwrap().is_empty());
    assert!(dataset(".csv", b"a,b\n", None).unwrap().is_empty());
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_back(
        rows in prop::collection::vec(("[a-z\",;\n\r ]{0,12}", "[\\PC\n]{0,12}x"), 0..8),
        crlf in any::<bool>(),
    ) {
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
        writer.write_record(["a", "b"]).unwrap();
        rows.iter().for_each(|(a, b)| writer.write_record([a, b]).unwrap());
        let data = dataset(".csv", &writer.into_inner().unwrap(), None).unwrap();
        prop_assert_eq!(texts(&data, "a"), rows.iter().map(|(a, _)| a.clone()).collect::<Vec<_>>());
        prop_assert_eq!(texts(&data, "b"), rows.iter().map(|(_, b)| b.clone()).collect::<Vec<_>>());
    }
}

/// What other programs write, with the texts of the fields `message` and `label`.
#[test]
fn files_of_other_programs_are_read() {
    let texts_of = |content: &[u8]| {
        let data = dataset(".csv", content, None).unwrap();
        let rows = data.check(&["message".into(), "label".into()]).unwrap();
        assert!(rows.iter().all(|row| row.fields.len() == 2), "{rows:?}");
        rows.iter().map(|row| row.text("message").unwrap()).collect::<Vec<_>>()
    };
    for (content, wanted) in [
        // Line ends of old Excel for Mac.
        (&b"message,label\ra,x\rb,y\r"[..], &["a", "b"][..]),
        (b"message;label\r\ra;x\r\"b\rc\";y", &["a", "b\rc"]),
        // Excel's separator line.
        (b"sep=;\r\nmessage;label\r\na,b;x\r\n", &["a,b"]),
        (b"\xef\xbb\xbfSEP=|\nmessage|label\na;b|x\n", &["a;b"]),
        (b"\"sep=,\"\rmessage,label\ra;b,x\r", &["a;b"]),
        (b"sep=\t\nmessage\tlabel\na,b\tx\n", &["a,b"]),
        // The row numbers of pandas and R.
        (b",message,label\n0,a,x\n1,b,y\n", &["a", "b"]),
        (b"\"\",\"message\",\"label\"\n\"1\",\"a\",\"x\"\n", &["a"]),
        (b";message;label\n10;a;x\n", &["a"]),
        // Empty rows and columns at the end, as spreadsheets leave them.
        (b"message,label\na,x\n,\n , \n\n", &["a"]),
        (b"message,label,,\na,x,,\n,,,\n", &["a"]),
        (b"message;label;\na;x;\n;;\n", &["a"]),
        // Separators in the quoted names.
        (b"\"label\";\"message\"\nx;\"a,b\"\n", &["a,b"]),
        // Backslashes before quotes.
        (
            br#"message,label
"he said \"no\", twice",x
"a path C:\new and \\",y
"\"",z
plain \"x\",w
"#,
            &[r#"he said "no", twice"#, r"a path C:\new and \", "\"", r#"plain \"x\""#],
        ),
        (
            br#"message,label
"{\"k\": [1,
2]}",x
"#,
            &["{\"k\": [1,\n2]}"],
        ),
        // Doubled quotes, and backslashes that escape nothing.
        (
            br#"message,label
"C:\","x"
"a ""b"" \n",y
"#,
            &[r"C:\", r#"a "b" \n"#],
        ),
    ] {
        assert_eq!(texts_of(content), wanted, "{}", String::from_utf8_lossy(content));
    }
    let data = dataset(".csv", b"\"message, original\";label\na;x\n", None).unwrap();
    assert_eq!(texts(&data, "message, original"), ["a"]);
}

#[test]
fn lines_that_end_in_carriage_returns_are_counted() {
    let data = dataset(".csv", b"sep=;\ra;b\r\r1;2\r3;4", None).unwrap();
    let ids: Vec<String> = data.check(&[]).unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(ids, ["line-4", "line-5"]);
}
