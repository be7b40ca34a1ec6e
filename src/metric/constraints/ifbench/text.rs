//! Cuts texts as Python's methods of texts do, because the reference is written in Python.

/// Returns whether Python takes a character for white space.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Returns whether a character is one of the 32 punctuation marks of ASCII, or a blank.
fn is_mark_or_blank(c: char) -> bool {
    c.is_ascii_punctuation() || c == ' '
}

/// Returns the parts between white space. None of them is empty.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> + Clone {
    text.split(is_space).filter(|part| !part.is_empty())
}

/// Returns a text without white space at its ends.
pub(super) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Returns a text without ASCII punctuation marks and blanks at its ends.
pub(super) fn strip_marks(text: &str) -> &str {
    text.trim_matches(is_mark_or_blank)
}

/// Returns a text without ASCII punctuation marks and blanks at its start.
pub(super) fn strip_marks_at_start(text: &str) -> &str {
    text.trim_start_matches(is_mark_or_blank)
}

/// Returns a text without ASCII punctuation marks and blanks at its end.
pub(super) fn strip_marks_at_end(text: &str) -> &str {
    text.trim_end_matches(is_mark_or_blank)
}

/// Returns a text without its ASCII punctuation marks.
pub(super) fn without_marks(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_punctuation()).collect()
}

/// Returns the runs of digits of any script.
pub(super) fn numbers(text: &str) -> Vec<&str> {
    pattern!(r"\p{Nd}+").map(|pattern| pattern.find_iter(text).map(|found| found.as_str()).collect()).unwrap_or_default()
}

/// The letters of ASCII, each with the letters that are made of it and a mark above or below.
const MARKED: [(char, &str); 19] = [
    ('a', "àáâãäåāăąǎảạ"),
    ('c', "çćĉċč"),
    ('d', "ď"),
    ('e', "èéêëēĕėęěẽẹẻ"),
    ('g', "ĝğġģ"),
    ('h', "ĥ"),
    ('i', "ìíîïĩīĭįǐịỉ"),
    ('j', "ĵ"),
    ('k', "ķ"),
    ('l', "ĺļľ"),
    ('n', "ñńņňǹ"),
    ('o', "òóôõöōŏőǒọỏ"),
    ('r', "ŕŗř"),
    ('s', "śŝşšș"),
    ('t', "ţťț"),
    ('u', "ùúûüũūŭůűųǔụủ"),
    ('w', "ŵẁẃẅ"),
    ('y', "ýÿŷỳỹ"),
    ('z', "źżž"),
];

/// Returns the ASCII character of a character, without its marks. None where it has none.
fn plain(c: char) -> Option<char> {
    match c {
        _ if c.is_ascii() => Some(c),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Some(' '),
        // Full-width forms.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        _ => {
            let mut lower = c.to_lowercase();
            let (letter, None) = (lower.next()?, lower.next()) else { return None };
            let (base, _) = MARKED.iter().find(|(_, marked)| marked.contains(letter))?;
            Some(if c.is_lowercase() { *base } else { base.to_ascii_uppercase() })
        }
    }
}

/// Returns a text in ASCII. Letters lose their marks, and characters that are not made of an ASCII letter are left out.
pub(super) fn ascii(text: &str) -> String {
    text.chars().filter_map(plain).collect()
}

/// Returns the first characters of a text, for a message.
pub(super) fn begin(text: &str) -> String {
    let mut shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_as_in_python() {
        assert_eq!(split(" a\u{1f}b\u{a0}c\n").collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!((strip_marks(" \"(a b)!\n"), strip_marks("…a")), ("a b)!\n", "…a"));
        assert_eq!(without_marks("it's 3.50 — “so”"), "its 350 — “so”");
        assert_eq!(numbers("12 ab3,٤٥"), ["12", "3", "٤٥"]);
    }

    #[test]
    fn letters_lose_their_marks() {
        assert_eq!(ascii("São Tomé, Côte\u{a0}d’Ivoire, Ştefan, Ø, e\u{301}, Ａ"), "Sao Tome, Cote dIvoire, Stefan, , e, A");
    }
}
