//! Promptbreeder: task prompts and the prompts that change them evolve together (Fernando et al. 2023, arXiv 2309.16797).
//!
//! A unit is a task prompt, worked examples, and a mutation prompt. In a binary tournament, the better of two units is copied over
//! the other, and the copy is mutated by one of the operators of [`Mutation`], drawn at random; its worked examples are shuffled
//! with what its parent got right; now and then it is crossed with another unit.

mod asking;
mod context;
mod words;

use std::sync::Arc;

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngExt};

use self::asking::applied;
use self::words::{MUTATION_PROMPTS, THINKING_STYLES};
use crate::evaluate::Scored;
use crate::optimize::Session;
use crate::optimize::methods::search::{Draft, Fitness, Search, Step};
use crate::optimize::methods::turns::SinglePrompt;
use crate::optimize::reflection::demonstrations::{fitting, succeeded};
use crate::optimize::reflection::reflection_context;
use crate::optimize::reflection::writing;
use crate::optimize::session::Halt;
use crate::program::{Demonstration, ModuleText};

/// The chance that a mutated unit's task prompt is crossed with another's.
const CROSSOVER: f64 = 0.1;

/// Correct workings-out that a prompt is induced from, and that stand in a unit as worked examples.
const WORKINGS: usize = 3;

/// How a unit is mutated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// A new task prompt from the problem alone.
    ZeroOrder,
    /// The mutation prompt changes the task prompt.
    FirstOrder,
    /// A list of the population's task prompts is continued.
    Distribution,
    /// The same, with the list in the order of the scores.
    RankedDistribution,
    /// The list of those that were the best, one after the other, is continued.
    Lineage,
    /// A new mutation prompt from a way to think, which is then used.
    ZeroOrderHyper,
    /// The mutation prompt is itself improved, and then used.
    FirstOrderHyper,
    /// A task prompt from outputs that were right.
    Lamarckian,
}

impl Mutation {
    /// All.
    pub const ALL: [Self; 8] = [
        Self::ZeroOrder,
        Self::FirstOrder,
        Self::Distribution,
        Self::RankedDistribution,
        Self::Lineage,
        Self::ZeroOrderHyper,
        Self::FirstOrderHyper,
        Self::Lamarckian,
    ];

    /// Its name in the summary.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ZeroOrder => "zero-order",
            Self::FirstOrder => "first-order",
            Self::Distribution => "distribution",
            Self::RankedDistribution => "ranked-distribution",
            Self::Lineage => "lineage",
            Self::ZeroOrderHyper => "zero-order-hyper",
            Self::FirstOrderHyper => "first-order-hyper",
            Self::Lamarckian => "lamarckian",
        }
    }

    fn is_hyper(self) -> bool {
        matches!(self, Self::ZeroOrderHyper | Self::FirstOrderHyper)
    }
}

/// A task prompt and what changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unit {
    task: ModuleText,
    mutation: String,
}

/// A copy of a winner that takes the place of a loser.
struct Birth {
    loser: usize,
    unit: Unit,
    by: Mutation,
}

/// The method.
#[derive(Debug, Clone)]
pub struct Promptbreeder {
    /// Units.
    pub population: usize,
    /// What they are mutated by.
    pub mutations: Vec<Mutation>,
    /// Prompts that change prompts, to begin with.
    pub mutation_prompts: Vec<String>,
    /// The chance that a mutated unit's task prompt is crossed with another's, from 0 to 1.
    pub crossover: f64,
    /// Whether the better of two units wins. Else the first drawn does.
    pub selects: bool,
    /// The most worked examples that a unit gets from what it got right; with 0, those of the seed stay.
    pub context: usize,
    units: Vec<Unit>,
    /// Those that were the best, one after the other.
    elites: Vec<ModuleText>,
}

impl Default for Promptbreeder {
    fn default() -> Self {
        let mutation_prompts = MUTATION_PROMPTS.map(str::to_owned).to_vec();
        let mutations = Mutation::ALL.to_vec();
        let (units, elites) = (Vec::new(), Vec::new());
        Self {
            population: 10,
            mutations,
            mutation_prompts,
            crossover: CROSSOVER,
            selects: true,
            context: WORKINGS,
            units,
            elites,
        }
    }
}

impl Promptbreeder {
    fn fitness<'a>(search: &'a Search, step: &Step<'_>, unit: &Unit) -> Option<&'a Fitness> {
        search.fitness(step, &unit.task)
    }

    /// The units' places, the best first.
    fn ranking(&self, search: &Search, step: &Step<'_>) -> Vec<usize> {
        let known = |(place, unit): (usize, &Unit)| Some((Self::fitness(search, step, unit)?, place));
        let mut all: Vec<(&Fitness, usize)> = self.units.iter().enumerate().filter_map(known).collect();
        all.sort_by(|a, b| a.0.order(b.0).then(a.1.cmp(&b.1)));
        all.into_iter().map(|(_, place)| place).collect()
    }

    /// Takes note of a new best.
    fn crown(&mut self, search: &Search, step: &Step<'_>) {
        if let Some(&best) = self.ranking(search, step).first()
            && self.elites.last() != Some(&self.units[best].task)
        {
            self.elites.push(self.units[best].task.clone());
        }
    }

    /// Copies of winners with how they are to be mutated: of pairs drawn at random, each unit in one at most.
    fn tournaments(&self, search: &Search, session: &Session<'_>, step: &Step<'_>) -> Vec<Birth> {
        let mut random = session.random("tournament", step.iteration);
        let mut places: Vec<usize> = (0..self.units.len()).collect();
        places.shuffle(&mut random);
        let mut births = Vec::new();
        for pair in places.chunks_exact(2).take(step.most) {
            let (one, other) = (pair[0], pair[1]);
            let fitness = |place: usize| Self::fitness(search, step, &self.units[place]);
            let first_wins = match (fitness(one), fitness(other)) {
                _ if !self.selects => true,
                (Some(first), Some(second)) => first.order(second).is_le(),
                (first, _) => first.is_some(),
            };
            let (winner, loser) = if first_wins { (one, other) } else { (other, one) };
            if let Some(&by) = self.mutations.choose(&mut random) {
                births.push(Birth { loser, unit: self.units[winner].clone(), by });
            }
        }
        births
    }

    /// Outputs of a unit that were right, in its own words; its rollouts are known.
    fn workings(search: &Search, session: &Session<'_>, step: &Step<'_>, unit: &Unit) -> Vec<Demonstration> {
        let module = &session.program().modules[step.module];
        let right = |(place, scored): &(usize, Arc<Scored>)| succeeded(module, &unit.task, &session.train()[*place], scored);
        search.rollouts(step, &unit.task).iter().filter_map(right).collect()
    }

    /// A text with the worked examples of `parent`, shuffled; what is too long for it falls away.
    fn in_context(
        &self,
        session: &Session<'_>,
        step: &Step<'_>,
        text: ModuleText,
        (parent, workings): (&Unit, &[Demonstration]),
        random: &mut impl Rng,
    ) -> ModuleText {
        let shuffled = context::shuffled(&parent.task.demonstrations, workings, self.context, random);
        let count = |text: &str| session.count_tokens(session.program().modules[step.module].model, text);
        let room = writing::most_tokens(session, step.module).saturating_sub(count(&text.instruction));
        let demonstrations = fitting(shuffled, room, &|shown| shown.tokens(&count));
        ModuleText { demonstrations, ..text }
    }

    /// Scores mutated units and lets them take their places.
    fn settle(
        &mut self,
        search: &mut Search,
        session: &mut Session<'_>,
        step: &Step<'_>,
        births: Vec<Birth>,
        drafts: Vec<Draft>,
    ) -> Result<(), Halt> {
        let mut born = Vec::new();
        for Draft { proposal, text, .. } in search.try_out(session, step, drafts)? {
            if let Some(Birth { loser, unit, .. }) = births.get(proposal - 1) {
                self.units[*loser] = Unit { task: text, mutation: unit.mutation.clone() };
                born.push(*loser);
            }
        }
        self.cross(search, session, step, &born);
        self.crown(search, step);
        Ok(())
    }

    /// Now and then, a unit that was just born gets the task prompt of another, drawn by the scores. That costs nothing: it is
    /// known.
    fn cross(&mut self, search: &Search, session: &Session<'_>, step: &Step<'_>, born: &[usize]) {
        let mut random = session.random("crossover", step.iteration);
        for &place in born {
            if random.random::<f64>() >= self.crossover {
                continue;
            }
            let weight = |unit: &&Unit| Self::fitness(search, step, unit).map_or(0.0, |fitness| fitness.mean);
            let units = self.units.iter().enumerate().filter(|(other, _)| *other != place);
            let units: Vec<&Unit> = units.map(|(_, unit)| unit).collect();
            if let Ok(other) = units.choose_weighted(&mut random, weight).map(|unit| unit.task.clone()) {
                self.units[place].task = other;
            }
        }
    }
}

impl SinglePrompt for Promptbreeder {
    fn generation(&self) -> usize {
        self.population
    }

    fn population(&self) -> Vec<&ModuleText> {
        self.units.iter().map(|unit| &unit.task).collect()
    }

    fn begin(&mut self, search: &mut Search, session: &mut Session<'_>, step: &Step<'_>) -> Result<(), Halt> {
        let mut random = session.random("style", step.iteration);
        let problem = reflection_context::problem(&session.program().modules[step.module]);
        let mut drawn = |_| self.mutation_prompts.choose(&mut random).cloned().unwrap_or_default();
        let mutations: Vec<String> = (0..step.most.min(self.population - 1) + 1).map(&mut drawn).collect();
        let base = &step.text().instruction;
        let prompts = mutations[1..]
            .iter()
            .zip(THINKING_STYLES.iter().cycle())
            .map(|(mutation, style)| (Ok(applied(&format!("The task: {problem}\n{mutation} {style}"), base)), "first prompts"));
        let prompts = prompts.collect();
        let drafts = search.ask(session, step, session.plan().reflection_temperature, prompts)?;
        let tried = search.try_out(session, step, drafts)?;
        self.units = vec![Unit { task: step.text().clone(), mutation: mutations[0].clone() }];
        self.units.extend(tried.into_iter().map(|draft| Unit { mutation: mutations[draft.proposal].clone(), task: draft.text }));
        // Where too few texts were usable, the base stands once more, with another prompt to change it by.
        while self.units.len() < 2 {
            self.units.push(Unit { task: step.text().clone(), mutation: mutations[self.units.len() % mutations.len()].clone() });
        }
        self.elites.clear();
        self.crown(search, step);
        Ok(())
    }

    fn step(&mut self, search: &mut Search, session: &mut Session<'_>, step: &Step<'_>) -> Result<(), Halt> {
        let mut births = self.tournaments(search, session, step);
        self.hypermutate(search, session, step, &mut births)?;
        let of = |birth: &Birth| Self::workings(search, session, step, &birth.unit);
        let workings: Vec<Vec<Demonstration>> = births.iter().map(of).collect();
        let asked = |(birth, workings): (&Birth, &Vec<Demonstration>)| {
            (Ok(self.prompt(search, session, step, birth, workings)), birth.by.name())
        };
        let prompts = births.iter().zip(&workings).map(asked).collect();
        let mut drafts = search.ask(session, step, session.plan().reflection_temperature, prompts)?;
        let mut random = session.random("context", step.iteration);
        for draft in &mut drafts {
            let of = (&births[draft.proposal - 1].unit, workings[draft.proposal - 1].as_slice());
            draft.text = self.in_context(session, step, draft.text.clone(), of, &mut random);
        }
        let drafts = search.untried(session, step, drafts)?;
        self.settle(search, session, step, births, drafts)
    }
}
