//! The step `retrieve`: the rows of a corpus that match a query best.

use std::sync::Arc;

use super::tool::{Action, Fault, Input, Made};
use crate::data::{Corpus, Example};

/// A step that searches a corpus for its first input.
#[derive(Debug)]
pub struct Retrieve {
    /// The corpus that is searched.
    pub corpus: Arc<Corpus>,
    /// The most rows that are returned.
    pub k: usize,
    /// The fields of a row that the output shows, in order.
    pub show: Vec<String>,
    /// The field that identifies a row in metrics and traces. Rows without it are identified by their id.
    pub key: String,
    /// The field that the step writes.
    pub output: String,
}

impl Action for Retrieve {
    fn act(&self, inputs: &[Input]) -> Result<Made, Fault> {
        let query = inputs.first().map(Input::text).unwrap_or_default();
        let rows = self.corpus.search(&query, self.k).map_err(Fault::Broken)?;
        let shown = |(index, row): (usize, &Example)| {
            let fields: Vec<String> = self.show.iter().filter_map(|field| row.input(field)).collect();
            format!("[{}] {}", index + 1, fields.join(": "))
        };
        let text: Vec<String> = rows.iter().enumerate().map(shown).collect();
        let retrieved = rows.iter().map(|row| row.input(&self.key).unwrap_or_else(|| row.id.clone())).collect();
        Ok(Made { outputs: [(self.output.clone(), text.join("\n"))].into(), retrieved })
    }

    fn is_search(&self) -> bool {
        true
    }

    fn sha256(&self) -> Option<String> {
        Some(self.corpus.sha256().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Indexing;

    #[test]
    fn retrieved_rows_are_numbered_and_identified_by_their_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("corpus.jsonl");
        std::fs::write(&path, "{\"title\": \"Cats\", \"text\": \"They sleep.\"}\n{\"title\": \"Dogs\", \"text\": \"Not cats.\"}")
            .unwrap();
        let indexing = Indexing { fields: vec!["title".into(), "text".into()], stem: true, stop_words: true };
        let corpus = Arc::new(Corpus::open(&path, &indexing, folder.path()).unwrap());
        let step = Retrieve { corpus, k: 2, show: indexing.fields, key: "title".into(), output: "passages".into() };
        let made = step.act(&[Input { name: "query".into(), value: "sleeping cats".into() }]).unwrap();
        assert_eq!(made.outputs["passages"], "[1] Cats: They sleep.\n[2] Dogs: Not cats.");
        assert_eq!(made.retrieved, ["Cats", "Dogs"]);
        assert_eq!(step.act(&[Input { name: "query".into(), value: "".into() }]).unwrap().outputs["passages"], "");
    }
}
