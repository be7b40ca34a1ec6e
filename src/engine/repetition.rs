//! Finds answers that go in circles: the same tokens again and again, as models write under greedy decoding.

/// The longest period that is looked for, in tokens: a long paragraph.
const LONGEST_PERIOD: usize = 1024;

/// How often a period must stand one after the other.
const LEAST_TIMES: usize = 4;

/// The fewest tokens that only repeat what stands before them. Rows of a table and lists of zeros are shorter.
const LEAST_TOKENS: usize = 192;

/// The tokens of a text so far, and how they repeat each other. What it finds depends on the tokens alone.
#[derive(Debug, Clone)]
pub struct Repetition<T> {
    tokens: Vec<T>,
    /// For each period from 1 on: how many of the last tokens are the same as the token one period before.
    runs: Vec<usize>,
}

impl<T> Default for Repetition<T> {
    fn default() -> Self {
        Self { tokens: Vec::new(), runs: vec![0; LONGEST_PERIOD] }
    }
}

impl<T: PartialEq> Repetition<T> {
    /// Adds a token. Returns the number of last tokens that only repeat what stands before them if the text goes in circles: one
    /// period, of at most 1024 tokens, stands there at least four times, and at least 192 tokens are repeated. None otherwise.
    pub fn push(&mut self, token: T) -> Option<usize> {
        let before = self.tokens.iter().rev();
        for (run, earlier) in self.runs.iter_mut().zip(before) {
            *run = if *earlier == token { *run + 1 } else { 0 };
        }
        self.tokens.push(token);
        let is_circle = |(period, run): &(usize, &usize)| **run >= LEAST_TOKENS && **run >= (LEAST_TIMES - 1) * period;
        (1..).zip(&self.runs).find(is_circle).map(|(_, run)| *run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The first index at which a text goes in circles.
    fn found_at(tokens: impl IntoIterator<Item = u32>) -> Option<usize> {
        let mut repetition = Repetition::default();
        tokens.into_iter().position(|token| repetition.push(token).is_some())
    }

    #[test]
    fn a_period_is_found_once_it_has_repeated_long_enough() {
        let circle = |period: u32, start: u32| (0..start).map(|n| 5000 + n).chain((0..).map(move |n| n % period));
        // One token, ten, and a paragraph: so many repeated tokens behind the beginning and the first period.
        assert_eq!(found_at(circle(1, 7).take(9999)), Some(7 + 1 + LEAST_TOKENS - 1));
        assert_eq!(found_at(circle(10, 7).take(9999)), Some(7 + 10 + LEAST_TOKENS - 1));
        assert_eq!(found_at(circle(500, 7).take(9999)), Some(7 + 500 + 3 * 500 - 1));
        assert_eq!(found_at(circle(LONGEST_PERIOD as u32 + 1, 0).take(9999)), None);
        // A long line of a table.
        assert_eq!(found_at(circle(1, 0).take(LEAST_TOKENS)), None);
    }

    #[test]
    fn a_list_that_counts_does_not_go_in_circles() {
        // "1 . item \n 2 . item \n": three tokens of four are the same.
        assert_eq!(found_at((0..4000).map(|n| if n % 4 == 0 { 100 + n / 4 } else { n % 4 })), None);
    }

    proptest! {
        /// The same as looking at all tokens again for each period.
        #[test]
        fn it_is_the_definition(period in 1_u32..40, start in 0_u32..30, noise in 0_usize..400, length in 0_usize..600) {
            let mut tokens: Vec<u32> = (0..start).chain((0..).map(|n| n % period)).take(length).collect();
            if let Some(token) = tokens.get_mut(noise) {
                *token = 77;
            }
            let mut repetition = Repetition::default();
            for end in 0..tokens.len() {
                let text = &tokens[..=end];
                let run = |period: usize| (period..text.len()).rev().take_while(|&at| text[at] == text[at - period]).count();
                let wanted = (1..=LONGEST_PERIOD.min(text.len())).find(|&p| run(p) >= LEAST_TOKENS && run(p) >= 3 * p).map(run);
                prop_assert_eq!(repetition.push(tokens[end]), wanted);
            }
        }
    }
}
