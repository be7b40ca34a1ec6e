//! Calls that are worth showing, gathered before the first iteration. A module that reads what modules or steps write has no
//! worked examples in the data: they are calls of the search. A minibatch has a handful of these, of which few are right.
//!
//! What the seed scored there need not be run again: its first children are held against twice a minibatch of these examples, at
//! the price of their own rollouts.

use std::collections::VecDeque;

use super::Gepa;
use crate::data::split::Split;
use crate::event::Purpose;
use crate::optimize::minibatch::Minibatches;
use crate::optimize::operators::Operator;
use crate::optimize::session::Halt;
use crate::optimize::{Session, joining};

/// The most training examples that the seed is run on.
const EXAMPLES: usize = 12;

/// Minibatches of these that each of the seed's first children is run on.
const MINIBATCHES: usize = 2;

impl Gepa {
    /// Runs the seed on a few training examples, where worked examples of one of its modules can only be calls. They are dealt
    /// like minibatches, half of an epoch at most, so that most gates meet others. A budget that does not hold an iteration
    /// beside them ends the search, for one that is raised must go on as if it had been so from the beginning.
    pub(super) fn bootstrap(&mut self, session: &mut Session<'_>, batches: &mut Minibatches) -> Result<(), Halt> {
        let program = session.program();
        let reads_what_is_made = |&module: &usize| program.modules[module].inputs.iter().any(|input| program.writes(input));
        let deals = EXAMPLES.div_ceil(session.plan().minibatch).min(batches.in_epoch() / 2);
        let shows = session.plan().operators.contains(&Operator::Examples);
        if deals == 0 || !shows || !joining::open_modules(session).iter().any(reads_what_is_made) {
            return Ok(());
        }
        let mut places = Vec::new();
        (0..deals).for_each(|_| places.extend(batches.deal(|epoch| session.random("minibatch", epoch))));
        places.truncate(EXAMPLES);
        session.fits(places.len() as u64 + self.worst_case(session, 1))?;
        let rollouts = session.evaluate(Purpose::Bootstrap, Split::Train, &self.seed, &places)?;
        let train = session.train();
        let answers: Vec<_> = rollouts.into_iter().map(Some).collect();
        self.right.learn(session.program(), &self.profiles, &self.seed, places.iter().map(|&place| &train[place]), &answers);
        if session.remembers() {
            // Each of them once, the middle ones twice; from then on a reflector is to read others.
            let size = places.len().min(MINIBATCHES * session.plan().minibatch);
            self.known = VecDeque::from([places[..size].to_vec()]);
            if size < places.len() {
                self.known.push_back(places[places.len() - size..].to_vec());
            }
        }
        Ok(())
    }
}
