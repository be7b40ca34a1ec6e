//! TextGrad: criticism is carried back through the program, as gradients are (Yuksekgonul et al. 2024, arXiv 2406.07496).
//!
//! A minibatch of three is run. A model criticises each result; then, from the last module to the first, it says what each
//! module's instruction did to that, and what should have been different in what the module read from an earlier one, whose
//! output is so criticised in its turn. All instructions are then updated at once, and the update is kept only if validation
//! does not fall.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::data::split::Split;
use crate::engine::ModelId;
use crate::error::RunError;
use crate::evaluate::Scored;
use crate::event::{Event, Purpose, StopReason};
use crate::optimize::idle::Idle;
use crate::optimize::joining::{self, Proposal, is_enough, open_modules, validated};
use crate::optimize::minibatch::Minibatches;
use crate::optimize::reflection::answer;
use crate::optimize::reflection::packing::{self, Packed};
use crate::optimize::reflection::writing::{self, Question, Writer};
use crate::optimize::session::Halt;
use crate::optimize::{Member, Optimizer, Pool, Scores, Session, pool};
use crate::program::{Candidate, ModuleText};

/// Examples of a minibatch.
const MINIBATCH: usize = 3;

/// The most tokens of a criticism.
const CRITIQUE_TOKENS: u32 = 160;

/// Iterations in a row without a rollout that end a search.
const MOST_IDLE: usize = 5;

/// The optimizer.
#[derive(Debug)]
pub struct TextGrad {
    seed: Candidate,
    writer: Writer,
    members: Vec<Member>,
    tried: BTreeSet<Candidate>,
    /// Whether criticism is carried back to earlier modules.
    pub carries_back: bool,
}

/// Criticism of fields that modules wrote, by the place of the rollout in the minibatch.
type Criticism = BTreeMap<(usize, String), Vec<String>>;

/// What criticism is about.
enum About {
    Instruction,
    Input(String),
}

impl TextGrad {
    /// Starts from `seed`; `reflectors` has at least one model.
    #[must_use]
    pub fn new(seed: Candidate, reflectors: Vec<(String, ModelId)>) -> Self {
        let (writer, members, tried) = (Writer::new(reflectors), Vec::new(), BTreeSet::new());
        Self { seed, writer, members, tried, carries_back: true }
    }

    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let seed = validated(session, &[], 0, (self.seed.clone(), 0, 0))?;
        self.tried.insert(self.seed.clone());
        self.members.push(seed);
        let mut batches = Minibatches::new(session.train().len(), MINIBATCH);
        let modules = session.program().modules.len();
        let questions = MINIBATCH * (1 + 2 * modules) + modules;
        let (mut idle, mut current, mut improved) = (Idle::default(), 0, 0);
        for iteration in 1.. {
            if let Some(reason) = is_enough(session, &self.members, questions as u64) {
                return Ok(reason);
            }
            if session.limits().patience.is_some_and(|patience| iteration > improved + patience) {
                return Ok(StopReason::NoImprovement);
            }
            let batch = batches.deal(|epoch| session.random("minibatch", epoch));
            session.fits((batch.len() + session.validation_size()) as u64)?;
            let before = session.spent().rollouts;
            let mean = self.members[current].mean();
            if let Some(place) = self.step(session, iteration, current, &batch)? {
                current = place;
                improved = if self.members[current].mean() > mean { iteration } else { improved };
            }
            if idle.is_end(session, iteration, before, MOST_IDLE.max(batches.in_epoch()))? {
                return Ok(StopReason::NothingLeft);
            }
        }
        Ok(StopReason::NothingLeft)
    }

    /// One step from the member at `current`; the place of the one that it brought, if it is no worse.
    fn step(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        current: usize,
        batch: &[usize],
    ) -> Result<Option<usize>, Halt> {
        let train = session.train();
        let minibatch = batch.iter().map(|&place| train[place].id.clone()).collect();
        session.log(&Event::Iteration { iteration, parents: vec![current], minibatch })?;
        let candidate = self.members[current].candidate.clone();
        let rollouts = session.evaluate(Purpose::Parent, Split::Train, &candidate, batch)?;
        if rollouts.iter().all(|scored| scored.score() >= Some(1.0)) {
            session.log(&Event::Perfect { iteration, parent: current })?;
            return Ok(None);
        }
        let of = (iteration, current);
        let mut criticism = self.criticise(session, of, &rollouts)?;
        let gradients = self.carry_back(session, of, &candidate, &rollouts, &mut criticism)?;
        let (updated, changed) = self.update(session, of, &candidate, &rollouts, &gradients)?;
        if changed.is_empty() || !self.tried.insert(updated.clone()) {
            return Ok(None);
        }
        let proposal = Proposal { iteration, number: 1, parent: current };
        let operators: Vec<(usize, &'static str)> = changed.into_iter().map(|module| (module, "update")).collect();
        joining::propose(session, proposal, &updated, &operators)?;
        self.keep(session, of, updated)
    }

    /// Validates the updated candidate, and keeps it if validation has not fallen.
    fn keep(
        &mut self,
        session: &mut Session<'_>,
        (iteration, current): (u64, usize),
        updated: Candidate,
    ) -> Result<Option<usize>, Halt> {
        let places: Vec<usize> = (0..session.validation_size()).collect();
        let rollouts = session.evaluate(Purpose::Validation, Split::Val, &updated, &places)?;
        let scored = places.iter().zip(&rollouts).filter_map(|(&place, scored)| Some((place, scored.score()?)));
        let scores: Scores = scored.collect();
        // What the metric failed on says nothing.
        let shared = scores.shared(&self.members[current].scores);
        let sums = shared.fold((0.0, 0.0), |(child, parent), (_, own, other)| (child + own, parent + other));
        let (child_sum, parent_sum) = (pool::rounded(sums.0), pool::rounded(sums.1));
        if child_sum < parent_sum {
            let run = places.len();
            session.log(&Event::Rejected { iteration, proposal: 1, parent_sum, child_sum, run })?;
            return Ok(None);
        }
        let results: Vec<(usize, Arc<Scored>)> = places.into_iter().zip(rollouts).collect();
        let tokens = session.prompt_tokens(&updated);
        let member = joining::join(session, &self.members, iteration, (updated, vec![current], 1), tokens, &results)?;
        self.members.push(member);
        Ok(Some(self.members.len() - 1))
    }

    /// The loss: words on the result of each rollout. They are criticism of what nobody reads any more.
    fn criticise(
        &self,
        session: &mut Session<'_>,
        (iteration, parent): (u64, usize),
        rollouts: &[Arc<Scored>],
    ) -> Result<Criticism, Halt> {
        let modules = &session.program().modules;
        let last = modules.len() - 1;
        let criticise = |(scored, proposal): (&Arc<Scored>, usize)| {
            let wrote: String = scored.rollout.steps.iter().rev().take(1).map(|step| step.answer.trim().to_owned()).collect();
            let feedback = packing::feedback(&modules[last].name, scored);
            let score = scored.score().unwrap_or(0.0);
            let prompt = format!(
                "A program's result was:\n{wrote}\n\nIt was given {score:.2} of 1. {feedback}\n\nCriticise the result in at most three \
                 sentences: what is wrong with it, and what a right one has. Write nothing else.\n"
            );
            question(session, parent, (proposal, last, "criticise"), Packed::plain(prompt))
        };
        let questions: Vec<Question> = rollouts.iter().zip(1..).map(criticise).collect();
        let texts = self.writer.write(session, iteration, "loss", &questions, &|_, _, completion| {
            answer::text(completion, &[]).map(str::to_owned)
        })?;
        let mut criticism = Criticism::new();
        for (place, text) in texts.into_iter().enumerate() {
            let Some(text) = text else { continue };
            for (index, module) in modules.iter().enumerate() {
                for output in module.outputs.iter().filter(|output| !session.program().is_read_by_others(index, output)) {
                    criticism.entry((place, output.clone())).or_default().push(text.clone());
                }
            }
        }
        Ok(criticism)
    }

    /// From the last module to the first: what each instruction did to what is criticised; and criticism of what the module
    /// read is carried on to who wrote it.
    fn carry_back(
        &self,
        session: &mut Session<'_>,
        (iteration, parent): (u64, usize),
        candidate: &Candidate,
        rollouts: &[Arc<Scored>],
        criticism: &mut Criticism,
    ) -> Result<BTreeMap<usize, Vec<String>>, Halt> {
        let mut gradients: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        let program = session.program();
        let written: BTreeSet<&String> =
            program.modules.iter().flat_map(|m| &m.outputs).chain(program.tools.iter().flat_map(|tool| &tool.outputs)).collect();
        for (index, module) in program.modules.iter().enumerate().rev() {
            through_tools(session, criticism, rollouts.len());
            let (mut questions, mut about) = (Vec::new(), Vec::new());
            for (place, scored) in rollouts.iter().enumerate() {
                let own = module.outputs.iter().filter_map(|output| criticism.get(&(place, output.clone())));
                let own: Vec<&str> = own.flatten().map(String::as_str).collect();
                let (false, Some((inputs, wrote))) = (own.is_empty(), packing::run(module, scored)) else { continue };
                let head = format!(
                    "{}It read:\n{inputs}\nIt wrote:\n{wrote}\n\nCriticism of what it wrote:\n- {}\n\n",
                    packing::opening(module, &candidate.0[index].instruction),
                    own.join("\n- ")
                );
                if !module.frozen {
                    let task = "Say in at most three sentences how the instruction led to this, and what should be changed in it. Speak \
                                of inputs in general. Write nothing else.\n";
                    let prompt = Packed::plain(format!("{head}{task}"));
                    questions.push(question(session, parent, (place + 1, index, "backward"), prompt));
                    about.push((place, About::Instruction));
                }
                for input in module.inputs.iter().filter(|input| self.carries_back && written.contains(input)) {
                    let task = format!(
                        "Say in at most three sentences what should have been different in `{input}`, which another assistant wrote, so \
                         that this could have been right. Write nothing else.\n"
                    );
                    let prompt = Packed::plain(format!("{head}{task}"));
                    questions.push(question(session, parent, (place + 1, index, "backward"), prompt));
                    about.push((place, About::Input(input.clone())));
                }
            }
            let stream = format!("backward {index}");
            let texts = self.writer.write(session, iteration, &stream, &questions, &|_, _, completion| {
                answer::text(completion, &[]).map(str::to_owned)
            })?;
            for ((place, about), text) in about.into_iter().zip(texts) {
                match (about, text) {
                    (About::Instruction, Some(text)) => gradients.entry(index).or_default().push(text),
                    (About::Input(input), Some(text)) => criticism.entry((place, input)).or_default().push(text),
                    (_, None) => {}
                }
            }
        }
        Ok(gradients)
    }

    /// New instructions for all modules that have gradients, asked for at once; and which they are.
    fn update(
        &self,
        session: &mut Session<'_>,
        (iteration, parent): (u64, usize),
        candidate: &Candidate,
        rollouts: &[Arc<Scored>],
        gradients: &BTreeMap<usize, Vec<String>>,
    ) -> Result<(Candidate, Vec<usize>), Halt> {
        let open = open_modules(session);
        let changed: Vec<usize> = gradients.keys().copied().filter(|module| open.contains(module)).collect();
        let update = |&module: &usize| {
            let opening = packing::opening(&session.program().modules[module], &candidate.0[module].instruction);
            let head = format!("{opening}This was said of the instruction, by what came of it:\n\n");
            let task = "\nWrite a better instruction that answers the criticism, for inputs in general. Write the whole new instruction and \
                        nothing else, between two lines of ```.\n";
            let count = |text: &str| self.writer.count(session, iteration, text);
            let said = gradients[&module].iter().map(|text| format!("{text}\n\n"));
            let prompt = packing::fill(&count, self.writer.room(session, iteration), &head, said, task);
            let max_tokens = session.plan().reflection_tokens;
            Question { max_tokens, ..question(session, parent, (1, module, "update"), prompt) }
        };
        let questions: Vec<Question> = changed.iter().map(update).collect();
        let inputs: Vec<&str> = rollouts
            .iter()
            .flat_map(|scored| &scored.rollout.steps)
            .flat_map(|step| &step.inputs)
            .map(|(_, value)| value.as_str())
            .collect();
        let texts: Vec<Option<ModuleText>> =
            self.writer.write(session, iteration, "update", &questions, &|session, place, completion| {
                writing::read(session, (changed[place], &candidate.0[changed[place]]), &inputs, completion)
            })?;
        let mut updated = candidate.clone();
        let mut new = Vec::new();
        for (module, text) in changed.into_iter().zip(texts) {
            if let Some(text) = text {
                updated = updated.with(module, text);
                new.push(module);
            }
        }
        Ok((updated, new))
    }
}

/// A question, the answer of which is short.
fn question(
    session: &Session<'_>,
    parent: usize,
    (proposal, module, operator): (usize, usize, &'static str),
    prompt: Packed,
) -> Question {
    let temperature = session.plan().reflection_temperature;
    Question { proposal, parent, module, operator, prompt: Ok(prompt), max_tokens: CRITIQUE_TOKENS, temperature }
}

/// Criticism of what a step that asks no model wrote is criticism of what it read.
fn through_tools(session: &Session<'_>, criticism: &mut Criticism, rollouts: usize) {
    for tool in session.program().tools.iter().rev() {
        for place in 0..rollouts {
            let said: Vec<String> =
                tool.outputs.iter().filter_map(|output| criticism.remove(&(place, output.clone()))).flatten().collect();
            for input in tool.inputs.iter().filter(|_| !said.is_empty()) {
                criticism.entry((place, input.clone())).or_default().extend(said.clone());
            }
        }
    }
}

impl Optimizer for TextGrad {
    fn run(&mut self, session: &mut Session<'_>) -> Result<Pool, RunError> {
        let stopped = self.search(session);
        joining::pool(std::mem::take(&mut self.members), stopped)
    }
}
