//! Reads the conditions of modules, steps and loops.

use super::section::Section;
use crate::program::Condition;
use crate::program::flow::Test;

/// Reads `{ field = "…", equals = "…" }`. Instead of `equals` there may be `contains` or `empty`; `not = true` inverts the condition.
/// None if there is no condition.
pub(super) fn read_condition(section: &Section<'_>, key: &'static str) -> Option<Condition> {
    let condition = section.table(key)?;
    let field = condition.required_text("field");
    let test = match (condition.text("equals"), condition.text("contains"), condition.flag("empty")) {
        (Some(text), None, None) => Test::Equals(text),
        (None, Some(text), None) => Test::Contains(text),
        (None, None, Some(empty)) => Test::Empty(empty),
        _ => {
            condition.problem("field", "give one of `equals`, `contains` and `empty`");
            Test::Empty(true)
        }
    };
    let not = condition.flag("not").unwrap_or(false);
    condition.report_unknown_keys();
    Some(Condition { field, test, not })
}
