//! The metric `constraints`: checks the form of an answer.
//!
//! The kinds of constraints are those of IFEval (arXiv 2311.07911), those of IFBench (arXiv 2507.02833) and some of gepard's own.
//! An example lists its constraints, and a task file can ask for more of them in every answer. The score is the share of the
//! constraints that hold. A constraint holds strictly if the answer as it is meets it. It holds loosely if one of eight variants
//! meets it: the answer, the answer without its first line, without its last line, and without both, each with and without
//! asterisks.

mod arguments;
mod bounds;
mod checks;
mod constraint;
mod ifbench;
mod ifeval;
mod languages;
mod own;
mod rule;

pub use constraint::Constraint;

use serde_json::{Map, Value};

use super::contract::Metric;
use super::error::MetricError;
use super::judgement::Judgement;
use crate::data::Example;
use crate::engine::Completion;
use crate::program::{Rollout, Step};

/// The ways to compute the score from the constraints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counting {
    /// The share of constraints that hold loosely.
    Loose,
    /// The share of constraints that hold strictly.
    Strict,
    /// 1 if all hold loosely, else 0.
    LooseAll,
    /// 1 if all hold strictly, else 0.
    StrictAll,
}

/// The fields in which an example lists its constraints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The field with the names of their kinds.
    pub kinds: String,
    /// The field with an object of arguments for each, in the same order.
    pub arguments: String,
}

/// Checks the form of one output.
#[derive(Debug, Clone)]
pub struct Constraints {
    /// The output.
    pub output: String,
    /// Where examples have constraints of their own.
    pub listed: Option<Listed>,
    /// What is asked of every answer.
    pub always: Vec<Constraint>,
    /// What the score is.
    pub counting: Counting,
}

impl Constraints {
    /// Returns the constraints of an example, those of the task file last.
    fn constraints_of(&self, example: &Example) -> Result<Vec<Constraint>, MetricError> {
        let bad = |cause: String| MetricError::example(example, cause);
        let mut all = Vec::new();
        if let Some(Listed { kinds, arguments }) = &self.listed {
            let list = |field: &String| {
                let items = example.fields.get(field).and_then(Value::as_array);
                items.ok_or_else(|| bad(format!("`{field}` must be a list")))
            };
            let (kinds_of, arguments_of) = (list(kinds)?, list(arguments)?);
            if kinds_of.len() != arguments_of.len() {
                return Err(bad(format!("`{kinds}` and `{arguments}` must be of the same length")));
            }
            let empty = Map::new();
            for (kind, given) in kinds_of.iter().zip(arguments_of) {
                let name = kind.as_str().ok_or_else(|| bad(format!("`{kinds}` has {kind}, not the name of a constraint")))?;
                let given = match given {
                    // Other programs write null where a constraint has no arguments.
                    Value::Null => &empty,
                    Value::Object(given) => given,
                    other => return Err(bad(format!("`{arguments}` has {other} for `{name}`, not an object"))),
                };
                all.push(Constraint::read(name, given).map_err(bad)?);
            }
        }
        all.extend(self.always.iter().cloned());
        // Without a constraint, every answer would score 1.
        if all.is_empty() {
            let which = |listed: &Listed| format!(": `{}` is an empty list", listed.kinds);
            let which = self.listed.as_ref().map(which).unwrap_or_default();
            return Err(bad(format!("nothing is asked of its answer{which}")));
        }
        Ok(all)
    }
}

impl Metric for Constraints {
    fn output(&self) -> Option<&str> {
        Some(&self.output)
    }

    fn required_fields(&self) -> Vec<String> {
        self.listed.iter().flat_map(|listed| [listed.kinds.clone(), listed.arguments.clone()]).collect()
    }

    fn answer_fields(&self) -> Vec<String> {
        Vec::new()
    }

    fn check(&self, example: &Example) -> Result<(), MetricError> {
        self.constraints_of(example).map(drop)
    }

    fn judge(&self, example: &Example, rollout: &Rollout, _answers: &[Completion]) -> Result<Judgement, MetricError> {
        let constraints = self.constraints_of(example)?;
        let answer = rollout.output(&self.output).unwrap_or_default();
        // Quotation marks around a short answer were removed when it was read. A constraint may ask for them, so they are put
        // back.
        let quoted = format!("\"{answer}\"");
        let is_quoted = |step: &Step| step.answer.trim_end().ends_with(&quoted);
        let answer = if rollout.last_step_with(&self.output).is_some_and(is_quoted) { quoted.as_str() } else { answer };
        let variants = variants(answer);
        let share = |held: usize| held as f64 / constraints.len() as f64;
        let (mut strictly, mut loosely) = (0, 0);
        let mut lines = Vec::new();
        for constraint in &constraints {
            let strict = holds_strictly(constraint, answer);
            let loose = strict || variants.iter().any(|variant| constraint.holds(variant));
            strictly += usize::from(strict);
            loosely += usize::from(loose);
            let found =
                if strict { String::new() } else { constraint.found(answer).map_or_else(String::new, |f| format!(" ({f})")) };
            lines.push(match (strict, loose) {
                (true, _) => format!("- met: {}", constraint.asks()),
                (false, true) => {
                    format!("- met only without the first or last line, or without asterisks: {}{found}", constraint.asks())
                }
                (false, false) => format!("- NOT met: {}{found}", constraint.asks()),
            });
        }
        let (strict, loose) = (share(strictly), share(loosely));
        let all = |score: f64| if score >= 1.0 { 1.0 } else { 0.0 };
        let score = match self.counting {
            Counting::Loose => loose,
            Counting::Strict => strict,
            Counting::LooseAll => all(loose),
            Counting::StrictAll => all(strict),
        };
        let words = format!("{strictly} of {} constraints are met.\n{}", constraints.len(), lines.join("\n"));
        let mut judgement = Judgement::new(score, words.trim_end()).with_closeness(loose);
        judgement.objectives = [("strict".to_owned(), strict), ("loose".to_owned(), loose)].into();
        Ok(judgement)
    }
}

/// Returns whether the answer as it is meets the constraint. An empty answer meets none.
#[must_use]
pub fn holds_strictly(constraint: &Constraint, answer: &str) -> bool {
    !answer.trim().is_empty() && constraint.holds(answer)
}

/// Returns whether one of the answer's variants meets the constraint. An empty answer meets none.
#[must_use]
pub fn holds_loosely(constraint: &Constraint, answer: &str) -> bool {
    variants(answer).iter().any(|variant| constraint.holds(variant))
}

/// Returns the variants of an answer that are not empty: the answer, and the answer without its first line, its last line, and
/// both; each with and without asterisks.
fn variants(answer: &str) -> Vec<String> {
    let lines: Vec<&str> = answer.split('\n').collect();
    let without = |first: usize, last: usize| {
        let end = lines.len().saturating_sub(last);
        lines.get(first..end).unwrap_or_default().join("\n").trim().to_owned()
    };
    let mut all = vec![answer.to_owned(), without(1, 0), without(0, 1), without(1, 1)];
    all.extend(all.clone().iter().map(|variant| variant.replace('*', "")));
    all.retain(|variant| !variant.trim().is_empty());
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests_support::{example, rollout};
    use serde_json::json;

    fn metric(counting: Counting) -> Constraints {
        let listed = Listed { kinds: "instruction_id_list".into(), arguments: "kwargs".into() };
        let short = Constraint::read("length", json!({ "max_words": 3 }).as_object().unwrap()).unwrap();
        Constraints { output: "answer".into(), listed: Some(listed), always: vec![short], counting }
    }

    #[test]
    fn feedback_names_what_is_met_and_what_is_not() {
        let row = example(&json!({ "instruction_id_list": ["punctuation:no_comma", "startend:quotation"], "kwargs": [{}, {}] }));
        let judge = |counting| metric(counting).judge(&row, &rollout(&[("answer", "Sure:\n\"one two\"")]), &[]).unwrap();
        let verdict = judge(Counting::Strict);
        assert!((verdict.score - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(
            verdict.feedback,
            "2 of 3 constraints are met.\n- met: no commas\n\
             - met only without the first or last line, or without asterisks: the whole answer stands in double quotation marks\n\
             - met: at most 3 words"
        );
        assert_eq!(judge(Counting::Loose).score, 1.0);
        assert_eq!((judge(Counting::StrictAll).score, judge(Counting::LooseAll).score), (0.0, 1.0));
    }

    #[test]
    fn an_unknown_kind_is_named() {
        let row = example(&json!({ "instruction_id_list": ["words:palindromes"], "kwargs": [{}] }));
        let error = metric(Counting::Loose).check(&row).unwrap_err().to_string();
        assert!(error.contains("there is no constraint `words:palindromes`; the nearest is `words:palindrome`"), "{error}");
    }

    #[test]
    fn lists_that_cannot_be_used_are_refused() {
        let alone = Constraints { always: Vec::new(), ..metric(Counting::Loose) };
        let check =
            |kinds: Value, arguments: Value| alone.check(&example(&json!({ "instruction_id_list": kinds, "kwargs": arguments })));
        for (kinds, arguments, says) in [
            (json!([]), json!([]), "nothing is asked of its answer: `instruction_id_list` is an empty list"),
            (json!([7]), json!([{}]), "`instruction_id_list` has 7, not the name of a constraint"),
            (json!(["length"]), json!(["max_words"]), "`kwargs` has \"max_words\" for `length`, not an object"),
        ] {
            assert_eq!(check(kinds, arguments).unwrap_err().to_string(), format!("example `1`: {says}"));
        }
        assert_eq!(check(json!(["punctuation:no_comma"]), json!([null])), Ok(()));
        // The constraints may all come from the task file.
        assert_eq!(metric(Counting::Loose).check(&example(&json!({ "instruction_id_list": [], "kwargs": [] }))), Ok(()));
    }

    #[test]
    fn an_unknown_argument_of_a_task_file_is_refused() {
        let length = |arguments: &serde_json::Value| Constraint::read_written("length", arguments.as_object().unwrap());
        assert!(length(&json!({ "min_words": 2, "max_words": 2, "max_lines": 3 })).is_ok());
        let told = length(&json!({ "max_lines": 3, "max_word": 2 })).unwrap_err();
        assert!(told.contains("`length` takes no `max_word`; it takes `min_words`, `max_words`, `min_characters`"), "{told}");
        let told = length(&json!({ "min_words": 10, "max_words": 5 })).unwrap_err();
        assert_eq!(told, "`min_words` of the constraint `length` is 10, more than `max_words`, 5");
        // Examples of IFEval may have the arguments of all kinds.
        let kwargs = json!({ "num_words": null, "language": "de" });
        assert!(Constraint::read("punctuation:no_comma", kwargs.as_object().unwrap()).is_ok());
        let told = Constraint::read_written("json", kwargs.as_object().unwrap()).unwrap_err();
        assert_eq!(told, "the constraint `json` takes no `num_words`; it takes nothing");
    }

    #[test]
    fn an_empty_answer_meets_nothing() {
        let row = example(&json!({ "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}] }));
        assert_eq!(metric(Counting::Loose).judge(&row, &rollout(&[("answer", " ")]), &[]).unwrap().score, 0.0);
    }
}
