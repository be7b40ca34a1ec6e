//! Rows with tests of Python code, as in MBPP and HumanEval.

use serde_json::Value;

use super::converted::{Converted, all_have};
use crate::data::{Example, to_text};

/// Names of fields with tests.
const TESTS: [&str; 5] = ["test_list", "tests", "test", "test_cases", "unit_tests"];

/// Refuses rows with tests of code. None of their fields is an answer that others could be compared with.
pub(super) fn refuse(rows: &[Example]) -> Result<Option<Converted>, String> {
    let has_tests = |value: &Value| ["assert ", "assert(", "unittest"].iter().any(|word| to_text(value).contains(word));
    match TESTS.into_iter().find(|name| all_have(rows, name, has_tests)) {
        None => Ok(None),
        Some(field) => Err(format!(
            "its `{field}` holds tests of Python code, and code is judged by running them, not by comparing it. `gepard init FOLDER \
             --template code` makes a task file for such rows: metric `code`, field = \"{field}\", and as input a field that names the \
             function. For MBPP and HumanEval, `scripts/datasets/convert` writes these rows. --output takes a field as the answer \
             all the same"
        )),
    }
}
