//! What all optimizers do alike: log a proposal, validate a candidate, add it to the pool, and decide that a search is
//! over before its budget is spent.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::pool::{Member, Pool, best_mean, ranking};
use super::session::{Halt, Session};
use super::shares;
use crate::data::ExampleIndex;
use crate::data::split::Split;
use crate::error::RunError;
use crate::evaluate::{Scored, Scores, Verdict};
use crate::event::{Behind, Decision, Origin, Purpose, StopReason};
use crate::program::{Candidate, ModuleText, PoolIndex};

/// Names a proposal, and its parent.
#[derive(Debug, Clone, Copy)]
pub struct Proposal {
    /// The iteration that it was made in, from 1.
    pub iteration: u64,
    /// Its number among the proposals of the iteration, from 1.
    pub number: usize,
    /// The candidate that it is a change of.
    pub parent: PoolIndex,
}

/// Logs a candidate before it is run. `operators` are the indices of the changed modules and the names of the operators
/// that changed them.
///
/// # Errors
/// As [`Session::log`].
pub fn log_proposal(
    session: &mut Session<'_>,
    proposal: Proposal,
    candidate: &Candidate,
    operators: &[(usize, Origin)],
) -> Result<(), Halt> {
    let name = |module: usize| session.program().modules[module].name.clone();
    let texts = operators.iter().map(|&(module, _)| (module, &candidate.0[module]));
    let instructions = texts.clone().map(|(module, text)| (name(module), text.instruction.clone())).collect();
    let demonstrations = texts.map(|(module, text)| (name(module), demonstration_ids(text))).filter(|(_, ids)| !ids.is_empty());
    session.log(Decision::Proposed {
        iteration: proposal.iteration,
        proposal: proposal.number,
        parent: proposal.parent,
        operators: operators.iter().map(|&(module, operator)| (name(module), operator)).collect(),
        instructions,
        demonstrations: demonstrations.collect(),
        key: candidate.key(),
    })
}

/// A candidate that is about to join the pool.
#[derive(Debug, Clone)]
pub struct NewCandidate {
    /// The texts of its modules.
    pub candidate: Candidate,
    /// The candidates that it was made from: none for the seed, two for a merged candidate.
    pub parents: Vec<PoolIndex>,
    /// Its number among the proposals of its iteration, from 1. It is 0 for the seed and for any other candidate that is not one
    /// of them.
    pub proposal: usize,
}

impl NewCandidate {
    /// The seed, which has no parent.
    #[must_use]
    pub fn seed(candidate: Candidate) -> Self {
        Self { candidate, parents: Vec::new(), proposal: 0 }
    }

    /// A change of one candidate of the pool.
    #[must_use]
    pub fn child(candidate: Candidate, parent: PoolIndex, proposal: usize) -> Self {
        Self { candidate, parents: vec![parent], proposal }
    }
}

/// Turns a candidate into a member of the pool by its rollouts on validation examples, and logs [`Decision::Accepted`].
/// `members` are those that joined before it.
///
/// # Errors
/// As [`Session::log`].
pub fn join(
    session: &mut Session<'_>,
    members: &[Member],
    iteration: u64,
    new: NewCandidate,
    rollouts: &[(ExampleIndex, Arc<Scored>)],
) -> Result<Member, Halt> {
    let all = session.validation_size();
    let member = Member {
        scores: rollouts.iter().filter_map(|(example, scored)| Some((*example, scored.score()?))).collect(),
        objectives: objectives(rollouts),
        validated: rollouts.len(),
        complete: rollouts.len() == all,
        prompt_tokens: session.prompt_tokens(&new.candidate),
        spent: session.spent().rollouts,
        candidate: new.candidate,
        parents: new.parents,
    };
    let means = member.objectives.iter().filter_map(|(name, scores)| Some((name.clone(), scores.mean()?)));
    session.log(Decision::Accepted {
        iteration,
        candidate: PoolIndex(members.len()),
        parents: member.parents.clone(),
        proposal: new.proposal,
        instructions: instructions_by_module(session, &member.candidate),
        demonstrations: demonstrations_by_module(session, &member.candidate),
        prompt_tokens: member.prompt_tokens,
        mean: member.mean(),
        scores: ExampleIndex::all(all).into_iter().map(|example| member.scores.get(example)).collect(),
        objectives: means.collect(),
        complete: member.complete,
        spent: member.spent,
        key: member.candidate.key(),
    })?;
    Ok(member)
}

/// Rollouts of a candidate on validation examples.
#[derive(Debug)]
pub struct ValidationRollouts {
    /// The examples with their rollouts, in the order in which they were run.
    pub rollouts: Vec<(ExampleIndex, Arc<Scored>)>,
    /// Why the rest was not run, and the lead over the scores that the candidate raced against; None if all were run.
    pub given_up: Option<(Behind, f64)>,
}

/// Runs a candidate on all validation examples. With the key `race`, it is run on growing shares of them, and given up where the sum of
/// its scores is less than that of `rival`, the scores of another candidate. Without a rival there is no race.
///
/// # Errors
/// As [`Session::evaluate`].
pub fn run_on_validation(
    session: &mut Session<'_>,
    purpose: Purpose,
    candidate: &Candidate,
    rival: Option<&Scores>,
) -> Result<ValidationRollouts, Halt> {
    let (order, ends) = shares::shares(session, session.plan().race && rival.is_some());
    session.require_budget(order.len() as u64)?;
    let mut rollouts: Vec<(ExampleIndex, Arc<Scored>)> = Vec::with_capacity(order.len());
    for end in ends {
        let share = &order[rollouts.len()..end];
        let run = session.evaluate(purpose, Split::Val, candidate, share)?;
        rollouts.extend(share.iter().copied().zip(run));
        let scores: Scores = rollouts.iter().filter_map(|(example, scored)| Some((*example, scored.score()?))).collect();
        let lead = rival.map_or(0.0, |rival| scores.lead(rival));
        let behind = shares::reason_to_give_up(lead < 0.0, end, scores.mean().unwrap_or(0.0));
        if let Some(behind) = behind.filter(|_| end < order.len()) {
            return Ok(ValidationRollouts { rollouts, given_up: Some((behind, lead)) });
        }
    }
    Ok(ValidationRollouts { rollouts, given_up: None })
}

/// Runs a candidate on the validation examples, in a race against the best of `members` if there is one, and turns it into a member of
/// the pool, as [`join`] does. `members` are those that joined before it; where there are none, it is the seed.
///
/// # Errors
/// As [`Session::evaluate`].
pub fn validate(session: &mut Session<'_>, members: &[Member], iteration: u64, new: NewCandidate) -> Result<Member, Halt> {
    let best = ranking(members).first().map(|&best| &members[best].scores);
    let purpose = if members.is_empty() { Purpose::SeedValidation } else { Purpose::Validation };
    let ValidationRollouts { rollouts, given_up } = run_on_validation(session, purpose, &new.candidate, best)?;
    if let Some((behind, lead)) = given_up {
        let (validated, of) = (rollouts.len(), session.validation_size());
        let candidate = PoolIndex(members.len());
        session.log(Decision::ValidationGivenUp { iteration, candidate, validated, of, lead, behind })?;
    }
    join(session, members, iteration, new, &rollouts)
}

/// Logs a change of the seed, validates it, and adds it to `members`. `operators` are as in [`log_proposal`].
///
/// # Errors
/// As [`validate`].
pub fn try_change_of_seed(
    session: &mut Session<'_>,
    members: &mut Vec<Member>,
    iteration: u64,
    candidate: Candidate,
    operators: &[(usize, Origin)],
) -> Result<(), Halt> {
    let proposal = Proposal { iteration, number: 1, parent: PoolIndex::SEED };
    log_proposal(session, proposal, &candidate, operators)?;
    let new = NewCandidate::child(candidate, PoolIndex::SEED, proposal.number);
    members.push(validate(session, members, iteration, new)?);
    Ok(())
}

/// Returns the indices of the modules whose texts may change.
#[must_use]
pub fn open_modules(session: &Session<'_>) -> Vec<usize> {
    let modules = &session.program().modules;
    (0..modules.len()).filter(|&module| !modules[module].frozen).collect()
}

/// Returns the reason why a search that has validated `members` ends now although its budget may hold more; None where it
/// goes on. `questions` are the reflections that its next iteration may need.
#[must_use]
pub fn early_stop(session: &Session<'_>, members: &[Member], questions: u64) -> Option<StopReason> {
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

/// Returns the pool of a search that ended.
///
/// # Errors
/// [`RunError`] where the search failed, or ended before the seed was validated.
pub fn finish(members: Vec<Member>, ended: Result<StopReason, Halt>) -> Result<Pool, RunError> {
    let stopped = match ended {
        Ok(reason) | Err(Halt::Stop(reason)) => reason,
        Err(Halt::Error(error)) => return Err(error),
    };
    if members.is_empty() {
        let remedy = if stopped == StopReason::StopFile { "remove it" } else { "give a larger budget with --budget" };
        return Err(RunError::Plan(format!("the search ended before the seed was validated, since {stopped}; {remedy}")));
    }
    Ok(Pool { members, stopped })
}

/// Returns the names of all modules with the candidate's instructions for them, in the program's order.
#[must_use]
pub fn instructions_by_module(session: &Session<'_>, candidate: &Candidate) -> Vec<(String, String)> {
    let modules = session.program().modules.iter().zip(&candidate.0);
    modules.map(|(module, text)| (module.name.clone(), text.instruction.clone())).collect()
}

/// Returns the names of the modules for which the candidate has demonstrations, with the ids of these.
fn demonstrations_by_module(session: &Session<'_>, candidate: &Candidate) -> Vec<(String, Vec<String>)> {
    let modules = session.program().modules.iter().zip(&candidate.0).filter(|(_, text)| !text.demonstrations.is_empty());
    modules.map(|(module, text)| (module.name.clone(), demonstration_ids(text))).collect()
}

fn demonstration_ids(text: &ModuleText) -> Vec<String> {
    text.demonstrations.iter().map(|demonstration| demonstration.id.clone()).collect()
}

/// Collects the scores of the rollouts by objective.
fn objectives(rollouts: &[(ExampleIndex, Arc<Scored>)]) -> BTreeMap<String, Scores> {
    let mut by_name: BTreeMap<String, Vec<(ExampleIndex, f64)>> = BTreeMap::new();
    for (example, scored) in rollouts {
        let Verdict::Judged(judgement) = &scored.verdict else { continue };
        for (name, score) in &judgement.objectives {
            by_name.entry(name.clone()).or_default().push((*example, *score));
        }
    }
    by_name.into_iter().map(|(name, scores)| (name, scores.into_iter().collect())).collect()
}
