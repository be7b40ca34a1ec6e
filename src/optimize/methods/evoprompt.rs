//! EvoPrompt: evolutionary algorithms whose operators are questions to a model (Guo et al. 2023, arXiv 2309.08532).
//!
//! The genetic algorithm draws two parents by their scores, asks for a mutated crossover of them, and keeps the best of parents and
//! children. Differential evolution asks what differs between two prompts, mutates that, puts it into the best prompt, and crosses
//! the result with the prompt that it may replace.

use rand::seq::{IndexedRandom, SliceRandom};

use super::single_prompt::{Fitness, Iteration, ProposedText, SinglePromptMethod, TextQuestion, paraphrase_prompt};
use crate::config::{EvopromptPlan, Operator};
use crate::event::MethodStep;
use crate::optimize::operators::computed_text;
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
    plan: EvopromptPlan,
    /// Whether prompts are mixed: two parents crossed, or the difference of two used. Otherwise one prompt is changed alone.
    pub mixes: bool,
    /// Whether the best prompts survive in the genetic algorithm. Otherwise the oldest do.
    pub selects: bool,
    prompts: Vec<ModuleText>,
    /// The number of prompts that differential evolution has tried to replace; the next target follows from it.
    targets: usize,
}

impl EvoPrompt {
    /// Creates the method with the numbers of `plan`.
    #[must_use]
    pub fn new(evolution: Evolution, plan: EvopromptPlan) -> Self {
        Self { evolution, plan, mixes: true, selects: true, prompts: Vec::new(), targets: 0 }
    }

    /// Adds the base with the list of labels, if the training data has a list. Returns the number of texts that were tried.
    fn add_label_seed(&mut self, iteration: &mut Iteration<'_, '_>) -> Result<usize, Halt> {
        let (session, module) = (iteration.session(), iteration.module());
        let mut random = iteration.random("labels");
        let labelled = computed_text(
            session,
            module.model,
            iteration.module_index,
            iteration.base_text(),
            (Operator::Format, 1.0),
            &mut random,
        );
        let Some(text) = labelled.filter(|_| self.plan.label_seeds && iteration.max_candidates > 1) else { return Ok(0) };
        // The numbers below it are those of the paraphrases.
        let proposed = ProposedText { number: self.plan.population, text, operator: Operator::Format.into() };
        let tried = iteration.try_on_all(vec![proposed])?;
        let count = tried.len();
        self.prompts.extend(tried.into_iter().map(|proposed| proposed.text));
        Ok(count)
    }

    /// Adds at most `most` paraphrases, of each prompt of the population in turn, until the population is full.
    fn add_paraphrases(&mut self, iteration: &mut Iteration<'_, '_>, most: usize) -> Result<(), Halt> {
        let missing = self.plan.population.saturating_sub(self.prompts.len()).min(most);
        let prompts = self.prompts.iter().cycle().take(missing);
        let prompts = prompts.map(|text| paraphrase_prompt(&text.instruction));
        let questions = prompts.map(|prompt| TextQuestion::without_examples(prompt, MethodStep::Paraphrase)).collect();
        let texts = iteration.ask(iteration.temperature(), questions)?;
        let tried = iteration.try_on_all(texts)?;
        self.prompts.extend(tried.into_iter().map(|proposed| proposed.text));
        Ok(())
    }

    fn evolve_genetically(&mut self, iteration: &mut Iteration<'_, '_>) -> Result<(), Halt> {
        let mut random = iteration.random("roulette");
        let weight = |text: &&ModuleText| iteration.fitness(text).map_or(0.0, |fitness| fitness.mean) + MIN_WEIGHT;
        let mut questions = Vec::new();
        for _ in 0..iteration.max_candidates.min(self.plan.population) {
            let Ok(first) = self.prompts.iter().collect::<Vec<_>>().choose_weighted(&mut random, weight).copied() else {
                continue;
            };
            let others: Vec<&ModuleText> = self.prompts.iter().filter(|other| *other != first).collect();
            let Ok(second) = others.choose_weighted(&mut random, weight).copied() else { continue };
            let prompt = match self.mixes {
                true => crossover_prompt(&first.instruction, &second.instruction, self.plan.worked_example),
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
        self.prompts.truncate(self.plan.population);
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
            let prompt = difference_prompt(pair, instruction(best), instruction(target), self.plan.worked_example);
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

/// A worked example of a crossover with a mutation.
const CROSSOVER_EXAMPLE: &str = "For example, of `Sort the letter by its topic.` and `Which office must read this letter? Answer with its \
    name.`, the first step may make `Sort the letter by the office that must read it, and answer with its name.`, and the second step \
    `Read the letter to its end, and name the one office that must answer it.`\n\n";

/// A worked example of a difference that is put into the best instruction.
const DIFFERENCE_EXAMPLE: &str = "For example, if one instruction says `the topic of the letter` and the other `the mood of the letter`, \
    these parts may become `the aim of the letter`, and the best instruction `Read the letter and answer with one word.` may become \
    `Read the letter and answer with the word for its aim.`\n\n";

/// Returns the prompt that asks for a mutated child of two prompts. `with_example` adds a worked example.
fn crossover_prompt(first: &str, second: &str, with_example: bool) -> String {
    let example = if with_example { CROSSOVER_EXAMPLE } else { "" };
    format!(
        "{example}These are two instructions for the same assistant.\n\nInstruction 1:\n```\n{first}\n```\n\nInstruction 2:\n```\n{second}\n```\n\n\
         First make one instruction of them, with the best parts of both. Then change a part of it, so that it becomes clearer or \
         says more of what matters.\nWrite only the result of the second step, between two lines of ```.\n"
    )
}

/// Returns the prompt that asks for a new prompt from the difference of `pair`. Without a pair, a part of the best prompt is mutated.
/// `with_example` adds a worked example.
fn difference_prompt(pair: Option<[&str; 2]>, best: &str, base: &str, with_example: bool) -> String {
    let example = if with_example { DIFFERENCE_EXAMPLE } else { "" };
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
        "{example}These are instructions for the same assistant.\n\n{difference} At last cross the result with the base instruction: take \
         parts of both.\nWrite only the result of the last step, between two lines of ```.\n"
    )
}

impl SinglePromptMethod for EvoPrompt {
    fn candidates_per_iteration(&self) -> usize {
        self.plan.population
    }

    fn affordable_iterations(&self) -> u64 {
        self.plan.generations as u64
    }

    fn begin(&mut self, iteration: &mut Iteration<'_, '_>) -> Result<(), Halt> {
        self.prompts = vec![iteration.base_text().clone()];
        self.targets = 0;
        let tried = self.add_label_seed(iteration)?;
        self.add_paraphrases(iteration, iteration.max_candidates - tried)
    }

    fn advance(&mut self, iteration: &mut Iteration<'_, '_>) -> Result<(), Halt> {
        // A crossover needs two prompts; a difference needs two beside the target.
        match self.evolution {
            Evolution::Genetic if self.prompts.len() >= 2 => self.evolve_genetically(iteration),
            Evolution::Differential if self.prompts.len() >= 3 => self.evolve_differentially(iteration),
            _ => self.add_paraphrases(iteration, iteration.max_candidates),
        }
    }
}
