//! Reflexion: a wrong answer is attempted again with reflections on the earlier attempts (Shinn et al. 2023, arXiv 2303.11366).
//!
//! For each training example there is an attempt; if it is not right, a reflection on it goes into a memory of three, and the next
//! attempt has the memory below the instruction. This improves answers, not the program: the pool has the seed alone, and the result
//! is the score after each trial. As in the paper, a reflection is told how good the answer was. It is not told the metric's feedback,
//! which contains the right answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::seq::SliceRandom;

use crate::data::ExampleIndex;
use crate::data::split::Split;
use crate::engine::ModelId;
use crate::evaluate::{Scored, scores};
use crate::event::{Decision, MethodStep, Purpose, StopReason};
use crate::optimize::joining::{self, NewCandidate, early_stop, open_modules};
use crate::optimize::optimizer::Optimizer;
use crate::optimize::pool::Member;
use crate::optimize::reflection::instruction::is_too_long;
use crate::optimize::reflection::packing::{self, PackedPrompt, ShownCall};
use crate::optimize::reflection::read_answer::read_text;
use crate::optimize::reflection::reflectors::{Reflection, Reflectors};
use crate::optimize::reflection::unusable::Attempt;
use crate::optimize::reuse::EvaluationRequest;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, ModuleText, PoolIndex};

/// The most tokens of a reflection.
const MAX_REFLECTION_TOKENS: u32 = 160;

/// The optimizer, with the paper's numbers.
#[derive(Debug)]
pub struct Reflexion {
    seed: Candidate,
    reflectors: Reflectors,
    members: Vec<Member>,
    /// The most attempts at an example, with the first.
    pub trials: u64,
    /// The reflections on an example that are kept; the latest ones.
    pub memory: usize,
}

/// What is known about one training example.
#[derive(Debug, Default)]
struct ExampleState {
    /// The reflections that are kept, the latest last.
    memory: Vec<String>,
    /// The last attempt.
    last: Option<Arc<Scored>>,
}

impl ExampleState {
    fn is_solved(&self) -> bool {
        self.last.as_ref().is_some_and(|scored| scored.score() >= Some(1.0))
    }
}

impl Reflexion {
    /// Creates a search with `seed`. `reflectors` has at least one model, with its name in the task file.
    #[must_use]
    pub fn new(seed: Candidate, reflectors: Vec<(String, ModelId)>) -> Self {
        Self { seed, reflectors: Reflectors::new(reflectors), members: Vec::new(), trials: 4, memory: 3 }
    }

    /// Asks for a reflection on the last attempt at each of the examples in `open`, all at once, and adds it to the memory.
    fn reflect(
        &self,
        session: &mut Session<'_>,
        trial: u64,
        open: &[ExampleIndex],
        states: &mut BTreeMap<ExampleIndex, ExampleState>,
    ) -> Result<(), Halt> {
        let train = session.train();
        let minibatch = open.iter().map(|&index| train[index].id.clone()).collect();
        session.log(Decision::Iteration { iteration: trial, parents: vec![PoolIndex::SEED], minibatch })?;
        let module_index = open_modules(session).first().copied().unwrap_or(0);
        let question = |(index, proposal): (&ExampleIndex, usize)| {
            let prompt = match states.get(index) {
                Some(ExampleState { memory, last: Some(last) }) => self.prompt(session, last, memory),
                _ => PackedPrompt::default(),
            };
            Reflection {
                attempt: Attempt { proposal, module_index, operator: MethodStep::Reflect.into() },
                parent: PoolIndex::SEED,
                prompt: Ok(prompt),
                max_tokens: MAX_REFLECTION_TOKENS,
                temperature: session.plan().reflection_temperature,
            }
        };
        let questions: Vec<Reflection> = open.iter().zip(1..).map(question).collect();
        let texts = self.reflectors.ask(session, trial, "reflection", &questions, &|_, _, completion| {
            // A reflection is used for its own example alone, so it may quote the example.
            read_text(completion, &[]).map(str::to_owned)
        })?;
        for (index, text) in open.iter().zip(texts) {
            let memory = &mut states.entry(*index).or_default().memory;
            memory.extend(text);
            let forgotten = memory.len().saturating_sub(self.memory);
            memory.drain(..forgotten);
        }
        Ok(())
    }

    fn prompt(&self, session: &Session<'_>, scored: &Scored, memory: &[String]) -> PackedPrompt {
        let mut text = String::from("You attempted a task, and it was not right.\n\n");
        for (module, module_text) in session.program().modules.iter().zip(&self.seed.0) {
            let Some(ShownCall { inputs, answer }) = packing::shown_call(module, scored) else { continue };
            text.push_str(&format!(
                "The instruction:\n```\n{}\n```\nYou read:\n{inputs}\nYou wrote:\n{answer}\n\n",
                module_text.instruction
            ));
        }
        let problems: Vec<&str> = scored.rollout.problems().map(|(_, problem)| problem).collect();
        let score = scored.score().unwrap_or(0.0);
        text.push_str(&format!("It was given {score:.2} of 1. {}\n\n", problems.join(" ")));
        for reflection in memory {
            text.push_str(&format!("After an earlier attempt you said: {reflection}\n"));
        }
        text.push_str(
            "Say in two or three sentences why that was probably wrong, and what you will do otherwise at your next attempt at the \
             same input. Write nothing else.\n",
        );
        PackedPrompt::without_examples(text)
    }

    /// Returns the seed with the reflections on an example below the instruction of each module that may change. The oldest
    /// reflections are left out of a text that would be too long with them.
    fn candidate_with_memory(&self, session: &Session<'_>, memory: &[String]) -> Candidate {
        open_modules(session).into_iter().fold(self.seed.clone(), |candidate, module_index| {
            let mut texts = (0..memory.len()).map(|left_out| with_lessons(&candidate.0[module_index], &memory[left_out..]));
            match texts.find(|text| !is_too_long(session, module_index, text)) {
                Some(text) => candidate.with(module_index, text),
                None => candidate,
            }
        })
    }
}

/// Returns a text with reflections below its instruction.
fn with_lessons(text: &ModuleText, reflections: &[String]) -> ModuleText {
    let lessons: Vec<String> = reflections.iter().map(|reflection| format!("- {reflection}")).collect();
    let (instruction, lessons) = (text.instruction.trim_end(), lessons.join("\n"));
    let instruction = format!("{instruction}\n\nEarlier attempts at this input failed; they taught:\n{lessons}");
    ModuleText { instruction, ..text.clone() }
}

impl Optimizer for Reflexion {
    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let seed = joining::validate(session, &[], 0, NewCandidate::seed(self.seed.clone()))?;
        self.members.push(seed);
        // As many examples that the budget has room for all trials of all of them, at least one.
        let trials = self.trials.max(1);
        let affordable = session.rollouts_left().map_or(u64::MAX, |left| (left / trials).max(1));
        let mut examples = ExampleIndex::all(session.train().len());
        examples.shuffle(&mut session.random("examples", 0));
        examples.truncate(usize::try_from(affordable).unwrap_or(usize::MAX));

        let mut states: BTreeMap<ExampleIndex, ExampleState> = BTreeMap::new();
        for trial in 1..=trials {
            let is_open = |index: &ExampleIndex| !states.get(index).is_some_and(ExampleState::is_solved);
            let open: Vec<ExampleIndex> = examples.iter().copied().filter(is_open).collect();
            if open.is_empty() {
                break;
            }
            session.require_budget(open.len() as u64)?;
            if trial > 1 {
                if let Some(reason) = early_stop(session, &[], open.len() as u64) {
                    return Ok(reason);
                }
                self.reflect(session, trial, &open, &mut states)?;
            }
            let memory = |index: &ExampleIndex| states.get(index).map_or(&[][..], |state| &state.memory);
            let candidates: Vec<Candidate> =
                open.iter().map(|index| self.candidate_with_memory(session, memory(index))).collect();
            let asks: Vec<EvaluationRequest<'_>> = candidates
                .iter()
                .zip(&open)
                .map(|(candidate, index)| EvaluationRequest { candidate, example_indices: std::slice::from_ref(index) })
                .collect();
            let answers = session.evaluate_while(Purpose::Trial, Split::Train, &asks, &mut |_, _| true)?;
            for (index, answers) in open.iter().zip(answers) {
                if let Some(last) = answers.into_iter().flatten().next_back() {
                    states.entry(*index).or_default().last = Some(last);
                }
            }
            let last = states.values().filter_map(|state| state.last.as_ref());
            let scores: Vec<Option<f64>> = last.map(|scored| scored.score()).collect();
            let solved = states.values().filter(|state| state.is_solved()).count();
            let mean = scores::mean(&scores).unwrap_or(0.0);
            session.log(Decision::Attempted { trial, mean, solved, of: examples.len() })?;
        }
        Ok(StopReason::TrialsDone)
    }

    fn members(&mut self) -> &mut Vec<Member> {
        &mut self.members
    }
}
