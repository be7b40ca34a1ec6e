//! The first row of a CSV file: its separator and the names of the fields.

/// A first line `sep=;`, as Excel writes it: the separator, and the number of the line's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SeparatorLine {
    pub(super) separator: u8,
    pub(super) length: usize,
}

/// Returns the separator line that a file begins with. None if it has none.
pub(super) fn separator_line(beginning: &[u8]) -> Option<SeparatorLine> {
    let length = beginning.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
    let line = beginning[..length].strip_prefix(b"\"").unwrap_or(&beginning[..length]);
    let [s, e, p, b'=', separator, rest @ ..] = line else { return None };
    let is_line = [*s, *e, *p].eq_ignore_ascii_case(b"sep") && separator.is_ascii() && matches!(rest, b"" | b"\"");
    let both = beginning[length..].starts_with(b"\r\n");
    is_line.then_some(SeparatorLine { separator: *separator, length: length + if both { 2 } else { 1 } })
}

/// Returns the separator of a file whose name says `separator`. Where the comma is the decimal mark, as in much of Europe,
/// spreadsheets separate the values of a `.csv` by semicolons. What stands inside quotes separates nothing.
pub(super) fn separator_of(header: &[u8], separator: u8) -> u8 {
    let has = |wanted: u8| outside_quotes(header).any(|byte| byte == wanted);
    if separator == b',' && has(b';') && !has(b',') { b';' } else { separator }
}

/// Returns the name of a separator.
pub(super) fn separator_in_words(separator: u8) -> String {
    match separator {
        b'\t' => "tab".into(),
        b';' => "semicolon".into(),
        b',' => "comma".into(),
        other => format!("`{}`", char::from(other)),
    }
}

/// Returns the bytes that stand outside double quotes.
fn outside_quotes(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut inside = false;
    text.iter().copied().filter(move |byte| {
        inside ^= *byte == b'"';
        !inside && *byte != b'"'
    })
}

/// Refuses a header without names, with the same name twice, or with another separator. `header` is the row as it stands in the
/// file, and `names` are its values. The first name may be missing, and those at the end.
pub(super) fn check_names(header: &[u8], separator: u8, names: &[String]) -> Result<(), String> {
    let is_other = |other: char| other != char::from(separator) && outside_quotes(header).any(|byte| char::from(byte) == other);
    if let [only] = names
        && let Some(other) = [';', '\t', ',', '|'].into_iter().find(|&other| is_other(other))
    {
        let remedy = match other {
            '\t' => "end its name in .tsv".to_owned(),
            ',' => "end its name in .csv".to_owned(),
            other => format!("end its name in .csv and write `sep={other}` as its first line"),
        };
        return Err(format!("the first row names one field, `{only}`; if {other:?} stands between the values, {remedy}"));
    }
    let Some(last) = names.iter().rposition(|name| !name.is_empty()) else {
        return Err("the first row names no field; it must name all of them".into());
    };
    for (index, name) in names.iter().enumerate().take(last + 1) {
        if name.len() > 1 && name.starts_with('"') && name.ends_with('"') {
            return Err(format!(
                "the name {name} has its quotes in it, because a space stands before them; remove the spaces behind the {}s",
                separator_in_words(separator)
            ));
        }
        if name.is_empty() && index > 0 {
            return Err(format!("column {} has no name; the first row must name all fields", index + 1));
        }
        if !name.is_empty() && names[..index].contains(name) {
            return Err(format!("two columns are called `{name}`; rename one of them"));
        }
    }
    Ok(())
}
