//! Drafts: guesses of an answer's next tokens, which one batch verifies (speculative decoding).
//!
//! A guess is what followed the last tokens where they stood earlier in the prompt or the answer (prompt lookup). If few answers
//! are decoded, a batch that verifies a draft costs little more than a batch with one token for each answer.

use std::ops::RangeInclusive;

/// The fewest tokens that must match.
const LEAST_MATCH: usize = 3;

/// The most tokens that are compared. A longer match is not better.
const LONGEST_MATCH: usize = 16;

/// The fewest and the most tokens of a draft, unless the caller allows fewer.
const DRAFT_LENGTH: RangeInclusive<usize> = 2..=12;

/// Drafts the tokens of one answer.
#[derive(Debug)]
pub(super) struct Drafter {
    /// The most tokens of the next draft. It adapts to how many drafted tokens were right.
    length: usize,
}

impl Drafter {
    pub(super) fn new() -> Self {
        Self { length: *DRAFT_LENGTH.start() * 2 }
    }

    /// Returns at most `most` elements that may follow `so_far`: what followed the longest match of its end, and the latest of
    /// equally long matches. It is empty if there is no match.
    pub(super) fn draft<'s, T: PartialEq>(&self, so_far: &'s [T], most: usize) -> &'s [T] {
        if most == 0 {
            return &[];
        }
        let (mut longest, mut follows) = (LEAST_MATCH - 1, so_far.len());
        for end in (LEAST_MATCH..so_far.len()).rev() {
            let pairs = so_far[..end].iter().rev().zip(so_far.iter().rev());
            let matched = pairs.take(LONGEST_MATCH).take_while(|(a, b)| a == b).count();
            if matched > longest {
                (longest, follows) = (matched, end);
            }
            if longest == LONGEST_MATCH {
                break;
            }
        }
        let draft = &so_far[follows..];
        &draft[..draft.len().min(most).min(self.length)]
    }

    /// Adapts the length of drafts: it doubles after a draft that was right, and shrinks to one more than the right tokens after
    /// another.
    pub(super) fn record(&mut self, drafted: usize, right: usize) {
        if drafted > 0 {
            let length = if right == drafted { self.length * 2 } else { right + 1 };
            self.length = length.clamp(*DRAFT_LENGTH.start(), *DRAFT_LENGTH.end());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_draft_follows_the_longest_match_and_the_latest_of_equal_ones() {
        let drafter = Drafter { length: 3 };
        let draft = |text: &str| drafter.draft(text.as_bytes(), 9).iter().map(|&byte| byte as char).collect::<String>();
        assert_eq!(draft("abcd1 xbcd2 abcd"), "1 x");
        assert_eq!(draft("bcd1 bcd2 bcd"), "2 b");
        assert_eq!(draft("cd1 cd"), "", "a match of two is too short");
        assert_eq!(draft(""), "");
        assert_eq!(drafter.draft(b"abcdef abc", 2), b"de");
    }

    #[test]
    fn drafts_grow_while_they_are_right() {
        let mut drafter = Drafter::new();
        drafter.record(4, 4);
        assert_eq!(drafter.length, 8);
        drafter.record(8, 0);
        assert_eq!(drafter.length, 2);
        drafter.record(0, 0);
        assert_eq!(drafter.length, 2);
    }

    proptest! {
        #[test]
        fn a_draft_is_what_followed_the_same_tokens_before(text in prop::collection::vec(0..3_u8, 0..60), most in 0..20_usize) {
            let drafter = Drafter { length: 12 };
            let draft = drafter.draft(&text, most);
            prop_assert!(draft.len() <= most.min(12));
            if !draft.is_empty() {
                let end = &text[text.len() - LEAST_MATCH..];
                let is_found = (LEAST_MATCH..text.len()).any(|at| text[..at].ends_with(end) && text[at..].starts_with(draft));
                prop_assert!(is_found);
            }
        }
    }
}
