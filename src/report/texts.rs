//! The texts of a run, each stored once and named by a number.

use std::collections::HashMap;
use std::rc::Rc;

/// The most characters of a text that are kept. A longer text is cut, and ends with a remark that says so.
const MOST_CHARACTERS: usize = 20_000;

/// The number of a text in [`Texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(u32);

/// The distinct texts of a run, in the order in which they were added.
#[derive(Debug, Default)]
pub struct Texts {
    all: Vec<Rc<str>>,
    /// The index in `all` of each text. The order of this map is never used.
    indices: HashMap<Rc<str>, u32>,
}

impl Texts {
    /// Returns the number of `text`, which is added if it is new.
    pub fn add(&mut self, text: &str) -> Text {
        if let Some(&index) = self.indices.get(text) {
            return Text(index);
        }
        let index = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let whole: Rc<str> = text.into();
        // A long text is found by all its characters, and kept in part.
        let kept = match text.char_indices().nth(MOST_CHARACTERS) {
            None => Rc::clone(&whole),
            Some((end, _)) => {
                let more = text[end..].chars().count();
                format!("{}\n… and {more} more characters, in the journal", &text[..end]).into()
            }
        };
        self.indices.insert(whole, index);
        self.all.push(kept);
        Text(index)
    }

    /// Returns a text by its number.
    #[must_use]
    pub fn get(&self, text: Text) -> &str {
        self.all.get(text.0 as usize).map_or("", |text| &**text)
    }

    /// Returns the number of distinct texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns whether there are no texts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_one_number_and_long_ones_are_cut() {
        let mut texts = Texts::default();
        let a = texts.add("a");
        let long = "ä".repeat(MOST_CHARACTERS + 7);
        let b = texts.add(&long);
        assert_eq!((texts.add("a"), texts.add(&long), texts.len()), (a, b, 2));
        assert!(texts.get(b).ends_with("ä\n… and 7 more characters, in the journal"), "{}", &texts.get(b)[30_000..]);
    }
}
