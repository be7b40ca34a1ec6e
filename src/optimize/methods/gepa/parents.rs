//! Steps 1, 3 and 4: draws the parents and the minibatch of an iteration, and runs the parents on the minibatch.

use super::iteration::{Minibatch, Parent};
use super::select;
use super::state::SearchState;
use crate::config::Parents;
use crate::data::ExampleIndex;
use crate::data::split::Split;
use crate::event::{Decision, Purpose};
use crate::optimize::joining;
use crate::optimize::minibatch::{Minibatches, without_shown};
use crate::optimize::reuse::EvaluationRequest;
use crate::optimize::session::{Halt, Session};
use crate::program::{ModuleIndex, PoolIndex};

/// Draws a parent for each proposal: the same for all, as in the paper, which has one proposal, or one for each.
pub fn draw(state: &SearchState, session: &Session<'_>, iteration: u64, proposals: usize) -> Vec<PoolIndex> {
    let plan = session.plan();
    let mut random = session.random("parent", iteration);
    match plan.parents {
        Some(Parents::Several) => (0..proposals).map(|_| select::parent(plan, &state.members, &mut random)).collect(),
        _ => vec![select::parent(plan, &state.members, &mut random); proposals],
    }
}

/// Draws the minibatch of an iteration with these parents.
pub fn draw_minibatch(
    state: &mut SearchState,
    session: &Session<'_>,
    iteration: u64,
    parents: &[PoolIndex],
    minibatches: &mut Minibatches,
) -> Minibatch {
    let of_seed = if parents == [PoolIndex::SEED] { state.seed_minibatches.pop_front() } else { None };
    match of_seed {
        Some(examples) => Minibatch { examples, is_of_seed: true },
        None => Minibatch { examples: deal(state, session, iteration, parents, minibatches), is_of_seed: false },
    }
}

/// Deals the next minibatch, without examples that one of the parents shows as a demonstration.
fn deal(
    state: &SearchState,
    session: &Session<'_>,
    iteration: u64,
    parents: &[PoolIndex],
    minibatches: &mut Minibatches,
) -> Vec<ExampleIndex> {
    let minibatch = minibatches.deal(|epoch| session.random("minibatch", epoch));
    let train = session.train();
    let shows = |parent: &PoolIndex, id: &str| state.members[*parent].candidate.0.iter().any(|text| text.shows(id));
    let is_shown = |example: ExampleIndex| parents.iter().any(|parent| shows(parent, &train[example].id));
    without_shown(&minibatch, train.len(), is_shown, &mut session.random("not shown", iteration))
}

/// Runs the parents on the minibatch, and takes turns of their modules. Parents whose every score is perfect are left out:
/// there is nothing to learn from them.
pub fn run(
    state: &mut SearchState,
    session: &mut Session<'_>,
    iteration: u64,
    parents: &[PoolIndex],
    minibatch: &Minibatch,
) -> Result<Vec<Parent>, Halt> {
    let members = &state.members;
    let asks: Vec<EvaluationRequest<'_>> = parents
        .iter()
        .map(|&parent| EvaluationRequest { candidate: &members[parent].candidate, example_indices: &minibatch.examples })
        .collect();
    let answers = session.evaluate_while(Purpose::Parent, Split::Train, &asks, &mut |_, _| true)?;
    let (program, train) = (session.program(), session.train());
    let examples = minibatch.examples.iter().map(|&example| &train[example]);
    let open: Vec<ModuleIndex> = joining::open_modules(session).into_iter().map(ModuleIndex).collect();
    let mut imperfect = Vec::new();
    for (&index, answers) in parents.iter().zip(answers) {
        let candidate = &state.members[index].candidate;
        state.demonstrations.record(program, &state.profiles, candidate, examples.clone(), &answers);
        state.training_rollouts.record(candidate, &minibatch.examples, &answers);
        let rollouts: Vec<_> = answers.into_iter().flatten().collect();
        let scores: Vec<Option<f64>> = rollouts.iter().map(|scored| scored.score()).collect();
        if is_perfect(&scores) {
            session.log(Decision::Perfect { iteration, parent: index })?;
            continue;
        }
        let is_called = |module: &ModuleIndex| {
            let name = &program[*module].name;
            rollouts.iter().any(|scored| scored.rollout.most_informative_step(name).is_some())
        };
        let called: Vec<ModuleIndex> = open.iter().copied().filter(is_called).collect();
        let modules = state.turns.choose(session.plan().module_selection, index, &open, called);
        let (seen, contrasts) = (state.training_rollouts.of(candidate), state.training_rollouts.contrasts(candidate));
        imperfect.push(Parent { index, rollouts, scores, modules, seen, contrasts });
    }
    Ok(imperfect)
}

/// Whether at least one rollout was scored, and every score is 1.
fn is_perfect(scores: &[Option<f64>]) -> bool {
    scores.iter().any(Option::is_some) && scores.iter().flatten().all(|score| *score >= 1.0)
}
