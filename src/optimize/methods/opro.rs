//! OPRO: a model reads the scored instructions and writes a better one (Yang et al. 2023, arXiv 2309.03409).
//!
//! The meta-prompt lists the best instructions with their scores in ascending order, so that the best stand last, and a few examples
//! of the task. Each iteration asks for several new instructions at temperature 1. An instruction that was tried before is not run
//! again.

use rand::seq::SliceRandom;

use super::single_prompt::{Fitness, Iteration, SinglePromptMethod, TextQuestion};
use crate::config::OproPlan;
use crate::data::listed;
use crate::event::MethodStep;
use crate::optimize::reflection::packing::{self, PackedPrompt};
use crate::optimize::session::Halt;
use crate::program::ModuleText;

/// The method.
#[derive(Debug, Clone)]
pub struct Opro {
    plan: OproPlan,
    /// The texts that were scored while this module is changed.
    history: Vec<ModuleText>,
}

impl Opro {
    /// Creates the method with the numbers of `plan`.
    #[must_use]
    pub fn new(plan: OproPlan) -> Self {
        Self { plan, history: Vec::new() }
    }

    /// Returns the best scored instructions that fit the reflector's context, the worst of them first, each with its score out of 100.
    fn trajectory(&self, iteration: &Iteration<'_, '_>) -> String {
        let texts = self.history.iter();
        let mut scored: Vec<(&Fitness, &str)> =
            texts.filter_map(|text| Some((iteration.fitness(text)?, text.instruction.as_str()))).collect();
        scored.sort_by(|a, b| a.0.order(b.0));
        scored.truncate(self.plan.trajectory);
        let entry = |(fitness, instruction): &(&Fitness, &str)| {
            format!("Instruction:\n```\n{instruction}\n```\nScore: {:.0}\n\n", fitness.mean * 100.0)
        };
        let entries: Vec<String> = scored.iter().map(entry).collect();
        let count = iteration.count_fitting(&entries);
        entries[..count].iter().rev().map(String::as_str).collect()
    }

    fn meta_prompt(&self, iteration: &Iteration<'_, '_>) -> PackedPrompt {
        let module = iteration.module();
        let trajectory = self.trajectory(iteration);
        let lead = match trajectory.is_empty() {
            true => String::new(),
            false => format!(
                "Below are instructions for an assistant, each with the score out of 100 that it reached, the best last.\n\n{trajectory}"
            ),
        };
        let tail = "Write an instruction that differs from all of those above and reaches a higher score than any of them. \
                    Write it between two lines of ``` and nothing else.\n";
        let mut pairs = iteration.labelled_pairs();
        pairs.shuffle(&mut iteration.random("exemplars"));
        pairs.truncate(self.plan.exemplars);
        let samples = if pairs.is_empty() { "" } else { " These are samples of its task, with the right output:" };
        let (reads, writes) = (listed(&module.inputs), listed(&module.outputs));
        let head = format!("{lead}The assistant reads {reads} and writes {writes}.{samples}\n\n");
        let count_tokens = |text: &str| iteration.count_tokens(text);
        let room = iteration.prompt_room();
        packing::pack(&count_tokens, room, &head, pairs.iter().map(packing::pair_text), tail)
    }
}

impl SinglePromptMethod for Opro {
    fn candidates_per_iteration(&self) -> usize {
        self.plan.proposals
    }

    fn examples(&self, rows: usize) -> Option<usize> {
        self.plan.rows.map(|share| (share * rows as f64).ceil() as usize)
    }

    fn begin(&mut self, iteration: &mut Iteration<'_, '_>) -> Result<(), Halt> {
        self.history = vec![iteration.base_text().clone()];
        self.advance(iteration)
    }

    fn advance(&mut self, iteration: &mut Iteration<'_, '_>) -> Result<(), Halt> {
        let question = TextQuestion { prompt: Ok(self.meta_prompt(iteration)), operator: MethodStep::Opro.into() };
        let questions = vec![question; iteration.max_candidates.min(self.plan.proposals)];
        let texts = iteration.ask(self.plan.temperature as f32, questions)?;
        let tried = iteration.try_on_all(texts)?;
        self.history.extend(tried.into_iter().map(|proposed| proposed.text));
        Ok(())
    }
}
