//! APE: instructions that fit examples, and paraphrases of the best (Zhou et al. 2022, arXiv 2211.01910).
//!
//! Forward mode: a model reads pairs of input and output and says what the instruction must have been. All are scored on half
//! of the examples, the better half of them on the rest as well. Then the top share is paraphrased, and scored in the
//! same way, again and again.

use rand::seq::SliceRandom;

use crate::optimize::Session;
use crate::optimize::methods::search::{Draft, Search, Step};
use crate::optimize::methods::turns::SinglePrompt;
use crate::optimize::reflection::answer::Unusable;
use crate::optimize::reflection::packing::{self, Packed};
use crate::optimize::reflection::reflection_context;
use crate::optimize::session::Halt;
use crate::program::ModuleText;

/// Of the instructions that were scored in full, one in so many is paraphrased.
const TOP_SHARE: usize = 4;

/// The method.
#[derive(Debug, Clone)]
pub struct Ape {
    /// Instructions of an iteration.
    pub proposals: usize,
    /// Pairs of input and output that an instruction is induced from.
    pub pairs: usize,
    /// Whether the best are paraphrased; else, every iteration induces anew.
    pub paraphrases: bool,
    /// What was scored in full in this turn.
    scored: Vec<ModuleText>,
}

impl Default for Ape {
    fn default() -> Self {
        Self { proposals: 8, pairs: 5, paraphrases: true, scored: Vec::new() }
    }
}

impl Ape {
    /// Instructions from pairs, each from others.
    fn induce(&self, search: &Search, session: &mut Session<'_>, step: &Step<'_>) -> Result<Vec<Draft>, Halt> {
        let pairs = reflection_context::pairs(session, step);
        let mut random = session.random("pairs", step.iteration);
        let count = |text: &str| search.writer.count(session, step.iteration, text);
        let room = search.writer.room(session, step.iteration);
        let head = "Somebody gave an assistant one instruction for all of its work. By that instruction, it turned these inputs \
                    into these outputs:\n\n";
        let tail = "What was the instruction? It must say what to do with any such input, not only with these, and name the \
                    outputs that are allowed where there is a fixed set. Write the instruction and nothing else, between two \
                    lines of ```.\n";
        let prompt = |_| {
            let mut drawn = pairs.clone();
            drawn.shuffle(&mut random);
            drawn.truncate(self.pairs);
            let packed = packing::fill(&count, room, head, drawn.iter().map(packing::pair), tail);
            let none = if pairs.is_empty() { Unusable::NoLabels } else { Unusable::NoRoom };
            (if packed.examples == 0 { Err(none) } else { Ok(packed) }, "induce")
        };
        let prompts = (0..step.most.min(self.proposals)).map(prompt).collect();
        search.ask(session, step, session.plan().reflection_temperature, prompts)
    }

    /// Paraphrases of the top share, in turns.
    fn paraphrase(&self, search: &Search, session: &mut Session<'_>, step: &Step<'_>) -> Result<Vec<Draft>, Halt> {
        let mut best: Vec<_> = self.scored.iter().filter_map(|text| Some((search.fitness(step, text)?, text))).collect();
        best.sort_by(|a, b| a.0.order(b.0));
        best.truncate(self.scored.len().div_ceil(TOP_SHARE));
        let texts = best.iter().cycle().take(step.most.min(self.proposals));
        let prompts =
            texts.map(|(_, text)| (Ok(Packed::plain(reflection_context::paraphrase(&text.instruction))), "paraphrase")).collect();
        search.ask(session, step, session.plan().reflection_temperature, prompts)
    }

    /// All on the first half of the examples, then the better half on the others.
    fn score(&mut self, search: &mut Search, session: &mut Session<'_>, step: &Step<'_>, drafts: Vec<Draft>) -> Result<(), Halt> {
        let (half, all) = (step.examples.len().div_ceil(2), step.examples.len());
        let mut drafts = search.try_on(session, step, drafts, 0..half)?;
        let order = |a: &Draft, b: &Draft| match (search.fitness(step, &a.text), search.fitness(step, &b.text)) {
            (Some(a), Some(b)) => a.order(b),
            _ => std::cmp::Ordering::Equal,
        };
        drafts.sort_by(order);
        drafts.truncate(drafts.len().div_ceil(2));
        let survivors = search.try_on(session, step, drafts, half..all)?;
        self.scored.extend(survivors.into_iter().map(|draft| draft.text));
        Ok(())
    }
}

impl SinglePrompt for Ape {
    fn generation(&self) -> usize {
        self.proposals
    }

    fn begin(&mut self, search: &mut Search, session: &mut Session<'_>, step: &Step<'_>) -> Result<(), Halt> {
        self.scored = vec![step.text().clone()];
        let drafts = self.induce(search, session, step)?;
        self.score(search, session, step, drafts)
    }

    fn step(&mut self, search: &mut Search, session: &mut Session<'_>, step: &Step<'_>) -> Result<(), Halt> {
        let drafts = match self.paraphrases {
            true => self.paraphrase(search, session, step)?,
            false => self.induce(search, session, step)?,
        };
        self.score(search, session, step, drafts)
    }
}
