//! What methods for a single prompt have in common: they compare candidates by their mean on a fixed part of the
//! training examples, change the modules of a program one after the other, each with its share of the budget, and
//! leave the last word to the validation examples.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rand::seq::SliceRandom;

use super::answer::Unusable;
use super::joining::{self, Proposal};
use super::packing::Packed;
use super::pool::{self, ranking, rounded};
use super::session::{Ask, Halt};
use super::shown;
use super::writing::{self, Base, Question, Writer};
use super::{Member, Optimizer, Pool, Session};
use crate::data::split::Split;
use crate::engine::{Completion, ModelId};
use crate::error::RunError;
use crate::event::{Event, Purpose, StopReason};
use crate::journal::Scored;
use crate::optimize::idle::Idle;
use crate::program::{Candidate, ModuleText};

/// The least examples that candidates are compared on, as far as there are so many.
const LEAST_EXAMPLES: usize = 5;

/// The most.
const MOST_EXAMPLES: usize = 50;

/// Generations that a module's share of the budget should have room for.
const GENERATIONS: u64 = 4;

/// Examples that candidates are compared on under a budget in time alone.
const EXAMPLES_BY_TIME: usize = 16;

/// The best that are validated at the end, as far as the budget holds them.
const FINALISTS: usize = 3;

/// Iterations in a row that charged no rollout, after which a turn is over.
const MOST_IDLE: usize = 5;

/// In the midst of a search, a validation may cost one in so many of the rollouts that are left.
const SHARE_OF_VALIDATION: u64 = 10;

/// A method for a single prompt: what it tries in each iteration.
pub trait SinglePrompt {
    /// Candidates of an iteration, where the budget holds as many.
    fn generation(&self) -> usize;

    /// Questions to reflectors that an iteration asks at most, second times aside.
    fn questions(&self) -> usize {
        2 * self.generation()
    }

    /// A module's turn begins, and with it an iteration: at most `most` first candidates. The base is scored already.
    ///
    /// # Errors
    /// [`Halt`]
    fn begin(&mut self, search: &mut Search, session: &mut Session<'_>, step: &Step<'_>) -> Result<(), Halt>;

    /// One more iteration: at most `most` candidates.
    ///
    /// # Errors
    /// [`Halt`]
    fn step(&mut self, search: &mut Search, session: &mut Session<'_>, step: &Step<'_>) -> Result<(), Halt>;
}

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
    members: Vec<Member>,
    tried: BTreeMap<Candidate, Fitness>,
    /// What the candidates did on the training examples, by place.
    rollouts: BTreeMap<Candidate, Vec<(usize, Arc<Scored>)>>,
}

impl Search {
    /// What a text did on the training examples that it was tried on, by their places.
    #[must_use]
    pub fn rollouts(&self, step: &Step<'_>, text: &ModuleText) -> &[(usize, Arc<Scored>)] {
        self.rollouts.get(&Self::candidate(step, text)).map_or(&[], Vec::as_slice)
    }

    /// The candidate with a text in the place of a step's module.
    #[must_use]
    pub fn candidate(step: &Step<'_>, text: &ModuleText) -> Candidate {
        step.base.with(step.module, text.clone())
    }

    /// How a text did, if it was tried.
    #[must_use]
    pub fn fitness(&self, step: &Step<'_>, text: &ModuleText) -> Option<&Fitness> {
        self.tried.get(&Self::candidate(step, text))
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
        inputs: &[String],
        completion: &Completion,
    ) -> Result<ModuleText, Unusable> {
        let module = &session.program().modules[step.module];
        let inputs = inputs.iter().map(String::as_str).collect();
        let base = Base { module, text: step.text(), inputs, most_tokens: writing::most_tokens(session, step.module) };
        let text = base.read(completion, &|words| self.writer.count(session, step.iteration, words))?;
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
        let inputs = shown::inputs(session, step);
        let texts = self.writer.write(session, step.iteration, "text", &questions, &|session, _, completion| {
            self.read(session, step, &inputs, completion)
        })?;
        let draft = |(text, question): (Option<ModuleText>, &Question)| {
            Some(Draft { proposal: question.proposal, text: text?, operator: question.operator })
        };
        Ok(texts.into_iter().zip(&questions).filter_map(draft).collect())
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
                session.log(&Event::Unusable {
                    iteration: step.iteration,
                    proposal: draft.proposal,
                    module: session.program().modules[step.module].name.clone(),
                    operator: draft.operator,
                    reason: Unusable::Repeated.reason(),
                    text: draft.text.instruction,
                })?;
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

    fn run(&mut self, session: &mut Session<'_>, step: &Step<'_>, drafts: &[Draft], part: Range<usize>) -> Result<(), Halt> {
        let candidates: Vec<Candidate> = drafts.iter().map(|draft| Self::candidate(step, &draft.text)).collect();
        let places = &step.examples[part.clone()];
        let asks: Vec<Ask<'_>> = candidates.iter().map(|candidate| Ask { candidate, places }).collect();
        if asks.is_empty() || places.is_empty() {
            return Ok(());
        }
        let answers = session.evaluate_while(Purpose::Trial, Split::Train, &asks, &mut |_, _| true)?;
        for ((draft, candidate), answers) in drafts.iter().zip(candidates).zip(answers) {
            let of = |value: &dyn Fn(&Scored) -> Option<f64>| {
                let values: Vec<Option<f64>> = answers.iter().map(|answer| value(answer.as_ref()?)).collect();
                pool::mean(&values).unwrap_or(0.0)
            };
            let (mean, closeness) = (of(&Scored::score), of(&|scored| Some(scored.closeness())));
            let runs = places.iter().zip(answers).filter_map(|(&place, answer)| Some((place, answer?)));
            self.rollouts.entry(candidate.clone()).or_default().extend(runs);
            let mut fitness = Fitness { mean, closeness, examples: part.end, age: self.tried.len() };
            if let Some(before) = self.tried.get(&candidate) {
                fitness = before.and(&fitness, part.start);
            }
            let (iteration, proposal, examples, mean) = (step.iteration, draft.proposal, fitness.examples, fitness.mean);
            self.tried.insert(candidate, fitness);
            session.log(&Event::Tried { iteration, proposal, split: Split::Train, examples, mean })?;
        }
        Ok(())
    }

    /// Candidates that were run on all of so many examples, the best first.
    fn leaders(&self, examples: usize) -> Vec<&Candidate> {
        let mut all: Vec<(&Candidate, &Fitness)> = self.tried.iter().filter(|(_, of)| of.examples == examples).collect();
        all.sort_by(|a, b| a.1.order(b.1));
        all.into_iter().map(|(candidate, _)| candidate).collect()
    }

    /// Validates a candidate in full; it joins the pool.
    fn validate(&mut self, session: &mut Session<'_>, iteration: u64, candidate: Candidate) -> Result<(), Halt> {
        let member = validated(session, &self.members, iteration, (candidate, self.parent(), 0))?;
        self.members.push(member);
        Ok(())
    }

    /// Validates the best of those that were compared, as far as the budget holds them; none that did worse than the
    /// seed.
    fn crown(&mut self, session: &mut Session<'_>, iteration: u64, examples: usize, most: usize) -> Result<(), Halt> {
        let seed = self.members.first().map(|seed| seed.candidate.clone());
        let leaders: Vec<Candidate> = self.leaders(examples).into_iter().cloned().collect();
        let least = seed.and_then(|seed| self.tried.get(&seed)).map_or((0.0, 0.0), |seed| (seed.mean, seed.closeness));
        let as_good = |of: &Candidate| self.tried.get(of).is_some_and(|of| (of.mean, of.closeness) >= least);
        let finalists: Vec<Candidate> = leaders.into_iter().filter(as_good).take(most).collect();
        for candidate in finalists {
            let is_member = self.members.iter().any(|member| member.candidate == candidate);
            if !is_member && session.fits(session.validation_size() as u64).is_ok() {
                self.validate(session, iteration, candidate)?;
            }
        }
        Ok(())
    }
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
    joining::join(session, members, iteration, (candidate, parents, proposal), prompt_tokens, &results)
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
    let plan = session.plan();
    let best = ranking(members).first().map_or(0.0, |&place| members[place].mean());
    if members.len() == 1 && best >= 1.0 {
        return Some(StopReason::SeedIsPerfect);
    }
    if best >= plan.stop_at_score {
        return Some(StopReason::ScoreReached);
    }
    let is_spent = plan.max_reflections.is_some_and(|cap| session.spent().reflections + questions > cap);
    is_spent.then_some(StopReason::ReflectionsSpent)
}

/// A method for a single prompt as an [`Optimizer`].
#[derive(Debug)]
pub struct InTurns<M> {
    seed: Candidate,
    method: M,
    search: Search,
}

impl<M: SinglePrompt> InTurns<M> {
    /// Starts from `seed`; `reflectors` has at least one model.
    #[must_use]
    pub fn new(seed: Candidate, reflectors: Vec<(String, ModelId)>, method: M) -> Self {
        let search =
            Search { writer: Writer::new(reflectors), members: Vec::new(), tried: BTreeMap::new(), rollouts: BTreeMap::new() };
        Self { seed, method, search }
    }

    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let seed = validated(session, &[], 0, (self.seed.clone(), 0, 0))?;
        self.search.members.push(seed);
        let modules = open_modules(session);
        let examples = self.examples(session, modules.len());
        let mut base = self.seed.clone();
        let mut iteration = 0;
        let mut reason = StopReason::BudgetSpent;
        for (turn, &module) in modules.iter().enumerate() {
            if modules.len() > 1 {
                let name = session.program().modules[module].name.clone();
                session.log(&Event::Turn { iteration: iteration + 1, module: name, of: modules.len() })?;
            }
            let until = Until::of(session, modules.len() - turn);
            reason = self.turn(session, &mut iteration, (module, &base), &examples, until)?;
            if matches!(reason, StopReason::SeedIsPerfect | StopReason::ScoreReached | StopReason::ReflectionsSpent) {
                break;
            }
            base = self.search.leaders(examples.len()).first().map_or(base, |&leader| leader.clone());
        }
        self.search.crown(session, iteration, examples.len(), FINALISTS)?;
        Ok(reason)
    }

    /// The training examples that candidates are compared on: so many that some generations of each module fit the budget.
    fn examples(&self, session: &Session<'_>, modules: usize) -> Vec<usize> {
        let runs = GENERATIONS * (modules.max(1) * self.method.generation()) as u64;
        let validation = session.validation_size() as u64;
        let fair = session.rollouts_left().map_or(EXAMPLES_BY_TIME as u64, |left| left.saturating_sub(validation) / runs);
        let count = usize::try_from(fair).unwrap_or(MOST_EXAMPLES).clamp(LEAST_EXAMPLES, MOST_EXAMPLES);
        let mut places: Vec<usize> = (0..session.train().len()).collect();
        places.shuffle(&mut session.random("examples", 0));
        places.truncate(count);
        places
    }

    /// One module's turn.
    fn turn(
        &mut self,
        session: &mut Session<'_>,
        iteration: &mut u64,
        (module, base): (usize, &Candidate),
        examples: &[usize],
        until: Until,
    ) -> Result<StopReason, Halt> {
        let (mut idle, mut best) = (Idle::default(), (None, *iteration));
        for generation in 0_u64.. {
            if let Some(reason) = is_enough(session, &self.search.members, self.method.questions() as u64) {
                return Ok(reason);
            }
            // The base's own score comes first.
            let base_cost = if generation == 0 { examples.len() } else { 0 };
            let room = until.room(session).saturating_sub(base_cost) / examples.len().max(1);
            let half = if generation == 0 { room.div_ceil(2) } else { room };
            let most = half.min(self.method.generation());
            if most == 0 {
                return Ok(StopReason::BudgetSpent);
            }
            session.fits((base_cost + most * examples.len()) as u64)?;
            *iteration += 1;
            let train = session.train();
            let minibatch = examples.iter().map(|&place| train[place].id.clone()).collect();
            session.log(&Event::Iteration { iteration: *iteration, parents: vec![self.search.parent()], minibatch })?;
            let before = session.spent().rollouts;
            let step = Step { iteration: *iteration, module, base, examples, most };
            if generation == 0 {
                let draft = Draft { proposal: 0, text: step.text().clone(), operator: "seed" };
                self.search.run(session, &step, &[draft], 0..examples.len())?;
                self.method.begin(&mut self.search, session, &step)?;
            } else {
                self.method.step(&mut self.search, session, &step)?;
            }
            if idle.is_end(session, *iteration, before, MOST_IDLE)? {
                return Ok(StopReason::NothingLeft);
            }
            let leader = self.search.leaders(examples.len()).first().map(|&leader| leader.clone());
            if leader != best.0 {
                best = (leader, *iteration);
            } else if session.plan().patience.is_some_and(|patience| *iteration >= best.1 + patience) {
                return Ok(StopReason::NoImprovement);
            }
            if (generation + 1).is_power_of_two() && until.may_validate(session) {
                self.search.crown(session, *iteration, examples.len(), 1)?;
            }
        }
        Ok(StopReason::NothingLeft)
    }
}

/// Where a module's share of the budget ends.
#[derive(Debug, Clone, Copy)]
struct Until {
    /// Rollouts charged by then.
    rollouts: Option<u64>,
    /// The run's clock by then.
    seconds: Option<f64>,
}

impl Until {
    /// One share of `turns`. A validation at the very end is kept back.
    fn of(session: &Session<'_>, turns: usize) -> Self {
        let turns = turns.max(1);
        let validation = session.validation_size() as u64;
        let share = |left: u64| session.spent().rollouts + left.saturating_sub(validation) / turns as u64;
        let now = session.elapsed();
        let time = session.plan().budget.time.map(|time| time.as_secs_f64());
        Self {
            rollouts: session.rollouts_left().map(share),
            seconds: time.map(|most| now + (most - now).max(0.0) / turns as f64),
        }
    }

    /// Rollouts that the share still holds.
    fn room(self, session: &Session<'_>) -> usize {
        if self.seconds.is_some_and(|most| session.elapsed() >= most) {
            return 0;
        }
        let left = self.rollouts.map(|most| most.saturating_sub(session.spent().rollouts));
        left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX))
    }

    /// Whether the leader may be validated in the midst of the turn: the clock could end the search at any moment, or it
    /// costs little.
    fn may_validate(self, session: &Session<'_>) -> bool {
        let validation = session.validation_size() as u64;
        let is_cheap = self.room(session) as u64 >= validation.saturating_mul(SHARE_OF_VALIDATION);
        is_cheap || (self.seconds.is_some() && self.room(session) as u64 >= validation)
    }
}

impl<M: SinglePrompt> Optimizer for InTurns<M> {
    fn run(&mut self, session: &mut Session<'_>) -> Result<Pool, RunError> {
        let stopped = self.search(session);
        joining::pool(std::mem::take(&mut self.search.members), stopped)
    }
}
