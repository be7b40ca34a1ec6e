//! The continuations of one chat as a trie, in the order in which one sequence can compute it.

use super::prefix::common_length;

/// A token of a continuation whose probability is read after a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading<T> {
    /// The index of the continuation.
    pub(super) continuation: usize,
    pub(super) token: T,
}

/// A token that is computed, and what is read after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TrieRow<T> {
    pub(super) token: T,
    /// How many tokens of a continuation there are up to this one. It is 0 for the last token of the chat.
    pub(super) depth: usize,
    pub(super) readings: Vec<Reading<T>>,
}

/// The rows that score some continuations. What several continuations begin with has its rows once, and the last token of a
/// continuation has none, because nothing is read after it.
///
/// The rows stand in pre-order: the row above a row is the last one before it with a smaller depth. A sequence computes them in
/// this order if it removes its last tokens where the depth does not grow.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trie<T> {
    /// The rows, of which the first is the last token of the chat.
    pub(super) rows: Vec<TrieRow<T>>,
}

impl<T: Copy + Ord> Trie<T> {
    /// Builds the trie of continuations after `last`, the last token of the chat. An empty continuation has no rows.
    pub(super) fn new(last: T, continuations: &[Vec<T>]) -> Self {
        let mut order: Vec<usize> = (0..continuations.len()).collect();
        order.sort_by_key(|&index| &continuations[index]);
        let mut rows = vec![TrieRow { token: last, depth: 0, readings: Vec::new() }];
        // The rows of the current continuation; the index is the depth.
        let mut path = vec![0];
        let mut above: &[T] = &[];
        for continuation in order {
            let tokens = &continuations[continuation];
            let Some((_, computed)) = tokens.split_last() else { continue };
            path.truncate(1 + common_length(above, computed));
            for depth in path.len()..=computed.len() {
                path.push(rows.len());
                rows.push(TrieRow { token: computed[depth - 1], depth, readings: Vec::new() });
            }
            for (&row, &token) in path.iter().zip(tokens) {
                rows[row].readings.push(Reading { continuation, token });
            }
            above = computed;
        }
        Self { rows }
    }

    /// Returns the number of rows after the chat.
    pub(super) fn rows_after_chat(&self) -> usize {
        self.rows.len() - 1
    }

    /// Whether a row must be removed before another one can be computed: two continuations differ before their last tokens.
    pub(super) fn branches(&self) -> bool {
        (1..self.rows.len()).any(|next| self.removed_before(next) != Some(0))
    }

    /// Returns the tokens of at most `most` rows from row `from` on, each of which follows the one before it.
    pub(super) fn run(&self, from: usize, most: usize) -> impl Iterator<Item = T> + '_ {
        let rows = &self.rows[from.min(self.rows.len())..];
        let depth = rows.first().map_or(0, |row| row.depth);
        let follows = move |(offset, row): &(usize, &TrieRow<T>)| row.depth == depth + offset;
        rows.iter().enumerate().take(most).take_while(follows).map(|(_, row)| row.token)
    }

    /// Returns how many tokens must be removed from the end of the rows before row `next` so that it can follow. None if there is
    /// no such row.
    pub(super) fn removed_before(&self, next: usize) -> Option<usize> {
        let (last, row) = (self.rows.get(next.checked_sub(1)?)?, self.rows.get(next)?);
        Some(last.depth + 1 - row.depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_continuations_begin_with_is_computed_once_and_their_last_token_never() {
        let trie = Trie::new('.', &["abc", "x", "abd", "ay"].map(|text| text.chars().collect()));
        let rows: Vec<(char, usize)> = trie.rows.iter().map(|row| (row.token, row.depth)).collect();
        assert_eq!(rows, [('.', 0), ('a', 1), ('b', 2)]);
        assert_eq!(trie.rows[0].readings.len(), 4);
        assert_eq!(trie.run(1, 9).collect::<String>(), "ab");
        assert_eq!(trie.run(1, 1).collect::<String>(), "a");
        assert_eq!((trie.removed_before(1), trie.removed_before(3)), (Some(0), None));
        let branches =
            |texts: &[&str]| Trie::new('.', &texts.iter().map(|text| text.chars().collect()).collect::<Vec<_>>()).branches();
        assert!(!trie.branches() && !branches(&["abc"]) && !branches(&["a", "b", "c"]));
        assert!(branches(&["abc", "xyz"]));
    }

    proptest! {
        #[test]
        fn each_token_is_read_after_the_tokens_before_it(
            continuations in prop::collection::vec(prop::collection::vec(0..3_u8, 1..6), 1..12),
            most in 1..4_usize,
        ) {
            let trie = Trie::new(9, &continuations);
            let computed: BTreeSet<&[u8]> =
                continuations.iter().flat_map(|tokens| (1..tokens.len()).map(|end| &tokens[..end])).collect();
            prop_assert_eq!(trie.rows_after_chat(), computed.len());
            // The trie is computed as a wave does it, and every token is read after the tokens that the sequence has then.
            let mut read = vec![Vec::new(); continuations.len()];
            let (mut next, mut sequence) = (0, Vec::new());
            loop {
                let tokens: Vec<u8> = trie.run(next, if next == 0 { 1 } else { most }).collect();
                for token in &tokens {
                    sequence.push(*token);
                    for Reading { continuation, token } in &trie.rows[next].readings {
                        prop_assert_eq!(&sequence[1..], &read[*continuation][..]);
                        read[*continuation].push(*token);
                    }
                    next += 1;
                }
                let Some(removed) = trie.removed_before(next) else { break };
                sequence.truncate(sequence.len() - removed);
            }
            prop_assert_eq!(read, continuations);
        }
    }
}
