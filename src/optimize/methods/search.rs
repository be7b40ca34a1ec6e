//! Texts that are tried on training examples and compared by their means, and of which the best are validated.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::data::split::Split;
use crate::engine::Completion;
use crate::evaluate::Scored;
use crate::event::{Event, Purpose};
use crate::optimize::joining::{self, Proposal, validated};
use crate::optimize::pool::{self, ranking, rounded};
use crate::optimize::reflection::answer::Unusable;
use crate::optimize::reflection::packing::Packed;
use crate::optimize::reflection::reflection_context;
use crate::optimize::reflection::writing::{self, Question, Writer};
use crate::optimize::session::{Ask, Halt};
use crate::optimize::{Member, Session};
use crate::program::{Candidate, ModuleText};

/// An iteration of a module's turn.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// From 1, over all turns.
    pub iteration: u64,
    /// The module whose turn it is.
    pub module: usize,
    /// What the turn began with: all other modules stay as they are here.
    pub base: &'a Candidate,
    /// Places of the training examples that candidates are compared on.
    pub examples: &'a [usize],
    /// The most candidates that the budget holds, at least 1.
    pub most: usize,
}

impl Step<'_> {
    /// The module's text in the base.
    #[must_use]
    pub fn text(&self) -> &ModuleText {
        &self.base.0[self.module]
    }
}

/// A text to be tried, and what it was made by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Which of the iteration's proposals, from 1.
    pub proposal: usize,
    /// The text.
    pub text: ModuleText,
    /// What made it.
    pub operator: &'static str,
}

/// How a candidate did on the training examples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fitness {
    /// The mean score, from 0 to 1.
    pub mean: f64,
    /// The mean nearness to the right answers, which decides between equals.
    pub closeness: f64,
    /// Examples that it was run on.
    pub examples: usize,
    /// How many candidates were tried before it.
    pub age: usize,
}

impl Fitness {
    /// The same candidate on more examples: `more` is of those from the place `from` on.
    fn and(&self, more: &Self, from: usize) -> Self {
        if self.examples != from || from == 0 {
            return Self { age: self.age, ..more.clone() };
        }
        let (before, all) = (from as f64, more.examples as f64);
        let both = |one: f64, other: f64| rounded((one * before + other * (all - before)) / all);
        let (mean, closeness) = (both(self.mean, more.mean), both(self.closeness, more.closeness));
        Self { mean, closeness, examples: more.examples, age: self.age }
    }

    /// The better first; of equals the older.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        let by_mean = other.mean.total_cmp(&self.mean).then(other.closeness.total_cmp(&self.closeness));
        by_mean.then(self.age.cmp(&other.age))
    }
}

/// What was tried, and the candidates that were validated.
#[derive(Debug)]
pub struct Search {
    /// Who writes.
    pub writer: Writer,
    pub(super) members: Vec<Member>,
    tried: BTreeMap<Candidate, Tried>,
}

/// A candidate that was tried.
#[derive(Debug)]
struct Tried {
    fitness: Fitness,
    /// The place in the pool of what it was proposed as a change of.
    parent: usize,
    /// What it did on the training examples, by place; none where nobody asks for it again.
    rollouts: Vec<(usize, Arc<Scored>)>,
}

impl Search {
    /// Nothing was tried yet.
    #[must_use]
    pub fn new(writer: Writer) -> Self {
        Self { writer, members: Vec::new(), tried: BTreeMap::new() }
    }

    /// What a text did on the training examples that it was tried on, by their places: known of those that were tried in this
    /// iteration, and of the method's population.
    #[must_use]
    pub fn rollouts(&self, step: &Step<'_>, text: &ModuleText) -> &[(usize, Arc<Scored>)] {
        self.tried.get(&Self::candidate(step, text)).map_or(&[], |tried| tried.rollouts.as_slice())
    }

    /// Forgets the rollouts of all texts but these: they are by far the largest that a search has in memory.
    pub(super) fn keep_rollouts(&mut self, step: &Step<'_>, texts: &[&ModuleText]) {
        let kept: Vec<Candidate> = texts.iter().map(|text| Self::candidate(step, text)).collect();
        for (candidate, tried) in &mut self.tried {
            if !kept.contains(candidate) {
                tried.rollouts = Vec::new();
            }
        }
    }

    /// The candidate with a text in the place of a step's module.
    #[must_use]
    pub fn candidate(step: &Step<'_>, text: &ModuleText) -> Candidate {
        step.base.with(step.module, text.clone())
    }

    /// How a text did, if it was tried.
    #[must_use]
    pub fn fitness(&self, step: &Step<'_>, text: &ModuleText) -> Option<&Fitness> {
        self.tried.get(&Self::candidate(step, text)).map(|tried| &tried.fitness)
    }

    /// The place in the pool of the best that was validated.
    #[must_use]
    pub fn parent(&self) -> usize {
        ranking(&self.members).first().copied().unwrap_or(0)
    }

    /// Reads an answer as a new instruction, which nobody has tried, and which quotes none of the `inputs`.
    fn read(
        &self,
        session: &Session<'_>,
        step: &Step<'_>,
        inputs: &[&str],
        completion: &Completion,
    ) -> Result<ModuleText, Unusable> {
        let text = writing::read(session, (step.module, step.text()), inputs, completion)?;
        if self.fitness(step, &text).is_some() { Err(Unusable::Repeated) } else { Ok(text) }
    }

    /// Asks for a text by each prompt, all at once; `made` says what makes it. The proposals are numbered in their order.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn ask(
        &self,
        session: &mut Session<'_>,
        step: &Step<'_>,
        temperature: f32,
        prompts: Vec<(Result<Packed, Unusable>, &'static str)>,
    ) -> Result<Vec<Draft>, Halt> {
        let max_tokens = session.plan().reflection_tokens;
        let (parent, module) = (self.parent(), step.module);
        let question =
            |((prompt, operator), proposal)| Question { proposal, parent, module, operator, prompt, max_tokens, temperature };
        let questions: Vec<Question> = prompts.into_iter().zip(1..).map(question).collect();
        let inputs = reflection_context::inputs(session, step);
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let texts = self.writer.write(session, step.iteration, "text", &questions, &|session, _, completion| {
            self.read(session, step, &inputs, completion)
        })?;
        let draft = |(text, question): (Option<ModuleText>, &Question)| {
            Some(Draft { proposal: question.proposal, text: text?, operator: question.operator })
        };
        Ok(texts.into_iter().zip(&questions).filter_map(draft).collect())
    }

    /// Tells of a text that is another's.
    fn repeated(session: &mut Session<'_>, step: &Step<'_>, draft: Draft) -> Result<(), Halt> {
        let of = (draft.proposal, step.module, draft.operator);
        writing::tell_unusable(session, step.iteration, of, Unusable::Repeated, draft.text.instruction)
    }

    /// Those that nobody has tried. Of the others it is told.
    ///
    /// # Errors
    /// As [`Session::log`].
    pub fn untried(&self, session: &mut Session<'_>, step: &Step<'_>, drafts: Vec<Draft>) -> Result<Vec<Draft>, Halt> {
        let (fresh, others): (Vec<Draft>, Vec<Draft>) =
            drafts.into_iter().partition(|draft| self.fitness(step, &draft.text).is_none());
        others.into_iter().try_for_each(|draft| Self::repeated(session, step, draft))?;
        Ok(fresh)
    }

    /// Runs texts on a part of the step's examples, all in one wave, and tells of them. Of two equal ones the second falls
    /// away, as does what lies beyond the step's `most`. Returns those that are left. A part that follows on another counts
    /// together with it.
    ///
    /// # Errors
    /// As [`Session::evaluate_while`].
    pub fn try_on(
        &mut self,
        session: &mut Session<'_>,
        step: &Step<'_>,
        drafts: Vec<Draft>,
        part: Range<usize>,
    ) -> Result<Vec<Draft>, Halt> {
        let mut fresh: Vec<Draft> = Vec::new();
        for draft in drafts {
            if fresh.iter().any(|other| other.text == draft.text) {
                Self::repeated(session, step, draft)?;
            } else if fresh.len() < step.most {
                fresh.push(draft);
            }
        }
        for draft in &fresh {
            let candidate = Self::candidate(step, &draft.text);
            if !self.tried.contains_key(&candidate) {
                let proposal = Proposal { iteration: step.iteration, number: draft.proposal, parent: self.parent() };
                joining::propose(session, proposal, &candidate, &[(step.module, draft.operator)])?;
            }
        }
        self.run(session, step, &fresh, part)?;
        Ok(fresh)
    }

    /// The same on all examples of the step.
    ///
    /// # Errors
    /// As [`Session::evaluate_while`].
    pub fn try_out(&mut self, session: &mut Session<'_>, step: &Step<'_>, drafts: Vec<Draft>) -> Result<Vec<Draft>, Halt> {
        self.try_on(session, step, drafts, 0..step.examples.len())
    }

    /// Runs texts on a part of the step's examples, all in one wave, and keeps how each did.
    pub(super) fn run(
        &mut self,
        session: &mut Session<'_>,
        step: &Step<'_>,
        drafts: &[Draft],
        part: Range<usize>,
    ) -> Result<(), Halt> {
        let candidates: Vec<Candidate> = drafts.iter().map(|draft| Self::candidate(step, &draft.text)).collect();
        let places = &step.examples[part.clone()];
        let asks: Vec<Ask<'_>> = candidates.iter().map(|candidate| Ask { candidate, places }).collect();
        if asks.is_empty() || places.is_empty() {
            return Ok(());
        }
        let answers = session.evaluate_while(Purpose::Trial, Split::Train, &asks, &mut |_, _| true)?;
        let parent = self.parent();
        for ((draft, candidate), answers) in drafts.iter().zip(candidates).zip(answers) {
            let of = |value: &dyn Fn(&Scored) -> Option<f64>| {
                let values: Vec<Option<f64>> = answers.iter().map(|answer| value(answer.as_ref()?)).collect();
                pool::mean(&values).unwrap_or(0.0)
            };
            let (mean, closeness) = (of(&Scored::score), of(&|scored| Some(scored.closeness())));
            let runs = places.iter().zip(answers).filter_map(|(&place, answer)| Some((place, answer?)));
            let fitness = Fitness { mean, closeness, examples: part.end, age: self.tried.len() };
            let unknown = Tried { fitness: Fitness { age: fitness.age, ..Fitness::default() }, parent, rollouts: Vec::new() };
            // Who is run once more, as the base of another turn, is no other.
            let tried = self.tried.entry(candidate).or_insert(unknown);
            tried.rollouts.truncate(if part.start == 0 { 0 } else { tried.rollouts.len() });
            tried.rollouts.extend(runs);
            tried.fitness = tried.fitness.and(&fitness, part.start);
            let (iteration, proposal) = (step.iteration, draft.proposal);
            let (examples, mean) = (tried.fitness.examples, tried.fitness.mean);
            session.log(&Event::Tried { iteration, proposal, split: Split::Train, examples, mean })?;
        }
        Ok(())
    }

    /// Candidates that were run on all of so many examples, the best first.
    pub(super) fn leaders(&self, examples: usize) -> Vec<&Candidate> {
        let mut all: Vec<(&Candidate, &Fitness)> = self.tried.iter().map(|(candidate, of)| (candidate, &of.fitness)).collect();
        all.retain(|(_, of)| of.examples == examples);
        all.sort_by(|a, b| a.1.order(b.1));
        all.into_iter().map(|(candidate, _)| candidate).collect()
    }

    /// Validates a candidate in full; it joins the pool.
    fn validate(&mut self, session: &mut Session<'_>, iteration: u64, candidate: Candidate) -> Result<(), Halt> {
        // Perhaps it was proposed long ago: its number is of another iteration, and who it is its key says.
        let parent = self.tried.get(&candidate).map_or_else(|| self.parent(), |tried| tried.parent);
        let member = validated(session, &self.members, iteration, (candidate, parent, 0))?;
        self.members.push(member);
        Ok(())
    }

    /// Validates the best of those that were compared, as far as the budget holds them; none that did worse than the
    /// seed.
    pub(super) fn crown(&mut self, session: &mut Session<'_>, iteration: u64, examples: usize, most: usize) -> Result<(), Halt> {
        let seed = self.members.first().map(|seed| seed.candidate.clone());
        let leaders: Vec<Candidate> = self.leaders(examples).into_iter().cloned().collect();
        let scores = |of: &Candidate| self.tried.get(of).map(|of| (of.fitness.mean, of.fitness.closeness));
        let least = seed.and_then(|seed| scores(&seed)).unwrap_or((0.0, 0.0));
        let as_good = |of: &Candidate| scores(of).is_some_and(|of| of >= least);
        let finalists: Vec<Candidate> = leaders.into_iter().filter(as_good).take(most).collect();
        for candidate in finalists {
            let is_member = self.members.iter().any(|member| member.candidate == candidate);
            if !is_member && session.holds(session.validation_size() as u64)? {
                self.validate(session, iteration, candidate)?;
            }
        }
        Ok(())
    }
}
