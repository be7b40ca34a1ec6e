//! Gathers demonstrations before the first iteration. A module that reads outputs of other modules or steps has no
//! demonstrations in the data, only calls of the search are such; and a minibatch has few calls, of which few are right.
//!
//! This is an addition to the paper. The rollouts of the seed are used a second time: its first children are compared with
//! it on up to two minibatches' worth of the same examples, at the cost of the children's rollouts alone.

use std::collections::VecDeque;

use super::budget;
use super::state::SearchState;
use crate::data::ExampleIndex;
use crate::data::split::Split;
use crate::event::Purpose;
use crate::optimize::joining;
use crate::optimize::minibatch::Minibatches;
use crate::optimize::operators::Operator;
use crate::optimize::session::{Halt, Session};
use crate::program::Candidate;

/// The most training examples that the seed is run on.
const MOST_EXAMPLES: usize = 12;

/// The number of minibatches' worth of these examples that each of the seed's first children is run on.
const MINIBATCHES_OF_A_CHILD: usize = 2;

/// Runs the seed on a few training examples, where only calls can be demonstrations of one of its modules. The examples
/// are dealt as minibatches are, half of an epoch at most, so that most of the later minibatches have other examples.
///
/// # Errors
/// [`Halt::Stop`] where the budget does not also hold an iteration: a run that goes on under a larger budget must have the
/// same result as one that had it from the beginning.
pub fn gather(
    state: &mut SearchState,
    session: &mut Session<'_>,
    seed: &Candidate,
    minibatches: &mut Minibatches,
) -> Result<(), Halt> {
    let program = session.program();
    let reads_outputs = |&module: &usize| program.modules[module].inputs.iter().any(|input| program.writes(input));
    let size = session.plan().minibatch;
    let deals = MOST_EXAMPLES.div_ceil(size).min(minibatches.in_epoch() / 2);
    let shows = session.plan().operators.contains(&Operator::Examples);
    if deals == 0 || !shows || !joining::open_modules(session).iter().any(reads_outputs) {
        return Ok(());
    }
    let mut examples: Vec<ExampleIndex> = Vec::new();
    (0..deals).for_each(|_| examples.extend(minibatches.deal(|epoch| session.random("minibatch", epoch))));
    examples.truncate(MOST_EXAMPLES);
    session.require_budget(examples.len() as u64 + budget::worst_case(state, session, 1))?;
    let rollouts = session.evaluate(Purpose::Bootstrap, Split::Train, seed, &examples)?;
    let answers: Vec<_> = rollouts.into_iter().map(Some).collect();
    let train = session.train();
    let rows = examples.iter().map(|&example| &train[example]);
    state.demonstrations.record(session.program(), &state.profiles, seed, rows, &answers);
    state.training_rollouts.record(seed, &examples, &answers);
    if session.reuses_rollouts() {
        // Two overlapping minibatches, which together have each of the examples. After them a reflector reads others.
        let size = examples.len().min(MINIBATCHES_OF_A_CHILD * size);
        state.seed_minibatches = VecDeque::from([examples[..size].to_vec()]);
        if size < examples.len() {
            state.seed_minibatches.push_back(examples[examples.len() - size..].to_vec());
        }
    }
    Ok(())
}
