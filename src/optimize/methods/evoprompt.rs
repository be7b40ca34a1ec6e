//! EvoPrompt: evolutionary algorithms whose operators are questions to a model (Guo et al. 2023, arXiv 2309.08532).
//!
//! The genetic algorithm draws two parents by their scores, asks for a mutated crossover of them, and keeps the best of parents and
//! children. Differential evolution asks what differs between two prompts, mutates that, puts it into the best prompt, and crosses
//! the result with the prompt that it may replace.

use rand::seq::{IndexedRandom, SliceRandom};

use super::single_prompt::{Fitness, Iteration, ProposedText, SinglePromptMethod, TextQuestion, paraphrase_prompt};
use crate::event::MethodStep;
use crate::optimize::session::Halt;
use crate::program::ModuleText;

/// The evolutionary algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evolution {
    /// Parents drawn by score, crossover, mutation, survivors by score.
    Genetic,
    /// The difference of two prompts, combined with the best prompt and with the one that may be replaced.
    Differential,
}

/// What is added to a score for its weight in a draw, so that prompts with a score of 0 can be drawn.
const MIN_WEIGHT: f64 = 0.01;

/// The method.
#[derive(Debug, Clone)]
pub struct EvoPrompt {
    /// The algorithm.
    pub evolution: Evolution,
    /// The number of prompts in the population.
    pub population: usize,
    /// Whether prompts are mixed: two parents crossed, or the difference of two used. Otherwise one prompt is changed alone.
    pub mixes: bool,
    /// Whether the best prompts survive in the genetic algorithm. Otherwise the oldest do.
    pub selects: bool,
    prompts: Vec<ModuleText>,
    /// The number of prompts that differential evolution has tried to replace; the next target follows from it.
    targets: usize,
}

impl EvoPrompt {
    /// Creates the method with the paper's population of ten prompts.
    #[must_use]
    pub fn new(evolution: Evolution) -> Self {
        Self { evolution, population: 10, mixes: true, selects: true, prompts: Vec::new(), targets: 0 }
    }

    /// Adds paraphrases of the base until the population is full.
    fn add_paraphrases(&mut self, iteration: &mut Iteration<'_, '_>) -> Result<(), Halt> {
        let missing = self.population.saturating_sub(self.prompts.len()).min(iteration.max_candidates);
        let prompt = paraphrase_prompt(&iteration.base_text().instruction);
        let questions = vec![TextQuestion::without_examples(prompt, MethodStep::Paraphrase); missing];
        let texts = iteration.ask(iteration.temperature(), questions)?;
        let tried = iteration.try_on_all(texts)?;
        self.prompts.extend(tried.into_iter().map(|proposed| proposed.text));
        Ok(())
    }

    fn evolve_genetically(&mut self, iteration: &mut Iteration<'_, '_>) -> Result<(), Halt> {
        let mut random = iteration.random("roulette");
        let weight = |text: &&ModuleText| iteration.fitness(text).map_or(0.0, |fitness| fitness.mean) + MIN_WEIGHT;
        let mut questions = Vec::new();
        for _ in 0..iteration.max_candidates.min(self.population) {
            let Ok(first) = self.prompts.iter().collect::<Vec<_>>().choose_weighted(&mut random, weight).copied() else {
                continue;
            };
            let others: Vec<&ModuleText> = self.prompts.iter().filter(|other| *other != first).collect();
            let Ok(second) = others.choose_weighted(&mut random, weight).copied() else { continue };
            let prompt = match self.mixes {
                true => crossover_prompt(&first.instruction, &second.instruction),
                false => paraphrase_prompt(&first.instruction),
            };
            questions.push(TextQuestion::without_examples(prompt, MethodStep::Crossover));
        }
        let texts = iteration.ask(iteration.temperature(), questions)?;
        let children = iteration.try_on_all(texts)?;
        self.prompts.extend(children.into_iter().map(|proposed| proposed.text));
        let unknown = Fitness { age: usize::MAX, ..Fitness::default() };
        let fitness = |text: &ModuleText| iteration.fitness(text).unwrap_or(&unknown);
        if self.selects {
            self.prompts.sort_by(|a, b| fitness(a).order(fitness(b)));
        }
        self.prompts.truncate(self.population);
        Ok(())
    }

    fn evolve_differentially(&mut self, iteration: &mut Iteration<'_, '_>) -> Result<(), Halt> {
        let mut random = iteration.random("difference");
        let (mut questions, mut targets) = (Vec::new(), Vec::new());
        let best = self.best_index(iteration);
        for _ in 0..iteration.max_candidates.min(self.prompts.len()) {
            let target = self.targets % self.prompts.len();
            self.targets += 1;
            let mut others: Vec<usize> = (0..self.prompts.len()).filter(|other| *other != target).collect();
            others.shuffle(&mut random);
            let [first, second, ..] = others.as_slice() else { continue };
            let instruction = |index: usize| self.prompts[index].instruction.as_str();
            let pair = self.mixes.then(|| [instruction(*first), instruction(*second)]);
            let prompt = difference_prompt(pair, instruction(best), instruction(target));
            questions.push(TextQuestion::without_examples(prompt, MethodStep::Difference));
            targets.push(target);
        }
        let texts = iteration.ask(iteration.temperature(), questions)?;
        for ProposedText { number, text, .. } in iteration.try_on_all(texts)? {
            let Some(&target) = targets.get(number - 1) else { continue };
            let is_better = match (iteration.fitness(&text), iteration.fitness(&self.prompts[target])) {
                (Some(child), Some(before)) => child.order(before).is_lt(),
                _ => false,
            };
            if is_better {
                self.prompts[target] = text;
            }
        }
        Ok(())
    }

    /// Returns the index of the best prompt of the population.
    fn best_index(&self, iteration: &Iteration<'_, '_>) -> usize {
        let scored = |index: usize| Some((iteration.fitness(&self.prompts[index])?, index));
        let best = (0..self.prompts.len()).filter_map(scored).min_by(|a, b| a.0.order(b.0));
        best.map_or(0, |(_, index)| index)
    }
}

/// Returns the prompt that asks for a mutated child of two prompts.
fn crossover_prompt(first: &str, second: &str) -> String {
    format!(
        "These are two instructions for the same assistant.\n\nInstruction 1:\n```\n{first}\n```\n\nInstruction 2:\n```\n{second}\n```\n\n\
         First make one instruction of them, with the best parts of both. Then change a part of it, so that it becomes clearer or \
         says more of what matters.\nWrite only the result of the second step, between two lines of ```.\n"
    )
}

/// Returns the prompt that asks for a new prompt from the difference of `pair`. Without a pair, a part of the best prompt is mutated.
fn difference_prompt(pair: Option<[&str; 2]>, best: &str, base: &str) -> String {
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

impl SinglePromptMethod for EvoPrompt {
    fn candidates_per_iteration(&self) -> usize {
        self.population
    }

    fn begin(&mut self, iteration: &mut Iteration<'_, '_>) -> Result<(), Halt> {
        self.prompts = vec![iteration.base_text().clone()];
        self.targets = 0;
        self.add_paraphrases(iteration)
    }

    fn advance(&mut self, iteration: &mut Iteration<'_, '_>) -> Result<(), Halt> {
        // A crossover needs two prompts; a difference needs two beside the target.
        match self.evolution {
            Evolution::Genetic if self.prompts.len() >= 2 => self.evolve_genetically(iteration),
            Evolution::Differential if self.prompts.len() >= 3 => self.evolve_differentially(iteration),
            _ => self.add_paraphrases(iteration),
        }
    }
}
