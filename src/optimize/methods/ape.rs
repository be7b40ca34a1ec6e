//! APE: instructions that fit examples, and paraphrases of the best (Zhou et al. 2022, arXiv 2211.01910).
//!
//! In forward mode, a model reads pairs of input and output and writes what the instruction must have been. All instructions are
//! scored on half of the examples, and the better half of them on the other examples too. In later iterations, the top share of the
//! instructions is paraphrased, and the paraphrases are scored in the same way.

use std::cmp::Ordering;

use rand::seq::SliceRandom;

use super::single_prompt::{Iteration, ProposedText, SinglePromptMethod, TextQuestion, paraphrase_prompt};
use crate::event::MethodStep;
use crate::optimize::reflection::packing;
use crate::optimize::reflection::unusable::Unusable;
use crate::optimize::session::Halt;
use crate::program::ModuleText;

/// One in this many of the instructions that were scored in full is paraphrased.
const TOP_SHARE: usize = 4;

/// The method.
#[derive(Debug, Clone)]
pub struct Ape {
    /// The instructions of an iteration.
    pub proposals: usize,
    /// The pairs of input and output that an instruction is induced from.
    pub pairs: usize,
    /// Whether later iterations paraphrase the best instructions. Otherwise they induce new ones.
    pub paraphrases: bool,
    /// The texts that were scored in full while this module is changed.
    scored: Vec<ModuleText>,
}

impl Default for Ape {
    fn default() -> Self {
        Self { proposals: 8, pairs: 5, paraphrases: true, scored: Vec::new() }
    }
}

impl Ape {
    /// Asks for instructions, each from other random pairs.
    fn induce(&self, iteration: &mut Iteration<'_, '_>) -> Result<Vec<ProposedText>, Halt> {
        let pairs = iteration.labelled_pairs();
        let mut random = iteration.random("pairs");
        let count_tokens = |text: &str| iteration.count_tokens(text);
        let room = iteration.prompt_room();
        let head = "Somebody gave an assistant one instruction for all of its work. By that instruction, it turned these inputs \
                    into these outputs:\n\n";
        let tail = "What was the instruction? It must say what to do with any such input, not only with these, and name the \
                    outputs that are allowed where there is a fixed set. Write the instruction and nothing else, between two \
                    lines of ```.\n";
        let question = |_| {
            let mut drawn = pairs.clone();
            drawn.shuffle(&mut random);
            drawn.truncate(self.pairs);
            let packed = packing::pack(&count_tokens, room, head, drawn.iter().map(packing::pair_text), tail);
            let prompt = match packed.examples {
                0 if pairs.is_empty() => Err(Unusable::NoLabels),
                0 => Err(Unusable::NoRoom),
                _ => Ok(packed),
            };
            TextQuestion { prompt, operator: MethodStep::Induce.into() }
        };
        let questions = (0..iteration.max_candidates.min(self.proposals)).map(question).collect();
        iteration.ask(iteration.temperature(), questions)
    }

    /// Asks for paraphrases of the top share, each instruction in turn.
    fn paraphrase(&self, iteration: &mut Iteration<'_, '_>) -> Result<Vec<ProposedText>, Halt> {
        let mut best: Vec<_> = self.scored.iter().filter_map(|text| Some((iteration.fitness(text)?, text))).collect();
        best.sort_by(|a, b| a.0.order(b.0));
        best.truncate(self.scored.len().div_ceil(TOP_SHARE));
        let texts = best.iter().cycle().take(iteration.max_candidates.min(self.proposals));
        let question = |(_, text): &(_, &ModuleText)| {
            TextQuestion::without_examples(paraphrase_prompt(&text.instruction), MethodStep::Paraphrase)
        };
        let questions = texts.map(question).collect();
        iteration.ask(iteration.temperature(), questions)
    }

    /// Scores all texts on the first half of the examples, and the better half of them on the other examples.
    fn score(&mut self, iteration: &mut Iteration<'_, '_>, texts: Vec<ProposedText>) -> Result<(), Halt> {
        let (half, all) = (iteration.examples.len().div_ceil(2), iteration.examples.len());
        let mut texts = iteration.try_on(texts, 0..half)?;
        let order = |a: &ProposedText, b: &ProposedText| match (iteration.fitness(&a.text), iteration.fitness(&b.text)) {
            (Some(a), Some(b)) => a.order(b),
            _ => Ordering::Equal,
        };
        texts.sort_by(order);
        texts.truncate(texts.len().div_ceil(2));
        let survivors = iteration.try_on(texts, half..all)?;
        self.scored.extend(survivors.into_iter().map(|proposed| proposed.text));
        Ok(())
    }
}

impl SinglePromptMethod for Ape {
    fn candidates_per_iteration(&self) -> usize {
        self.proposals
    }

    fn begin(&mut self, iteration: &mut Iteration<'_, '_>) -> Result<(), Halt> {
        self.scored = vec![iteration.base_text().clone()];
        let texts = self.induce(iteration)?;
        self.score(iteration, texts)
    }

    fn advance(&mut self, iteration: &mut Iteration<'_, '_>) -> Result<(), Halt> {
        let texts = match self.paraphrases {
            true => self.paraphrase(iteration)?,
            false => self.induce(iteration)?,
        };
        self.score(iteration, texts)
    }
}
