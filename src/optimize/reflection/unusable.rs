//! The reasons why an attempt to change a text gave nothing that can be tried.

use crate::event::Event;
use crate::optimize::session::{Halt, Session};

/// Why an attempt gave no proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unusable {
    /// No question was asked, since no example fits the reflector's context.
    NoRoom,
    /// No question was asked, since no example has a right output.
    NoLabels,
    /// The engine refused the request.
    Refused,
    /// The answer is empty, or has nothing but reasoning.
    Empty,
    /// The answer reached the limit of tokens, so its end is missing.
    CutOff,
    /// The answer is a JSON object or list, or a description that names another value.
    NotAPrompt,
    /// The text quotes a training example word for word.
    QuotesAnExample,
    /// The text names what a single training example is about.
    AboutAnExample,
    /// The text is in another language than the instruction that it should improve.
    OtherLanguage,
    /// The text is longer than allowed.
    TooLong,
    /// The text equals the one that it should improve.
    Unchanged,
    /// The text was tried before.
    Repeated,
}

impl Unusable {
    /// Returns the name under which the summary counts it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoRoom => "no room for an example",
            Self::NoLabels => "no example with a right output",
            Self::Refused => "refused",
            Self::Empty => "empty",
            Self::CutOff => "cut off",
            Self::NotAPrompt => "not a prompt",
            Self::QuotesAnExample => "quotes an example",
            Self::AboutAnExample => "about an example",
            Self::OtherLanguage => "in another language",
            Self::TooLong => "too long",
            Self::Unchanged => "unchanged",
            Self::Repeated => "repeated",
        }
    }

    /// Whether the reflector may answer better if it is asked again with another seed.
    #[must_use]
    pub fn is_worth_a_retry(self) -> bool {
        !matches!(self, Self::NoRoom | Self::NoLabels | Self::Refused)
    }
}

/// Identifies an attempt to change a module's text in the events of an iteration.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// The number of the proposal in its iteration, from 1.
    pub proposal: usize,
    /// The index of the module.
    pub module_index: usize,
    /// The name of the operator or of the method's step.
    pub operator: &'static str,
}

/// Logs that an attempt gave nothing that can be tried. `text` is what the reflector wrote, if it wrote anything.
///
/// # Errors
/// As [`Session::log`].
pub fn log_unusable(
    session: &mut Session<'_>,
    iteration: u64,
    attempt: Attempt,
    unusable: Unusable,
    text: String,
) -> Result<(), Halt> {
    session.log(&Event::Unusable {
        iteration,
        proposal: attempt.proposal,
        module: session.program().modules[attempt.module_index].name.clone(),
        operator: attempt.operator,
        reason: unusable.reason(),
        text,
    })
}
