//! OPRO: a model reads what was scored and writes something better (Yang et al. 2023, arXiv 2309.03409).
//!
//! The meta-prompt holds the best instructions with their scores in ascending order, so that the best stand last, and a few
//! exemplars of the task. Each step draws eight new instructions at temperature 1; what was tried before is not run again.

use rand::seq::SliceRandom;

use crate::data::listed;
use crate::optimize::Session;
use crate::optimize::methods::search::{Fitness, Search, Step};
use crate::optimize::methods::turns::SinglePrompt;
use crate::optimize::reflection::packing::{self, Packed};
use crate::optimize::reflection::reflection_context;
use crate::optimize::session::Halt;
use crate::program::ModuleText;

/// The temperature of new instructions.
const TEMPERATURE: f32 = 1.0;

/// The method, with the paper's numbers.
#[derive(Debug, Clone)]
pub struct Opro {
    /// Instructions with their scores in the meta-prompt: the best.
    pub trajectory: usize,
    /// Exemplars of the task in it.
    pub exemplars: usize,
    /// New instructions of a step.
    pub step: usize,
    /// All that was scored in this turn.
    history: Vec<ModuleText>,
}

impl Default for Opro {
    fn default() -> Self {
        Self { trajectory: 20, exemplars: 3, step: 8, history: Vec::new() }
    }
}

impl Opro {
    /// What was scored, the worst first, as a line with the instruction and a score of 100: the best, as far as the context holds
    /// them.
    fn trajectory(&self, search: &Search, session: &Session<'_>, step: &Step<'_>) -> String {
        let mut known: Vec<_> =
            self.history.iter().filter_map(|text| Some((search.fitness(step, text)?, text.instruction.as_str()))).collect();
        known.sort_by(|a, b| a.0.order(b.0));
        known.truncate(self.trajectory);
        let entry = |(fitness, words): &(&Fitness, &str)| {
            format!("Instruction:\n```\n{words}\n```\nScore: {:.0}\n\n", fitness.mean * 100.0)
        };
        let entries: Vec<String> = known.iter().map(entry).collect();
        let held = search.writer.held(session, step.iteration, &entries);
        entries[..held].iter().rev().map(String::as_str).collect()
    }

    fn prompt(&self, search: &Search, session: &Session<'_>, step: &Step<'_>) -> Packed {
        let module = &session.program().modules[step.module];
        let history = self.trajectory(search, session, step);
        let lead = match history.is_empty() {
            true => String::new(),
            false => format!(
                "Below are instructions for an assistant, each with the score out of 100 that it reached, the best last.\n\n{history}"
            ),
        };
        let tail = "Write an instruction that differs from all of those above and reaches a higher score than any of them. \
                    Write it between two lines of ``` and nothing else.\n";
        let mut pairs = reflection_context::pairs(session, step);
        pairs.shuffle(&mut session.random("exemplars", step.iteration));
        pairs.truncate(self.exemplars);
        let samples = if pairs.is_empty() { "" } else { " These are samples of its task, with the right output:" };
        let (reads, writes) = (listed(&module.inputs), listed(&module.outputs));
        let head = format!("{lead}The assistant reads {reads} and writes {writes}.{samples}\n\n");
        let count = |text: &str| search.writer.count(session, step.iteration, text);
        packing::fill(&count, search.writer.room(session, step.iteration), &head, pairs.iter().map(packing::pair), tail)
    }
}

impl SinglePrompt for Opro {
    fn generation(&self) -> usize {
        self.step
    }

    fn begin(&mut self, search: &mut Search, session: &mut Session<'_>, step: &Step<'_>) -> Result<(), Halt> {
        self.history = vec![step.text().clone()];
        self.step(search, session, step)
    }

    fn step(&mut self, search: &mut Search, session: &mut Session<'_>, step: &Step<'_>) -> Result<(), Halt> {
        let prompt = self.prompt(search, session, step);
        let prompts = vec![(Ok(prompt), "opro"); step.most.min(self.step)];
        let drafts = search.ask(session, step, TEMPERATURE, prompts)?;
        let tried = search.try_out(session, step, drafts)?;
        self.history.extend(tried.into_iter().map(|draft| draft.text));
        Ok(())
    }
}
