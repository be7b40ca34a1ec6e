//! TextGrad: criticism is carried back through the program, as gradients are (Yuksekgonul et al. 2024, arXiv 2406.07496).
//!
//! A minibatch of examples is run. A model criticises each result. Then, from the last module to the first, it writes how each
//! module's instruction led to the criticised output, and what should have been different in the inputs that other modules wrote;
//! these outputs are criticised in their turn. All instructions are updated at once, and the update is kept if the validation score
//! does not fall.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::TextgradPlan;
use crate::data::ExampleIndex;
use crate::data::split::Split;
use crate::engine::ModelId;
use crate::evaluate::{Scored, Scores, scores};
use crate::event::{Decision, MethodStep, Origin, Purpose, StopReason};
use crate::optimize::idle::IdleIterations;
use crate::optimize::joining::{self, NewCandidate, Proposal, ValidationRollouts, early_stop, open_modules};
use crate::optimize::minibatch::Minibatches;
use crate::optimize::optimizer::Optimizer;
use crate::optimize::pool::Member;
use crate::optimize::reflection::instruction::read_instruction;
use crate::optimize::reflection::packing::{self, PackedPrompt, ShownCall};
use crate::optimize::reflection::read_answer::read_text;
use crate::optimize::reflection::reflectors::{Reflection, Reflectors};
use crate::optimize::reflection::training_data;
use crate::optimize::reflection::unusable::Attempt;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, ModuleText, PoolIndex};

/// The idle iterations in a row that end a search. A search over more minibatches per epoch has as many idle iterations as these.
const MIN_IDLE: usize = 5;

/// The optimizer.
#[derive(Debug)]
pub struct TextGrad {
    seed: Candidate,
    reflectors: Reflectors,
    members: Vec<Member>,
    tried: BTreeSet<Candidate>,
    plan: TextgradPlan,
    /// Whether criticism is carried back to earlier modules.
    pub carries_back: bool,
}

/// A field in one rollout of the minibatch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Field {
    rollout: usize,
    name: String,
}

/// The criticism of fields that modules wrote.
type Criticism = BTreeMap<Field, Vec<String>>;

/// The criticism of each module's instruction, by the module's index.
type Gradients = BTreeMap<usize, Vec<String>>;

/// What a reflector criticises.
enum Subject {
    /// The instruction of the module.
    Instruction,
    /// A field that the module read.
    Input(Field),
}

/// The candidate that an iteration starts from, and its rollouts.
struct Start {
    iteration: u64,
    /// The pool index of the candidate.
    parent: usize,
    candidate: Candidate,
    rollouts: Vec<Arc<Scored>>,
}

impl TextGrad {
    /// Creates a search from `seed` with the numbers of `plan`. `reflectors` has at least one model, with its name in the task file.
    #[must_use]
    pub fn new(seed: Candidate, reflectors: Vec<(String, ModelId)>, plan: TextgradPlan) -> Self {
        let reflectors = Reflectors::new(reflectors);
        Self { seed, reflectors, members: Vec::new(), tried: BTreeSet::new(), plan, carries_back: true }
    }

    /// Updates the candidate with the pool index `parent`. Returns the pool index of the update if it was kept.
    fn update(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        parent: usize,
        batch: &[ExampleIndex],
    ) -> Result<Option<usize>, Halt> {
        let train = session.train();
        let minibatch = batch.iter().map(|&index| train[index].id.clone()).collect();
        session.log(Decision::Iteration { iteration, parents: vec![PoolIndex(parent)], minibatch })?;
        let candidate = self.members[parent].candidate.clone();
        let rollouts = session.evaluate(Purpose::Parent, Split::Train, &candidate, batch)?;
        if rollouts.iter().all(|scored| scored.score() >= Some(1.0)) {
            session.log(Decision::Perfect { iteration, parent: PoolIndex(parent) })?;
            return Ok(None);
        }
        let start = Start { iteration, parent, candidate, rollouts };
        let mut criticism = self.criticise_results(session, &start)?;
        let gradients = self.carry_back(session, &start, &mut criticism)?;
        let texts = self.new_texts(session, &start, &gradients)?;
        let operators: Vec<(usize, Origin)> =
            texts.keys().map(|&module_index| (module_index, MethodStep::Update.into())).collect();
        let updated =
            texts.into_iter().fold(start.candidate, |candidate, (module_index, text)| candidate.with(module_index, text));
        if operators.is_empty() || !self.tried.insert(updated.clone()) {
            return Ok(None);
        }
        joining::log_proposal(session, Proposal { iteration, number: 1, parent: PoolIndex(parent) }, &updated, &operators)?;
        self.keep_if_no_worse(session, iteration, parent, updated)
    }

    /// Validates an updated candidate, and adds it to the pool if its scores are not below its parent's.
    fn keep_if_no_worse(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        parent: usize,
        updated: Candidate,
    ) -> Result<Option<usize>, Halt> {
        let rival = &self.members[parent].scores;
        let ValidationRollouts { rollouts, given_up } =
            joining::run_on_validation(session, Purpose::Validation, &updated, Some(rival))?;
        let scores: Scores = rollouts.iter().filter_map(|(example, scored)| Some((*example, scored.score()?))).collect();
        // Examples on which either is unscored do not count.
        let paired = scores.paired(rival);
        let sums = paired.fold((0.0, 0.0), |(child, parent), pair| (child + pair.own, parent + pair.other));
        let (child_sum, parent_sum) = (scores::rounded(sums.0), scores::rounded(sums.1));
        if child_sum < parent_sum || given_up.is_some() {
            let run = rollouts.len();
            session.log(Decision::Rejected { iteration, proposal: 1, parent_sum, child_sum, run })?;
            return Ok(None);
        }
        let new = NewCandidate::child(updated, PoolIndex(parent), 1);
        let member = joining::join(session, &self.members, iteration, new, &rollouts)?;
        self.members.push(member);
        Ok(Some(self.members.len() - 1))
    }

    /// Asks for criticism of the result of each rollout: the paper's loss. It is assigned to the outputs that nothing else reads.
    fn criticise_results(&self, session: &mut Session<'_>, start: &Start) -> Result<Criticism, Halt> {
        let modules = &session.program().modules;
        let last = modules.len() - 1;
        let question = |(scored, proposal): (&Arc<Scored>, usize)| {
            let result = scored.rollout.steps.last().map_or("", |step| step.answer.trim());
            let feedback = packing::feedback(&modules[last].name, scored);
            let score = scored.score().unwrap_or(0.0);
            let prompt = format!(
                "A program's result was:\n{result}\n\nIt was given {score:.2} of 1. {feedback}\n\nCriticise the result{}: what is \
                 wrong with it, and what a right one has. Write nothing else.\n",
                self.length()
            );
            let attempt = Attempt { proposal, module_index: last, operator: MethodStep::Criticise.into() };
            self.question(session, start.parent, attempt, prompt)
        };
        let questions: Vec<Reflection> = start.rollouts.iter().zip(1..).map(question).collect();
        let texts = self.reflectors.ask(session, start.iteration, "loss", &questions, &|_, _, completion| {
            read_text(completion, &[]).map(str::to_owned)
        })?;
        let mut criticism = Criticism::new();
        for (rollout, text) in texts.into_iter().enumerate() {
            let Some(text) = text else { continue };
            for (index, module) in modules.iter().enumerate() {
                for output in module.outputs.iter().filter(|output| !session.program().is_read_by_others(index, output)) {
                    criticism.entry(Field { rollout, name: output.clone() }).or_default().push(text.clone());
                }
            }
        }
        Ok(criticism)
    }

    /// Carries criticism back from the last module to the first. Returns the criticism of each module's instruction; criticism of the
    /// inputs that other modules wrote is added to `criticism`.
    fn carry_back(&self, session: &mut Session<'_>, start: &Start, criticism: &mut Criticism) -> Result<Gradients, Halt> {
        let mut gradients = Gradients::new();
        let program = session.program();
        let module_outputs = program.modules.iter().flat_map(|module| &module.outputs);
        let written: BTreeSet<&String> = module_outputs.chain(program.tools.iter().flat_map(|tool| &tool.outputs)).collect();
        for (module_index, module) in program.modules.iter().enumerate().rev() {
            carry_through_steps(session, criticism, start.rollouts.len());
            let (mut questions, mut subjects, mut contexts) = (Vec::new(), Vec::new(), Vec::new());
            for (rollout, scored) in start.rollouts.iter().enumerate() {
                let field = |name: &String| Field { rollout, name: name.clone() };
                let of_outputs = module.outputs.iter().filter_map(|output| criticism.get(&field(output)));
                let of_outputs: Vec<&str> = of_outputs.flatten().map(String::as_str).collect();
                if of_outputs.is_empty() {
                    continue;
                }
                let Some(ShownCall { inputs, answer }) = packing::shown_call(module, scored) else { continue };
                let head = format!(
                    "{}It read:\n{inputs}\nIt wrote:\n{answer}\n\nCriticism of what it wrote:\n- {}\n\n",
                    packing::opening(module, &start.candidate.0[module_index].instruction),
                    of_outputs.join("\n- ")
                );
                let attempt = Attempt { proposal: rollout + 1, module_index, operator: MethodStep::Backward.into() };
                if !module.frozen {
                    let task = format!(
                        "Say{} how the instruction led to this, and what should be changed in it. Speak of inputs in general. Write \
                         nothing else.\n",
                        self.length()
                    );
                    questions.push(self.question(session, start.parent, attempt, format!("{head}{task}")));
                    subjects.push(Subject::Instruction);
                    contexts.push(format!("It read:\n{inputs}\nIt wrote:\n{answer}\n\nThis was said of the instruction:\n"));
                }
                for input in module.inputs.iter().filter(|input| self.carries_back && written.contains(input)) {
                    let task = format!(
                        "Say{} what should have been different in `{input}`, which another assistant wrote, so that this could have been \
                         right. Write nothing else.\n",
                        self.length()
                    );
                    questions.push(self.question(session, start.parent, attempt, format!("{head}{task}")));
                    contexts.push(String::new());
                    subjects.push(Subject::Input(field(input)));
                }
            }
            let stream = format!("backward {module_index}");
            let texts = self.reflectors.ask(session, start.iteration, &stream, &questions, &|_, _, completion| {
                read_text(completion, &[]).map(str::to_owned)
            })?;
            for ((subject, context), text) in subjects.into_iter().zip(contexts).zip(texts) {
                let context = if self.plan.context { context } else { String::new() };
                match (subject, text) {
                    (Subject::Instruction, Some(text)) => {
                        gradients.entry(module_index).or_default().push(format!("{context}{text}"));
                    }
                    (Subject::Input(field), Some(text)) => criticism.entry(field).or_default().push(text),
                    (_, None) => {}
                }
            }
        }
        Ok(gradients)
    }

    /// Returns how long a criticism may be, in words: no limit, unless the table has one in tokens, which would cut a long answer off.
    fn length(&self) -> &'static str {
        if self.plan.criticism_tokens.is_some() { " in at most three sentences" } else { "" }
    }

    /// Creates a question for criticism.
    fn question(&self, session: &Session<'_>, parent: usize, attempt: Attempt, prompt: String) -> Reflection {
        Reflection {
            attempt,
            parent: PoolIndex(parent),
            prompt: Ok(PackedPrompt::without_examples(prompt)),
            max_tokens: self.plan.criticism_tokens.unwrap_or(session.plan().reflection_tokens),
            temperature: session.plan().reflection_temperature,
        }
    }

    /// Asks for new instructions of all modules with gradients, at once. Returns the usable ones by the index of their module.
    fn new_texts(
        &self,
        session: &mut Session<'_>,
        start: &Start,
        gradients: &Gradients,
    ) -> Result<BTreeMap<usize, ModuleText>, Halt> {
        let open = open_modules(session);
        let modules: Vec<usize> = gradients.keys().copied().filter(|module_index| open.contains(module_index)).collect();
        let question = |&module_index: &usize| {
            let instruction = &start.candidate.0[module_index].instruction;
            let opening = packing::opening(&session.program().modules[module_index], instruction);
            let head = format!("{opening}This was said of the instruction, by what came of it:\n\n");
            let task = "\nWrite a better instruction that answers the criticism, for inputs in general. Write the whole new instruction and \
                        nothing else, between two lines of ```.\n";
            let count_tokens = |text: &str| self.reflectors.count_tokens(session, start.iteration, text);
            let room = self.reflectors.prompt_room(session, start.iteration);
            let gradients = gradients[&module_index].iter().map(|text| format!("{text}\n\n"));
            Reflection {
                attempt: Attempt { proposal: 1, module_index, operator: MethodStep::Update.into() },
                parent: PoolIndex(start.parent),
                prompt: Ok(packing::pack(&count_tokens, room, &head, gradients, task)),
                max_tokens: session.plan().reflection_tokens,
                temperature: session.plan().reflection_temperature,
            }
        };
        let questions: Vec<Reflection> = modules.iter().map(question).collect();
        let inputs = training_data::quotable(session);
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let texts = self.reflectors.ask(session, start.iteration, "update", &questions, &|session, index, completion| {
            let text = &start.candidate.0[modules[index]];
            read_instruction(session, modules[index], text, &inputs, completion)
        })?;
        Ok(modules.into_iter().zip(texts).filter_map(|(module_index, text)| Some((module_index, text?))).collect())
    }
}

/// Moves the criticism of a step's outputs to its inputs, for steps that ask no model.
fn carry_through_steps(session: &Session<'_>, criticism: &mut Criticism, rollouts: usize) {
    for tool in session.program().tools.iter().rev() {
        for rollout in 0..rollouts {
            let field = |name: &String| Field { rollout, name: name.clone() };
            let texts: Vec<String> =
                tool.outputs.iter().filter_map(|output| criticism.remove(&field(output))).flatten().collect();
            for input in tool.inputs.iter().filter(|_| !texts.is_empty()) {
                criticism.entry(field(input)).or_default().extend(texts.clone());
            }
        }
    }
}

impl Optimizer for TextGrad {
    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let seed = joining::validate(session, &[], 0, NewCandidate::seed(self.seed.clone()))?;
        self.tried.insert(self.seed.clone());
        self.members.push(seed);
        let mut batches = Minibatches::new(session.train().len(), self.plan.minibatch);
        let modules = session.program().modules.len();
        let questions = self.plan.minibatch * (1 + 2 * modules) + modules;
        let updates = self.plan.epochs.saturating_mul(batches.in_epoch()) as u64;
        let mut idle = IdleIterations::new(MIN_IDLE.max(batches.in_epoch()));
        let (mut current, mut improved) = (0, 0);
        for iteration in 1.. {
            if let Some(reason) = early_stop(session, &self.members, questions as u64) {
                return Ok(reason);
            }
            if session.limits().patience.is_some_and(|patience| iteration > improved + patience) {
                return Ok(StopReason::NoImprovement);
            }
            if iteration > updates {
                return Ok(StopReason::TrialsDone);
            }
            let batch = batches.deal(|epoch| session.random("minibatch", epoch));
            session.require_budget((batch.len() + session.validation_size()) as u64)?;
            let before = session.spent().rollouts;
            let mean = self.members[current].mean();
            if let Some(updated) = self.update(session, iteration, current, &batch)? {
                current = updated;
                improved = if self.members[current].mean() > mean { iteration } else { improved };
            }
            idle.record(session, iteration, before)?;
            if idle.is_limit_reached() {
                return Ok(StopReason::NothingLeft);
            }
        }
        Ok(StopReason::NothingLeft)
    }

    fn members(&mut self) -> &mut Vec<Member> {
        &mut self.members
    }
}
