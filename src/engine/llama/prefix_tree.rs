//! The prefix tree of a wave: a prefix that several prompts share is a node, which is computed once.

use std::cmp::Reverse;

use super::prefix::common_length;

/// The fewest elements of a node. A shorter prefix is not worth a sequence of its own.
const LEAST_SHARED: usize = 16;

/// A prefix that several prompts share, without the prefix of the parent node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// The index of the parent node. None if the node begins at the beginning of its prompts.
    pub(super) parent: Option<usize>,
    /// Where the node begins in its prompts, which is the end of its parent.
    pub(super) start: usize,
    /// Where the node ends in its prompts.
    pub(super) end: usize,
    /// The index of one of its prompts.
    pub(super) prompt: usize,
    /// How many prompts are below it.
    pub(super) users: usize,
}

/// The prefix tree of a wave's prompts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PrefixTree {
    /// The nodes. Parents stand before their children.
    pub(super) nodes: Vec<Node>,
    /// For each prompt the index of its deepest node. None if it shares nothing.
    pub(super) deepest: Vec<Option<usize>>,
    /// The indices of the prompts in the order in which they are answered: those below a node one after the other, the longest
    /// first.
    pub(super) order: Vec<usize>,
}

impl PrefixTree {
    /// Builds the tree. `shareable` has for each prompt how many of its elements may be shared, which is fewer than it has.
    pub(super) fn new<T: Ord>(prompts: &[&[T]], shareable: &[usize]) -> Self {
        let mut tree = Self { nodes: Vec::new(), deepest: vec![None; prompts.len()], order: Vec::new() };
        tree.grow(prompts, shareable, &(0..prompts.len()).collect::<Vec<_>>(), None, 0);
        tree
    }

    /// Returns the nodes of a prompt, from the root.
    pub(super) fn path(&self, prompt: usize) -> Vec<usize> {
        let mut path: Vec<usize> = std::iter::successors(self.deepest[prompt], |&node| self.nodes[node].parent).collect();
        path.reverse();
        path
    }

    /// Adds the prompts of `group`, which share their first `start` elements, below `parent`.
    fn grow<T: Ord>(&mut self, prompts: &[&[T]], shareable: &[usize], group: &[usize], parent: Option<usize>, start: usize) {
        let Some(&first) = group.first() else { return };
        let shared_by =
            |longest: usize, &prompt: &usize| longest.min(shareable[prompt]).min(common_length(prompts[first], prompts[prompt]));
        let end = group.iter().fold(shareable[first], shared_by);
        let is_node = group.len() > 1 && end >= start + LEAST_SHARED;
        let (parent, start) = if is_node {
            self.nodes.push(Node { parent, start, end, prompt: first, users: group.len() });
            (Some(self.nodes.len() - 1), end)
        } else {
            (parent, start)
        };
        // Prompts that share no more are leaves. The others are grouped by the elements up to the next one; the groups stand in
        // the order of their first prompts.
        let (mut leaves, mut groups): (Vec<usize>, Vec<Vec<usize>>) = (Vec::new(), Vec::new());
        let next = end.max(start);
        for &prompt in group {
            if group.len() == 1 || shareable[prompt] <= next {
                leaves.push(prompt);
                continue;
            }
            let is_alike = |other: &Vec<usize>| prompts[other[0]].get(start..=next) == prompts[prompt].get(start..=next);
            match groups.iter_mut().find(|other| is_alike(other)) {
                Some(other) => other.push(prompt),
                None => groups.push(vec![prompt]),
            }
        }
        for alone in groups.extract_if(.., |group| group.len() == 1) {
            leaves.extend(alone);
        }
        leaves.sort_by_key(|&prompt| (Reverse(prompts[prompt].len()), prompt));
        for prompt in leaves {
            self.deepest[prompt] = parent;
            self.order.push(prompt);
        }
        for group in groups {
            self.grow(prompts, shareable, &group, parent, start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tree(prompts: &[Vec<u8>]) -> PrefixTree {
        let slices: Vec<&[u8]> = prompts.iter().map(Vec::as_slice).collect();
        let shareable: Vec<usize> = prompts.iter().map(|p| p.len().saturating_sub(1)).collect();
        PrefixTree::new(&slices, &shareable)
    }

    /// Returns the span and the number of prompts of each node.
    fn spans(tree: &PrefixTree) -> Vec<(std::ops::Range<usize>, usize)> {
        tree.nodes.iter().map(|node| (node.start..node.end, node.users)).collect()
    }

    /// Returns each value as often as its count says.
    fn prompt(parts: &[(u8, usize)]) -> Vec<u8> {
        parts.iter().flat_map(|&(value, count)| vec![value; count]).collect()
    }

    #[test]
    fn candidates_on_the_same_examples_have_one_node_each() {
        let prompts: Vec<Vec<u8>> = (0..6_u8).map(|n| prompt(&[(0, 20), (1 + n / 3, 30), (10 + n, 5)])).collect();
        let tree = tree(&prompts);
        assert_eq!(spans(&tree), [(0..20, 6), (20..50, 3), (20..50, 3)]);
        assert_eq!(tree.order, [0, 1, 2, 3, 4, 5]);
        assert_eq!(tree.path(4), [0, 2]);
    }

    #[test]
    fn a_prompt_that_may_share_no_more_is_below_the_upper_node() {
        let prompts = [prompt(&[(0, 20), (1, 30)]), prompt(&[(0, 20), (1, 31)]), prompt(&[(0, 20), (1, 32)])];
        let slices: Vec<&[u8]> = prompts.iter().map(Vec::as_slice).collect();
        let tree = PrefixTree::new(&slices, &[20, 45, 45]);
        assert_eq!(spans(&tree), [(0..20, 3), (20..45, 2)]);
        assert_eq!(tree.deepest, [Some(0), Some(1), Some(1)]);
    }

    #[test]
    fn the_longest_prompt_comes_first() {
        assert_eq!(tree(&[prompt(&[(0, 20)]), prompt(&[(0, 20), (1, 9)])]).order, [1, 0]);
    }

    proptest! {
        #[test]
        fn every_prompt_is_answered_once_and_begins_with_its_nodes(
            prompts in prop::collection::vec((0..3_u8, 0..40_usize, 0..3_u8, 1..40_usize, 0..3_u8), 0..12)
        ) {
            let prompts: Vec<Vec<u8>> = prompts.iter().map(|&(a, n, b, m, c)| prompt(&[(a, n), (b, m), (c, 1)])).collect();
            let tree = tree(&prompts);
            let mut order = tree.order.clone();
            order.sort_unstable();
            prop_assert_eq!(order, (0..prompts.len()).collect::<Vec<_>>());
            let mut users = vec![0; tree.nodes.len()];
            for (index, prompt) in prompts.iter().enumerate() {
                let mut at = 0;
                for node in tree.path(index) {
                    let Node { start, end, prompt: other, .. } = tree.nodes[node];
                    prop_assert!(start == at && end > start && end < prompt.len());
                    prop_assert_eq!(&prompt[..end], &prompts[other][..end]);
                    users[node] += 1;
                    at = end;
                }
            }
            prop_assert_eq!(users, tree.nodes.iter().map(|n| n.users).collect::<Vec<_>>());
            // The prompts below a node are answered without another prompt in between.
            for node in 0..tree.nodes.len() {
                let answered: Vec<usize> = (0..prompts.len()).filter(|&p| tree.path(tree.order[p]).contains(&node)).collect();
                prop_assert!(answered.windows(2).all(|pair| pair[1] == pair[0] + 1));
            }
        }
    }
}
