//! Step 7: runs the children on the minibatch, and decides which of them are validated.

use std::sync::Arc;

use super::gate::{self, ChildScore, ScoreSums};
use super::iteration::{Child, Minibatch, Parent};
use super::state::SearchState;
use super::tie_break::{self, Likelihoods};
use super::undecided::{self, Pairs, Undecided, UndecidedChildren};
use super::{propose, validate};
use crate::config::{Gate, Keep};
use crate::data::split::Split;
use crate::evaluate::Scored;
use crate::event::{Decision, Purpose};
use crate::optimize::reflection::contrast::addition;
use crate::optimize::reuse::{Answers, EvaluationRequest};
use crate::optimize::session::{Halt, Session};

/// The sum of scores that is expected of a parent on a minibatch, below which a sum of 0 is no surprise.
const EXPECTED_SUM_NEAR_ZERO: f64 = 0.5;

/// Runs the children on the minibatch, all in one wave, and returns those that are to be validated.
///
/// Differences from the paper, with the confident gate: on a minibatch that the seed was run on before the first iteration,
/// where the parent's rollouts are reused, a child that is not plainly worse passes, since the first share of the
/// validation says more about it. A child that is neither better nor worse passes if it makes the right answers more likely. Where that
/// cannot be computed, it is gated again in a later iteration of its parent, and what was scored before counts.
pub fn run(
    state: &mut SearchState,
    session: &mut Session<'_>,
    iteration: u64,
    parents: &[Parent],
    children: Vec<Child>,
    minibatch: &Minibatch,
) -> Result<Vec<Child>, Halt> {
    if children.is_empty() {
        return Ok(Vec::new());
    }
    let rule = session.plan().gate;
    let is_lenient = minibatch.is_of_seed && rule == Gate::Confident;
    let asks: Vec<EvaluationRequest<'_>> = children
        .iter()
        .map(|child| EvaluationRequest { candidate: &child.candidate, example_indices: &minibatch.examples })
        .collect();
    let mut can_pass = |child: usize, answers: &Answers| {
        let child = &children[child];
        let (mut parent, mut known): (Vec<Option<f64>>, Vec<ChildScore>) =
            child.earlier.iter().map(|&(parent, child)| (parent, ChildScore::Run(child))).unzip();
        parent.extend(&parents[child.parent].scores);
        known.extend(answers.iter().map(child_score));
        is_lenient || gate::can_pass(rule, &parent, &known)
    };
    let answers = session.evaluate_while(Purpose::Gate, Split::Train, &asks, &mut can_pass)?;
    let gated: Vec<Gated> = children
        .iter()
        .zip(&answers)
        .map(|(child, answers)| {
            let parent = &parents[child.parent];
            Gated::new(state.members[parent.index].mean(), parent, child, answers, rule, is_lenient)
        })
        .collect();
    let tied: Vec<usize> = (0..children.len()).filter(|&child| rule == Gate::Confident && gated[child].is_tied()).collect();
    let likelihoods = tie_break::compare(state, session, parents, &children, &tied, minibatch)?;
    let train = session.train();
    let examples = minibatch.examples.iter().map(|&example| &train[example]);
    let mut passed = Vec::new();
    for (index, ((child, answers), gated)) in children.into_iter().zip(answers).zip(gated).enumerate() {
        state.demonstrations.record(session.program(), &state.profiles, &child.candidate, examples.clone(), &answers);
        state.training_rollouts.record(&child.candidate, &minibatch.examples, &answers);
        let run = answers.iter().flatten().count();
        let parent = &parents[child.parent];
        let tie = likelihoods.get(&index).copied();
        let passes = gated.passes || tie.is_some_and(|tie| tie.child > tie.parent);
        let sums = gated.sums;
        let (proposal, ScoreSums { parent_sum, child_sum }) = (child.proposal, sums);
        if passes {
            session.log(Decision::Passed { iteration, proposal, parent_sum, child_sum })?;
            passed.push((child, sums));
        } else {
            propose::record_outcome(state, session, &child, false);
            record_additions(state, &child, parent);
            session.log(Decision::Rejected { iteration, proposal, parent_sum, child_sum, run })?;
            if tied.contains(&index) && tie.is_none() {
                let Child { candidate, operators, reflector, .. } = child;
                state.undecided.add(Undecided { parent: parent.index, candidate, operators, reflector, pairs: gated.pairs });
            }
        }
        if let Some(Likelihoods { parent, child }) = tie {
            session.log(Decision::TieBroken { iteration, proposal, parent, child })?;
        }
    }
    keep(state, session, iteration, passed)
}

/// What the scores say about a child at the gate.
struct Gated {
    /// The scores of its parent and its own on all examples that both were run on at the gate.
    pairs: Pairs,
    /// The sums of these scores.
    sums: ScoreSums,
    /// Whether it was run on the whole minibatch.
    is_complete: bool,
    /// Whether it passes by its scores.
    passes: bool,
}

impl Gated {
    /// Adds up the scores. `parent_mean` is the parent's mean score on validation examples.
    fn new(parent_mean: f64, parent: &Parent, child: &Child, answers: &Answers, rule: Gate, is_lenient: bool) -> Self {
        let scores: Vec<Option<f64>> = answers.iter().map(|answer| answer.as_ref()?.score()).collect();
        let mut pairs = child.earlier.clone();
        pairs.extend(undecided::pairs(&parent.scores, answers));
        let (parent_scores, child_scores): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
        let sums = ScoreSums::new(&parent_scores, &child_scores);
        let is_zero_expected = parent_mean * (answers.len() as f64) < EXPECTED_SUM_NEAR_ZERO;
        let is_no_worse = is_lenient && !gate::is_plainly_worse(&parent.scores, &scores);
        let is_complete = answers.iter().all(Option::is_some);
        Self { pairs, sums, is_complete, passes: is_complete && (is_no_worse || sums.passes(rule, is_zero_expected)) }
    }

    /// Whether its scores neither let it pass nor reject it for good.
    fn is_tied(&self) -> bool {
        self.is_complete && !self.passes && UndecidedChildren::is_undecided(&self.pairs)
    }
}

/// Returns those children of `passed` that are validated: all, or those with the largest gains. A few examples say little
/// about which child is the best, so the confident gate keeps as many as the budget allows to race on validation examples;
/// of equal gains the first.
fn keep(
    state: &mut SearchState,
    session: &mut Session<'_>,
    iteration: u64,
    passed: Vec<(Child, ScoreSums)>,
) -> Result<Vec<Child>, Halt> {
    if session.plan().keep == Some(Keep::All) {
        return Ok(passed.into_iter().map(|(child, _)| child).collect());
    }
    let mut finalists: Vec<usize> = (0..passed.len()).collect();
    finalists.sort_by(|&a, &b| passed[b].1.gain().total_cmp(&passed[a].1.gain()));
    finalists.truncate(match session.plan().gate {
        Gate::Confident => validate::most_contenders(session.rollouts_left(), session.validation_size()),
        Gate::Strict | Gate::OrEqual => 1,
    });
    let mut kept = Vec::new();
    for (index, (child, _)) in passed.into_iter().enumerate() {
        if finalists.contains(&index) {
            kept.push(child);
        } else {
            propose::record_outcome(state, session, &child, false);
            session.log(Decision::PassedOver { iteration, proposal: child.proposal })?;
        }
    }
    Ok(kept)
}

fn child_score(answer: &Option<Arc<Scored>>) -> ChildScore {
    answer.as_ref().map_or(ChildScore::NotRun, |scored| ChildScore::Run(scored.score()))
}

/// Stores what a rejected child added to its parent's instructions, for reflectors to read.
fn record_additions(state: &mut SearchState, child: &Child, parent: &Parent) {
    for &(module, _) in &child.operators {
        let before = &state.members[parent.index].candidate[module].instruction;
        let addition = addition(before, &child.candidate[module].instruction);
        if !addition.is_empty() {
            state.rejected_additions.entry((parent.index, module)).or_default().push(addition);
        }
    }
}
