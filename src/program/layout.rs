//! The layout of a module's prompt: where instruction, fields and demonstrations stand in the chat.
//!
//! The task file sets it, and a run may find that another layout suits its model better. The defaults were measured (see
//! docs/measurements/layouts.md).

use serde::{Deserialize, Serialize};

/// The label of the reasoning in an answer.
pub const REASONING: &str = "reasoning";

/// Where instruction, fields, demonstrations and the start of the answer stand in a module's chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Layout {
    /// The turn that holds the instruction.
    pub instruction: Turn,
    /// Whether fields are shown with their names.
    pub fields: Fields,
    /// How the prompt leads to the answer.
    pub answer: Cue,
    /// How demonstrations are shown.
    pub examples: Examples,
    /// Whether placeholders in the instruction (`{text}`, `{{ text }}`, `$text`) are filled with the fields of these names. The
    /// filled instruction then stands in every turn of the user, and only the other fields are shown below it. Otherwise a
    /// placeholder is sent as it stands, and a run tells so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub placeholders: bool,
}

/// The turn of a chat that holds the instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// The top of the user's first turn.
    User,
    /// A system turn.
    System,
    /// The end of the user's last turn, below the fields. If fields are long, a small model follows this one more reliably than
    /// an instruction above them.
    Below,
}

/// Whether fields are shown with their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fields {
    /// One line `name: value` for each field.
    Labelled,
    /// The value alone. Several fields are labelled all the same.
    Bare,
}

/// How the prompt leads to the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cue {
    /// The user's turn ends with a line that holds the output's name. Without effect if there are several outputs.
    Label,
    /// The assistant's turn begins with the name of the first output.
    Begun,
    /// Nothing leads to the answer.
    None,
}

/// How demonstrations are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Examples {
    /// As earlier turns of the chat.
    Turns,
    /// As text below the instruction.
    Text,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            instruction: Turn::User,
            fields: Fields::Labelled,
            answer: Cue::Begun,
            examples: Examples::Turns,
            placeholders: false,
        }
    }
}
