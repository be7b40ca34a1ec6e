//! Steps 5 and 6: from parents and their rollouts to children that can be compared with them.

use std::collections::BTreeMap;

use super::iteration::{Change, Child, Context, Minibatch, Parent, Progress};
use super::state::SearchState;
use super::undecided::{MOST_AGAIN, Undecided};
use super::{ask_reflector, budget, draw_operators, screen};
use crate::config::ModuleSelection;
use crate::event::Origin;
use crate::optimize::joining::{self, Proposal};
use crate::optimize::reflection::instruction::is_too_long;
use crate::optimize::reflection::unusable::{Attempt, Unusable, log_unusable};
use crate::optimize::session::{Halt, Session};
use crate::program::PoolIndex;

/// Makes the children of an iteration. `proposals` has the index of each proposal's parent among `parents`.
pub fn propose(
    state: &mut SearchState,
    session: &mut Session<'_>,
    iteration: u64,
    parents: &[Parent],
    proposals: &[usize],
    minibatch: &Minibatch,
) -> Result<Vec<Child>, Halt> {
    if proposals.is_empty() {
        return Ok(Vec::new());
    }
    let train = session.train();
    let minibatch: Vec<_> = minibatch.examples.iter().map(|&example| &train[example]).collect();
    let reflector = state.reflector_choice.choose(&mut session.random("teacher", iteration));
    let (reflector_name, model) = state.reflectors[reflector.0].clone();
    let mut context =
        Context { iteration, parents, minibatch: &minibatch, reflector, reflector_name, model, diagnoses: BTreeMap::new() };
    let mut random = session.random("operator", iteration);
    let mut changes = draw_operators::draw(state, session, &context, proposals, &mut random);
    screen::improve(state, session, &context, &mut changes, proposals.len())?;
    ask_reflector::diagnose(state, session, &mut context, &changes)?;
    ask_reflector::begin(state, session, &context, &mut changes, &mut random);
    ask_reflector::ask(state, session, &context, &mut changes)?;
    let children = assemble(state, session, &context, changes)?;
    let mut children = log_untried(state, session, &context, children)?;
    let most = MOST_AGAIN.min(budget::gated_again(session, proposals.len(), minibatch.len()));
    let indices: Vec<PoolIndex> = parents.iter().map(|parent| parent.index).collect();
    for (undecided, proposal) in state.undecided.take(&indices, most).into_iter().zip(proposals.len() + 1..) {
        let Some(parent) = indices.iter().position(|index| *index == undecided.parent) else { continue };
        let Undecided { candidate, operators, reflector, pairs: earlier, .. } = undecided;
        let child = Child { proposal, parent, candidate, operators, reflector, earlier };
        log(session, &context, &child)?;
        children.push(child);
    }
    Ok(children)
}

/// Logs a child before it is run.
fn log(session: &mut Session<'_>, context: &Context<'_>, child: &Child) -> Result<(), Halt> {
    let parent = context.parents[child.parent].index;
    let proposal = Proposal { iteration: context.iteration, number: child.proposal, parent };
    let operators: Vec<(usize, Origin)> = child.operators.iter().map(|&(module, operator)| (module.0, operator.into())).collect();
    joining::log_proposal(session, proposal, &child.candidate, &operators)
}

/// Makes a child of the changes of each proposal. Changes without a text are logged, and left out.
fn assemble(
    state: &mut SearchState,
    session: &mut Session<'_>,
    context: &Context<'_>,
    changes: Vec<Change>,
) -> Result<Vec<Child>, Halt> {
    let mut children: Vec<Child> = Vec::new();
    for change in changes {
        let attempt = change.attempt();
        let Change { proposal, target, operator, progress } = change;
        let module = target.module;
        let text = match progress {
            Progress::Written(text) if !is_too_long(session, module.0, &text) => text,
            // Only the seed's text may be longer than the limit; an operator that leaves it so makes no child of it.
            Progress::Written(_) => {
                log_unusable(session, context.iteration, attempt, Unusable::TooLong, String::new())?;
                state.record_outcome(module, operator, context.reflector, false);
                continue;
            }
            Progress::Failed { reason, details } => {
                log_unusable(session, context.iteration, attempt, reason, details)?;
                state.record_outcome(module, operator, context.reflector, false);
                continue;
            }
            Progress::Drawn | Progress::ToAsk(..) => continue,
        };
        match children.iter_mut().find(|child| child.proposal == proposal) {
            Some(child) => {
                child.candidate = child.candidate.with(module.0, text);
                child.operators.push((module, operator));
            }
            None => children.push(Child {
                proposal,
                parent: target.parent,
                candidate: state.members[context.pool_index(target)].candidate.with(module.0, text),
                operators: vec![(module, operator)],
                reflector: context.reflector,
                earlier: Vec::new(),
            }),
        }
    }
    Ok(children)
}

/// Logs the children, and returns those that were not tried before.
fn log_untried(
    state: &mut SearchState,
    session: &mut Session<'_>,
    context: &Context<'_>,
    children: Vec<Child>,
) -> Result<Vec<Child>, Halt> {
    let mut untried = Vec::new();
    for child in children {
        let parent = context.parents[child.parent].index;
        if !state.tried.insert(child.candidate.clone()) {
            let is_unchanged = child.candidate == state.members[parent].candidate;
            let reason = if is_unchanged { Unusable::Unchanged } else { Unusable::Repeated };
            for &(module, operator) in &child.operators {
                let attempt = Attempt { proposal: child.proposal, module_index: module.0, operator: operator.into() };
                log_unusable(session, context.iteration, attempt, reason, String::new())?;
                state.record_outcome(module, operator, context.reflector, false);
            }
            continue;
        }
        log(session, context, &child)?;
        untried.push(child);
    }
    Ok(untried)
}

/// Records whether a child became better than its parent, for each of its operators. Where several modules changed and the
/// child did not become better, a single change may still have helped: then nothing is recorded, if the modules also
/// change alone in other iterations.
pub fn record_outcome(state: &mut SearchState, session: &Session<'_>, child: &Child, is_improvement: bool) {
    let change_alone = session.plan().module_selection != ModuleSelection::All;
    if is_improvement || child.operators.len() == 1 || !change_alone {
        for &(module, operator) in &child.operators {
            state.record_outcome(module, operator, child.reflector, is_improvement);
        }
    }
}
