//! What there is to choose from: demonstration sets, and instructions that are grounded in the data and the program.

use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};

use super::Miprov2;
use crate::data::split::Split;
use crate::data::{Example, listed, to_text};
use crate::event::Purpose;
use crate::optimize::reflection::answer;
use crate::optimize::reflection::demonstrations::{fitting, labelled, succeeded};
use crate::optimize::reflection::packing::{self, Packed};
use crate::optimize::reflection::writing::{self, Question};
use crate::optimize::session::Halt;
use crate::optimize::{Session, joining};
use crate::program::{Demonstration, ModuleText};

/// Training examples that are run at a time to find demonstrations.
const CHUNK: usize = 8;

/// Of the budget that is left, one in so many goes into that at most.
const SHARE: u64 = 4;

/// Rows that a summary of the data is written from.
const ROWS: usize = 10;

/// The most tokens of a summary.
const SUMMARY_TOKENS: u32 = 200;

/// Hints of which each instruction is written with one.
const TIPS: [&str; 6] = [
    "Be creative: this need not look like other instructions.",
    "Keep it short and plain.",
    "Describe the task in detail, with all that is to be paid attention to.",
    "Say that much depends on the answer being right.",
    "Give the assistant a role that suits the task.",
    "Say exactly what the answer looks like.",
];

impl Miprov2 {
    /// Right rollouts of the seed on training examples, by module: their traces are demonstrations.
    pub(super) fn bootstrap(&self, session: &mut Session<'_>) -> Result<Vec<Vec<Demonstration>>, Halt> {
        let count = session.program().modules.len();
        let mut found: Vec<Vec<Demonstration>> = vec![Vec::new(); count];
        if !self.bootstraps {
            return Ok(found);
        }
        let mut places: Vec<usize> = (0..session.train().len()).collect();
        places.shuffle(&mut session.random("bootstrap", 0));
        if let Some(left) = session.rollouts_left() {
            places.truncate(usize::try_from(left / SHARE).unwrap_or(usize::MAX));
        }
        let enough = self.sets * self.shown;
        for chunk in places.chunks(CHUNK) {
            if found.iter().all(|of| of.len() >= enough) {
                break;
            }
            session.fits(chunk.len() as u64)?;
            let rollouts = session.evaluate(Purpose::Trial, Split::Train, &self.seed, chunk)?;
            for (&place, scored) in chunk.iter().zip(&rollouts) {
                for ((module, text), of) in session.program().modules.iter().zip(&self.seed.0).zip(&mut found) {
                    of.extend(succeeded(module, text, &session.train()[place], scored));
                }
            }
        }
        Ok(found)
    }

    /// Demonstration sets of a module: none, labelled ones, and bootstrapped ones with labelled ones beside them.
    pub(super) fn demonstration_sets(
        &self,
        session: &Session<'_>,
        module: usize,
        bootstrapped: &[Demonstration],
    ) -> Vec<Vec<Demonstration>> {
        let (about, text) = (&session.program().modules[module], &self.seed.0[module]);
        let mut random = session.random("demonstrations", module as u64);
        let solution = |example: &Example| session.solution(example);
        let labels: Vec<Demonstration> =
            session.train().iter().filter_map(|example| labelled(about, text, example, &solution)).collect();
        let mut sets = vec![text.demonstrations.clone()];
        for set in 1..self.sets {
            let own = if set == 1 || bootstrapped.is_empty() { 0 } else { random.random_range(1..=self.shown) };
            let mut shown: Vec<Demonstration> = bootstrapped.sample(&mut random, own).cloned().collect();
            let mut others = labels.clone();
            others.shuffle(&mut random);
            others.retain(|other| shown.iter().all(|one| one.id != other.id));
            shown.extend(others.into_iter().take(self.shown.saturating_sub(own)));
            let tokens = |one: &Demonstration| one.tokens(&|text| session.count_tokens(about.model, text));
            let shown = fitting(shown, self.room(session, module), &tokens);
            if !sets.contains(&shown) {
                sets.push(shown);
            }
        }
        sets
    }

    /// Tokens that demonstrations may take beside an instruction.
    fn room(&self, session: &Session<'_>, module: usize) -> usize {
        let most = writing::most_tokens(session, module);
        let words = session.count_tokens(session.program().modules[module].model, &self.seed.0[module].instruction);
        most.saturating_sub(words.max(most / 4))
    }

    /// Instructions of all modules, the seed's first. `shown` are demonstrations of each module to be read.
    pub(super) fn instructions(
        &self,
        session: &mut Session<'_>,
        shown: &[Vec<Vec<Demonstration>>],
    ) -> Result<Vec<Vec<ModuleText>>, Halt> {
        let [data, program] = self.summaries(session)?;
        let open = joining::open_modules(session);
        let mut random = session.random("tip", 0);
        let mut questions = Vec::new();
        for &module in &open {
            for n in 1..self.instructions {
                let tip = TIPS.choose(&mut random).copied().unwrap_or(TIPS[0]);
                let sets = &shown[module];
                let set = if sets.is_empty() { &[][..] } else { &sets[n % sets.len()][..] };
                let prompt = self.grounded(session, module, (&data, &program, tip), set);
                questions.push(self.question(session, (questions.len() + 1, module, "ground"), prompt));
            }
        }
        let inputs: Vec<String> = session.train().iter().flat_map(|e| e.fields.values().map(to_text)).collect();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let texts = self.writer.write(session, 1, "instructions", &questions, &|session, place, completion| {
            let module = questions[place].module;
            writing::read(session, (module, &self.seed.0[module]), &inputs, completion)
        })?;
        let mut all: Vec<Vec<ModuleText>> = self.seed.0.iter().map(|text| vec![text.clone()]).collect();
        for (question, text) in questions.iter().zip(texts) {
            if let Some(text) = text.filter(|text| !all[question.module].contains(text)) {
                all[question.module].push(text);
            }
        }
        Ok(all)
    }

    /// What the data is like, and what the program does, in a few sentences each; empty where nobody could say.
    fn summaries(&self, session: &mut Session<'_>) -> Result<[String; 2], Halt> {
        let mut random = session.random("rows", 0);
        let read = session.program().reads.iter().map(|name| (name.as_str(), name.as_str()));
        let labels = session
            .program()
            .modules
            .iter()
            .flat_map(|module| module.outputs.iter().map(|output| (output.as_str(), module.label(output))));
        let fields: Vec<(&str, &str)> = read.chain(labels).collect();
        let row = |example: &Example| {
            let known = fields.iter().filter_map(|(name, field)| Some(format!("{name}: {}\n", example.text(field)?)));
            known.collect::<String>() + "\n"
        };
        let rows: Vec<&Example> = session.train().sample(&mut random, ROWS).collect();
        let count = |text: &str| self.writer.count(session, 1, text);
        let data = packing::fill(
            &count,
            self.writer.room(session, 1),
            "These are rows of a data set:\n\n",
            rows.into_iter().map(row),
            "Say in three or four sentences what the data set is about: its topics, the form of its texts, and what its answers look \
             like. Write nothing else.\n",
        );
        let steps: String = session
            .program()
            .modules
            .iter()
            .zip(&self.seed.0)
            .map(|(module, text)| {
                let (reads, writes) = (listed(&module.inputs), listed(&module.outputs));
                format!(
                    "`{}` reads {reads} and writes {writes}, by the instruction:\n```\n{}\n```\n\n",
                    module.name, text.instruction
                )
            })
            .collect();
        let program = Packed::plain(format!(
            "A program asks language models, a module each:\n\n{steps}Say in two or three sentences what the program is for, and how it \
             goes about it. Write nothing else.\n"
        ));
        let questions: Vec<Question> = [data, program]
            .into_iter()
            .zip(1..)
            .map(|(prompt, n)| Question { max_tokens: SUMMARY_TOKENS, ..self.question(session, (n, 0, "summarize"), prompt) })
            .collect();
        let texts = self
            .writer
            .write(session, 1, "summaries", &questions, &|_, _, completion| answer::text(completion, &[]).map(str::to_owned))?;
        let mut texts = texts.into_iter().map(Option::unwrap_or_default);
        Ok([texts.next().unwrap_or_default(), texts.next().unwrap_or_default()])
    }

    /// Asks for an instruction of a module.
    fn grounded(
        &self,
        session: &Session<'_>,
        module: usize,
        (data, program, tip): (&str, &str, &str),
        shown: &[Demonstration],
    ) -> Packed {
        let about = &session.program().modules[module];
        let mut head = String::new();
        for (what, words) in [("The data", data), ("The program", program)] {
            if !words.is_empty() {
                head.push_str(&format!("{what}: {words}\n\n"));
            }
        }
        head.push_str(&packing::opening(about, &self.seed.0[module].instruction));
        if !shown.is_empty() {
            head.push_str("Samples of its work:\n\n");
        }
        let tail = format!(
            "Write a better instruction for this assistant, which is called `{}`. {tip}\nWrite the whole new instruction and nothing \
             else, between two lines of ```.\n",
            about.name
        );
        let count = |text: &str| self.writer.count(session, 1, text);
        packing::fill(&count, self.writer.room(session, 1), &head, shown.iter().map(packing::pair), &tail)
    }

    fn question(
        &self,
        session: &Session<'_>,
        (proposal, module, operator): (usize, usize, &'static str),
        prompt: Packed,
    ) -> Question {
        let plan = session.plan();
        Question {
            proposal,
            parent: 0,
            module,
            operator,
            prompt: Ok(prompt),
            max_tokens: plan.reflection_tokens,
            temperature: plan.reflection_temperature,
        }
    }
}
