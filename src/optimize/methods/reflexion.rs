//! Reflexion: an answer that was wrong is attempted again with what went wrong in mind (Shinn et al. 2023, arXiv 2303.11366).
//!
//! Per training example: an attempt, whether it was right, a reflection in words that goes into a memory of three, and another
//! attempt with the memory below the instruction. It improves answers, not the program: the pool has the seed alone, and what
//! counts is the score after each trial. A reflection is told how good the answer was, as in the paper, and not the metric's
//! words, which name the right answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::seq::SliceRandom;

use crate::data::split::Split;
use crate::engine::ModelId;
use crate::error::RunError;
use crate::evaluate::Scored;
use crate::event::{Event, Purpose, StopReason};
use crate::optimize::joining::{self, is_enough, open_modules, validated};
use crate::optimize::pool;
use crate::optimize::reflection::answer;
use crate::optimize::reflection::packing::{self, Packed};
use crate::optimize::reflection::writing::{Question, Writer};
use crate::optimize::session::{Ask, Halt};
use crate::optimize::{Member, Optimizer, Pool, Session};
use crate::program::{Candidate, ModuleText};

/// The most tokens of a reflection.
const REFLECTION_TOKENS: u32 = 160;

/// The optimizer, with the paper's numbers.
#[derive(Debug)]
pub struct Reflexion {
    seed: Candidate,
    writer: Writer,
    members: Vec<Member>,
    /// Attempts at an example, the first among them.
    pub trials: u64,
    /// Reflections on an example that are remembered, the latest ones.
    pub memory: usize,
}

impl Reflexion {
    /// Starts from `seed`; `reflectors` has at least one model.
    #[must_use]
    pub fn new(seed: Candidate, reflectors: Vec<(String, ModelId)>) -> Self {
        Self { seed, writer: Writer::new(reflectors), members: Vec::new(), trials: 4, memory: 3 }
    }

    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let seed = validated(session, &[], 0, (self.seed.clone(), 0, 0))?;
        self.members.push(seed);
        // So many examples that the budget holds all trials of all of them, at least one.
        let trials = self.trials.max(1);
        let fair = session.rollouts_left().map_or(u64::MAX, |left| (left / trials).max(1));
        let mut places: Vec<usize> = (0..session.train().len()).collect();
        places.shuffle(&mut session.random("examples", 0));
        places.truncate(usize::try_from(fair).unwrap_or(usize::MAX));

        let mut memory: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        let mut last: BTreeMap<usize, Arc<Scored>> = BTreeMap::new();
        for trial in 1..=trials {
            let is_open = |place: &usize| last.get(place).is_none_or(|scored| scored.score() < Some(1.0));
            let open: Vec<usize> = places.iter().copied().filter(is_open).collect();
            if open.is_empty() {
                break;
            }
            session.fits(open.len() as u64)?;
            if trial > 1 {
                if let Some(reason) = is_enough(session, &[], open.len() as u64) {
                    return Ok(reason);
                }
                self.reflect(session, trial, &open, &last, &mut memory)?;
            }
            let candidates: Vec<Candidate> = open.iter().map(|place| self.remembering(session, memory.get(place))).collect();
            let asks: Vec<Ask<'_>> = candidates
                .iter()
                .zip(&open)
                .map(|(candidate, place)| Ask { candidate, places: std::slice::from_ref(place) })
                .collect();
            let answers = session.evaluate_while(Purpose::Trial, Split::Train, &asks, &mut |_, _| true)?;
            for (place, answers) in open.iter().zip(answers) {
                last.extend(answers.into_iter().flatten().map(|scored| (*place, scored)));
            }
            let scores: Vec<Option<f64>> = last.values().map(|scored| scored.score()).collect();
            let solved = scores.iter().filter(|score| **score >= Some(1.0)).count();
            let (mean, of) = (pool::mean(&scores).unwrap_or(0.0), places.len());
            session.log(&Event::Attempted { trial, mean, solved, of })?;
        }
        Ok(StopReason::TrialsDone)
    }

    /// Reflects on the last attempt at each example, all at once.
    fn reflect(
        &self,
        session: &mut Session<'_>,
        trial: u64,
        open: &[usize],
        last: &BTreeMap<usize, Arc<Scored>>,
        memory: &mut BTreeMap<usize, Vec<String>>,
    ) -> Result<(), Halt> {
        let train = session.train();
        let minibatch = open.iter().map(|&place| train[place].id.clone()).collect();
        session.log(&Event::Iteration { iteration: trial, parents: vec![0], minibatch })?;
        let module = open_modules(session).first().copied().unwrap_or(0);
        let question = |(place, proposal): (&usize, usize)| Question {
            proposal,
            parent: 0,
            module,
            operator: "reflect",
            prompt: last.get(place).map_or(Ok(Packed::default()), |scored| Ok(self.prompt(session, scored, memory.get(place)))),
            max_tokens: REFLECTION_TOKENS,
            temperature: session.plan().reflection_temperature,
        };
        let questions: Vec<Question> = open.iter().zip(1..).map(question).collect();
        let texts = self.writer.write(session, trial, "reflection", &questions, &|_, _, completion| {
            // What is said of one example may quote it.
            answer::text(completion, &[]).map(str::to_owned)
        })?;
        for (place, text) in open.iter().zip(texts) {
            let remembered = memory.entry(*place).or_default();
            remembered.extend(text);
            let forgotten = remembered.len().saturating_sub(self.memory);
            remembered.drain(..forgotten);
        }
        Ok(())
    }

    fn prompt(&self, session: &Session<'_>, scored: &Scored, memory: Option<&Vec<String>>) -> Packed {
        let mut text = String::from("You attempted a task, and it was not right.\n\n");
        for (module, own) in session.program().modules.iter().zip(&self.seed.0) {
            let Some((inputs, answer)) = packing::run(module, scored) else { continue };
            text.push_str(&format!(
                "The instruction:\n```\n{}\n```\nYou read:\n{inputs}\nYou wrote:\n{answer}\n\n",
                own.instruction
            ));
        }
        let form: Vec<&str> = scored.rollout.problems().map(|(_, problem)| problem).collect();
        let score = scored.score().unwrap_or(0.0);
        text.push_str(&format!("It was given {score:.2} of 1. {}\n\n", form.join(" ")));
        for lesson in memory.into_iter().flatten() {
            text.push_str(&format!("After an earlier attempt you said: {lesson}\n"));
        }
        text.push_str(
            "Say in two or three sentences why that was probably wrong, and what you will do otherwise at your next attempt at the \
             same input. Write nothing else.\n",
        );
        Packed::plain(text)
    }

    /// The seed with what is remembered of an example, in every module that may change.
    fn remembering(&self, session: &Session<'_>, memory: Option<&Vec<String>>) -> Candidate {
        let lessons: Vec<String> = memory.into_iter().flatten().map(|lesson| format!("- {lesson}")).collect();
        if lessons.is_empty() {
            return self.seed.clone();
        }
        let lessons = lessons.join("\n");
        open_modules(session).into_iter().fold(self.seed.clone(), |candidate, module| {
            let text = &candidate.0[module];
            let instruction =
                format!("{}\n\nEarlier attempts at this input failed; they taught:\n{lessons}", text.instruction.trim_end());
            let text = ModuleText { instruction, ..text.clone() };
            candidate.with(module, text)
        })
    }
}

impl Optimizer for Reflexion {
    fn run(&mut self, session: &mut Session<'_>) -> Result<Pool, RunError> {
        let stopped = self.search(session);
        joining::pool(std::mem::take(&mut self.members), stopped)
    }
}
