//! What methods for a single prompt have in common: they compare candidates by their mean on a fixed part of the
//! training examples, change the modules of a program one after the other, each with its share of the budget, and
//! leave the last word to the validation examples.

use rand::seq::SliceRandom;

use crate::engine::ModelId;
use crate::error::RunError;
use crate::event::{Event, StopReason};
use crate::optimize::idle::Idle;
use crate::optimize::joining::{self, is_enough, open_modules, validated};
use crate::optimize::methods::search::{Draft, Search, Step};
use crate::optimize::reflection::writing::Writer;
use crate::optimize::session::Halt;
use crate::optimize::{Optimizer, Pool, Session};
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

    /// The texts whose rollouts are read in a later iteration.
    fn population(&self) -> Vec<&ModuleText> {
        Vec::new()
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
        Self { seed, method, search: Search::new(Writer::new(reflectors)) }
    }

    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let seed = validated(session, &[], 0, (self.seed.clone(), 0, 0))?;
        self.search.members.push(seed);
        let modules = open_modules(session);
        let examples = self.examples(session, modules.len());
        let mut base = self.seed.clone();
        let mut iteration = 0;
        loop {
            let limits = session.limits();
            let reason = self.round(session, &mut iteration, (&modules, &mut base), &examples)?;
            self.search.crown(session, iteration, examples.len(), FINALISTS)?;
            // A finished run that was given more goes on with another round, from its best.
            if session.limits() == limits {
                return Ok(reason);
            }
        }
    }

    /// A turn for each module; `base` becomes the best.
    fn round(
        &mut self,
        session: &mut Session<'_>,
        iteration: &mut u64,
        (modules, base): (&[usize], &mut Candidate),
        examples: &[usize],
    ) -> Result<StopReason, Halt> {
        let mut reason = StopReason::BudgetSpent;
        for (turn, &module) in modules.iter().enumerate() {
            if modules.len() > 1 {
                let name = session.program().modules[module].name.clone();
                session.log(&Event::Turn { iteration: *iteration + 1, module: name, of: modules.len() })?;
            }
            let share = Share::of(session, modules.len() - turn);
            reason = self.turn(session, iteration, (module, base), examples, share)?;
            if let Some(&leader) = self.search.leaders(examples.len()).first() {
                *base = leader.clone();
            }
            if matches!(reason, StopReason::SeedIsPerfect | StopReason::ScoreReached | StopReason::ReflectionsSpent) {
                break;
            }
        }
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
        share: Share,
    ) -> Result<StopReason, Halt> {
        let (mut idle, mut best) = (Idle::default(), (None, *iteration));
        for generation in 0_u64.. {
            // Questions that an iteration asks at most, second times aside.
            let questions = 2 * self.method.generation();
            if let Some(reason) = is_enough(session, &self.search.members, questions as u64) {
                return Ok(reason);
            }
            // The base's own score comes first.
            let base_cost = if generation == 0 { examples.len() } else { 0 };
            let room = share.room(session).saturating_sub(base_cost) / examples.len().max(1);
            let half = if generation == 0 { room.div_ceil(2) } else { room };
            let most = half.min(self.method.generation());
            if most == 0 {
                // The clock and the `stop` file are reasons of their own.
                session.fits(0)?;
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
            self.search.keep_rollouts(&step, &self.method.population());
            if idle.is_end(session, *iteration, before, MOST_IDLE)? {
                return Ok(StopReason::NothingLeft);
            }
            let leader = self.search.leaders(examples.len()).first().map(|&leader| leader.clone());
            if leader != best.0 {
                best = (leader, *iteration);
            } else if session.limits().patience.is_some_and(|patience| *iteration >= best.1 + patience) {
                return Ok(StopReason::NoImprovement);
            }
            // Where the clock may end it, nothing is kept back for the end.
            let limits = session.limits();
            let is_due = limits.rollouts.is_none() || limits.seconds.is_some() || (generation + 1).is_power_of_two();
            if is_due && share.may_validate(session) {
                self.search.crown(session, *iteration, examples.len(), 1)?;
            }
        }
        Ok(StopReason::NothingLeft)
    }
}

/// A module's share of the budget: of what there was when its turn began, by what the limits are meanwhile.
#[derive(Debug, Clone, Copy)]
struct Share {
    /// Rollouts charged before.
    rollouts: u64,
    /// The run's clock then.
    seconds: f64,
    /// Modules that share what is left, this one among them.
    turns: usize,
}

impl Share {
    /// One share of `turns`.
    fn of(session: &Session<'_>, turns: usize) -> Self {
        Self { rollouts: session.spent().rollouts, seconds: session.elapsed(), turns: turns.max(1) }
    }

    /// Rollouts that the share still holds. A validation at the very end is kept back.
    fn room(self, session: &Session<'_>) -> usize {
        let limits = session.limits();
        let fair = |most: u64| self.seconds + (most as f64 - self.seconds).max(0.0) / self.turns as f64;
        if limits.seconds.is_some_and(|most| session.elapsed() >= fair(most)) {
            return 0;
        }
        let Some(most) = limits.rollouts else { return usize::MAX };
        let shared = most.saturating_sub(self.rollouts).saturating_sub(session.validation_size() as u64);
        let end = self.rollouts + shared / self.turns as u64;
        usize::try_from(end.saturating_sub(session.spent().rollouts)).unwrap_or(usize::MAX)
    }

    /// Whether the leader may be validated in the midst of the turn: the clock could end the search at any moment, or it
    /// costs little.
    fn may_validate(self, session: &Session<'_>) -> bool {
        let validation = session.validation_size() as u64;
        let is_cheap = self.room(session) as u64 >= validation.saturating_mul(SHARE_OF_VALIDATION);
        is_cheap || (session.limits().seconds.is_some() && self.room(session) as u64 >= validation)
    }
}

impl<M: SinglePrompt> Optimizer for InTurns<M> {
    fn run(&mut self, session: &mut Session<'_>) -> Result<Pool, RunError> {
        let stopped = self.search(session);
        joining::pool(std::mem::take(&mut self.search.members), stopped)
    }
}
