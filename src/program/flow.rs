//! What runs next: modules and steps in sequence, on conditions, in bounded loops; or whatever a library's user decides.
//!
//! A [`Control`] is a state machine whose state is the trace: it looks at what has happened and names the next call. So a rollout
//! needs no memory beside its trace, and rollouts that take different ways still share the waves of their model calls.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Rollout;
use crate::data::Example;

/// What a program does next in one rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Calls the module at this place of the program.
    Module(usize),
    /// Runs the step at this place, which asks no model.
    Tool(usize),
    /// Nothing: the rollout is finished.
    Done,
    /// Nothing more: the rollout has failed, and why.
    Failed(String),
}

/// Decides what a rollout does next. Called from several threads at once; the same trace must give the same answer.
pub trait Control: Send + Sync + std::fmt::Debug {
    /// The next call, given all that were made.
    fn next(&self, example: &Example, rollout: &Rollout) -> Next;
}

/// What is asked of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Test {
    /// It is this text, whatever the case and the white space around it.
    Equals(String),
    /// This text occurs in it, whatever the case.
    Contains(String),
    /// It is not there, or empty.
    Empty(bool),
}

/// A question about a field of the rollout, or of its example where nothing has written it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// The field.
    pub field: String,
    /// What it must be.
    #[serde(flatten)]
    pub test: Test,
    /// Whether it must not be that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not: bool,
}

impl Condition {
    /// Whether it holds for a value.
    #[must_use]
    pub fn holds(&self, value: Option<&str>) -> bool {
        let value = value.unwrap_or_default().trim().to_lowercase();
        let is = match &self.test {
            Test::Equals(text) => value == text.trim().to_lowercase(),
            Test::Contains(text) => value.contains(&text.to_lowercase()),
            Test::Empty(empty) => value.is_empty() == *empty,
        };
        is != self.not
    }
}

/// One place of a [`Flow`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Calls a module or a step, where the condition holds.
    Call {
        /// The call.
        next: Next,
        /// When; None: always.
        when: Option<Condition>,
    },
    /// The end of a loop: goes back, or on.
    Again {
        /// Where its first place is.
        to: usize,
        /// How often the loop runs at most.
        most: usize,
        /// What ends it early.
        until: Option<Condition>,
    },
}

/// Calls in a fixed order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// What is called, and when.
    pub ops: Vec<Op>,
    /// Fields that calls write before any reads them. Where the one that would have written such a field was not called, it is
    /// empty: what an example has under its name may be the right answer.
    pub made: BTreeSet<String>,
}

impl Flow {
    /// These calls. What they write is known once they are part of a program.
    #[must_use]
    pub fn new(ops: Vec<Op>) -> Self {
        Self { ops, made: BTreeSet::new() }
    }

    /// The modules of a program, one after the other.
    #[must_use]
    pub fn of_modules(count: usize) -> Self {
        Self::new((0..count).map(|module| Op::Call { next: Next::Module(module), when: None }).collect())
    }

    /// What `field` was after the first `steps` steps of a rollout.
    fn value(&self, field: &str, example: &Example, rollout: &Rollout, steps: usize) -> Option<String> {
        let written = rollout.steps[..steps].iter().rev().find_map(|step| step.outputs.get(field));
        written.cloned().or_else(|| if self.made.contains(field) { None } else { example.input(field) })
    }
}

impl Control for Flow {
    /// Goes through the flow again, along the trace.
    fn next(&self, example: &Example, rollout: &Rollout) -> Next {
        let mut rounds = vec![0_usize; self.ops.len()];
        let (mut place, mut made) = (0, 0);
        let holds =
            |condition: &Condition, made| condition.holds(self.value(&condition.field, example, rollout, made).as_deref());
        loop {
            match self.ops.get(place) {
                None => return Next::Done,
                Some(Op::Call { when: Some(when), .. }) if !holds(when, made) => place += 1,
                Some(Op::Call { next, .. }) if made == rollout.steps.len() => return next.clone(),
                Some(Op::Call { .. }) => {
                    made += 1;
                    place += 1;
                }
                Some(Op::Again { to, most, until }) => {
                    rounds[place] += 1;
                    if rounds[place] >= *most || until.as_ref().is_some_and(|until| holds(until, made)) {
                        rounds[place] = 0;
                        place += 1;
                    } else {
                        place = *to;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Step;

    fn call(next: Next, when: Option<Condition>) -> Op {
        Op::Call { next, when }
    }

    fn is(field: &str, text: &str) -> Condition {
        Condition { field: field.into(), test: Test::Equals(text.into()), not: false }
    }

    /// Runs a flow, each call writing what `answers` has, and tells its calls.
    fn walk(flow: &Flow, answers: &[(&str, &str)]) -> Vec<Next> {
        let example = Example { id: "1".into(), fields: serde_json::Map::new() };
        let mut rollout = Rollout { steps: Vec::new(), failure: None };
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
    fn a_loop_ends_when_its_condition_holds_or_its_rounds_are_over() {
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
    fn conditions_see_what_was_written_before_them() {
        let not = Condition { not: true, ..is("kind", "short") };
        let flow = Flow::new(vec![call(Next::Module(0), None), call(Next::Module(1), Some(not)), call(Next::Module(2), None)]);
        // The last call writes the field again, which changes nothing of what was decided.
        assert_eq!(walk(&flow, &[("kind", "short"), ("kind", "long")]), [Next::Module(0), Next::Module(2)]);
        assert_eq!(walk(&flow, &[("kind", "long"), ("x", ""), ("kind", "short")]).len(), 3);
    }

    #[test]
    fn loops_may_stand_in_loops() {
        let flow = Flow::new(vec![
            call(Next::Module(0), None),
            call(Next::Module(1), None),
            Op::Again { to: 1, most: 2, until: None },
            Op::Again { to: 0, most: 2, until: None },
        ]);
        assert_eq!(walk(&flow, &[("x", ""); 6]).len(), 6);
    }

    #[test]
    fn what_is_null_is_empty() {
        let flow = Flow::new(vec![call(
            Next::Module(0),
            Some(Condition { field: "context".into(), test: Test::Empty(true), not: false }),
        )]);
        let fields = serde_json::json!({ "context": null }).as_object().cloned().unwrap_or_default();
        let rollout = Rollout { steps: Vec::new(), failure: None };
        assert_eq!(flow.next(&Example { id: "1".into(), fields }, &rollout), Next::Module(0));
    }

    #[test]
    fn conditions() {
        let condition = |test, not| Condition { field: "f".into(), test, not };
        assert!(condition(Test::Empty(true), false).holds(None));
        assert!(condition(Test::Empty(true), true).holds(Some("x")));
        assert!(condition(Test::Contains("AB".into()), false).holds(Some("cabd")));
        assert!(!condition(Test::Equals("a".into()), false).holds(Some("b")));
    }
}
