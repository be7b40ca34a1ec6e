//! The templates, which are inside the program.

use clap::ValueEnum;

use super::Made;

/// What stands in a template for the model's name.
const MODEL: &str = "MODEL";

/// What a project begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Template {
    /// A text, a label.
    Classify,
    /// Facts from a text, as JSON.
    Extract,
    /// Questions, answered from passages that a search brings.
    Rag,
    /// Python functions, judged by their tests.
    Code,
    /// Answers that a program of your own judges.
    Custom,
}

/// The files of a template: those that all have, and those of its own.
macro_rules! files {
    ($folder:literal $(, $own:literal)*) => {
        &[
            $((concat!($own), include_str!(concat!("../../../templates/", $folder, "/", $own))),)*
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

    /// Its files, with the model put in.
    pub(super) fn files(self, model: &str) -> Vec<Made> {
        let written = toml::Value::from(model).to_string();
        let made = |(name, content): &(&str, &str)| Made {
            name: (*name).to_owned(),
            content: content.replace(&format!("\"{MODEL}\""), &written),
        };
        self.embedded().iter().map(made).collect()
    }
}
