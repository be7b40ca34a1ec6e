//! One iteration of mutation: parents on a minibatch, proposals, and the gate.

use std::collections::BTreeSet;

use super::gate::{self, Sums};
use super::propose::{Child, Parent};
use super::validate::{self, Newcomer};
use super::{Gepa, all_perfect, scores, select};
use crate::config::{Gate, Keep, ModuleSelection, Parents};
use crate::data::split::Split;
use crate::event::{Event, Purpose};
use crate::optimize::minibatch::Minibatches;
use crate::optimize::session::Ask;
use crate::optimize::{Halt, Session, joining, minibatch};
use crate::program::Candidate;

/// Right answers that are expected of a parent on a minibatch, below which none is no news.
const LIKELY_ZERO: f64 = 0.5;

/// The most characters of a rejected attempt that a reflector is told of.
const ATTEMPT_LENGTH: usize = 200;

impl Gepa {
    /// One iteration; says nothing, since whatever happens is an event.
    pub(super) fn mutate(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        proposals: usize,
        batches: &mut Minibatches,
    ) -> Result<(), Halt> {
        let drawn = self.draw_parents(session, iteration, proposals);
        let mut distinct: Vec<usize> = Vec::new();
        drawn.iter().for_each(|place| {
            if !distinct.contains(place) {
                distinct.push(*place)
            }
        });
        let known = if distinct == [0] { self.known.pop_front() } else { None };
        let is_known = known.is_some();
        let batch = &known.unwrap_or_else(|| self.deal(session, iteration, &distinct, batches));
        let train = session.train();
        let minibatch = batch.iter().map(|&place| train[place].id.clone()).collect();
        session.log(&Event::Iteration { iteration, parents: distinct.clone(), minibatch })?;

        let parents = self.run_parents(session, iteration, &distinct, batch)?;
        // Proposals in the order in which their parents were drawn; those of perfect parents fall away.
        let proposals: Vec<usize> =
            drawn.iter().filter_map(|place| parents.iter().position(|parent| parent.place == *place)).collect();
        let children = self.propose(session, iteration, &parents, &proposals, batch)?;
        let kept = self.gate(session, iteration, &parents, children, (batch, is_known))?;
        let newcomer = |child: &Child| Newcomer {
            candidate: child.candidate.clone(),
            parents: vec![parents[child.parent].place],
            proposal: child.proposal,
        };
        let first = self.members.len();
        let complete = self.validate(session, iteration, kept.iter().map(newcomer).collect())?;
        for (child, place) in kept.iter().zip(first..) {
            let (member, parent) = (&self.members[place], &self.members[parents[child.parent].place]);
            // The parent may have been validated in part.
            let is_better = member.complete && member.scores.lead(&parent.scores) > 0.0;
            self.learn(session, child, is_better);
        }
        (0..complete).for_each(|_| self.crossover.mutation_accepted(session.plan().max_merges));
        Ok(())
    }

    /// A parent for each proposal: the same, or drawn for each.
    fn draw_parents(&self, session: &Session<'_>, iteration: u64, proposals: usize) -> Vec<usize> {
        let plan = session.plan();
        let mut random = session.random("parent", iteration);
        match plan.parents {
            Some(Parents::Several) => (0..proposals).map(|_| select::parent(plan, &self.members, &mut random)).collect(),
            _ => vec![select::parent(plan, &self.members, &mut random); proposals],
        }
    }

    /// The next minibatch, without examples that one of the parents shows.
    fn deal(&self, session: &Session<'_>, iteration: u64, parents: &[usize], batches: &mut Minibatches) -> Vec<usize> {
        let batch = batches.deal(|epoch| session.random("minibatch", epoch));
        let train = session.train();
        let shown: BTreeSet<&str> = parents
            .iter()
            .flat_map(|&place| &self.members[place].candidate.0)
            .flat_map(|text| text.demonstrations.iter().map(|shown| shown.id.as_str()))
            .collect();
        let is_shown = |place: usize| shown.contains(train[place].id.as_str());
        minibatch::not_shown(&batch, train.len(), is_shown, &mut session.random("not shown", iteration))
    }

    /// Runs the parents on the minibatch. Those that are perfect on it are left out: from them there
    /// is nothing to learn. The others' modules move on.
    fn run_parents(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        places: &[usize],
        batch: &[usize],
    ) -> Result<Vec<Parent>, Halt> {
        let members = &self.members;
        let asks: Vec<Ask<'_>> =
            places.iter().map(|&place| Ask { candidate: &members[place].candidate, places: batch }).collect();
        let answers = session.evaluate_while(Purpose::Parent, Split::Train, &asks, &mut |_, _| true)?;
        let (train, mut parents) = (session.train(), Vec::new());
        let examples = batch.iter().map(|&place| &train[place]);
        for (&place, answers) in places.iter().zip(answers) {
            self.right.learn(session.program(), &self.profiles, &self.members[place].candidate, examples.clone(), &answers);
            let rollouts: Vec<_> = answers.into_iter().flatten().collect();
            let scores = scores(&rollouts);
            if all_perfect(&scores) {
                session.log(&Event::Perfect { iteration, parent: place })?;
                continue;
            }
            let modules = &session.program().modules;
            let evolve = joining::open_modules(session);
            // Of a module that was not called there is nothing to read; where none was, none is better than another.
            let is_called = |module: &usize| rollouts.iter().any(|of| of.rollout.telling(&modules[*module].name).is_some());
            let called: Vec<usize> = evolve.iter().copied().filter(is_called).collect();
            let called = if called.is_empty() { evolve.clone() } else { called };
            let modules = match session.plan().module_selection {
                ModuleSelection::RoundRobin => {
                    vec![evolve[self.turns.take(place, evolve.len(), |turn| called.contains(&evolve[turn]))]]
                }
                ModuleSelection::All => called,
                // What one module gains, another can lose again: only together do they show it. Alone, the last of them come first:
                // what they gain shows at once, and the others' calls are known.
                ModuleSelection::Mixed if evolve.len() > 1 => {
                    let of = |turn: usize| evolve[evolve.len() - turn];
                    match self.turns.take(place, evolve.len() + 1, |turn| turn == 0 || called.contains(&of(turn))) {
                        0 => called,
                        turn => vec![of(turn)],
                    }
                }
                ModuleSelection::Mixed => called,
            };
            parents.push(Parent { place, rollouts, scores, modules });
        }
        Ok(parents)
    }

    /// Runs the children on the minibatch, all in one wave, and returns those that are to be kept. Where it cost the parent nothing,
    /// the first share of the validation, which costs it nothing either, says more about a child that is not plainly worse.
    fn gate(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        parents: &[Parent],
        children: Vec<Child>,
        (batch, is_known): (&[usize], bool),
    ) -> Result<Vec<Child>, Halt> {
        if children.is_empty() {
            return Ok(Vec::new());
        }
        let rule = session.plan().gate;
        let is_lenient = is_known && rule == Gate::Confident;
        let asks: Vec<Ask<'_>> = children.iter().map(|child| Ask { candidate: &child.candidate, places: batch }).collect();
        let mut can_pass = |child: usize, answers: &crate::optimize::Answers| {
            let known: Vec<Option<Option<f64>>> = answers.iter().map(|a| a.as_ref().map(|scored| scored.score())).collect();
            is_lenient || gate::can_pass(rule, &parents[children[child].parent].scores, &known)
        };
        let answers = session.evaluate_while(Purpose::Gate, Split::Train, &asks, &mut can_pass)?;
        let (train, mut passed) = (session.train(), Vec::new());
        let examples = batch.iter().map(|&place| &train[place]);
        for (child, answers) in children.into_iter().zip(answers) {
            self.right.learn(session.program(), &self.profiles, &child.candidate, examples.clone(), &answers);
            let run = answers.iter().flatten().count();
            let scores: Vec<Option<f64>> = answers.iter().map(|a| a.as_ref().and_then(|scored| scored.score())).collect();
            let sums = Sums::of(&parents[child.parent].scores, &scores);
            let (proposal, Sums { parent_sum, child_sum }) = (child.proposal, sums);
            let expected = self.members[parents[child.parent].place].mean() * batch.len() as f64;
            let is_no_worse = is_lenient && !gate::is_plainly_worse(&parents[child.parent].scores, &scores);
            let has_passed = run == batch.len() && (is_no_worse || sums.passes(rule, expected < LIKELY_ZERO));
            if !has_passed {
                self.learn(session, &child, false);
                self.remember(&child, parents[child.parent].place);
                // A few examples are easily wrong: the same text may be tried on other ones, once.
                if rule == Gate::Confident && self.on_probation.insert(child.candidate.clone()) {
                    self.tried.remove(&child.candidate);
                }
                session.log(&Event::Rejected { iteration, proposal, parent_sum, child_sum, run })?;
            } else {
                session.log(&Event::Passed { iteration, proposal, parent_sum, child_sum })?;
                passed.push((child, sums));
            }
        }
        if session.plan().keep == Some(Keep::All) {
            return Ok(passed.into_iter().map(|(child, _)| child).collect());
        }
        // A few examples tell little about who is best: as many as the budget allows race on validation, the largest
        // gains first, of equals the first.
        let mut rivals: Vec<usize> = (0..passed.len()).collect();
        rivals.sort_by(|&a, &b| passed[b].1.gain().total_cmp(&passed[a].1.gain()));
        rivals.truncate(match rule {
            Gate::Confident => validate::field(session.rollouts_left(), session.validation_size()),
            Gate::Strict | Gate::OrEqual => 1,
        });
        let mut kept = Vec::new();
        for (index, (child, _)) in passed.into_iter().enumerate() {
            if rivals.contains(&index) {
                kept.push(child);
            } else {
                self.learn(session, &child, false);
                session.log(&Event::PassedOver { iteration, proposal: child.proposal })?;
            }
        }
        Ok(kept)
    }

    /// Keeps what a rejected child added to its parent, for reflectors to read.
    fn remember(&mut self, child: &Child, parent: usize) {
        for &(module, _) in &child.operators {
            let before = &self.members[parent].candidate.0[module].instruction;
            let added = added(before, &child.candidate, module);
            if !added.is_empty() {
                self.rejected.entry((parent, module)).or_default().push(added);
            }
        }
    }
}

/// The lines of a child's instruction that its parent's does not have, cut to a length.
fn added(before: &str, child: &Candidate, module: usize) -> String {
    let had: Vec<&str> = before.lines().collect();
    let new = child.0[module].instruction.lines().filter(|line| !had.contains(line));
    new.collect::<Vec<_>>().join(" ").chars().take(ATTEMPT_LENGTH).collect()
}
