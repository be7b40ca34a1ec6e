//! Each text of a run once: what is repeated a thousand times is kept and written as a number.

use std::collections::HashMap;
use std::rc::Rc;

/// Characters of a text that are kept. What is longer is cut, and says so.
const MOST_CHARACTERS: usize = 20_000;

/// A text in [`Texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(pub(super) u32);

/// The texts, in the order in which they were first met.
#[derive(Debug, Default)]
pub struct Texts {
    all: Vec<Rc<str>>,
    /// For looking up alone: its order is never seen.
    places: HashMap<Rc<str>, u32>,
}

impl Texts {
    /// The number of `text`.
    pub fn take(&mut self, text: &str) -> Text {
        if let Some(&place) = self.places.get(text) {
            return Text(place);
        }
        let place = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let shared: Rc<str> = text.into();
        // A long text is looked up as a whole and kept cut.
        let kept = match text.char_indices().nth(MOST_CHARACTERS) {
            None => Rc::clone(&shared),
            Some((end, _)) => {
                let more = text[end..].chars().count();
                format!("{}\n… and {more} characters more, in the journal", &text[..end]).into()
            }
        };
        self.places.insert(shared, place);
        self.all.push(kept);
        Text(place)
    }

    /// What was taken.
    #[must_use]
    pub fn get(&self, text: Text) -> &str {
        self.all.get(text.0 as usize).map_or("", |text| &**text)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_and_a_long_one_is_cut_aloud() {
        let mut texts = Texts::default();
        let a = texts.take("a");
        let long = "ä".repeat(MOST_CHARACTERS + 7);
        let b = texts.take(&long);
        assert_eq!((texts.take("a"), texts.take(&long), texts.len()), (a, b, 2));
        assert!(texts.get(b).ends_with("ä\n… and 7 characters more, in the journal"), "{}", &texts.get(b)[30_000..]);
    }
}
