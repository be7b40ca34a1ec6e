//! One iteration of mutation: parents, a minibatch, reflections, and the gate.

use std::collections::BTreeMap;

use rand::Rng;

use super::gate::{self, Verdict};
use super::reflect::{self, Reflection, Unusable};
use super::{Gepa, Scored, all_perfect, profile, scores, select};
use crate::config::{Keep, ModuleSelection, Parents};
use crate::data::split::Split;
use crate::engine::{Completion, Ended, Request};
use crate::event::{Event, Purpose};
use crate::optimize::session::Ask;
use crate::optimize::{Halt, Session};
use crate::program::Candidate;

/// A parent's rollouts on the minibatch.
struct Parent {
    place: usize,
    rollouts: Vec<std::sync::Arc<Scored>>,
    scores: Vec<Option<f64>>,
    /// The modules whose turn it is.
    modules: Vec<usize>,
}

/// A child to be tried.
struct Child {
    /// From 1.
    proposal: usize,
    /// Its place among the iteration's parents.
    parent: usize,
    candidate: Candidate,
}

/// A question to a reflector: which proposal's, on which module.
struct Question {
    proposal: usize,
    parent: usize,
    module: usize,
    request: Request,
}

impl Gepa {
    /// One iteration; says nothing, since whatever happens is an event.
    pub(super) fn mutate(&mut self, session: &mut Session<'_>, iteration: u64, batch: &[usize]) -> Result<(), Halt> {
        let drawn = self.draw_parents(session, iteration);
        let mut distinct: Vec<usize> = Vec::new();
        drawn.iter().for_each(|place| {
            if !distinct.contains(place) {
                distinct.push(*place)
            }
        });
        let train = session.train();
        let minibatch = batch.iter().map(|&place| train[place].id.clone()).collect();
        session.log(&Event::Iteration { iteration, parents: distinct.clone(), minibatch })?;

        let parents = self.run_parents(session, iteration, &distinct, batch)?;
        // Proposals in the order in which their parents were drawn; those of perfect parents fall away.
        let proposals: Vec<usize> =
            drawn.iter().filter_map(|place| parents.iter().position(|parent| parent.place == *place)).collect();
        let children = self.reflect(session, iteration, &parents, &proposals)?;
        for (child, _) in self.gate(session, iteration, &parents, children, batch)? {
            self.validate(session, iteration, child.candidate, vec![parents[child.parent].place])?;
            self.crossover.mutation_accepted(session.plan().max_merges);
        }
        Ok(())
    }

    /// A parent for each proposal: the same, or drawn for each.
    fn draw_parents(&self, session: &Session<'_>, iteration: u64) -> Vec<usize> {
        let plan = session.plan();
        let mut random = session.random("parent", iteration);
        match plan.parents {
            Some(Parents::Several) => (0..plan.proposals).map(|_| select::parent(plan, &self.members, &mut random)).collect(),
            _ => vec![select::parent(plan, &self.members, &mut random); plan.proposals],
        }
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
        let mut parents = Vec::new();
        for (&place, answers) in places.iter().zip(answers) {
            let rollouts: Vec<_> = answers.into_iter().flatten().collect();
            let scores = scores(&rollouts);
            if all_perfect(&scores) {
                session.log(&Event::Perfect { iteration, parent: place })?;
                continue;
            }
            let count = session.program().modules.len();
            let modules = match session.plan().module_selection {
                ModuleSelection::RoundRobin => vec![self.turns.take(place, count)],
                ModuleSelection::All => (0..count).collect(),
            };
            parents.push(Parent { place, rollouts, scores, modules });
        }
        Ok(parents)
    }

    /// Asks reflectors for new instructions, all proposals in one batch, and reads the answers.
    fn reflect(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        parents: &[Parent],
        proposals: &[usize],
    ) -> Result<Vec<Child>, Halt> {
        let questions = self.questions(session, iteration, parents, proposals)?;
        if questions.is_empty() {
            return Ok(Vec::new());
        }
        let requests: Vec<Request> = questions.iter().map(|question| question.request.clone()).collect();
        let completions = session.reflect(&requests)?;
        let mut answers: BTreeMap<usize, Vec<(Question, Completion)>> = BTreeMap::new();
        for (question, completion) in questions.into_iter().zip(completions) {
            answers.entry(question.proposal).or_default().push((question, completion));
        }
        let mut children = Vec::new();
        for (proposal, answers) in answers {
            children.extend(self.read(session, iteration, parents, proposal, answers)?);
        }
        Ok(children)
    }

    /// The questions of all proposals. Those that have no room in the reflector's context are not asked.
    fn questions(
        &self,
        session: &mut Session<'_>,
        iteration: u64,
        parents: &[Parent],
        proposals: &[usize],
    ) -> Result<Vec<Question>, Halt> {
        let (plan, program) = (session.plan(), session.program());
        let mut seeds = session.random("reflection", iteration);
        let mut questions = Vec::new();
        for (index, &parent) in proposals.iter().enumerate() {
            let proposal = index + 1;
            let turn = usize::try_from(iteration).unwrap_or(0).wrapping_mul(plan.proposals).wrapping_add(index);
            let (reflector, model) = &self.reflectors[turn % self.reflectors.len()];
            let room = session.context_length(*model).saturating_sub(plan.reflection_tokens as usize);
            let Parent { place, rollouts, modules, .. } = &parents[parent];
            let rollouts: Vec<&Scored> = rollouts.iter().map(|scored| &**scored).collect();
            for &module in modules {
                let seed = seeds.next_u64();
                let about = &program.modules[module];
                let instruction = &self.members[*place].candidate.0[module].instruction;
                let profile = profile::describe(&about.outputs, session.train());
                let count = |text: &str| session.count_tokens(*model, text);
                let Reflection { messages, examples } = reflect::compose(about, instruction, &profile, &rollouts, room, &count);
                let (name, reflector) = (about.name.clone(), reflector.clone());
                session.log(&Event::Reflecting {
                    iteration,
                    proposal,
                    parent: *place,
                    module: name.clone(),
                    reflector,
                    examples,
                })?;
                if examples == 0 {
                    let text = format!("no example fits {room} tokens beside the answer's {}", plan.reflection_tokens);
                    let reason = Unusable::NoRoom.reason();
                    session.log(&Event::Unusable { iteration, proposal, module: name, reason, text })?;
                    continue;
                }
                let request = reflect::request(*model, messages, plan.reflection_tokens, plan.reflection_temperature, seed);
                questions.push(Question { proposal, parent, module, request });
            }
        }
        Ok(questions)
    }

    /// The child of one proposal; None where no answer is usable, or the whole of it was tried before.
    fn read(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        parents: &[Parent],
        proposal: usize,
        answers: Vec<(Question, Completion)>,
    ) -> Result<Option<Child>, Halt> {
        let Some(parent) = answers.first().map(|(question, _)| question.parent) else {
            return Ok(None);
        };
        let Parent { place, rollouts, .. } = &parents[parent];
        let rollouts: Vec<&Scored> = rollouts.iter().map(|scored| &**scored).collect();
        let seed = &self.members[*place].candidate;
        let mut candidate = seed.clone();
        let mut instructions = Vec::new();
        let alone = answers.len() == 1;
        for (Question { module, .. }, completion) in answers {
            let name = session.program().modules[module].name.clone();
            // With several modules, only the whole can have been tried.
            let is_tried = |text: &str| alone && self.tried.contains(&seed.with_instruction(module, text));
            match reflect::read(&completion, &seed.0[module].instruction, &rollouts, is_tried) {
                Ok(instruction) => {
                    candidate = candidate.with_instruction(module, &instruction);
                    instructions.push((name, instruction));
                }
                Err(unusable) => {
                    let text = match completion.ended {
                        Ended::Refused(reason) => reason,
                        _ => completion.text,
                    };
                    session.log(&Event::Unusable { iteration, proposal, module: name, reason: unusable.reason(), text })?;
                }
            }
        }
        if instructions.is_empty() {
            return Ok(None);
        }
        if !self.tried.insert(candidate.clone()) {
            for (module, text) in instructions {
                let reason = Unusable::Repeated.reason();
                session.log(&Event::Unusable { iteration, proposal, module, reason, text })?;
            }
            return Ok(None);
        }
        session.log(&Event::Proposed { iteration, proposal, parent: *place, instructions })?;
        Ok(Some(Child { proposal, parent, candidate }))
    }

    /// Runs the children on the minibatch, all in one wave, and returns those that are to be kept.
    fn gate(
        &self,
        session: &mut Session<'_>,
        iteration: u64,
        parents: &[Parent],
        children: Vec<Child>,
        batch: &[usize],
    ) -> Result<Vec<(Child, Verdict)>, Halt> {
        if children.is_empty() {
            return Ok(Vec::new());
        }
        let rule = session.plan().gate;
        let asks: Vec<Ask<'_>> = children.iter().map(|child| Ask { candidate: &child.candidate, places: batch }).collect();
        let mut can_pass = |child: usize, answers: &crate::optimize::Answers| {
            let known: Vec<Option<Option<f64>>> = answers.iter().map(|a| a.as_ref().map(|scored| scored.score())).collect();
            gate::can_pass(rule, &parents[children[child].parent].scores, &known)
        };
        let answers = session.evaluate_while(Purpose::Gate, Split::Train, &asks, &mut can_pass)?;
        let mut passed = Vec::new();
        for (child, answers) in children.into_iter().zip(answers) {
            let run = answers.iter().flatten().count();
            let scores: Vec<Option<f64>> = answers.iter().map(|a| a.as_ref().and_then(|scored| scored.score())).collect();
            let verdict = Verdict::of(&parents[child.parent].scores, &scores);
            let (proposal, Verdict { parent_sum, child_sum }) = (child.proposal, verdict);
            if run < batch.len() || !verdict.passes(rule) {
                session.log(&Event::Rejected { iteration, proposal, parent_sum, child_sum, run })?;
            } else {
                session.log(&Event::Passed { iteration, proposal, parent_sum, child_sum })?;
                passed.push((child, verdict));
            }
        }
        if session.plan().keep == Some(Keep::All) {
            return Ok(passed);
        }
        // The largest gain; of equals the first.
        let most = passed.iter().map(|(_, verdict)| verdict.gain()).fold(f64::NEG_INFINITY, f64::max);
        let best = passed.iter().position(|(_, verdict)| verdict.gain() >= most);
        let mut kept = Vec::new();
        for (index, (child, verdict)) in passed.into_iter().enumerate() {
            if Some(index) == best {
                kept.push((child, verdict));
            } else {
                session.log(&Event::PassedOver { iteration, proposal: child.proposal })?;
            }
        }
        Ok(kept)
    }
}
