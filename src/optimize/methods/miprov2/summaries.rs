//! What the writer of instructions is told of the data, the program and the role of each module.

use std::collections::BTreeMap;

use crate::config::Miprov2Plan;
use crate::data::{Example, listed};
use crate::event::MethodStep;
use crate::optimize::joining::open_modules;
use crate::optimize::reflection::packing::{self, PackedPrompt};
use crate::optimize::reflection::read_answer::read_text;
use crate::optimize::reflection::reflectors::{Reflection, Reflectors};
use crate::optimize::reflection::unusable::Attempt;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, PoolIndex};

/// The most tokens of a summary, and of the observations on a batch of rows.
const MAX_SUMMARY_TOKENS: u32 = 200;

/// The word that a reflector writes if it has nothing to add, and how often it may write it before no more rows are shown.
const COMPLETE: &str = "COMPLETE";
const MAX_COMPLETE: usize = 5;

/// The parts of the prompts for instructions that come from questions of their own. A text is empty if no reflector could write it.
#[derive(Debug, Default)]
pub(super) struct Summaries {
    pub(super) data: String,
    pub(super) program: String,
    /// The role of each module that is described, by the module's index.
    pub(super) modules: BTreeMap<usize, String>,
}

/// Asks for the summaries.
pub(super) struct Summarizer<'a> {
    pub(super) seed: &'a Candidate,
    pub(super) reflectors: &'a Reflectors,
    pub(super) plan: &'a Miprov2Plan,
}

impl Summarizer<'_> {
    /// Asks for all summaries.
    pub(super) fn summaries(&self, session: &mut Session<'_>) -> Result<Summaries, Halt> {
        let data = self.data(session)?;
        let program = self.ask_one(session, "program", 0, self.program_prompt(session))?;
        let mut modules = BTreeMap::new();
        if self.plan.module_descriptions {
            for module_index in open_modules(session) {
                let prompt = self.module_prompt(session, module_index, &program);
                modules.insert(module_index, self.ask_one(session, &format!("module {module_index}"), module_index, prompt)?);
            }
        }
        Ok(Summaries { data, program, modules })
    }

    /// Returns a summary of the training data: observations on its rows, batch by batch, each of which knows those before it, and a
    /// summary of them. Of a single batch, the observations are the summary.
    fn data(&self, session: &mut Session<'_>) -> Result<String, Halt> {
        let (mut observations, mut complete) = (String::new(), 0);
        let batches = session.train().chunks(self.plan.summary_rows).take(self.plan.summary_batches);
        let count = batches.len();
        for (number, batch) in batches.enumerate() {
            let prompt = self.data_prompt(session, batch, &observations);
            let text = self.ask_one(session, &format!("data {number}"), 0, prompt)?;
            if number > 0 && text.get(..COMPLETE.len()).is_some_and(|start| start.eq_ignore_ascii_case(COMPLETE)) {
                complete += 1;
                if complete >= MAX_COMPLETE {
                    break;
                }
                continue;
            }
            if !text.is_empty() {
                observations.push_str(&format!("{text}\n"));
            }
        }
        if count < 2 || observations.is_empty() {
            return Ok(observations.trim_end().to_owned());
        }
        let prompt = format!(
            "These are observations on a data set:\n\n{observations}\nSum them up in two or three sentences that have only what matters \
             most. Write nothing else.\n"
        );
        self.ask_one(session, "data summary", 0, PackedPrompt::without_examples(prompt))
    }

    /// Asks one question. Returns an empty text if no answer is usable.
    fn ask_one(
        &self,
        session: &mut Session<'_>,
        stream: &str,
        module_index: usize,
        prompt: PackedPrompt,
    ) -> Result<String, Halt> {
        let question = Reflection {
            attempt: Attempt { proposal: 1, module_index, operator: MethodStep::Summarize.into() },
            parent: PoolIndex::SEED,
            prompt: Ok(prompt),
            max_tokens: MAX_SUMMARY_TOKENS,
            temperature: self.plan.temperature as f32,
        };
        let stream = format!("summary of {stream}");
        let texts = self
            .reflectors
            .ask(session, 1, &stream, &[question], &|_, _, completion| read_text(completion, &[]).map(str::to_owned))?;
        Ok(texts.into_iter().flatten().next().unwrap_or_default())
    }

    fn data_prompt(&self, session: &Session<'_>, batch: &[Example], observations: &str) -> PackedPrompt {
        let inputs = session.program().reads.iter().map(|name| (name.as_str(), name.as_str()));
        let modules = session.program().modules.iter();
        let labels = modules.flat_map(|module| module.outputs.iter().map(|output| (output.as_str(), module.label(output))));
        let fields: Vec<(&str, &str)> = inputs.chain(labels).collect();
        let row = |example: &Example| {
            let lines = fields.iter().filter_map(|(name, field)| Some(format!("{name}: {}\n", example.text(field)?)));
            lines.collect::<String>() + "\n"
        };
        let known = match observations.is_empty() {
            true => String::new(),
            false => format!(
                "This was observed on other rows of the data set:\n{observations}\nAdd what these rows show beyond that, or write \
                 {COMPLETE} if there is nothing to add. "
            ),
        };
        let tail = format!(
            "{known}Say in three or four sentences what holds for most rows of the data set: its topics, the form of its texts, what its \
             answers look like, and what the task probably is. Write nothing else.\n"
        );
        let count_tokens = |text: &str| self.reflectors.count_tokens(session, 1, text);
        let room = self.reflectors.prompt_room(session, 1);
        packing::pack(&count_tokens, room, "These are rows of a data set:\n\n", batch.iter().map(row), &tail)
    }

    /// Returns the modules of the program with what they read and write, and their instructions.
    fn steps(&self, session: &Session<'_>) -> String {
        let modules = session.program().modules.iter().zip(&self.seed.0);
        let modules = modules.map(|(module, text)| {
            let (reads, writes) = (listed(&module.inputs), listed(&module.outputs));
            format!(
                "`{}` reads {reads} and writes {writes}, by the instruction:\n```\n{}\n```\n\n",
                module.name, text.instruction
            )
        });
        modules.collect()
    }

    fn program_prompt(&self, session: &Session<'_>) -> PackedPrompt {
        PackedPrompt::without_examples(format!(
            "A program asks language models, a module each:\n\n{}Say in two or three sentences what the program is for, and how it goes \
             about it. Write nothing else.\n",
            self.steps(session)
        ))
    }

    fn module_prompt(&self, session: &Session<'_>, module_index: usize, program: &str) -> PackedPrompt {
        PackedPrompt::without_examples(format!(
            "A program asks language models, a module each:\n\n{}{program}\n\nSay in one or two sentences what the role of `{}` in it \
             is. Write nothing else.\n",
            self.steps(session),
            session.program().modules[module_index].name
        ))
    }
}
