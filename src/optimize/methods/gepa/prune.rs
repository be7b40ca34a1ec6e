//! Pruning: makes the prompt of a good candidate shorter, once the budget holds no other iteration.
//!
//! This is an addition to the paper. A step takes the shortest candidate that is not worse than the best by more than noise, and
//! removes half of its demonstrations, or a sentence. Which half: several are screened by the likelihood of the right answers.
//! The shorter candidate is validated in growing shares, and given up where it is worse than the best by more than noise. A
//! summary's frontier then offers it beside the best.

use rand::seq::SliceRandom;

use super::state::SearchState;
use super::validate::{self, Bar, NOISE_ERRORS};
use super::{gate, screen};
use crate::event::{Decision, MethodStep};
use crate::optimize::joining::{self, NewCandidate, Proposal};
use crate::optimize::pool::ranking;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, ModuleText, PoolIndex};

/// The most steps from one candidate. A step that fails removed the wrong half or sentence.
const MOST_STEPS_FROM_ONE: usize = 2;

/// The most halves that are screened.
const MOST_HALVES: usize = 4;

/// The share of the budget that is reserved for pruning, if that holds a validation: one in so many rollouts.
const BUDGET_SHARE: u64 = 5;

/// The validations that are reserved for at most.
const MOST_RESERVED: u64 = 2;

/// Returns the rollouts that iterations leave to pruning: none if there is nothing to prune yet, or if a share of the budget does not
/// hold a validation.
pub fn reserve(state: &SearchState, session: &Session<'_>) -> u64 {
    let validation = session.validation_size() as u64;
    let share = session.limits().rollouts.map_or(0, |all| all / BUDGET_SHARE);
    let validations = (share / validation.max(1)).min(MOST_RESERVED);
    if validations == 0 || next(state, session).is_none() { 0 } else { validations * validation }
}

/// Prunes one candidate. Returns false if there is none, or the budget does not hold its validation.
pub fn prune(state: &mut SearchState, session: &mut Session<'_>, iteration: u64) -> Result<bool, Halt> {
    let Some(Step { parent, module, candidates }) = next(state, session) else { return Ok(false) };
    let validation = session.validation_size() as u64;
    if !session.has_budget_for(validation)? {
        return Ok(false);
    }
    *state.pruned.entry(parent).or_default() += 1;
    session.log(Decision::Iteration { iteration, parents: vec![parent], minibatch: Vec::new() })?;
    let best = screen::screen(session, iteration, 1, &candidates, validation)?;
    let Some(candidate) = candidates.into_iter().nth(best.unwrap_or(0)) else { return Ok(false) };
    state.tried.insert(candidate.clone());
    let proposal = Proposal { iteration, number: 1, parent };
    joining::log_proposal(session, proposal, &candidate, &[(module, MethodStep::Prune.into())])?;
    let new = vec![NewCandidate::child(candidate, parent, 1)];
    validate::validate(state, session, iteration, new, Bar::Noise)?;
    Ok(true)
}

/// A step of pruning.
struct Step {
    /// The candidate that is made shorter.
    parent: PoolIndex,
    /// The index of the module whose text is made shorter.
    module: usize,
    /// The shorter candidates that can be tried, at least one.
    candidates: Vec<Candidate>,
}

/// Returns the next step: from the shortest candidate that is as good as the best, of its module with the longest text that can be
/// made shorter. None if there is no such candidate, or the plan turns pruning off.
fn next(state: &SearchState, session: &Session<'_>) -> Option<Step> {
    if !session.plan().prune {
        return None;
    }
    let best = &state.members[*ranking(&state.members).first()?];
    let mut parents: Vec<PoolIndex> = (0..state.members.len()).map(PoolIndex).collect();
    parents.retain(|&parent| {
        let member = &state.members[parent];
        let steps = state.pruned.get(&parent).copied().unwrap_or(0);
        member.complete
            && member.mean() > 0.0
            && steps < MOST_STEPS_FROM_ONE
            && !gate::is_worse(&member.scores, &best.scores, NOISE_ERRORS)
    });
    parents.sort_by_key(|&parent| (state.members[parent].prompt_tokens, parent));
    parents.into_iter().find_map(|parent| step(state, session, parent))
}

/// Returns a step from a candidate. None if none of its texts can be made shorter.
fn step(state: &SearchState, session: &Session<'_>, parent: PoolIndex) -> Option<Step> {
    let candidate = &state.members[parent].candidate;
    let tokens = |module: usize| {
        let model = session.program().modules[module].model;
        candidate.0[module].tokens(&|text| session.count_tokens(model, text))
    };
    let mut modules = joining::open_modules(session);
    modules.sort_by_key(|&module| (std::cmp::Reverse(tokens(module)), module));
    modules.into_iter().find_map(|module| {
        let steps = state.pruned.get(&parent).copied().unwrap_or(0);
        let mut random = session.random("pruning", (parent.0 * MOST_STEPS_FROM_ONE + steps) as u64);
        let shorter = shorter(&candidate.0[module], &session.program().modules[module].keep, &mut random).into_iter();
        let shorter = shorter.map(|text| candidate.with(module, text));
        let candidates: Vec<Candidate> = shorter.filter(|candidate| !state.tried.contains(candidate)).collect();
        (!candidates.is_empty()).then_some(Step { parent, module, candidates })
    })
}

/// Returns shorter forms of a text: random halves of its demonstrations; half as many of the nearest; or, without demonstrations,
/// the instruction without its last sentences one at a time. `keep` are sentences that stay.
fn shorter(text: &ModuleText, keep: &[String], random: &mut impl rand::Rng) -> Vec<ModuleText> {
    let shown = text.demonstrations.len();
    if let Some(nearest) = text.nearest {
        let fewer = ModuleText { nearest: Some(nearest / 2), ..text.clone() };
        return if nearest >= 2 { vec![fewer] } else { Vec::new() };
    }
    if shown > 0 {
        let mut halves = Vec::new();
        while halves.len() < MOST_HALVES {
            let mut order: Vec<usize> = (0..shown).collect();
            order.shuffle(random);
            for half in [&order[..shown / 2], &order[shown / 2..]] {
                // The order of the whole set stays: it was found to be good with it.
                let of_half = text.demonstrations.iter().enumerate().filter(|(index, _)| half.contains(index));
                let demonstrations = of_half.map(|(_, one)| one.clone()).collect();
                halves.push(ModuleText { demonstrations, ..text.clone() });
            }
        }
        halves.retain(|half| half.demonstrations.len() < shown);
        return halves;
    }
    let lines: Vec<&str> = text.instruction.lines().collect();
    let is_kept = |line: &str| keep.iter().any(|sentence| sentence.contains(line.trim()) || line.contains(sentence.as_str()));
    let without = |index: usize| {
        let left = lines.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, line)| *line);
        ModuleText { instruction: left.collect::<Vec<_>>().join("\n").trim().to_owned(), ..text.clone() }
    };
    (1..lines.len()).rev().filter(|&index| !lines[index].trim().is_empty() && !is_kept(lines[index])).map(without).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Demonstration;
    use crate::randomness::stream;

    fn text(shown: usize, nearest: Option<usize>, instruction: &str) -> ModuleText {
        let demonstration = |n: usize| Demonstration { id: n.to_string(), inputs: Vec::new(), answer: "a".into() };
        ModuleText { demonstrations: (0..shown).map(demonstration).collect(), nearest, ..ModuleText::new(instruction) }
    }

    fn shorter_of(text: &ModuleText) -> Vec<ModuleText> {
        shorter(text, &["Be brief.".to_owned()], &mut stream(0, "test", 0))
    }

    #[test]
    fn worked_examples_are_halved_in_their_order_and_sentences_removed_one_at_a_time() {
        let halves = shorter_of(&text(9, None, "A."));
        assert!(halves.iter().all(|half| [4, 5].contains(&half.demonstrations.len())), "{halves:?}");
        assert!(halves.iter().all(|half| half.demonstrations.is_sorted()), "{halves:?}");
        assert!(halves.len() == MOST_HALVES && halves[0] != halves[2]);
        assert_eq!(shorter_of(&text(9, Some(8), "A.")), [text(9, Some(4), "A.")]);
        assert_eq!(shorter_of(&text(9, Some(1), "A.")), []);
        let none = shorter_of(&text(1, None, "A."));
        assert!(!none.is_empty() && none.iter().all(|one| one.demonstrations.is_empty()));
        let instructions: Vec<String> =
            shorter_of(&text(0, None, "Task.\nOne.\n\nBe brief.\nTwo.")).into_iter().map(|text| text.instruction).collect();
        assert_eq!(instructions, ["Task.\nOne.\n\nBe brief.", "Task.\n\nBe brief.\nTwo."]);
        assert_eq!(shorter_of(&text(0, None, "Task.")), []);
    }
}
