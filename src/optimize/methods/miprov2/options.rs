//! What the search chooses from: instructions and demonstration sets for each module.

use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};

use super::summaries::{Summaries, Summarizer};
use crate::config::Miprov2Plan;
use crate::data::ExampleIndex;
use crate::event::MethodStep;
use crate::optimize::bootstrap::{SetMaker, SetNumbers};
use crate::optimize::joining::open_modules;
use crate::optimize::reflection::demonstrations::take_fitting;
use crate::optimize::reflection::instruction::{max_text_tokens, read_instruction};
use crate::optimize::reflection::packing::{self, PackedPrompt};
use crate::optimize::reflection::reflectors::{Reflection, Reflectors};
use crate::optimize::reflection::training_data;
use crate::optimize::reflection::unusable::Attempt;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, Demonstration, ModuleText, PoolIndex};

/// At most one in this many of the rollouts that are left is used to find calls that a teacher gets right.
const BOOTSTRAP_SHARE: u64 = 4;

/// At least one token in this many of the limit of a module's text is reserved for the instruction.
const INSTRUCTION_SHARE: usize = 4;

/// The most demonstrations in the prompt for an instruction.
const SHOWN_DEMONSTRATIONS: usize = 3;

/// Tips, one of which is in the prompt of each instruction. The first is none.
const TIPS: [&str; 6] = [
    "",
    "Be creative: this need not look like other instructions.",
    "Keep it clear and short.",
    "Describe the task in detail, with all that is to be paid attention to.",
    "Say that much depends on the answer being right.",
    "Give the assistant a role that suits the task.",
];

/// The options of every module.
pub(super) struct Options {
    /// For each module, its instructions. The first is the seed's.
    instructions: Vec<Vec<ModuleText>>,
    /// For each module, its demonstration sets. The first is the seed's.
    sets: Vec<Vec<Vec<Demonstration>>>,
}

impl Options {
    /// Returns the number of options of each choice: the instructions and the sets of each module in turn.
    pub(super) fn sizes(&self) -> Vec<usize> {
        self.instructions.iter().zip(&self.sets).flat_map(|(texts, sets)| [texts.len(), sets.len()]).collect()
    }

    /// Returns the candidate of a combination, which has two choices for each module. Demonstrations for which the instruction
    /// leaves no tokens are left out.
    pub(super) fn candidate(&self, session: &Session<'_>, combination: &[usize]) -> Candidate {
        let text = |(module_index, choice): (usize, &[usize])| {
            let instruction = self.instructions[module_index][choice[0]].clone();
            let shown = self.sets[module_index][choice[1]].clone();
            let model = session.program().modules[module_index].model;
            let count_tokens = |text: &str| session.count_tokens(model, text);
            let room = max_text_tokens(session, module_index).saturating_sub(count_tokens(&instruction.instruction));
            let demonstrations = take_fitting(shown, room, &|one| one.tokens(&count_tokens));
            ModuleText { demonstrations, ..instruction }
        };
        Candidate(combination.chunks(2).enumerate().map(text).collect())
    }
}

/// Makes the options.
pub(super) struct OptionMaker<'a> {
    pub(super) seed: &'a Candidate,
    pub(super) reflectors: &'a Reflectors,
    pub(super) plan: &'a Miprov2Plan,
}

impl OptionMaker<'_> {
    /// Makes the options of all modules. A frozen module has the seed's text alone.
    pub(super) fn make(&self, session: &mut Session<'_>) -> Result<Options, Halt> {
        let mut sets = self.demonstration_sets(session)?;
        let instructions = self.instructions(session, &sets)?;
        if self.plan.is_zero_shot() {
            // The teacher's calls are for the writer of instructions alone.
            sets.iter_mut().for_each(|sets| sets.truncate(1));
        }
        Ok(Options { instructions, sets })
    }

    /// Returns the demonstration sets of each module, in the order of the reference: the seed's, one of labelled examples, one of the
    /// teacher's calls on the training examples as they stand in the file, and ones on shuffled training examples.
    fn demonstration_sets(&self, session: &mut Session<'_>) -> Result<Vec<Vec<Vec<Demonstration>>>, Halt> {
        let &Miprov2Plan { labelled, threshold, bootstrapped, .. } = self.plan;
        let bootstrapped = if self.plan.is_zero_shot() { SHOWN_DEMONSTRATIONS } else { bootstrapped };
        let numbers = SetNumbers { labelled, threshold, instruction_share: Some(INSTRUCTION_SHARE) };
        let maker = SetMaker::new(session, self.seed, numbers);
        let reserve = session.rollouts_left().map_or(0, |left| left - left / BOOTSTRAP_SHARE);
        let mut candidates = vec![self.seed.clone()];
        for set in 1..self.plan.sets() {
            let mut random = session.random("demonstrations", set as u64);
            let mut order = ExampleIndex::all(session.train().len());
            let most = match set {
                1 => 0,
                2 => bootstrapped,
                _ => {
                    order.shuffle(&mut random);
                    random.random_range(bootstrapped.min(1)..=bootstrapped)
                }
            };
            candidates.push(maker.bootstrapped(session, &order, most, reserve, &mut random)?);
        }
        let of_module = |module_index: usize| {
            let mut sets: Vec<Vec<Demonstration>> = Vec::new();
            for candidate in &candidates {
                let set = &candidate.0[module_index].demonstrations;
                if !sets.contains(set) {
                    sets.push(set.clone());
                }
            }
            sets
        };
        Ok((0..self.seed.0.len()).map(of_module).collect())
    }

    /// Asks for instructions of all modules that may change. Returns them by module, the seed's first. The prompts show
    /// demonstrations from `sets`.
    fn instructions(&self, session: &mut Session<'_>, sets: &[Vec<Vec<Demonstration>>]) -> Result<Vec<Vec<ModuleText>>, Halt> {
        let summarizer = Summarizer { seed: self.seed, reflectors: self.reflectors, plan: self.plan };
        let summaries = summarizer.summaries(session)?;
        let mut random = session.random("tip", 0);
        let mut questions = Vec::new();
        for &module_index in &open_modules(session) {
            for n in 1..self.plan.instructions() {
                let tip = TIPS.choose(&mut random).copied().unwrap_or(TIPS[0]);
                let sets = &sets[module_index];
                // Examples of the set with the instruction's number, and of the sets after it.
                let from = n % sets.len().max(1);
                let shown = sets[from..].iter().chain(&sets[..from]).flatten();
                let shown: Vec<&Demonstration> = shown.take(SHOWN_DEMONSTRATIONS).collect();
                let prompt = self.instruction_prompt(session, module_index, &summaries, tip, &shown);
                let attempt = Attempt { proposal: questions.len() + 1, module_index, operator: MethodStep::Ground.into() };
                questions.push(Reflection {
                    attempt,
                    parent: PoolIndex::SEED,
                    prompt: Ok(prompt),
                    max_tokens: session.plan().reflection_tokens,
                    temperature: self.plan.temperature as f32,
                });
            }
        }
        let inputs = training_data::quotable(session);
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let texts = self.reflectors.ask(session, 1, "instructions", &questions, &|session, index, completion| {
            let module_index = questions[index].attempt.module_index;
            read_instruction(session, module_index, &self.seed.0[module_index], &inputs, completion)
        })?;
        let mut all: Vec<Vec<ModuleText>> = self.seed.0.iter().map(|text| vec![text.clone()]).collect();
        for (question, text) in questions.iter().zip(texts) {
            let of_module = &mut all[question.attempt.module_index];
            of_module.extend(text.filter(|text| !of_module.contains(text)));
        }
        Ok(all)
    }

    fn instruction_prompt(
        &self,
        session: &Session<'_>,
        module_index: usize,
        summaries: &Summaries,
        tip: &str,
        shown: &[&Demonstration],
    ) -> PackedPrompt {
        let module = &session.program().modules[module_index];
        let mut head = String::new();
        let role = summaries.modules.get(&module_index).map_or("", String::as_str);
        for (title, summary) in [("The data", summaries.data.as_str()), ("The program", &summaries.program), ("The role", role)] {
            if !summary.is_empty() {
                head.push_str(&format!("{title}: {summary}\n\n"));
            }
        }
        head.push_str(&packing::opening(module, &self.seed.0[module_index].instruction));
        if !shown.is_empty() {
            head.push_str("Samples of its work:\n\n");
        }
        let tail = format!(
            "Write a better instruction for this assistant, which is called `{}`. {tip}\nWrite the whole new instruction and nothing \
             else, between two lines of ```.\n",
            module.name
        );
        let count_tokens = |text: &str| self.reflectors.count_tokens(session, 1, text);
        let room = self.reflectors.prompt_room(session, 1);
        packing::pack(&count_tokens, room, &head, shown.iter().map(|shown| packing::pair_text(shown)), &tail)
    }
}
