//! One step: the draws on a minibatch, and the children that are made from them.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::{Rng, RngExt};

use super::bucket::{Bucket, quantile};
use super::candidates::{Candidates, poisson};
use super::rule::{self, Shown, Tenths};
use crate::config::SimbaPlan;
use crate::data::ExampleIndex;
use crate::evaluate::Scored;
use crate::event::{MethodStep, Origin};
use crate::optimize::joining::open_modules;
use crate::optimize::reflection::demonstrations::last_call;
use crate::optimize::reflection::instruction::is_too_long;
use crate::optimize::reflection::reflectors::{Reflection, Reflectors};
use crate::optimize::reflection::training_data;
use crate::optimize::reflection::unusable::Attempt;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, ModuleText, PoolIndex};

/// What a step reads.
pub(super) struct Step<'s> {
    pub(super) iteration: u64,
    pub(super) minibatch: &'s [ExampleIndex],
    pub(super) candidates: &'s Candidates,
    pub(super) plan: &'s SimbaPlan,
    pub(super) reflectors: &'s Reflectors,
}

/// A new candidate.
pub(super) struct Child {
    /// Its number in the step, from 1.
    pub(super) number: usize,
    /// How it was made.
    pub(super) operator: MethodStep,
    pub(super) candidate: Candidate,
}

/// A child before it is changed, and how it is to be changed.
struct PlannedChild<'b> {
    number: usize,
    operator: MethodStep,
    /// The candidate that was drawn, without the demonstrations that were dropped.
    candidate: Candidate,
    bucket: &'b Bucket,
    /// The rollouts that the question for advice shows. None if there is no question: the child gets a demonstration, or no
    /// change.
    shown: Option<Shown>,
}

impl Step<'_> {
    /// Answers the minibatch several times, each time by candidates that are drawn anew. Returns the rollouts of the first draw,
    /// then those of the second, and so on.
    pub(super) fn draw(&self, session: &mut Session<'_>) -> Result<Vec<Arc<Scored>>, Halt> {
        let mut random = session.random("simba draw", self.iteration);
        let top = self.candidates.top(self.plan.candidates);
        let mut rollouts = Vec::new();
        for _ in 0..self.plan.candidates {
            for &example in self.minibatch {
                let index = self.candidates.draw(&top, self.plan.sampling_temperature, &mut random);
                rollouts.push((self.candidates.candidate(index), example));
            }
        }
        session.draw(&rollouts, self.plan.answer_temperature as f32)
    }

    /// Makes children, at most one more than there are draws, from the examples whose answers differ the most.
    pub(super) fn children(&self, session: &mut Session<'_>, rollouts: &[Arc<Scored>]) -> Result<Vec<Child>, Halt> {
        let tenths = Tenths { low: quantile(rollouts, 0.1), high: quantile(rollouts, 0.9) };
        let buckets = Bucket::sorted(self.minibatch, rollouts);
        let mut random = session.random("simba strategy", self.iteration);
        let most = self.plan.candidates + 1;
        let (mut new, mut rest): (Vec<Child>, Vec<(usize, &Bucket)>) = (Vec::new(), (1..).zip(&buckets).collect());
        while new.len() < most && !rest.is_empty() {
            let later = rest.split_off((most - new.len()).min(rest.len()));
            let planned = rest.into_iter().map(|(number, bucket)| self.plan_child(number, bucket, tenths, &mut random)).collect();
            for made in self.finish(session, planned, tenths)? {
                let is_known =
                    self.candidates.contains(&made.candidate) || new.iter().any(|child| child.candidate == made.candidate);
                if !is_known {
                    new.push(made);
                }
            }
            rest = later;
        }
        Ok(new)
    }

    /// Draws a candidate, drops some of its demonstrations, and decides how it is changed.
    fn plan_child<'b>(&self, number: usize, bucket: &'b Bucket, tenths: Tenths, random: &mut impl Rng) -> PlannedChild<'b> {
        let top = self.candidates.top(self.plan.candidates);
        let drawn = self.candidates.draw(&top, self.plan.candidate_temperature, random);
        let mut candidate = self.candidates.candidate(drawn).clone();
        // With advice only, the reference drops demonstrations as if three were allowed.
        let allowed = if self.plan.demonstrations == 0 { 3 } else { self.plan.demonstrations };
        let count = candidate.0.iter().map(|text| text.demonstrations.len()).max().unwrap_or(0);
        let drops = poisson(count as f64 / allowed as f64, random).max(usize::from(count >= allowed)).min(count);
        let dropped: BTreeSet<usize> = (0..drops).map(|_| random.random_range(0..count)).collect();
        for text in &mut candidate.0 {
            let shown = std::mem::take(&mut text.demonstrations).into_iter().enumerate();
            text.demonstrations = shown.filter(|(index, _)| !dropped.contains(index)).map(|(_, one)| one).collect();
        }
        let demonstrates = self.plan.demonstrations > 0 && random.random_bool(0.5);
        let operator = if demonstrates { MethodStep::Demonstrate } else { MethodStep::Advise };
        let shown = if demonstrates { None } else { tenths.shown(bucket) };
        PlannedChild { number, operator, candidate, bucket, shown }
    }

    /// Makes the planned children. All questions for advice are asked at once. A child for which a question was asked and no
    /// module got usable advice is left out.
    fn finish(&self, session: &mut Session<'_>, planned: Vec<PlannedChild<'_>>, tenths: Tenths) -> Result<Vec<Child>, Halt> {
        let open = open_modules(session);
        let asked: Vec<(usize, usize, Shown)> = planned
            .iter()
            .enumerate()
            .filter_map(|(index, child)| Some((index, child.shown?)))
            .flat_map(|(index, shown)| open.iter().map(move |&module_index| (index, module_index, shown)))
            .collect();
        let question = |&(index, module_index, shown): &(usize, usize, Shown)| {
            let PlannedChild { number, candidate, bucket, .. } = &planned[index];
            Reflection {
                attempt: Attempt { proposal: *number, module_index, operator: Origin::from(MethodStep::Advise) },
                parent: PoolIndex::SEED,
                prompt: Ok(rule::question(session, candidate, module_index, bucket, shown)),
                max_tokens: session.plan().reflection_tokens,
                temperature: session.plan().reflection_temperature,
            }
        };
        let questions: Vec<Reflection> = asked.iter().map(question).collect();
        let inputs = training_data::quotable(session);
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        // The random numbers of each round of questions of a step have a stream of their own, named by the number of its first
        // child.
        let stream = format!("advice {}", planned.first().map_or(0, |child| child.number));
        let texts = self.reflectors.ask(session, self.iteration, &stream, &questions, &|session, index, completion| {
            let (index_of_child, module_index, _) = asked[index];
            rule::with_advice(session, module_index, &planned[index_of_child].candidate.0[module_index], &inputs, completion)
        })?;
        let mut advised: Vec<Vec<(usize, ModuleText)>> = planned.iter().map(|_| Vec::new()).collect();
        for (&(index, module_index, _), text) in asked.iter().zip(texts) {
            advised[index].extend(text.map(|text| (module_index, text)));
        }
        let made = |(child, texts): (PlannedChild<'_>, Vec<(usize, ModuleText)>)| {
            let PlannedChild { number, operator, mut candidate, bucket, shown } = child;
            if shown.is_some() && texts.is_empty() {
                return None;
            }
            if operator == MethodStep::Demonstrate && super::bucket::score(&bucket.best) > tenths.low {
                candidate = with_demonstration(session, &candidate, &open, bucket);
            }
            texts.into_iter().for_each(|(module_index, text)| candidate.0[module_index] = text);
            Some(Child { number, operator, candidate })
        };
        Ok(planned.into_iter().zip(advised).filter_map(made).collect())
    }
}

/// Returns the candidate with the calls of the best rollout at the end of the demonstrations of its open modules. If a text gets
/// too long, its first demonstrations are removed. A call that is too long even alone is left out.
fn with_demonstration(session: &Session<'_>, candidate: &Candidate, open: &[usize], bucket: &Bucket) -> Candidate {
    let example = &session.train()[bucket.example.0];
    let mut changed = candidate.clone();
    for &module_index in open {
        let before = &candidate.0[module_index];
        let module = &session.program().modules[module_index];
        let Some(shown) = last_call(module, before, example, &bucket.best) else { continue };
        let mut text = before.clone();
        text.demonstrations.retain(|other| other.id != shown.id);
        text.demonstrations.push(shown);
        while is_too_long(session, module_index, &text) && text.demonstrations.len() > 1 {
            text.demonstrations.remove(0);
        }
        if !is_too_long(session, module_index, &text) {
            changed.0[module_index] = text;
        }
    }
    changed
}
