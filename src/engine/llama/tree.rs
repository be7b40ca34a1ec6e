//! The prefix tree of a wave: what several prompts begin with is a node, computed once and shared by all below it.

use std::cmp::Reverse;

use super::prefix;

/// The fewest elements that are worth a node.
const LEAST_SHARED: usize = 16;

/// What several prompts have in common, beyond what their parent node has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) parent: Option<usize>,
    /// Where it begins in its prompts: at the end of its parent.
    pub(super) start: usize,
    pub(super) end: usize,
    /// One of its prompts.
    pub(super) of: usize,
    /// How many prompts are below it.
    pub(super) users: usize,
}

/// All nodes of a wave, parents before children.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// For each prompt its deepest node.
    pub(super) node_of: Vec<Option<usize>>,
    /// The prompts in the order in which they are answered: those below a node one after the other, the longest first.
    pub(super) order: Vec<usize>,
}

impl Tree {
    /// The tree of prompts. `allowed` has how much of each may be shared, at least one element less than it has.
    pub(super) fn of<T: Ord>(prompts: &[&[T]], allowed: &[usize]) -> Self {
        let mut tree = Self { nodes: Vec::new(), node_of: vec![None; prompts.len()], order: Vec::new() };
        tree.grow(prompts, allowed, (0..prompts.len()).collect(), None, 0);
        tree
    }

    /// The nodes of a prompt, from the root.
    pub(super) fn path(&self, prompt: usize) -> Vec<usize> {
        let mut path: Vec<usize> = std::iter::successors(self.node_of[prompt], |&node| self.nodes[node].parent).collect();
        path.reverse();
        path
    }

    /// Adds `group`, which shares its first `start` elements, below `parent`.
    fn grow<T: Ord>(&mut self, prompts: &[&[T]], allowed: &[usize], group: Vec<usize>, parent: Option<usize>, start: usize) {
        let Some(&of) = group.first() else { return };
        let same = group.iter().map(|&p| prefix::common(prompts[of], prompts[p])).min().unwrap_or(0);
        let end = group.iter().map(|&p| allowed[p]).min().unwrap_or(0).min(same);
        let is_node = group.len() > 1 && end >= start + LEAST_SHARED;
        let (parent, start) = if is_node {
            self.nodes.push(Node { parent, start, end, of, users: group.len() });
            (Some(self.nodes.len() - 1), end)
        } else {
            (parent, start)
        };
        // Those that can share no more, then groups that go on in the same way, by their first prompts.
        let (mut leaves, mut groups): (Vec<usize>, Vec<Vec<usize>>) = (Vec::new(), Vec::new());
        let border = end.max(start);
        for &prompt in &group {
            if group.len() == 1 || allowed[prompt] <= border {
                leaves.push(prompt);
                continue;
            }
            let goes_on = |other: &Vec<usize>| prompts[other[0]].get(start..=border) == prompts[prompt].get(start..=border);
            match groups.iter_mut().find(|other| goes_on(other)) {
                Some(other) => other.push(prompt),
                None => groups.push(vec![prompt]),
            }
        }
        for alone in groups.extract_if(.., |group| group.len() == 1) {
            leaves.extend(alone);
        }
        leaves.sort_by_key(|&prompt| (Reverse(prompts[prompt].len()), prompt));
        for prompt in leaves {
            self.node_of[prompt] = parent;
            self.order.push(prompt);
        }
        for group in groups {
            self.grow(prompts, allowed, group, parent, start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(prompts: &[Vec<u8>]) -> Tree {
        let slices: Vec<&[u8]> = prompts.iter().map(Vec::as_slice).collect();
        let allowed: Vec<usize> = prompts.iter().map(|p| p.len().saturating_sub(1)).collect();
        Tree::of(&slices, &allowed)
    }

    fn prompt(parts: &[(u8, usize)]) -> Vec<u8> {
        parts.iter().flat_map(|&(value, count)| vec![value; count]).collect()
    }

    #[test]
    fn candidates_on_the_same_examples_have_a_node_each() {
        let prompts: Vec<Vec<u8>> = (0..6_u8).map(|n| prompt(&[(0, 20), (1 + n / 3, 30), (10 + n, 5)])).collect();
        let tree = of(&prompts);
        let nodes: Vec<(usize, usize, usize)> = tree.nodes.iter().map(|n| (n.start, n.end, n.users)).collect();
        assert_eq!(nodes, [(0, 20, 6), (20, 50, 3), (20, 50, 3)]);
        assert_eq!(tree.order, [0, 1, 2, 3, 4, 5]);
        assert_eq!(tree.path(4), [0, 2]);
    }

    #[test]
    fn who_may_share_no_more_hangs_on_the_node_above() {
        let prompts = [prompt(&[(0, 20), (1, 30)]), prompt(&[(0, 20), (1, 31)]), prompt(&[(0, 20), (1, 32)])];
        let slices: Vec<&[u8]> = prompts.iter().map(Vec::as_slice).collect();
        let tree = Tree::of(&slices, &[20, 45, 45]);
        let nodes: Vec<(usize, usize, usize)> = tree.nodes.iter().map(|n| (n.start, n.end, n.users)).collect();
        assert_eq!(nodes, [(0, 20, 3), (20, 45, 2)]);
        assert_eq!(tree.node_of, [Some(0), Some(1), Some(1)]);
    }

    #[test]
    fn the_longest_comes_first() {
        assert_eq!(of(&[prompt(&[(0, 20)]), prompt(&[(0, 20), (1, 9)])]).order, [1, 0]);
    }

    proptest! {
        #[test]
        fn every_prompt_has_one_place_and_begins_with_its_nodes(
            prompts in prop::collection::vec((0..3_u8, 0..40_usize, 0..3_u8, 1..40_usize, 0..3_u8), 0..12)
        ) {
            let prompts: Vec<Vec<u8>> = prompts.iter().map(|&(a, n, b, m, c)| prompt(&[(a, n), (b, m), (c, 1)])).collect();
            let tree = of(&prompts);
            let mut order = tree.order.clone();
            order.sort_unstable();
            prop_assert_eq!(order, (0..prompts.len()).collect::<Vec<_>>());
            let mut users = vec![0; tree.nodes.len()];
            for (index, prompt) in prompts.iter().enumerate() {
                let mut at = 0;
                for node in tree.path(index) {
                    let Node { start, end, of, .. } = tree.nodes[node];
                    prop_assert!(start == at && end > start && end < prompt.len());
                    prop_assert_eq!(&prompt[..end], &prompts[of][..end]);
                    users[node] += 1;
                    at = end;
                }
            }
            prop_assert_eq!(users, tree.nodes.iter().map(|n| n.users).collect::<Vec<_>>());
            // Who shares a node is answered without a stranger in between.
            for node in 0..tree.nodes.len() {
                let places: Vec<usize> = (0..prompts.len()).filter(|&p| tree.path(tree.order[p]).contains(&node)).collect();
                prop_assert!(places.windows(2).all(|pair| pair[1] == pair[0] + 1));
            }
        }
    }
}
