//! What the search chooses from: instructions and demonstration sets for each module.

use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};

use super::settings::Settings;
use crate::data::split::Split;
use crate::data::{Example, ExampleIndex, listed, to_text};
use crate::event::{MethodStep, Purpose};
use crate::optimize::joining::open_modules;
use crate::optimize::reflection::demonstrations::{correct_call, labelled_demonstration, take_fitting};
use crate::optimize::reflection::instruction::{max_text_tokens, read_instruction};
use crate::optimize::reflection::packing::{self, PackedPrompt};
use crate::optimize::reflection::read_answer::read_text;
use crate::optimize::reflection::reflectors::{Reflection, Reflectors};
use crate::optimize::reflection::unusable::Attempt;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, Demonstration, ModuleText};

/// The training examples that are run at once to find correct calls.
const BOOTSTRAP_BATCH: usize = 8;

/// At most one in this many of the rollouts that are left is used to find correct calls.
const BOOTSTRAP_SHARE: u64 = 4;

/// At least one token in this many of the limit of a module's text is reserved for the instruction.
const INSTRUCTION_SHARE: usize = 4;

/// The rows from which the summary of the data is written.
const SUMMARY_ROWS: usize = 10;

/// The most tokens of a summary.
const MAX_SUMMARY_TOKENS: u32 = 200;

/// Tips, one of which is in the prompt of each instruction.
const TIPS: [&str; 6] = [
    "Be creative: this need not look like other instructions.",
    "Keep it short and plain.",
    "Describe the task in detail, with all that is to be paid attention to.",
    "Say that much depends on the answer being right.",
    "Give the assistant a role that suits the task.",
    "Say exactly what the answer looks like.",
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
    pub(super) settings: &'a Settings,
}

/// The parts of the prompts for instructions that do not depend on the module. A summary is empty if no reflector could write it.
struct Summaries {
    data: String,
    program: String,
}

impl OptionMaker<'_> {
    /// Makes the options of all modules. A frozen module has the seed's text alone.
    pub(super) fn make(&self, session: &mut Session<'_>) -> Result<Options, Halt> {
        let open = open_modules(session);
        let calls = self.correct_calls(session)?;
        let sets_of_module = |module_index: usize| match open.contains(&module_index) {
            true => self.demonstration_sets(session, module_index, &calls[module_index]),
            false => vec![self.seed.0[module_index].demonstrations.clone()],
        };
        let sets: Vec<Vec<Vec<Demonstration>>> = (0..self.seed.0.len()).map(sets_of_module).collect();
        Ok(Options { instructions: self.instructions(session, &sets)?, sets })
    }

    /// Runs the seed on training examples and returns the correct calls of each module.
    fn correct_calls(&self, session: &mut Session<'_>) -> Result<Vec<Vec<Demonstration>>, Halt> {
        let modules = &session.program().modules;
        let mut calls: Vec<Vec<Demonstration>> = vec![Vec::new(); modules.len()];
        if !self.settings.bootstraps {
            return Ok(calls);
        }
        let mut examples = ExampleIndex::all(session.train().len());
        examples.shuffle(&mut session.random("bootstrap", 0));
        if let Some(left) = session.rollouts_left() {
            examples.truncate(usize::try_from(left / BOOTSTRAP_SHARE).unwrap_or(usize::MAX));
        }
        let enough = self.settings.sets * self.settings.demonstrations;
        for batch in examples.chunks(BOOTSTRAP_BATCH) {
            if calls.iter().all(|calls| calls.len() >= enough) {
                break;
            }
            session.require_budget(batch.len() as u64)?;
            let rollouts = session.evaluate(Purpose::Trial, Split::Train, self.seed, batch)?;
            for (&index, scored) in batch.iter().zip(&rollouts) {
                for ((module, text), calls) in modules.iter().zip(&self.seed.0).zip(&mut calls) {
                    calls.extend(correct_call(module, text, &session.train()[index], scored));
                }
            }
        }
        Ok(calls)
    }

    /// Returns the demonstration sets of a module: the seed's, one of labelled examples, and ones of correct calls filled up with
    /// labelled examples.
    fn demonstration_sets(
        &self,
        session: &Session<'_>,
        module_index: usize,
        correct_calls: &[Demonstration],
    ) -> Vec<Vec<Demonstration>> {
        let (module, text) = (&session.program().modules[module_index], &self.seed.0[module_index]);
        let mut random = session.random("demonstrations", module_index as u64);
        let solution = |example: &Example| session.solution(example);
        let labelled = |example: &Example| labelled_demonstration(module, text, example, &solution);
        let labelled: Vec<Demonstration> = session.train().iter().filter_map(labelled).collect();
        let mut sets = vec![text.demonstrations.clone()];
        for set in 1..self.settings.sets {
            let has_labels_only = set == 1 || correct_calls.is_empty();
            let calls = if has_labels_only { 0 } else { random.random_range(1..=self.settings.demonstrations) };
            let mut shown: Vec<Demonstration> = correct_calls.sample(&mut random, calls).cloned().collect();
            let mut others = labelled.clone();
            others.shuffle(&mut random);
            others.retain(|other| shown.iter().all(|one| one.id != other.id));
            shown.extend(others.into_iter().take(self.settings.demonstrations.saturating_sub(calls)));
            let count_tokens = |one: &Demonstration| one.tokens(&|text| session.count_tokens(module.model, text));
            let shown = take_fitting(shown, self.demonstration_room(session, module_index), &count_tokens);
            if !sets.contains(&shown) {
                sets.push(shown);
            }
        }
        sets
    }

    /// Returns the number of tokens that demonstrations may take beside an instruction.
    fn demonstration_room(&self, session: &Session<'_>, module_index: usize) -> usize {
        let most = max_text_tokens(session, module_index);
        let model = session.program().modules[module_index].model;
        let instruction = session.count_tokens(model, &self.seed.0[module_index].instruction);
        most.saturating_sub(instruction.max(most / INSTRUCTION_SHARE))
    }

    /// Asks for instructions of all modules that may change. Returns them by module, the seed's first. The prompts show
    /// demonstrations from `sets`.
    fn instructions(&self, session: &mut Session<'_>, sets: &[Vec<Vec<Demonstration>>]) -> Result<Vec<Vec<ModuleText>>, Halt> {
        let summaries = self.summaries(session)?;
        let mut random = session.random("tip", 0);
        let mut questions = Vec::new();
        for &module_index in &open_modules(session) {
            for n in 1..self.settings.instructions {
                let tip = TIPS.choose(&mut random).copied().unwrap_or(TIPS[0]);
                let sets = &sets[module_index];
                let shown = if sets.is_empty() { &[][..] } else { &sets[n % sets.len()][..] };
                let prompt = self.instruction_prompt(session, module_index, &summaries, tip, shown);
                let attempt = Attempt { proposal: questions.len() + 1, module_index, operator: MethodStep::Ground.into() };
                questions.push(Reflection {
                    attempt,
                    parent: 0,
                    prompt: Ok(prompt),
                    max_tokens: session.plan().reflection_tokens,
                    temperature: session.plan().reflection_temperature,
                });
            }
        }
        let inputs: Vec<String> = session.train().iter().flat_map(|e| e.fields.values().map(to_text)).collect();
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

    /// Asks for summaries of the data and of the program.
    fn summaries(&self, session: &mut Session<'_>) -> Result<Summaries, Halt> {
        let prompts = [self.data_prompt(session), self.program_prompt(session)];
        let question = |(prompt, proposal)| Reflection {
            attempt: Attempt { proposal, module_index: 0, operator: MethodStep::Summarize.into() },
            parent: 0,
            prompt: Ok(prompt),
            max_tokens: MAX_SUMMARY_TOKENS,
            temperature: session.plan().reflection_temperature,
        };
        let questions: Vec<Reflection> = prompts.into_iter().zip(1..).map(question).collect();
        let texts = self
            .reflectors
            .ask(session, 1, "summaries", &questions, &|_, _, completion| read_text(completion, &[]).map(str::to_owned))?;
        let mut texts = texts.into_iter().map(Option::unwrap_or_default);
        Ok(Summaries { data: texts.next().unwrap_or_default(), program: texts.next().unwrap_or_default() })
    }

    fn data_prompt(&self, session: &Session<'_>) -> PackedPrompt {
        let mut random = session.random("rows", 0);
        let inputs = session.program().reads.iter().map(|name| (name.as_str(), name.as_str()));
        let modules = session.program().modules.iter();
        let labels = modules.flat_map(|module| module.outputs.iter().map(|output| (output.as_str(), module.label(output))));
        let fields: Vec<(&str, &str)> = inputs.chain(labels).collect();
        let row = |example: &Example| {
            let lines = fields.iter().filter_map(|(name, field)| Some(format!("{name}: {}\n", example.text(field)?)));
            lines.collect::<String>() + "\n"
        };
        let rows: Vec<&Example> = session.train().sample(&mut random, SUMMARY_ROWS).collect();
        let count_tokens = |text: &str| self.reflectors.count_tokens(session, 1, text);
        packing::pack(
            &count_tokens,
            self.reflectors.prompt_room(session, 1),
            "These are rows of a data set:\n\n",
            rows.into_iter().map(row),
            "Say in three or four sentences what the data set is about: its topics, the form of its texts, and what its answers look \
             like. Write nothing else.\n",
        )
    }

    fn program_prompt(&self, session: &Session<'_>) -> PackedPrompt {
        let modules = session.program().modules.iter().zip(&self.seed.0);
        let modules = modules.map(|(module, text)| {
            let (reads, writes) = (listed(&module.inputs), listed(&module.outputs));
            format!(
                "`{}` reads {reads} and writes {writes}, by the instruction:\n```\n{}\n```\n\n",
                module.name, text.instruction
            )
        });
        let steps: String = modules.collect();
        PackedPrompt::without_examples(format!(
            "A program asks language models, a module each:\n\n{steps}Say in two or three sentences what the program is for, and how it \
             goes about it. Write nothing else.\n"
        ))
    }

    fn instruction_prompt(
        &self,
        session: &Session<'_>,
        module_index: usize,
        summaries: &Summaries,
        tip: &str,
        shown: &[Demonstration],
    ) -> PackedPrompt {
        let module = &session.program().modules[module_index];
        let mut head = String::new();
        for (title, summary) in [("The data", &summaries.data), ("The program", &summaries.program)] {
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
        packing::pack(&count_tokens, room, &head, shown.iter().map(packing::pair_text), &tail)
    }
}
