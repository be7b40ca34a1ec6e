//! Growing shares of the validation examples: a candidate that is behind after one of them is given up, and not run on the rest.
//!
//! This is best-arm identification as in TRIPLE (arXiv 2402.09723). The first share has [`FIRST_SHARE`] examples of an order that is
//! fixed for the run, the second share as many more, and each later one doubles the number again.

use rand::seq::SliceRandom;

use super::session::Session;
use crate::data::ExampleIndex;
use crate::event::Behind;

/// The number of examples of the first share.
pub const FIRST_SHARE: usize = 10;

/// The number of examples after which a candidate is given up where all its scores are 0.
const GIVE_UP_IF_ALL_ZERO_AFTER: usize = 2 * FIRST_SHARE;

/// Returns the validation examples in the order in which a candidate is run on them, and the numbers of examples after which the
/// validation pauses, ascending; the last is all of them. Without a race there is one share, in the order of the data.
#[must_use]
pub fn shares(session: &Session<'_>, is_race: bool) -> (Vec<ExampleIndex>, Vec<usize>) {
    let all = session.validation_size();
    let mut order = ExampleIndex::all(all);
    if !is_race {
        return (order, vec![all]);
    }
    order.shuffle(&mut session.random("validation", 0));
    (order, share_ends(all))
}

fn share_ends(all: usize) -> Vec<usize> {
    let doubling = std::iter::successors(Some(FIRST_SHARE), |end| end.checked_mul(2));
    doubling.take_while(|end| *end < all).chain([all]).collect()
}

/// Returns why a candidate is given up that was run on `run` examples with the score `mean`; None if it goes on.
#[must_use]
pub fn reason_to_give_up(is_behind: bool, run: usize, mean: f64) -> Option<Behind> {
    match is_behind {
        true => Some(Behind::Best),
        false => (run >= GIVE_UP_IF_ALL_ZERO_AFTER && mean <= 0.0).then_some(Behind::NothingRight),
    }
}

#[cfg(test)]
mod tests {
    use super::share_ends;

    #[test]
    fn shares_double_up_to_all() {
        assert_eq!(share_ends(100), [10, 20, 40, 80, 100]);
        assert_eq!(share_ends(80), [10, 20, 40, 80]);
        assert_eq!(share_ends(7), [7]);
    }
}
