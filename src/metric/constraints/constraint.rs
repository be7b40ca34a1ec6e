//! One constraint: reading it, checking it, and describing it in words.

use serde_json::{Map, Value};

use super::arguments::Arguments;
use super::rule::{Reader, Rule};
use super::{ifbench, ifeval, own};

/// The kinds of constraints, in groups. A kind has a name and a function that reads its arguments.
const GROUPS: [&[(&str, Reader)]; 9] = [
    ifeval::KINDS,
    own::KINDS,
    ifbench::counts::KINDS,
    ifbench::words::KINDS,
    ifbench::sequences::KINDS,
    ifbench::sentences::KINDS,
    ifbench::format::KINDS,
    ifbench::custom::KINDS,
    ifbench::repeat::KINDS,
];

/// Returns the number of kinds.
const fn number_of_kinds() -> usize {
    let (mut number, mut group) = (0, 0);
    while group < GROUPS.len() {
        number += GROUPS[group].len();
        group += 1;
    }
    number
}

/// Returns the names of the kinds.
const fn names() -> [&'static str; number_of_kinds()] {
    let mut names = [""; number_of_kinds()];
    let (mut at, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut kind = 0;
        while kind < GROUPS[group].len() {
            names[at] = GROUPS[group][kind].0;
            at += 1;
            kind += 1;
        }
        group += 1;
    }
    names
}

/// A condition on the form of an answer.
#[derive(Debug, Clone)]
pub struct Constraint {
    rule: Rule,
}

impl Constraint {
    /// The kinds that can be checked: those of IFEval, gepard's own, those of IFBench.
    pub const KINDS: [&'static str; number_of_kinds()] = names();

    /// Reads a constraint of an example, with arguments as in the `kwargs` of IFEval and IFBench. Arguments that the kind does
    /// not take are ignored.
    ///
    /// # Errors
    /// What is wrong, with the name of the kind.
    pub fn read(kind: &str, arguments: &Map<String, Value>) -> Result<Self, String> {
        Self::from_arguments(&Arguments::new(kind, arguments))
    }

    /// Reads a constraint of a task file.
    ///
    /// # Errors
    /// What is wrong, with the name of the kind. An argument that the kind does not take is an error.
    pub fn read_written(kind: &str, arguments: &Map<String, Value>) -> Result<Self, String> {
        let given = Arguments::new(kind, arguments);
        let read = Self::from_arguments(&given)?;
        given.finish().map(|()| read)
    }

    /// Reads a constraint from its arguments.
    fn from_arguments(given: &Arguments<'_>) -> Result<Self, String> {
        let kinds = GROUPS.iter().flat_map(|group| group.iter());
        let Some((_, read)) = kinds.clone().find(|(name, _)| *name == given.kind) else {
            let likeness = |name: &str| strsim::jaro(given.kind, name);
            let near = kinds.max_by(|a, b| likeness(a.0).total_cmp(&likeness(b.0)));
            let near = near.map_or("", |(name, _)| *name);
            return Err(format!("there is no constraint `{}`; the nearest is `{near}`", given.kind));
        };
        read(given).map(|rule| Self { rule })
    }

    /// Returns whether `text` meets the constraint.
    #[must_use]
    pub fn holds(&self, text: &str) -> bool {
        self.rule.check(text).is_ok()
    }

    /// Returns what the constraint asks for, in words.
    #[must_use]
    pub fn asks(&self) -> &str {
        &self.rule.asks
    }

    /// Returns what `text` has in place of what is asked for, in words. None where the text meets the constraint, and for kinds
    /// that tell nothing more.
    #[must_use]
    pub fn found(&self, text: &str) -> Option<String> {
        self.rule.check(text).err().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// The arguments of all kinds, as rows of IFBench have them. A kind reads its own.
    fn all_arguments() -> Map<String, Value> {
        let words = json!({
            "N": 2.0, "m": 1, "n": 1, "min_words": 1.0, "max_words": 3.0, "small_n": 1.0, "percentage": 10.0, "n_start": 1,
            "n_end": 3, "keyword1": "a", "keyword2": "b", "keyword3": "c", "keyword4": "d", "keyword5": "e", "sep": "-",
            "options": "yes/no", "word": "a", "keyword": "a", "reference_text": "abc", "prompt_to_repeat": "Say é a b",
        });
        let older = json!({
            "keywords": ["a"], "forbidden_words": ["a"], "frequency": 1, "relation": "at least", "letter": "a",
            "let_frequency": 1, "let_relation": "less than", "language": "en", "num_sentences": 1, "num_paragraphs": 1,
            "num_words": 1, "nth_paragraph": 1, "first_word": "a", "num_placeholders": 1, "postscript_marker": "P.S.",
            "num_bullets": 1, "num_highlights": 1, "section_spliter": "Section", "num_sections": 1, "end_phrase": "a",
            "capital_frequency": 1, "capital_relation": "at least", "pattern": "a", "texts": ["a"],
        });
        [words, older].iter().flat_map(|part| part.as_object().unwrap().clone()).collect()
    }

    #[test]
    fn every_kind_says_what_it_asks_for_and_refuses_what_is_missing() {
        for kind in Constraint::KINDS {
            assert!(!Constraint::read(kind, &all_arguments()).unwrap().asks().is_empty(), "{kind}");
            let empty = Constraint::read(kind, &Map::new());
            assert!(empty.as_ref().map_or_else(|told| told.contains(kind), |_| true), "{kind}: {empty:?}");
        }
        let wrong = json!({ "N": "five" });
        let told = Constraint::read("count:numbers", wrong.as_object().unwrap()).unwrap_err();
        assert_eq!(told, "`N` of the constraint `count:numbers` must be a whole number, not \"five\"");
        assert!(Constraint::read("count:numbers", json!({ "N": 2.5 }).as_object().unwrap()).is_err());
        assert!(Constraint::read("count:words_japanese", json!({ "N": 0 }).as_object().unwrap()).is_err());
        let huge = json!({ "N": u64::MAX, "small_n": u64::MAX, "word": "a", "keyword": "a", "n": u64::MAX, "m": u64::MAX });
        for kind in ["count:words_japanese", "sentence:increment", "sentence:keyword", "words:keywords_specific_position"] {
            let _ = Constraint::read(kind, huge.as_object().unwrap()).unwrap().holds("a. b");
        }
        let told = Constraint::read_written("format:list", json!({ "sep": "-", "N": 1 }).as_object().unwrap()).unwrap_err();
        assert_eq!(told, "the constraint `format:list` takes no `N`; it takes `sep`");
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_check(text in r#"([a-zA-Z ,é日😀\u{301}]{0,6}[.!?\n"'“”()\[\]{}<>*=`\-–/ 0-9]{0,4}(Question 1|</?i>|Mr\.)?){0,12}"#) {
            static ALL: LazyLock<Vec<Constraint>> = LazyLock::new(|| {
                Constraint::KINDS.iter().map(|kind| Constraint::read(kind, &all_arguments()).unwrap()).collect()
            });
            for constraint in ALL.iter() {
                prop_assert!(!constraint.holds(&text) || constraint.found(&text).is_none());
            }
        }
    }
}
