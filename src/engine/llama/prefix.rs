//! What the prompts of a wave have in common.

/// How many leading elements `a` and `b` share.
pub(super) fn common<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

/// For each prompt, how many of its tokens no prompt before it (in sorted order) has as the same
/// prefix. Their sum is the number of nodes in the wave's prefix tree.
pub(super) fn unique<T: Ord>(prompts: &[&[T]]) -> Vec<u64> {
    let mut order: Vec<usize> = (0..prompts.len()).collect();
    order.sort_by(|&a, &b| prompts[a].cmp(prompts[b]).then(a.cmp(&b)));
    let mut unique = vec![0; prompts.len()];
    let mut before: &[T] = &[];
    for index in order {
        unique[index] = (prompts[index].len() - common(before, prompts[index])) as u64;
        before = prompts[index];
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
        fn unique_counts_the_nodes_of_the_prefix_tree(prompts in prop::collection::vec(prop::collection::vec(0..3_u8, 0..6), 0..12)) {
            let nodes: BTreeSet<&[u8]> = prompts.iter().flat_map(|p| (1..=p.len()).map(|n| &p[..n])).collect();
            let slices: Vec<&[u8]> = prompts.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(unique(&slices).iter().sum::<u64>(), nodes.len() as u64);
        }
    }
}
