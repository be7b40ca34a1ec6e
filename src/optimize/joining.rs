//! How a candidate is told of when it is proposed, how it is validated and joins the pool, and when that is enough.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::pool::best_mean;
use super::session::Halt;
use super::{Member, Pool, Scores, Session};
use crate::data::split::Split;
use crate::error::RunError;
use crate::evaluate::{Scored, Verdict};
use crate::event::{Event, Purpose, StopReason};
use crate::program::{Candidate, ModuleText};

/// A proposal: its iteration, its number there, from 1, and its parent's place.
#[derive(Debug, Clone, Copy)]
pub struct Proposal {
    /// The iteration.
    pub iteration: u64,
    /// From 1.
    pub number: usize,
    /// The parent's place in the pool.
    pub parent: usize,
}

/// Tells of a candidate that is to be tried; `operators` are the changed modules and what changed them.
///
/// # Errors
/// As [`Session::log`].
pub fn propose(
    session: &mut Session<'_>,
    proposal: Proposal,
    candidate: &Candidate,
    operators: &[(usize, &'static str)],
) -> Result<(), Halt> {
    let name = |module: usize| session.program().modules[module].name.clone();
    let texts = operators.iter().map(|&(module, _)| (module, &candidate.0[module]));
    let instructions = texts.clone().map(|(module, text)| (name(module), text.instruction.clone())).collect();
    let demonstrations = texts.map(|(module, text)| (name(module), ids(text))).filter(|(_, ids)| !ids.is_empty());
    session.log(&Event::Proposed {
        iteration: proposal.iteration,
        proposal: proposal.number,
        parent: proposal.parent,
        operators: operators.iter().map(|&(module, operator)| (name(module), operator)).collect(),
        instructions,
        demonstrations: demonstrations.collect(),
        key: candidate.key(),
    })
}

/// The member that a candidate becomes by its rollouts on validation examples, and tells of it. `members` are those
/// before it.
///
/// # Errors
/// As [`Session::log`].
pub fn join(
    session: &mut Session<'_>,
    members: &[Member],
    iteration: u64,
    (candidate, parents, proposal): (Candidate, Vec<usize>, usize),
    prompt_tokens: usize,
    results: &[(usize, Arc<Scored>)],
) -> Result<Member, Halt> {
    let all = session.validation_size();
    let member = Member {
        scores: results.iter().filter_map(|(place, scored)| Some((*place, scored.score()?))).collect(),
        objectives: objectives(results),
        validated: results.len(),
        complete: results.len() == all,
        prompt_tokens,
        spent: session.spent().rollouts,
        candidate,
        parents,
    };
    session.log(&Event::Accepted {
        iteration,
        candidate: members.len(),
        parents: member.parents.clone(),
        proposal,
        instructions: named(session, &member.candidate),
        demonstrations: shown(session, &member.candidate),
        prompt_tokens: member.prompt_tokens,
        mean: member.mean(),
        scores: (0..all).map(|place| member.scores.get(place)).collect(),
        objectives: member.objectives.iter().filter_map(|(name, of)| Some((name.clone(), of.mean()?))).collect(),
        complete: member.complete,
        spent: member.spent,
        key: member.candidate.key(),
    })?;
    Ok(member)
}

/// A candidate with its rollouts on all validation examples, as a member of the pool of which `members` are there. It comes
/// with its parent's place, which does not count for the first, and the number of its proposal.
///
/// # Errors
/// As [`Session::evaluate`].
pub fn validated(
    session: &mut Session<'_>,
    members: &[Member],
    iteration: u64,
    (candidate, parent, proposal): (Candidate, usize, usize),
) -> Result<Member, Halt> {
    let places: Vec<usize> = (0..session.validation_size()).collect();
    let purpose = if members.is_empty() { Purpose::SeedValidation } else { Purpose::Validation };
    session.fits(places.len() as u64)?;
    let rollouts = session.evaluate(purpose, Split::Val, &candidate, &places)?;
    let results: Vec<(usize, Arc<Scored>)> = places.into_iter().zip(rollouts).collect();
    let parents = if members.is_empty() { Vec::new() } else { vec![parent] };
    let prompt_tokens = session.prompt_tokens(&candidate);
    join(session, members, iteration, (candidate, parents, proposal), prompt_tokens, &results)
}

/// The modules whose texts may change.
#[must_use]
pub fn open_modules(session: &Session<'_>) -> Vec<usize> {
    let modules = &session.program().modules;
    (0..modules.len()).filter(|&module| !modules[module].frozen).collect()
}

/// Why a search is over that has validated `members`, where it is over whatever the budget says.
#[must_use]
pub fn is_enough(session: &Session<'_>, members: &[Member], questions: u64) -> Option<StopReason> {
    let limits = session.limits();
    let best = best_mean(members);
    if members.len() == 1 && best >= 1.0 {
        return Some(StopReason::SeedIsPerfect);
    }
    if best >= limits.score {
        return Some(StopReason::ScoreReached);
    }
    let is_spent = limits.reflections.is_some_and(|cap| session.spent().reflections + questions > cap);
    is_spent.then_some(StopReason::ReflectionsSpent)
}

/// What a search that ended comes to.
///
/// # Errors
/// [`RunError`] where it failed, or ended before the seed was validated.
pub fn pool(members: Vec<Member>, searched: Result<StopReason, Halt>) -> Result<Pool, RunError> {
    let stopped = match searched {
        Ok(reason) | Err(Halt::Stop(reason)) => reason,
        Err(Halt::Error(error)) => return Err(error),
    };
    if members.is_empty() {
        let remedy = if stopped == StopReason::StopFile { "remove it" } else { "give a larger budget with --budget" };
        return Err(RunError::Plan(format!("the search ended before the seed was validated, since {stopped}; {remedy}")));
    }
    Ok(Pool { members, stopped })
}

/// Instructions with the names of their modules, in order.
#[must_use]
pub fn named(session: &Session<'_>, candidate: &Candidate) -> Vec<(String, String)> {
    let modules = session.program().modules.iter().zip(&candidate.0);
    modules.map(|(module, text)| (module.name.clone(), text.instruction.clone())).collect()
}

/// Ids of worked examples with the names of their modules, where there are any.
fn shown(session: &Session<'_>, candidate: &Candidate) -> Vec<(String, Vec<String>)> {
    let modules = session.program().modules.iter().zip(&candidate.0).filter(|(_, text)| !text.demonstrations.is_empty());
    modules.map(|(module, text)| (module.name.clone(), ids(text))).collect()
}

fn ids(text: &ModuleText) -> Vec<String> {
    text.demonstrations.iter().map(|shown| shown.id.clone()).collect()
}

fn objectives(results: &[(usize, Arc<Scored>)]) -> BTreeMap<String, Scores> {
    let mut by_name: BTreeMap<String, Vec<(usize, f64)>> = BTreeMap::new();
    for (place, scored) in results {
        let Verdict::Judged(judgement) = &scored.verdict else { continue };
        for (name, score) in &judgement.objectives {
            by_name.entry(name.clone()).or_default().push((*place, *score));
        }
    }
    by_name.into_iter().map(|(name, scores)| (name, scores.into_iter().collect())).collect()
}
