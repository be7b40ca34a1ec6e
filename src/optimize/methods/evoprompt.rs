//! EvoPrompt: evolutionary algorithms whose operators are questions to a model (Guo et al. 2023, arXiv 2309.08532).
//!
//! The genetic algorithm crosses two parents, drawn by their scores, and mutates the child; the best of parents and children
//! survive. Differential evolution finds what differs between two prompts, mutates that alone, combines it with the best
//! prompt, and crosses the result with the one that it may replace.

use rand::seq::{IndexedRandom, SliceRandom};

use crate::optimize::Session;
use crate::optimize::methods::search::{Draft, Fitness, Search, Step};
use crate::optimize::methods::turns::SinglePrompt;
use crate::optimize::reflection::packing::Packed;
use crate::optimize::reflection::reflection_context;
use crate::optimize::session::Halt;
use crate::program::ModuleText;

/// Which algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evolution {
    /// Parents by roulette, crossover, mutation, survivors by score.
    Genetic,
    /// A difference, combined with the best and with the one to be replaced.
    Differential,
}

/// Beside a score, what lets a prompt without any be drawn.
const LEAST_WEIGHT: f64 = 0.01;

/// The method.
#[derive(Debug, Clone)]
pub struct EvoPrompt {
    /// Which algorithm.
    pub evolution: Evolution,
    /// Prompts in the population.
    pub population: usize,
    /// Whether prompts are mixed: two parents crossed, or the difference of two put to use. Else, one is changed alone.
    pub mixes: bool,
    /// Whether the best survive. Else the first do.
    pub selects: bool,
    members: Vec<ModuleText>,
    /// Whose turn it is to be replaced.
    next: usize,
}

impl EvoPrompt {
    /// With the paper's population of ten.
    #[must_use]
    pub fn new(evolution: Evolution) -> Self {
        Self { evolution, population: 10, mixes: true, selects: true, members: Vec::new(), next: 0 }
    }

    /// Paraphrases of the base, until the population is full.
    fn vary(&mut self, search: &mut Search, session: &mut Session<'_>, step: &Step<'_>) -> Result<(), Halt> {
        let missing = self.population.saturating_sub(self.members.len()).min(step.most);
        let prompt = Packed::plain(reflection_context::paraphrase(&step.text().instruction));
        let temperature = session.plan().reflection_temperature;
        let drafts = search.ask(session, step, temperature, vec![(Ok(prompt), "paraphrase"); missing])?;
        let tried = search.try_out(session, step, drafts)?;
        self.members.extend(tried.into_iter().map(|draft| draft.text));
        Ok(())
    }

    fn genetic(&mut self, search: &mut Search, session: &mut Session<'_>, step: &Step<'_>) -> Result<(), Halt> {
        let mut random = session.random("roulette", step.iteration);
        let weight = |text: &&ModuleText| search.fitness(step, text).map_or(0.0, |fitness| fitness.mean) + LEAST_WEIGHT;
        let mut prompts = Vec::new();
        for _ in 0..step.most.min(self.population) {
            let Ok(first) = self.members.iter().collect::<Vec<_>>().choose_weighted(&mut random, weight).copied() else {
                continue;
            };
            let others: Vec<&ModuleText> = self.members.iter().filter(|other| *other != first).collect();
            let Ok(second) = others.choose_weighted(&mut random, weight).copied() else { continue };
            let prompt = match self.mixes {
                true => crossed(&first.instruction, &second.instruction),
                false => reflection_context::paraphrase(&first.instruction),
            };
            prompts.push((Ok(Packed::plain(prompt)), "crossover"));
        }
        let temperature = session.plan().reflection_temperature;
        let drafts = search.ask(session, step, temperature, prompts)?;
        let children = search.try_out(session, step, drafts)?;
        self.members.extend(children.into_iter().map(|draft| draft.text));
        let unknown = Fitness { age: usize::MAX, ..Fitness::default() };
        let fitness = |text: &ModuleText| search.fitness(step, text).unwrap_or(&unknown);
        if self.selects {
            self.members.sort_by(|a, b| fitness(a).order(fitness(b)));
        }
        self.members.truncate(self.population);
        Ok(())
    }

    fn differential(&mut self, search: &mut Search, session: &mut Session<'_>, step: &Step<'_>) -> Result<(), Halt> {
        let mut random = session.random("difference", step.iteration);
        let (mut prompts, mut targets) = (Vec::new(), Vec::new());
        let best = self.best(search, step);
        for _ in 0..step.most.min(self.members.len()) {
            let target = self.next % self.members.len();
            self.next += 1;
            let mut others: Vec<usize> = (0..self.members.len()).filter(|other| *other != target).collect();
            others.shuffle(&mut random);
            let [first, second, ..] = others.as_slice() else { continue };
            let words = |place: usize| self.members[place].instruction.as_str();
            let pair = self.mixes.then(|| [words(*first), words(*second)]);
            prompts.push((Ok(Packed::plain(differing(pair, words(best), words(target)))), "difference"));
            targets.push(target);
        }
        let temperature = session.plan().reflection_temperature;
        let drafts = search.ask(session, step, temperature, prompts)?;
        for Draft { proposal, text, .. } in search.try_out(session, step, drafts)? {
            let Some(&target) = targets.get(proposal - 1) else { continue };
            let is_better = match (search.fitness(step, &text), search.fitness(step, &self.members[target])) {
                (Some(child), Some(before)) => child.order(before).is_lt(),
                _ => false,
            };
            if is_better {
                self.members[target] = text;
            }
        }
        Ok(())
    }

    /// The place of the best.
    fn best(&self, search: &Search, step: &Step<'_>) -> usize {
        let known = |place: usize| Some((search.fitness(step, &self.members[place])?, place));
        let best = (0..self.members.len()).filter_map(known).min_by(|a, b| a.0.order(b.0));
        best.map_or(0, |(_, place)| place)
    }
}

/// Asks for a child of two prompts.
fn crossed(first: &str, second: &str) -> String {
    format!(
        "These are two instructions for the same assistant.\n\nInstruction 1:\n```\n{first}\n```\n\nInstruction 2:\n```\n{second}\n```\n\n\
         First make one instruction of them, with the best parts of both. Then change a part of it, so that it becomes clearer or \
         says more of what matters.\nWrite only the result of the second step, between two lines of ```.\n"
    )
}

/// Asks for a prompt by what differs between two.
fn differing(pair: Option<[&str; 2]>, best: &str, base: &str) -> String {
    let difference = match pair {
        Some([first, second]) => format!(
            "Instruction 1:\n```\n{first}\n```\n\nInstruction 2:\n```\n{second}\n```\n\nBest instruction:\n```\n{best}\n```\n\n\
             Base instruction:\n```\n{base}\n```\n\nFirst find the parts in which instructions 1 and 2 differ. Then change those \
             parts, each into something new. Put the changed parts into the best instruction."
        ),
        None => format!(
            "Best instruction:\n```\n{best}\n```\n\nBase instruction:\n```\n{base}\n```\n\nFirst change a part of the best instruction."
        ),
    };
    format!(
        "These are instructions for the same assistant.\n\n{difference} At last cross the result with the base instruction: take \
         parts of both.\nWrite only the result of the last step, between two lines of ```.\n"
    )
}

impl SinglePrompt for EvoPrompt {
    fn generation(&self) -> usize {
        self.population
    }

    fn begin(&mut self, search: &mut Search, session: &mut Session<'_>, step: &Step<'_>) -> Result<(), Halt> {
        self.members = vec![step.text().clone()];
        self.next = 0;
        self.vary(search, session, step)
    }

    fn step(&mut self, search: &mut Search, session: &mut Session<'_>, step: &Step<'_>) -> Result<(), Halt> {
        // Two to be crossed; with a difference, two beside the one to be replaced.
        match self.evolution {
            Evolution::Genetic if self.members.len() >= 2 => self.genetic(search, session, step),
            Evolution::Differential if self.members.len() >= 3 => self.differential(search, session, step),
            _ => self.vary(search, session, step),
        }
    }
}
