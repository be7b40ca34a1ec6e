//! Control flow of a program: modules and steps in sequence, under conditions and in bounded loops, or any other control that a
//! user of the library implements.
//!
//! A [`Control`] decides from the trace alone. A rollout therefore needs no state besides its trace, and rollouts that take
//! different branches still share the rounds of model calls.

use std::collections::BTreeSet;

use serde::Serialize;

use super::trace::Rollout;
use crate::data::Example;

/// What happens next in a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The module at this index of the program is called.
    Module(usize),
    /// The step at this index of the program, which asks no model, is run.
    Tool(usize),
    /// The rollout is finished.
    Done,
    /// The rollout has failed, for this reason.
    Failed(String),
}

/// Decides what happens next in a rollout. Called from several threads at once. The same example and trace must give the same
/// result.
pub trait Control: Send + Sync + std::fmt::Debug {
    /// Returns what happens after the steps of `rollout`.
    fn next(&self, example: &Example, rollout: &Rollout) -> Next;
}

/// A test of a field's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Test {
    /// The value is this text, without regard to case and surrounding white space.
    Equals(String),
    /// The value contains this text, without regard to case.
    Contains(String),
    /// With true: the field is missing or empty. With false: it is neither.
    Empty(bool),
}

/// A condition on a field of the rollout, or of its example if no step has written the field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// The field's name.
    pub field: String,
    /// The test of its value.
    #[serde(flatten)]
    pub test: Test,
    /// Whether the test must fail instead of hold.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not: bool,
}

impl Condition {
    /// Whether the condition holds for a value; None is a missing field.
    #[must_use]
    pub fn holds(&self, value: Option<&str>) -> bool {
        let value = value.unwrap_or_default().trim().to_lowercase();
        let passes = match &self.test {
            Test::Equals(text) => value == text.trim().to_lowercase(),
            Test::Contains(text) => value.contains(&text.to_lowercase()),
            Test::Empty(empty) => value.is_empty() == *empty,
        };
        passes != self.not
    }
}

/// One instruction of a [`Flow`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Calls a module or runs a step if the condition holds.
    Call {
        /// The module or step.
        next: Next,
        /// The condition; None if the call is always made.
        when: Option<Condition>,
    },
    /// The end of a loop: jumps back, or goes on with the next instruction.
    Again {
        /// The index of the loop's first instruction.
        to: usize,
        /// The most rounds of the loop.
        most: usize,
        /// The condition that ends the loop early.
        until: Option<Condition>,
    },
}

/// Calls in a fixed order, with conditions and loops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The instructions.
    pub ops: Vec<Op>,
    /// The fields that a call writes before any call reads them. If the call that writes such a field was left out, a condition
    /// sees an empty value: the example's field of that name may be the right answer.
    pub made: BTreeSet<String>,
}

impl Flow {
    /// Creates a flow of these instructions. [`Program::from_flow`](super::structure::Program::from_flow) fills in `made`.
    #[must_use]
    pub fn new(ops: Vec<Op>) -> Self {
        Self { ops, made: BTreeSet::new() }
    }

    /// Creates a flow that calls the first `count` modules of a program one after the other.
    #[must_use]
    pub fn of_modules(count: usize) -> Self {
        Self::new((0..count).map(|module| Op::Call { next: Next::Module(module), when: None }).collect())
    }

    /// Returns the value of `field` after the first `steps` steps of a rollout.
    fn value(&self, field: &str, example: &Example, rollout: &Rollout, steps: usize) -> Option<String> {
        let written = rollout.steps[..steps].iter().rev().find_map(|step| step.outputs.get(field));
        written.cloned().or_else(|| if self.made.contains(field) { None } else { example.input(field) })
    }
}

impl Control for Flow {
    /// Runs the instructions again along the trace, up to the first call that is not in it.
    fn next(&self, example: &Example, rollout: &Rollout) -> Next {
        let mut rounds = vec![0_usize; self.ops.len()];
        let (mut op_index, mut steps) = (0, 0);
        let holds =
            |condition: &Condition, steps| condition.holds(self.value(&condition.field, example, rollout, steps).as_deref());
        loop {
            match self.ops.get(op_index) {
                None => return Next::Done,
                Some(Op::Call { when: Some(when), .. }) if !holds(when, steps) => op_index += 1,
                Some(Op::Call { next, .. }) if steps == rollout.steps.len() => return next.clone(),
                Some(Op::Call { .. }) => {
                    steps += 1;
                    op_index += 1;
                }
                Some(Op::Again { to, most, until }) => {
                    rounds[op_index] += 1;
                    if rounds[op_index] >= *most || until.as_ref().is_some_and(|until| holds(until, steps)) {
                        rounds[op_index] = 0;
                        op_index += 1;
                    } else {
                        op_index = *to;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::trace::Step;

    fn call(next: Next, when: Option<Condition>) -> Op {
        Op::Call { next, when }
    }

    fn is(field: &str, text: &str) -> Condition {
        Condition { field: field.into(), test: Test::Equals(text.into()), not: false }
    }

    /// Runs a flow whose calls write `answers` one after the other. Returns the calls.
    fn walk(flow: &Flow, answers: &[(&str, &str)]) -> Vec<Next> {
        let example = Example { id: "1".into(), fields: serde_json::Map::new() };
        let mut rollout = Rollout::default();
        let mut calls = Vec::new();
        let mut answers = answers.iter();
        loop {
            match flow.next(&example, &rollout) {
                Next::Done => return calls,
                next => calls.push(next),
            }
            let (field, text) = answers.next().unwrap();
            rollout.steps.push(Step { outputs: [((*field).to_owned(), (*text).to_owned())].into(), ..Step::default() });
        }
    }

    #[test]
    fn a_loop_ends_when_its_condition_holds_or_after_its_last_round() {
        let flow = Flow::new(vec![
            call(Next::Module(0), None),
            call(Next::Module(1), None),
            Op::Again { to: 1, most: 3, until: Some(is("verdict", "good")) },
            call(Next::Tool(0), None),
        ]);
        let (draft, bad, good, done) = (("text", "x"), ("verdict", "bad"), ("verdict", " Good"), ("end", ""));
        let [m0, m1, t0] = [Next::Module(0), Next::Module(1), Next::Tool(0)];
        assert_eq!(walk(&flow, &[draft, bad, good, done]), [m0.clone(), m1.clone(), m1.clone(), t0.clone()]);
        assert_eq!(walk(&flow, &[draft, bad, bad, bad, done]), [m0, m1.clone(), m1.clone(), m1, t0]);
    }

    #[test]
    fn conditions_read_what_was_written_before_them() {
        let not = Condition { not: true, ..is("kind", "short") };
        let flow = Flow::new(vec![call(Next::Module(0), None), call(Next::Module(1), Some(not)), call(Next::Module(2), None)]);
        // The last call writes the field again, which does not change the earlier decision.
        assert_eq!(walk(&flow, &[("kind", "short"), ("kind", "long")]), [Next::Module(0), Next::Module(2)]);
        assert_eq!(walk(&flow, &[("kind", "long"), ("x", ""), ("kind", "short")]).len(), 3);
    }

    #[test]
    fn loops_can_be_nested() {
        let flow = Flow::new(vec![
            call(Next::Module(0), None),
            call(Next::Module(1), None),
            Op::Again { to: 1, most: 2, until: None },
            Op::Again { to: 0, most: 2, until: None },
        ]);
        assert_eq!(walk(&flow, &[("x", ""); 6]).len(), 6);
    }

    #[test]
    fn a_null_field_is_empty() {
        let flow = Flow::new(vec![call(
            Next::Module(0),
            Some(Condition { field: "context".into(), test: Test::Empty(true), not: false }),
        )]);
        let fields = serde_json::json!({ "context": null }).as_object().cloned().unwrap_or_default();
        let rollout = Rollout::default();
        assert_eq!(flow.next(&Example { id: "1".into(), fields }, &rollout), Next::Module(0));
    }

    #[test]
    fn conditions_compare_without_case_and_white_space() {
        let condition = |test, not| Condition { field: "f".into(), test, not };
        assert!(condition(Test::Empty(true), false).holds(None));
        assert!(condition(Test::Empty(true), true).holds(Some("x")));
        assert!(condition(Test::Contains("AB".into()), false).holds(Some("cabd")));
        assert!(!condition(Test::Equals("a".into()), false).holds(Some("b")));
    }
}
