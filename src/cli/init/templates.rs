//! The templates of `gepard init`, embedded in the binary.

use clap::ValueEnum;

use super::new_file::NewFile;

/// Stands in a template for the name of the model.
const MODEL_PLACEHOLDER: &str = "MODEL";

/// What a project begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Template {
    /// Classifies a text: its output is one of a few labels.
    Classify,
    /// Extracts facts from a text, as JSON.
    Extract,
    /// Answers questions from passages that are retrieved from a corpus.
    Rag,
    /// Writes Python functions, which are judged by tests.
    Code,
    /// Writes answers that a program of your own judges.
    Custom,
}

/// The files of a template: those that all templates have, and the given additional ones.
macro_rules! files {
    ($folder:literal $(, $more:literal)*) => {
        &[
            $((concat!($more), include_str!(concat!("../../../templates/", $folder, "/", $more))),)*
            ("gepard.toml", include_str!(concat!("../../../templates/", $folder, "/gepard.toml"))),
            ("train.jsonl", include_str!(concat!("../../../templates/", $folder, "/train.jsonl"))),
            ("val.jsonl", include_str!(concat!("../../../templates/", $folder, "/val.jsonl"))),
            ("test.jsonl", include_str!(concat!("../../../templates/", $folder, "/test.jsonl"))),
            ("README.md", include_str!(concat!("../../../templates/", $folder, "/README.md"))),
        ]
    };
}

impl Template {
    fn embedded(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Classify => files!("classify"),
            Self::Extract => files!("extract"),
            Self::Rag => files!("rag", "corpus.jsonl"),
            Self::Code => files!("code"),
            Self::Custom => files!("custom", "metric.py"),
        }
    }

    /// Returns the files of the template, with the name of the model filled in.
    pub(super) fn files(self, model: &str) -> Vec<NewFile> {
        let written = toml::Value::from(model).to_string();
        let file = |(name, content): &(&str, &str)| NewFile {
            name: (*name).to_owned(),
            content: content.replace(&format!("\"{MODEL_PLACEHOLDER}\""), &written),
        };
        self.embedded().iter().map(file).collect()
    }
}
