//! Demonstration sets as `LabeledFewShot` and `BootstrapFewShot` of the Python package `dspy` make them.
//!
//! A teacher, which is the seed with random labelled examples, is run on training examples. Its calls in rollouts that score well
//! enough become demonstrations, and a set is filled up with labelled examples.

use rand::Rng;
use rand::seq::SliceRandom;

use super::joining::open_modules;
use super::reflection::demonstrations::{labelled_demonstration, last_call, take_fitting};
use super::reflection::instruction::max_text_tokens;
use super::session::{Halt, Session};
use crate::data::split::Split;
use crate::data::{Example, ExampleIndex};
use crate::evaluate::Scored;
use crate::event::Purpose;
use crate::program::{Candidate, Demonstration};

/// The size of a demonstration set, and the score from which a rollout of the teacher gives demonstrations.
#[derive(Debug, Clone, Copy)]
pub struct SetNumbers {
    /// The number of demonstrations up to which a set is filled with labelled examples; None: as many as fit. The calls of the
    /// teacher are kept even if they are more.
    pub labelled: Option<usize>,
    /// The least score of a rollout whose calls become demonstrations; None: any score above 0.
    pub threshold: Option<f64>,
    /// The divisor n: at least 1/n of the most tokens of a module's text is reserved for the instruction. A longer instruction
    /// takes its own length. None: exactly the length of the instruction is reserved.
    pub instruction_share: Option<usize>,
}

/// Makes demonstration sets for the modules of a program that may change.
#[derive(Debug)]
pub struct SetMaker<'a> {
    seed: &'a Candidate,
    numbers: SetNumbers,
    /// For each module, its labelled training examples.
    labelled: Vec<Vec<Demonstration>>,
    open: Vec<usize>,
}

impl<'a> SetMaker<'a> {
    /// Reads the labelled examples of all modules.
    #[must_use]
    pub fn new(session: &Session<'_>, seed: &'a Candidate, numbers: SetNumbers) -> Self {
        let solution = |example: &Example| session.solution(example);
        let modules = session.program().modules.iter().zip(&seed.0);
        let of_module = |(module, text)| {
            let pair = |example| labelled_demonstration(module, text, example, &solution);
            session.train().iter().filter_map(pair).collect()
        };
        Self { seed, numbers, labelled: modules.map(of_module).collect(), open: open_modules(session) }
    }

    /// Returns the seed without demonstrations in the modules that may change.
    #[must_use]
    pub fn zero_shot(&self) -> Candidate {
        let mut candidate = self.seed.clone();
        self.open.iter().for_each(|&module| candidate.0[module].demonstrations.clear());
        candidate
    }

    /// Returns the seed with random labelled examples.
    #[must_use]
    pub fn labelled_only(&self, session: &Session<'_>, random: &mut impl Rng) -> Candidate {
        let none = vec![Vec::new(); self.labelled.len()];
        self.filled_up(session, none, &[], random)
    }

    /// Runs a teacher on the training examples in `order` until `most` of them are answered well enough, or the examples or the
    /// budget are used up. Returns the seed with the teacher's calls as demonstrations, filled up with labelled ones. `reserve`
    /// rollouts of the budget are left over.
    ///
    /// # Errors
    /// As [`Session::evaluate`].
    pub fn bootstrapped(
        &self,
        session: &mut Session<'_>,
        order: &[ExampleIndex],
        most: usize,
        reserve: u64,
        random: &mut impl Rng,
    ) -> Result<Candidate, Halt> {
        let teacher = self.labelled_only(session, random);
        let mut calls: Vec<Vec<Demonstration>> = vec![Vec::new(); self.labelled.len()];
        let (mut found, mut rest): (Vec<&str>, &[ExampleIndex]) = (Vec::new(), order);
        while found.len() < most && !rest.is_empty() {
            let affordable = session.rollouts_left().map_or(usize::MAX, |left| left.saturating_sub(reserve) as usize);
            let (batch, later) = rest.split_at((most - found.len()).min(affordable).min(rest.len()));
            if batch.is_empty() {
                break;
            }
            rest = later;
            let rollouts = session.evaluate(Purpose::Trial, Split::Train, &teacher, batch)?;
            for (&index, scored) in batch.iter().zip(&rollouts).filter(|(_, scored)| self.is_accepted(scored)) {
                let example = &session.train()[index.0];
                found.push(&example.id);
                for ((module, text), calls) in session.program().modules.iter().zip(&teacher.0).zip(&mut calls) {
                    calls.extend(last_call(module, text, example, scored));
                }
            }
        }
        Ok(self.filled_up(session, calls, &found, random))
    }

    fn is_accepted(&self, scored: &Scored) -> bool {
        scored.score().is_some_and(|score| self.numbers.threshold.map_or(score > 0.0, |least| score >= least))
    }

    /// Returns the seed with `calls` as the demonstrations of each module, and labelled examples after them. Examples whose ids
    /// are in `used` are not taken as labelled examples. Frozen modules keep the demonstrations of the seed.
    fn filled_up(
        &self,
        session: &Session<'_>,
        calls: Vec<Vec<Demonstration>>,
        used: &[&str],
        random: &mut impl Rng,
    ) -> Candidate {
        let mut candidate = self.seed.clone();
        for (module, calls) in calls.into_iter().enumerate() {
            let mut others: Vec<Demonstration> =
                self.labelled[module].iter().filter(|other| !used.contains(&other.id.as_str())).cloned().collect();
            others.shuffle(random);
            let room = self.room(session, module);
            // Each takes a token at least, so no more than this can fit.
            others.truncate(self.numbers.labelled.unwrap_or(room).saturating_sub(calls.len()));
            let shown = calls.into_iter().chain(others).collect();
            if self.open.contains(&module) {
                let model = session.program().modules[module].model;
                let count_tokens = |one: &Demonstration| one.tokens(&|text| session.count_tokens(model, text));
                candidate.0[module].demonstrations = take_fitting(shown, room, &count_tokens);
                candidate.0[module].nearest = None;
            }
        }
        candidate
    }

    /// Returns the number of tokens that demonstrations may take beside an instruction.
    fn room(&self, session: &Session<'_>, module: usize) -> usize {
        let most = max_text_tokens(session, module);
        let instruction = session.count_tokens(session.program().modules[module].model, &self.seed.0[module].instruction);
        most.saturating_sub(instruction.max(self.numbers.instruction_share.map_or(0, |share| most / share)))
    }
}
