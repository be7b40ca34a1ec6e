//! Drafts: guesses at how an answer goes on, from how it or its prompt went on before where the same tokens stood. They are
//! verified in one batch, which on few answers costs little more than a batch of one token each.

use std::ops::RangeInclusive;

/// The fewest tokens that must have stood there before.
const LEAST_MATCH: usize = 3;

/// More tokens than these make a match no better.
const LONGEST_MATCH: usize = 16;

/// Tokens of a guess, as what was verified so far allows.
const REACH: RangeInclusive<usize> = 2..=12;

/// Guesses for one answer.
#[derive(Debug)]
pub(super) struct Drafter {
    reach: usize,
}

impl Drafter {
    pub(super) fn new() -> Self {
        Self { reach: *REACH.start() * 2 }
    }

    /// At most `most` elements that may follow `said`: what followed the longest match of its end, of equals the latest.
    pub(super) fn guess<'s, T: PartialEq>(&self, said: &'s [T], most: usize) -> &'s [T] {
        if most == 0 {
            return &[];
        }
        let (mut longest, mut follows) = (LEAST_MATCH - 1, said.len());
        for end in (LEAST_MATCH..said.len()).rev() {
            let matched = said[..end].iter().rev().zip(said.iter().rev()).take(LONGEST_MATCH).take_while(|(a, b)| a == b).count();
            if matched > longest {
                (longest, follows) = (matched, end);
            }
            if longest == LONGEST_MATCH {
                break;
            }
        }
        let guess = &said[follows..];
        &guess[..guess.len().min(most).min(self.reach)]
    }

    /// Takes note of how many elements of a guess were right: who was wholly right may guess further.
    pub(super) fn hear(&mut self, guessed: usize, right: usize) {
        if guessed > 0 {
            let reach = if right == guessed { self.reach * 2 } else { right + 1 };
            self.reach = reach.clamp(*REACH.start(), *REACH.end());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_longest_match_is_followed_and_of_equals_the_latest() {
        let drafter = Drafter { reach: 3 };
        let guess = |said: &str| drafter.guess(said.as_bytes(), 9).iter().map(|&byte| byte as char).collect::<String>();
        assert_eq!(guess("abcd1 xbcd2 abcd"), "1 x");
        assert_eq!(guess("bcd1 bcd2 bcd"), "2 b");
        assert_eq!(guess("cd1 cd"), "", "two are not enough");
        assert_eq!(guess(""), "");
        assert_eq!(drafter.guess(b"abcdef abc", 2), b"de");
    }

    #[test]
    fn who_is_right_guesses_further() {
        let mut drafter = Drafter::new();
        drafter.hear(4, 4);
        assert_eq!(drafter.reach, 8);
        drafter.hear(8, 0);
        assert_eq!(drafter.reach, 2);
        drafter.hear(0, 0);
        assert_eq!(drafter.reach, 2);
    }

    proptest! {
        #[test]
        fn a_guess_is_what_followed_such_an_end(said in prop::collection::vec(0..3_u8, 0..60), most in 0..20_usize) {
            let drafter = Drafter { reach: 12 };
            let guess = drafter.guess(&said, most);
            prop_assert!(guess.len() <= most.min(12));
            if !guess.is_empty() {
                let end = &said[said.len() - LEAST_MATCH..];
                let found = (LEAST_MATCH..said.len()).any(|at| said[..at].ends_with(end) && said[at..].starts_with(guess));
                prop_assert!(found);
            }
        }
    }
}
