//! Which implementation belongs to which operator of a task file.

use super::describe::Describe;
use super::drop::Drop;
use super::edit::Edit;
use super::examples::Examples;
use super::format::Format;
use super::hint::Hint;
use super::layout::Layout;
use super::nearest::Nearest;
use super::paper::Paper;
use super::reason::Reason;
use super::rewrite::Rewrite;
use super::rule::Rule;
use super::shorten::Shorten;
use super::text_operator::TextOperator;
use crate::config::Operator;

impl Operator {
    /// Returns the implementation of this operator.
    #[must_use]
    pub fn implementation(self) -> &'static dyn TextOperator {
        match self {
            Self::Format => &Format,
            Self::Hint => &Hint,
            Self::Nearest => &Nearest,
            Self::Examples => &Examples,
            Self::Reason => &Reason,
            Self::Layout => &Layout,
            Self::Describe => &Describe,
            Self::Edit => &Edit,
            Self::Rule => &Rule,
            Self::Rewrite => &Rewrite,
            Self::Drop => &Drop,
            Self::Shorten => &Shorten,
            Self::Paper => &Paper,
        }
    }
}
