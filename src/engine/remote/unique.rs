//! How much of each prompt of a list no earlier prompt of the list begins with.

use std::collections::BTreeSet;

/// Returns for each prompt the share of its bytes, in [0, 1], that no earlier prompt begins with.
///
/// Of all earlier prompts, the one that shares most with a prompt stands next to it in alphabetical order.
pub(super) fn shares(prompts: &[String]) -> Vec<f64> {
    let mut earlier: BTreeSet<&str> = BTreeSet::new();
    let mut shares = Vec::with_capacity(prompts.len());
    for prompt in prompts.iter().map(String::as_str) {
        let before = earlier.range(..=prompt).next_back();
        let after = earlier.range(prompt..).next();
        let common = before.into_iter().chain(after).map(|other| common(prompt, other)).max().unwrap_or(0);
        shares.push(if prompt.is_empty() { 0.0 } else { 1.0 - common as f64 / prompt.len() as f64 });
        earlier.insert(prompt);
    }
    shares
}

/// Returns the number of bytes with which both texts begin.
fn common(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}
