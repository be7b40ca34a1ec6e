//! Helps the tests of the kinds of IFBench.

use serde_json::Value;

use super::super::constraint::Constraint;

/// Asserts what a kind with these arguments says of texts: those that meet it and those that do not.
pub(super) fn verdicts(kind: &str, arguments: &Value, meet: &[&str], miss: &[&str]) {
    let constraint = Constraint::read(kind, arguments.as_object().unwrap()).unwrap();
    for text in meet {
        assert!(constraint.holds(text), "{kind} must be met by {text:?}: {:?}", constraint.found(text));
    }
    for text in miss {
        assert!(!constraint.holds(text), "{kind} must not be met by {text:?}");
    }
}

/// Asserts what a kind with these arguments tells of a text that does not meet it.
pub(super) fn tells(kind: &str, arguments: &Value, text: &str, told: &str) {
    let constraint = Constraint::read(kind, arguments.as_object().unwrap()).unwrap();
    assert_eq!(constraint.found(text).as_deref(), Some(told), "{kind}: {}", constraint.asks());
}
