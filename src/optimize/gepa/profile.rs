//! What the training data says of an output, without a model: a hint for the reflector, never a
//! constraint on the student, since a class may be missing from a small training set.

use std::collections::BTreeMap;

use crate::data::Example;

/// The most values that are listed as a closed set.
const MOST_VALUES: usize = 32;

/// The longest value, in characters, that is listed.
const LONGEST_VALUE: usize = 60;

/// How often a value must occur on average for the set to be taken as closed.
const TIMES_EACH: usize = 3;

/// A line on each of `outputs` of which the training examples hold a field of the same name and
/// short values; empty where there is none.
#[must_use]
pub fn describe(outputs: &[String], train: &[Example]) -> String {
    outputs.iter().filter_map(|output| line(output, train)).collect()
}

fn line(output: &str, train: &[Example]) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for example in train {
        *counts.entry(example.text(output)?).or_default() += 1;
    }
    if counts.keys().any(|value| value.chars().count() > LONGEST_VALUE || value.contains(['\n', '{'])) {
        return None;
    }
    if counts.is_empty() {
        return None;
    }
    let quote = |value: &String| format!("`{value}`");
    if counts.len() <= MOST_VALUES && counts.len() * TIMES_EACH <= train.len() {
        let values: Vec<String> = counts.keys().map(quote).collect();
        return Some(format!("- `{output}` is one of {}.\n", values.join(", ")));
    }
    // An open set: its commonest value, if one is common, and some of the others.
    let (common, count) = counts.iter().max_by_key(|(_, count)| **count)?;
    let is_common = *count * 10 >= train.len() && *count > 1;
    let others: Vec<String> = counts.keys().filter(|value| !is_common || *value != common).take(2).map(quote).collect();
    let often = if is_common { format!("often {}, else ", quote(common)) } else { String::new() };
    Some(format!("- `{output}` is {often}a value of its own, like {}.\n", others.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn train(values: &[&str]) -> Vec<Example> {
        let example = |value: &&str| Example { id: String::new(), fields: json!({ "out": value }).as_object().unwrap().clone() };
        values.iter().map(example).collect()
    }

    fn described(values: &[&str]) -> String {
        describe(&["out".into()], &train(values))
    }

    #[test]
    fn a_closed_set_is_listed() {
        assert_eq!(described(&["b", "a", "b", "a", "a", "b"]), "- `out` is one of `a`, `b`.\n");
    }

    #[test]
    fn an_open_set_is_shown_by_its_commonest_value_and_some_others() {
        assert_eq!(
            described(&["none", "1", "none", "2", "3"]),
            "- `out` is often `none`, else a value of its own, like `1` or `2`.\n"
        );
        assert_eq!(described(&["4", "1", "3", "2"]), "- `out` is a value of its own, like `1` or `2`.\n");
    }

    #[test]
    fn what_is_long_or_not_in_the_data_is_passed_over() {
        assert_eq!(described(&["a", &"x".repeat(100)]), "");
        assert_eq!(describe(&["other".into()], &train(&["a"])), "");
        assert_eq!(describe(&["out".into()], &[]), "");
    }
}
