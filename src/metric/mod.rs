//! Metrics: each turns a finished rollout into a score in [0, 1] and feedback. Each kind of metric has a file.

/// Returns a fixed pattern, which is compiled once. None where it is not a valid pattern.
macro_rules! pattern {
    ($source:expr) => {{
        static PATTERN: std::sync::LazyLock<Option<regex::Regex>> = std::sync::LazyLock::new(|| regex::Regex::new($source).ok());
        PATTERN.as_ref()
    }};
}

mod answer_loss;
mod author;
mod code;
mod command;
mod constraints;
mod contract;
mod error;
mod hotpotqa;
mod json;
mod judge;
mod judgement;
mod label;
mod normalization;
mod normalize;
mod number;
mod privacy;
mod retrieval;
mod set;
mod sum;
mod text;
mod value;
mod words;

pub use code::{Code, CodeSettings, Language, Passing, sandbox_available};
pub use command::CommandMetric;
pub use constraints::{Constraint, Constraints, Counting, Listed, holds_loosely, holds_strictly};
pub use contract::{Grader, Metric, judge};
pub use error::MetricError;
pub use hotpotqa::{exact, f1, normalize_answer};
pub use json::Json;
pub use judge::{Judge, Labels};
pub use judgement::Judgement;
pub use label::Label;
pub use normalization::Normalization;
pub use number::{Number, Tolerance};
pub use privacy::{Found, Kind, Privacy, Searched, detect, iban_holds, luhn_holds};
pub use retrieval::{Fetched, Retrieval};
pub use set::Set;
pub use sum::{Part, Sum};
pub use text::{Comparison, Text};

#[cfg(test)]
mod tests_support {
    //! Examples and rollouts for the tests of metrics.

    use crate::data::Example;
    use crate::engine::{Ended, Usage};
    use crate::program::{Rollout, Step};

    pub(super) fn example(fields: &serde_json::Value) -> Example {
        Example { id: "1".into(), fields: fields.as_object().unwrap().clone() }
    }

    pub(super) fn rollout(outputs: &[(&str, &str)]) -> Rollout {
        let outputs = outputs.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect();
        let step = Step {
            module: "m".into(),
            inputs: Vec::new(),
            answer: String::new(),
            ended: Ended::Stop,
            outputs,
            problem: None,
            usage: Usage::default(),
            ..Step::default()
        };
        Rollout { steps: vec![step], failure: None }
    }
}
