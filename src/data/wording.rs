//! Phrases that messages are made of: lists of names, counted things, shortened texts.

use std::fmt::Display;

/// Returns the names in backticks, separated by commas.
#[must_use]
pub fn listed<T: Display>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Returns a number with its noun, in the plural unless the number is one: `1 row`, `2 rows`.
#[must_use]
pub fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// Shortens a text to about `most` characters by cutting out its middle. Two thirds of them are kept from its beginning and one
/// third from its end. In between stands what `mark` returns for the number of characters that were cut out. A text of at most
/// `most` characters is returned unchanged.
#[must_use]
pub fn cut_middle(text: &str, most: usize, mark: impl FnOnce(usize) -> String) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let (first, last) = (most * 2 / 3, most / 3);
    let head: String = text.chars().take(first).collect();
    let tail: String = text.chars().skip(count - last).collect();
    format!("{head}{}{tail}", mark(count - first - last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_and_a_long_text_loses_its_middle() {
        assert_eq!(listed(["a", "b"]), "`a`, `b`");
        assert_eq!(listed(Vec::<String>::new()), "");
        assert_eq!([0, 1, 2].map(|count| counted(count, "row")), ["0 rows", "1 row", "2 rows"]);
        let cut = |text: &str| cut_middle(text, 6, |left_out| format!("[{left_out}]"));
        assert_eq!((cut("abcdef"), cut("äbcdefghij")), ("abcdef".to_owned(), "äbcd[4]ij".to_owned()));
    }
}
