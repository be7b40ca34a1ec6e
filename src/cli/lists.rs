//! How far the lists of requests of a step are: what the lines of a run and its view both tell.

use std::time::Duration;

use gepard::engine::EngineProgress;

/// Without a token for so long, something is wrong.
const STANDSTILL: Duration = Duration::from_secs(30);

/// The lists of requests since a step began.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// Requests of those that are done.
    before: usize,
    /// The last one: answered, of how many, its seconds.
    last: (usize, usize, f64),
    /// How far it was when it last moved, and the second of that.
    moved: (EngineProgress, f64),
}

impl Lists {
    /// The requests that are answered, now that `done` of a list `of` so many are.
    pub(super) fn hear(&mut self, done: EngineProgress, of: usize, seconds: f64) -> usize {
        if done.answered < self.last.0 || seconds < self.last.2 {
            self.before += self.last.1;
        }
        if self.moved.0 != done || self.moved.1 > seconds {
            self.moved = (done, seconds);
        }
        self.last = (done.answered, of, seconds);
        self.before + done.answered
    }

    /// The seconds since anything moved, where they are too many.
    pub(super) fn standstill(&self) -> Option<f64> {
        let still = self.last.2 - self.moved.1;
        (still >= STANDSTILL.as_secs_f64()).then_some(still)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_over_lists() {
        let mut lists = Lists::default();
        let done = |answered| EngineProgress { answered, ..EngineProgress::default() };
        let heard = [(0, 32, 1.0), (20, 32, 4.0), (0, 32, 0.5), (31, 32, 5.0), (2, 8, 0.9)];
        assert_eq!(heard.map(|(answered, of, seconds)| lists.hear(done(answered), of, seconds)), [0, 20, 32, 63, 66]);
    }

    #[test]
    fn a_list_that_goes_on_does_not_stand_still() {
        let mut lists = Lists::default();
        let mut at = |prefilled, seconds| {
            lists.hear(EngineProgress { prefilled, ..EngineProgress::default() }, 4, seconds);
            lists.standstill()
        };
        assert_eq!([at(1, 2.0), at(1, 20.0), at(1, 40.0), at(2, 41.0), at(2, 1.0)], [None, None, Some(38.0), None, None]);
    }
}
