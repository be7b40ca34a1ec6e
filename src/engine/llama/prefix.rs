//! The common prefixes of prompts.

/// Returns how many leading elements `a` and `b` have in common.
pub(super) fn common_length<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

/// Returns for each prompt how many of its tokens end a prefix that no prompt before it, in sorted order, has. The sum over all
/// prompts is the number of tokens in their prefix tree.
pub(super) fn unique_tokens<T: Ord>(prompts: &[&[T]]) -> Vec<u64> {
    let mut order: Vec<usize> = (0..prompts.len()).collect();
    order.sort_by(|&a, &b| prompts[a].cmp(prompts[b]).then(a.cmp(&b)));
    let mut unique = vec![0; prompts.len()];
    let mut previous: &[T] = &[];
    for index in order {
        unique[index] = (prompts[index].len() - common_length(previous, prompts[index])) as u64;
        previous = prompts[index];
    }
    unique
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn unique_tokens_are_the_tokens_of_the_prefix_tree(prompts in prop::collection::vec(prop::collection::vec(0..3_u8, 0..6), 0..12)) {
            let prefixes: BTreeSet<&[u8]> = prompts.iter().flat_map(|p| (1..=p.len()).map(|n| &p[..n])).collect();
            let slices: Vec<&[u8]> = prompts.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(unique_tokens(&slices).iter().sum::<u64>(), prefixes.len() as u64);
        }
    }
}
