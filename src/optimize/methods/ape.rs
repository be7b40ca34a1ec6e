//! APE: instructions that fit examples, and paraphrases of the best (Zhou et al. 2022, arXiv 2211.01910).
//!
//! In forward mode, a model reads pairs of input and output and writes what the instruction must have been. All instructions are
//! scored on a part of the examples, and those with the highest upper confidence bounds on more. In later iterations, the top share of the
//! instructions is paraphrased, and the paraphrases are scored in the same way.

use std::cmp::Ordering;

use rand::seq::SliceRandom;

use super::single_prompt::{Iteration, ProposedText, SinglePromptMethod, TextQuestion, paraphrase_prompt};
use crate::config::{ApePlan, Strength};
use crate::event::MethodStep;
use crate::optimize::reflection::packing;
use crate::optimize::reflection::unusable::Unusable;
use crate::optimize::session::Halt;
use crate::program::ModuleText;

/// One in this many of the instructions that were scored in full is paraphrased.
const TOP_SHARE: usize = 4;

/// One in this many of the instructions gets its next part at a time.
const PULLED_SHARE: usize = 5;

/// The method.
#[derive(Debug, Clone)]
pub struct Ape {
    plan: ApePlan,
    /// Whether later iterations paraphrase the best instructions. Otherwise they induce new ones.
    pub paraphrases: bool,
    /// The texts that were scored in full while this module is changed.
    scored: Vec<ModuleText>,
}

impl Default for Ape {
    fn default() -> Self {
        Self::new(ApePlan::of(Strength::Small))
    }
}

impl Ape {
    /// Creates the method with the numbers of `plan`.
    #[must_use]
    pub fn new(plan: ApePlan) -> Self {
        Self { plan, paraphrases: true, scored: Vec::new() }
    }

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
            drawn.truncate(self.plan.pairs);
            let packed = packing::pack(&count_tokens, room, head, drawn.iter().map(packing::pair_text), tail);
            let prompt = match packed.examples {
                0 if pairs.is_empty() => Err(Unusable::NoLabels),
                0 => Err(Unusable::NoRoom),
                _ => Ok(packed),
            };
            TextQuestion { prompt, operator: MethodStep::Induce.into() }
        };
        let questions = (0..iteration.max_candidates.min(self.plan.candidates)).map(question).collect();
        iteration.ask(iteration.temperature(), questions)
    }

    /// Asks for paraphrases of the top share, each instruction in turn.
    fn paraphrase(&self, iteration: &mut Iteration<'_, '_>) -> Result<Vec<ProposedText>, Halt> {
        let mut best: Vec<_> = self.scored.iter().filter_map(|text| Some((iteration.fitness(text)?, text))).collect();
        best.sort_by(|a, b| a.0.order(b.0));
        best.truncate(self.scored.len().div_ceil(TOP_SHARE));
        let texts = best.iter().cycle().take(iteration.max_candidates.min(self.plan.candidates));
        let question = |(_, text): &(_, &ModuleText)| {
            TextQuestion::without_examples(paraphrase_prompt(&text.instruction), MethodStep::Paraphrase)
        };
        let questions = texts.map(question).collect();
        iteration.ask(iteration.temperature(), questions)
    }

    /// Scores texts, the better ones on all examples.
    fn score(&mut self, iteration: &mut Iteration<'_, '_>, texts: Vec<ProposedText>) -> Result<(), Halt> {
        match self.plan.parts {
            Some(parts) => self.score_by_confidence(iteration, texts, parts),
            None => self.score_by_halves(iteration, texts),
        }
    }

    /// Scores all texts on one of `parts` parts of the examples, and then gives as many parts again to those with the highest upper
    /// confidence bounds: a fifth of the texts at a time get their next part. At last the best is scored on what it lacks.
    fn score_by_confidence(
        &mut self,
        iteration: &mut Iteration<'_, '_>,
        texts: Vec<ProposedText>,
        parts: usize,
    ) -> Result<(), Halt> {
        let all = iteration.examples.len();
        let part = all.div_ceil(parts.max(1)).max(1);
        let texts = iteration.try_on(texts, 0..part.min(all))?;
        let mut left = texts.len();
        loop {
            let total = texts.iter().map(|proposed| examples_of(iteration, proposed)).sum::<usize>().max(1) as f64;
            let bound = |proposed: &ProposedText| {
                let count = examples_of(iteration, proposed).max(1) as f64;
                mean_of(iteration, proposed) + self.plan.exploration * (total.ln() / count).sqrt()
            };
            let mut open: Vec<(f64, &ProposedText)> = texts.iter().map(|proposed| (bound(proposed), proposed)).collect();
            open.retain(|(_, proposed)| examples_of(iteration, proposed) < all);
            // A stable sort: of equal bounds, the first proposal stands first.
            open.sort_by(|a, b| b.0.total_cmp(&a.0));
            open.truncate(texts.len().div_ceil(PULLED_SHARE).min(left));
            if open.is_empty() {
                break;
            }
            left -= open.len();
            for (_, proposed) in open {
                let from = examples_of(iteration, proposed);
                iteration.try_on(vec![proposed.clone()], from..(from + part).min(all))?;
            }
        }
        let best = texts.iter().max_by(|a, b| mean_of(iteration, a).total_cmp(&mean_of(iteration, b)));
        if let Some(best) = best.filter(|best| examples_of(iteration, best) < all) {
            let from = examples_of(iteration, best);
            iteration.try_on(vec![best.clone()], from..all)?;
        }
        let whole = texts.into_iter().filter(|proposed| examples_of(iteration, proposed) == all);
        self.scored.extend(whole.map(|proposed| proposed.text));
        Ok(())
    }

    /// Scores all texts on the first half of the examples, and the better half of them on the other examples.
    fn score_by_halves(&mut self, iteration: &mut Iteration<'_, '_>, texts: Vec<ProposedText>) -> Result<(), Halt> {
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

/// Returns the number of examples that a text was scored on.
fn examples_of(iteration: &Iteration<'_, '_>, proposed: &ProposedText) -> usize {
    iteration.fitness(&proposed.text).map_or(0, |fitness| fitness.examples)
}

/// Returns the mean score of a text.
fn mean_of(iteration: &Iteration<'_, '_>, proposed: &ProposedText) -> f64 {
    iteration.fitness(&proposed.text).map_or(0.0, |fitness| fitness.mean)
}

impl SinglePromptMethod for Ape {
    fn candidates_per_iteration(&self) -> usize {
        self.plan.candidates
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
