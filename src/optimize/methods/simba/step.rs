//! One step: the draws on a minibatch, and the new programs that are made of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::{Rng, RngExt};

use super::bucket::{Bucket, quantile};
use super::programs::{Programs, poisson};
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
    pub(super) programs: &'s Programs,
    pub(super) plan: &'s SimbaPlan,
    pub(super) reflectors: &'s Reflectors,
}

/// A new program.
pub(super) struct NewProgram {
    /// Its number in the step, from 1.
    pub(super) number: usize,
    /// How it was made.
    pub(super) operator: MethodStep,
    pub(super) candidate: Candidate,
}

/// A program that is about to be changed by what an example taught.
struct Draft<'b> {
    number: usize,
    operator: MethodStep,
    /// The program that was drawn, without the worked examples that were dropped.
    candidate: Candidate,
    bucket: &'b Bucket,
    /// What the question for advice shows; None: the program stays as it is, or gets a worked example.
    shown: Option<Shown>,
}

impl Step<'_> {
    /// Answers the minibatch several times, each time by programs that are drawn anew. The rollouts stand draw by draw.
    pub(super) fn draw(&self, session: &mut Session<'_>) -> Result<Vec<Arc<Scored>>, Halt> {
        let mut random = session.random("simba draw", self.iteration);
        let top = self.programs.top(self.plan.candidates);
        let mut rollouts = Vec::new();
        for _ in 0..self.plan.candidates {
            for &example in self.minibatch {
                let program = self.programs.draw(&top, self.plan.sampling_temperature, &mut random);
                rollouts.push((self.programs.candidate(program), example));
            }
        }
        session.draw(&rollouts, self.plan.answer_temperature as f32)
    }

    /// Makes new programs, at most one more than there are draws, from the examples whose answers differ the most.
    pub(super) fn new_programs(&self, session: &mut Session<'_>, rollouts: &[Arc<Scored>]) -> Result<Vec<NewProgram>, Halt> {
        let tenths = Tenths { low: quantile(rollouts, 0.1), high: quantile(rollouts, 0.9) };
        let buckets = Bucket::sorted(self.minibatch, rollouts);
        let mut random = session.random("simba strategy", self.iteration);
        let most = self.plan.candidates + 1;
        let (mut new, mut rest): (Vec<NewProgram>, Vec<(usize, &Bucket)>) = (Vec::new(), (1..).zip(&buckets).collect());
        while new.len() < most && !rest.is_empty() {
            let later = rest.split_off((most - new.len()).min(rest.len()));
            let drafts = rest.into_iter().map(|(number, bucket)| self.draft(number, bucket, tenths, &mut random)).collect();
            for made in self.finish(session, drafts, tenths)? {
                let is_known = self.programs.contains(&made.candidate) || new.iter().any(|new| new.candidate == made.candidate);
                if !is_known {
                    new.push(made);
                }
            }
            rest = later;
        }
        Ok(new)
    }

    /// Draws a program, drops some of its worked examples, and decides how it is changed.
    fn draft<'b>(&self, number: usize, bucket: &'b Bucket, tenths: Tenths, random: &mut impl Rng) -> Draft<'b> {
        let top = self.programs.top(self.plan.candidates);
        let drawn = self.programs.draw(&top, self.plan.candidate_temperature, random);
        let mut candidate = self.programs.candidate(drawn).clone();
        // The reference drops as if three were allowed where there are rules only.
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
        Draft { number, operator, candidate, bucket, shown }
    }

    /// Makes programs of drafts. All questions for advice are asked at once. A draft for which no module got usable advice gives none.
    fn finish(&self, session: &mut Session<'_>, drafts: Vec<Draft<'_>>, tenths: Tenths) -> Result<Vec<NewProgram>, Halt> {
        let open = open_modules(session);
        let asked: Vec<(usize, usize, Shown)> = drafts
            .iter()
            .enumerate()
            .filter_map(|(index, draft)| Some((index, draft.shown?)))
            .flat_map(|(index, shown)| open.iter().map(move |&module_index| (index, module_index, shown)))
            .collect();
        let question = |&(index, module_index, shown): &(usize, usize, Shown)| {
            let Draft { number, candidate, bucket, .. } = &drafts[index];
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
        // The stream of a step's later rounds of questions begins with the number of their first draft.
        let stream = format!("advice {}", drafts.first().map_or(0, |draft| draft.number));
        let texts = self.reflectors.ask(session, self.iteration, &stream, &questions, &|session, index, completion| {
            let (draft, module_index, _) = asked[index];
            rule::with_advice(session, module_index, &drafts[draft].candidate.0[module_index], &inputs, completion)
        })?;
        let mut advised: Vec<Vec<(usize, ModuleText)>> = drafts.iter().map(|_| Vec::new()).collect();
        for (&(index, module_index, _), text) in asked.iter().zip(texts) {
            advised[index].extend(text.map(|text| (module_index, text)));
        }
        let made = |(draft, texts): (Draft<'_>, Vec<(usize, ModuleText)>)| {
            let Draft { number, operator, mut candidate, bucket, shown } = draft;
            if shown.is_some() && texts.is_empty() {
                return None;
            }
            if operator == MethodStep::Demonstrate && super::bucket::score(&bucket.best) > tenths.low {
                candidate = with_demonstration(session, &candidate, &open, bucket);
            }
            texts.into_iter().for_each(|(module_index, text)| candidate.0[module_index] = text);
            Some(NewProgram { number, operator, candidate })
        };
        Ok(drafts.into_iter().zip(advised).filter_map(made).collect())
    }
}

/// Returns the candidate with the calls of the best rollout at the end of the worked examples of its open modules. The first examples
/// make room for it; a call that has no room even alone is left out.
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
