//! Numbers for the texts in packs, so that each text is in the page once.
//!
//! A text that several packs have gets a number in a common table. Any other text gets a number in its own pack, counted on from
//! the length of the common table.

use std::collections::BTreeMap;

use crate::report::texts::Text;

/// Returns the number that a text has in a pack.
pub(super) type NumberOf<'a> = dyn FnMut(Text) -> usize + 'a;

/// Finds the texts that several packs have.
#[derive(Default)]
pub(super) struct TextCounter {
    occurrences: BTreeMap<Text, Occurrence>,
    packs: usize,
}

/// Where a text occurs.
struct Occurrence {
    /// The last pack that has the text.
    last_pack: usize,
    /// Whether an earlier pack has it, too.
    in_several_packs: bool,
}

impl TextCounter {
    /// Counts the texts of the next pack: all those whose number `write` asks for.
    pub(super) fn count(&mut self, write: impl FnOnce(&mut NumberOf<'_>)) {
        let pack = self.packs;
        self.packs += 1;
        let occurrences = &mut self.occurrences;
        write(&mut |text| {
            let occurrence = occurrences.entry(text).or_insert(Occurrence { last_pack: pack, in_several_packs: false });
            occurrence.in_several_packs |= occurrence.last_pack != pack;
            occurrence.last_pack = pack;
            0
        });
    }

    /// Returns the common table.
    pub(super) fn common(&self) -> CommonTexts {
        let several = self.occurrences.iter().filter(|(_, occurrence)| occurrence.in_several_packs);
        let texts: Vec<Text> = several.map(|(text, _)| *text).collect();
        let numbers = texts.iter().enumerate().map(|(number, text)| (*text, number)).collect();
        CommonTexts { texts, numbers }
    }
}

/// The texts that several packs have.
pub(super) struct CommonTexts {
    /// The texts; a text's index is its number.
    pub(super) texts: Vec<Text>,
    numbers: BTreeMap<Text, usize>,
}

/// The texts that only one pack has.
pub(super) struct PackTexts<'a> {
    common: &'a CommonTexts,
    numbers: BTreeMap<Text, usize>,
    /// The texts, in the order of their numbers.
    pub(super) texts: Vec<Text>,
}

impl<'a> PackTexts<'a> {
    /// A pack without texts of its own.
    pub(super) fn new(common: &'a CommonTexts) -> Self {
        Self { common, numbers: BTreeMap::new(), texts: Vec::new() }
    }

    /// Returns the number of a text, which is added if it has none.
    pub(super) fn number(&mut self, text: Text) -> usize {
        if let Some(&number) = self.common.numbers.get(&text) {
            return number;
        }
        let next = self.common.texts.len() + self.texts.len();
        *self.numbers.entry(text).or_insert_with(|| {
            self.texts.push(text);
            next
        })
    }
}
