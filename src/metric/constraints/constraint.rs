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
