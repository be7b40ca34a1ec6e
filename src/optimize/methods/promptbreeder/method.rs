//! The evolution of the units.

use std::sync::Arc;

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngExt};

use super::demonstrations::exchange_demonstrations;
use super::fixed_prompts::{MUTATION_PROMPTS, THINKING_STYLES};
use super::mutation::Mutation;
use super::population::{Birth, Population, Unit};
use super::prompts::{change_mutation_prompts, mutation_request, task_prompt_request};
use crate::config::PromptbreederPlan;
use crate::data::ExampleIndex;
use crate::evaluate::Scored;
use crate::event::MethodStep;
use crate::optimize::methods::single_prompt::{Iteration, ProposedText, SinglePromptMethod, TextQuestion, task_sentence};
use crate::optimize::reflection::demonstrations::{correct_call, take_fitting};
use crate::optimize::reflection::instruction::max_text_tokens;
use crate::optimize::session::Halt;
use crate::program::{Demonstration, ModuleText};

/// The method.
#[derive(Debug, Clone)]
pub struct Promptbreeder {
    /// The number of units.
    pub population_size: usize,
    /// The mutation operators that are drawn from.
    pub mutations: Vec<Mutation>,
    /// The mutation prompts that the first units draw from.
    pub mutation_prompts: Vec<String>,
    /// The probability that a changed unit gets the task prompt of another, in [0, 1].
    pub crossover: f64,
    /// Whether the better of two units wins a tournament. Otherwise the first drawn does.
    pub selects: bool,
    /// The most demonstrations of a unit. If it is 0, the seed's demonstrations stay.
    pub max_demonstrations: usize,
    population: Population,
}

impl Promptbreeder {
    /// Creates the method with the numbers of `plan`.
    #[must_use]
    pub fn new(plan: &PromptbreederPlan) -> Self {
        Self {
            population_size: plan.units,
            mutations: Mutation::ALL.to_vec(),
            mutation_prompts: MUTATION_PROMPTS.map(str::to_owned).to_vec(),
            crossover: plan.crossover,
            selects: true,
            max_demonstrations: plan.demonstrations,
            population: Population::default(),
        }
    }
}

impl Promptbreeder {
    /// Pairs the units at random and returns a copy of each pair's winner with a random mutation. A unit is in at most one pair.
    fn hold_tournaments(&self, iteration: &Iteration<'_, '_>) -> Vec<Birth> {
        let mut random = iteration.random("tournament");
        let units = &self.population.units;
        let mut indices: Vec<usize> = (0..units.len()).collect();
        indices.shuffle(&mut random);
        let mut births = Vec::new();
        for pair in indices.chunks_exact(2).take(iteration.max_candidates) {
            let (first, second) = (pair[0], pair[1]);
            let fitness = |index: usize| units[index].fitness(iteration);
            let first_wins = match (fitness(first), fitness(second)) {
                _ if !self.selects => true,
                (Some(first), Some(second)) => first.order(second).is_le(),
                (first, _) => first.is_some(),
            };
            let (winner, loser) = if first_wins { (first, second) } else { (second, first) };
            if let Some(&mutation) = self.mutations.choose(&mut random) {
                births.push(Birth { loser, unit: units[winner].clone(), mutation });
            }
        }
        births
    }

    /// Returns a text with the demonstrations of its parent, some of them exchanged for `correct_calls`. Those that exceed the
    /// limit of the text's tokens are left out.
    fn with_demonstrations(
        &self,
        iteration: &Iteration<'_, '_>,
        text: ModuleText,
        parent: &Unit,
        correct_calls: &[Demonstration],
        random: &mut impl Rng,
    ) -> ModuleText {
        let shown = &parent.task.demonstrations;
        let demonstrations = exchange_demonstrations(shown, correct_calls, self.max_demonstrations, random);
        let (session, model) = (iteration.session(), iteration.module().model);
        let count_tokens = |text: &str| session.count_tokens(model, text);
        let room = max_text_tokens(session, iteration.module_index).saturating_sub(count_tokens(&text.instruction));
        let demonstrations = take_fitting(demonstrations, room, &|shown| shown.tokens(&count_tokens));
        ModuleText { demonstrations, ..text }
    }

    /// Scores the changed units and puts them in the places of the losers.
    fn replace_losers(
        &mut self,
        iteration: &mut Iteration<'_, '_>,
        births: Vec<Birth>,
        texts: Vec<ProposedText>,
    ) -> Result<(), Halt> {
        let mut replaced = Vec::new();
        for ProposedText { number, text, .. } in iteration.try_on_all(texts)? {
            if let Some(Birth { loser, unit, .. }) = births.get(number - 1) {
                self.population.units[*loser] = Unit { task: text, mutation_prompt: unit.mutation_prompt.clone() };
                replaced.push(*loser);
            }
        }
        self.cross(iteration, &replaced);
        self.population.record_best(iteration);
        Ok(())
    }

    /// Gives some of the new units the task prompt of another unit, drawn by score. These prompts have been scored already.
    fn cross(&mut self, iteration: &Iteration<'_, '_>, new_units: &[usize]) {
        let mut random = iteration.random("crossover");
        for &index in new_units {
            if random.random::<f64>() >= self.crossover {
                continue;
            }
            let weight = |unit: &&Unit| unit.fitness(iteration).map_or(0.0, |fitness| fitness.mean);
            let others = self.population.units.iter().enumerate().filter(|(other, _)| *other != index);
            let others: Vec<&Unit> = others.map(|(_, unit)| unit).collect();
            if let Ok(task) = others.choose_weighted(&mut random, weight).map(|unit| unit.task.clone()) {
                self.population.units[index].task = task;
            }
        }
    }
}

/// Returns the calls that a unit got right, with the task model's answers.
fn correct_calls(iteration: &Iteration<'_, '_>, unit: &Unit) -> Vec<Demonstration> {
    let module = iteration.module();
    let call = |(index, scored): &(ExampleIndex, Arc<Scored>)| {
        correct_call(module, &unit.task, &iteration.session().train()[*index], scored)
    };
    iteration.rollouts(&unit.task).iter().filter_map(call).collect()
}

impl SinglePromptMethod for Promptbreeder {
    fn candidates_per_iteration(&self) -> usize {
        self.population_size
    }

    fn population(&self) -> Vec<&ModuleText> {
        self.population.units.iter().map(|unit| &unit.task).collect()
    }

    fn begin(&mut self, iteration: &mut Iteration<'_, '_>) -> Result<(), Halt> {
        let mut random = iteration.random("style");
        let task = task_sentence(iteration.module());
        let mut draw = |_| self.mutation_prompts.choose(&mut random).cloned().unwrap_or_default();
        let count = iteration.max_candidates.min(self.population_size - 1) + 1;
        let mutation_prompts: Vec<String> = (0..count).map(&mut draw).collect();
        let base = iteration.base_text();
        let question = |(mutation_prompt, style): (&String, &&str)| {
            let prompt = mutation_request(&format!("The task: {task}\n{mutation_prompt} {style}"), &base.instruction);
            TextQuestion { prompt: Ok(prompt), operator: MethodStep::FirstPrompts.into() }
        };
        let questions = mutation_prompts[1..].iter().zip(THINKING_STYLES.iter().cycle()).map(question).collect();
        let texts = iteration.ask(iteration.temperature(), questions)?;
        let tried = iteration.try_on_all(texts)?;
        let unit =
            |proposed: ProposedText| Unit { mutation_prompt: mutation_prompts[proposed.number].clone(), task: proposed.text };
        let units = &mut self.population.units;
        *units = vec![Unit { task: base.clone(), mutation_prompt: mutation_prompts[0].clone() }];
        units.extend(tried.into_iter().map(unit));
        // A tournament needs two units. If too few texts were usable, the base is in the population twice.
        while units.len() < 2 {
            let mutation_prompt = mutation_prompts[units.len() % mutation_prompts.len()].clone();
            units.push(Unit { task: base.clone(), mutation_prompt });
        }
        self.population.elites.clear();
        self.population.record_best(iteration);
        Ok(())
    }

    fn advance(&mut self, iteration: &mut Iteration<'_, '_>) -> Result<(), Halt> {
        let mut births = self.hold_tournaments(iteration);
        change_mutation_prompts(iteration, &mut births)?;
        let calls: Vec<Vec<Demonstration>> = births.iter().map(|birth| correct_calls(iteration, &birth.unit)).collect();
        let question = |(birth, calls): (&Birth, &Vec<Demonstration>)| {
            let prompt = task_prompt_request(&self.population, iteration, birth, calls);
            TextQuestion { prompt: Ok(prompt), operator: birth.mutation.step().into() }
        };
        let questions = births.iter().zip(&calls).map(question).collect();
        let mut texts = iteration.ask(iteration.temperature(), questions)?;
        let mut random = iteration.random("context");
        for ProposedText { number, text, .. } in &mut texts {
            let (parent, calls) = (&births[*number - 1].unit, &calls[*number - 1]);
            *text = self.with_demonstrations(iteration, text.clone(), parent, calls, &mut random);
        }
        let texts = iteration.untried(texts)?;
        self.replace_losers(iteration, births, texts)
    }
}
