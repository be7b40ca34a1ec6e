//! The texts that a search has tried on training examples, and the candidates that it has validated.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::fitness::Fitness;
use super::iteration::Iteration;
use crate::data::split::Split;
use crate::evaluate::Scored;
use crate::event::{Event, Purpose};
use crate::optimize::joining::{self, Proposal, validated};
use crate::optimize::pool::{self, Member, ranking};
use crate::optimize::reflection::instruction::read_instruction;
use crate::optimize::reflection::packing::PackedPrompt;
use crate::optimize::reflection::reflectors::{Reflection, Reflectors};
use crate::optimize::reflection::training_data;
use crate::optimize::reflection::unusable::{Attempt, Unusable, log_unusable};
use crate::optimize::session::{Ask, Halt, Session};
use crate::program::{Candidate, ModuleText};

/// A question to a reflector for a new instruction.
#[derive(Debug, Clone)]
pub struct TextQuestion {
    /// The prompt, or the reason why there is none.
    pub prompt: Result<PackedPrompt, Unusable>,
    /// The name of the method's step, for the events.
    pub operator: &'static str,
}

impl TextQuestion {
    /// Creates a question that shows no examples.
    #[must_use]
    pub fn without_examples(prompt: String, operator: &'static str) -> Self {
        Self { prompt: Ok(PackedPrompt::without_examples(prompt)), operator }
    }
}

/// A proposal: a text to be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedText {
    /// The number of the proposal in its iteration: that of its question, from 1. 0 is the base.
    pub number: usize,
    /// The text.
    pub text: ModuleText,
    /// The name of the method's step that made it.
    pub operator: &'static str,
}

/// The tried candidates and the validated ones.
#[derive(Debug)]
pub struct Trials {
    /// The models that write instructions.
    pub reflectors: Reflectors,
    /// The validated candidates, the seed first.
    pub(super) members: Vec<Member>,
    tried: BTreeMap<Candidate, Tried>,
}

/// What is known about a candidate that was tried.
#[derive(Debug)]
struct Tried {
    fitness: Fitness,
    /// The pool index of the candidate that was the best when this one was first tried.
    parent: usize,
    /// The rollouts, with the indices of their training examples. Empty once no iteration reads them any more.
    rollouts: Vec<(usize, Arc<Scored>)>,
}

impl Trials {
    /// Creates an empty record of trials.
    #[must_use]
    pub fn new(reflectors: Reflectors) -> Self {
        Self { reflectors, members: Vec::new(), tried: BTreeMap::new() }
    }

    /// Returns the rollouts of a text, with the indices of their training examples. Empty unless the text was tried in this
    /// iteration or belongs to the method's population.
    #[must_use]
    pub fn rollouts(&self, iteration: &Iteration<'_>, text: &ModuleText) -> &[(usize, Arc<Scored>)] {
        self.tried.get(&iteration.candidate(text)).map_or(&[], |tried| tried.rollouts.as_slice())
    }

    /// Drops the rollouts of all texts but these. Rollouts take by far the most memory of a search.
    pub(super) fn keep_rollouts(&mut self, iteration: &Iteration<'_>, texts: &[&ModuleText]) {
        let kept: Vec<Candidate> = texts.iter().map(|text| iteration.candidate(text)).collect();
        for (candidate, tried) in &mut self.tried {
            if !kept.contains(candidate) {
                tried.rollouts = Vec::new();
            }
        }
    }

    /// Returns the fitness of a text. None if it was not tried.
    #[must_use]
    pub fn fitness(&self, iteration: &Iteration<'_>, text: &ModuleText) -> Option<&Fitness> {
        self.tried.get(&iteration.candidate(text)).map(|tried| &tried.fitness)
    }

    /// Returns the pool index of the best validated candidate.
    #[must_use]
    pub fn best_member(&self) -> usize {
        ranking(&self.members).first().copied().unwrap_or(0)
    }

    /// Asks all questions at once and returns the usable texts that were not tried before. They have the numbers of their questions.
    ///
    /// # Errors
    /// As [`Reflectors::ask`].
    pub fn ask(
        &self,
        session: &mut Session<'_>,
        iteration: &Iteration<'_>,
        temperature: f32,
        questions: Vec<TextQuestion>,
    ) -> Result<Vec<ProposedText>, Halt> {
        let max_tokens = session.plan().reflection_tokens;
        let (parent, module_index) = (self.best_member(), iteration.module_index);
        let reflection = |(TextQuestion { prompt, operator }, proposal)| {
            let attempt = Attempt { proposal, module_index, operator };
            Reflection { attempt, parent, prompt, max_tokens, temperature }
        };
        let reflections: Vec<Reflection> = questions.into_iter().zip(1..).map(reflection).collect();
        let inputs = training_data::input_values(session, module_index);
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let texts = self.reflectors.ask(session, iteration.number, "text", &reflections, &|session, _, completion| {
            let text = read_instruction(session, module_index, iteration.base_text(), &inputs, completion)?;
            if self.fitness(iteration, &text).is_some() { Err(Unusable::Repeated) } else { Ok(text) }
        })?;
        let proposed = |(text, reflection): (Option<ModuleText>, &Reflection)| {
            let Attempt { proposal, operator, .. } = reflection.attempt;
            Some(ProposedText { number: proposal, text: text?, operator })
        };
        Ok(texts.into_iter().zip(&reflections).filter_map(proposed).collect())
    }

    /// Logs that a text equals one that was tried or is about to be.
    fn log_repeated(session: &mut Session<'_>, iteration: &Iteration<'_>, text: ProposedText) -> Result<(), Halt> {
        let ProposedText { number, text, operator } = text;
        let attempt = Attempt { proposal: number, module_index: iteration.module_index, operator };
        log_unusable(session, iteration.number, attempt, Unusable::Repeated, text.instruction)
    }

    /// Returns the texts that were not tried before. The others are logged as repeated.
    ///
    /// # Errors
    /// As [`Session::log`].
    pub fn untried(
        &self,
        session: &mut Session<'_>,
        iteration: &Iteration<'_>,
        texts: Vec<ProposedText>,
    ) -> Result<Vec<ProposedText>, Halt> {
        let is_new = |proposed: &ProposedText| self.fitness(iteration, &proposed.text).is_none();
        let (new, repeated): (Vec<ProposedText>, Vec<ProposedText>) = texts.into_iter().partition(is_new);
        repeated.into_iter().try_for_each(|proposed| Self::log_repeated(session, iteration, proposed))?;
        Ok(new)
    }

    /// Runs texts on the examples of the iteration in `part`, all in one wave, and returns those that were run: the second of two
    /// equal texts is logged as repeated, and texts beyond the iteration's limit are dropped. If the part follows on an earlier one
    /// of the same text, the fitness counts both.
    ///
    /// # Errors
    /// As [`Session::evaluate_while`].
    pub fn try_on(
        &mut self,
        session: &mut Session<'_>,
        iteration: &Iteration<'_>,
        texts: Vec<ProposedText>,
        part: Range<usize>,
    ) -> Result<Vec<ProposedText>, Halt> {
        let mut distinct: Vec<ProposedText> = Vec::new();
        for proposed in texts {
            if distinct.iter().any(|other| other.text == proposed.text) {
                Self::log_repeated(session, iteration, proposed)?;
            } else if distinct.len() < iteration.max_candidates {
                distinct.push(proposed);
            }
        }
        for proposed in &distinct {
            let candidate = iteration.candidate(&proposed.text);
            if !self.tried.contains_key(&candidate) {
                let proposal = Proposal { iteration: iteration.number, number: proposed.number, parent: self.best_member() };
                joining::propose(session, proposal, &candidate, &[(iteration.module_index, proposed.operator)])?;
            }
        }
        self.run(session, iteration, &distinct, part)?;
        Ok(distinct)
    }

    /// Runs texts on all examples of the iteration, as [`Self::try_on`] does on a part of them.
    ///
    /// # Errors
    /// As [`Session::evaluate_while`].
    pub fn try_on_all(
        &mut self,
        session: &mut Session<'_>,
        iteration: &Iteration<'_>,
        texts: Vec<ProposedText>,
    ) -> Result<Vec<ProposedText>, Halt> {
        self.try_on(session, iteration, texts, 0..iteration.examples.len())
    }

    /// Runs texts on the examples of the iteration in `part`, all in one wave, and records their fitness.
    pub(super) fn run(
        &mut self,
        session: &mut Session<'_>,
        iteration: &Iteration<'_>,
        texts: &[ProposedText],
        part: Range<usize>,
    ) -> Result<(), Halt> {
        let candidates: Vec<Candidate> = texts.iter().map(|proposed| iteration.candidate(&proposed.text)).collect();
        let examples = &iteration.examples[part.clone()];
        let asks: Vec<Ask<'_>> = candidates.iter().map(|candidate| Ask { candidate, places: examples }).collect();
        if asks.is_empty() || examples.is_empty() {
            return Ok(());
        }
        let answers = session.evaluate_while(Purpose::Trial, Split::Train, &asks, &mut |_, _| true)?;
        let parent = self.best_member();
        for ((proposed, candidate), answers) in texts.iter().zip(candidates).zip(answers) {
            let mean_of = |value: &dyn Fn(&Scored) -> Option<f64>| {
                let values: Vec<Option<f64>> = answers.iter().map(|answer| value(answer.as_ref()?)).collect();
                pool::mean(&values).unwrap_or(0.0)
            };
            let (mean, closeness) = (mean_of(&Scored::score), mean_of(&|scored| Some(scored.closeness())));
            let rollouts = examples.iter().zip(answers).filter_map(|(&index, answer)| Some((index, answer?)));
            let fitness = Fitness { mean, closeness, examples: part.end, age: self.tried.len() };
            let unknown = Tried { fitness: Fitness { age: fitness.age, ..Fitness::default() }, parent, rollouts: Vec::new() };
            // A candidate that is run again, as the base of another module's turn, keeps its record.
            let tried = self.tried.entry(candidate).or_insert(unknown);
            tried.rollouts.truncate(if part.start == 0 { 0 } else { tried.rollouts.len() });
            tried.rollouts.extend(rollouts);
            tried.fitness = tried.fitness.extended_by(&fitness, part.start);
            session.log(&Event::Tried {
                iteration: iteration.number,
                proposal: proposed.number,
                split: Split::Train,
                examples: tried.fitness.examples,
                mean: tried.fitness.mean,
            })?;
        }
        Ok(())
    }

    /// Returns the candidates that were run on all of `examples` examples, the best first.
    pub(super) fn leaders(&self, examples: usize) -> Vec<&Candidate> {
        let all = self.tried.iter().filter(|(_, tried)| tried.fitness.examples == examples);
        let mut all: Vec<(&Candidate, &Fitness)> = all.map(|(candidate, tried)| (candidate, &tried.fitness)).collect();
        all.sort_by(|a, b| a.1.order(b.1));
        all.into_iter().map(|(candidate, _)| candidate).collect()
    }

    /// Validates a candidate on all validation examples and adds it to the pool.
    fn validate(&mut self, session: &mut Session<'_>, iteration: u64, candidate: Candidate) -> Result<(), Halt> {
        // The candidate may have been proposed in an earlier iteration, so its proposal has no number in this one.
        let parent = self.tried.get(&candidate).map_or_else(|| self.best_member(), |tried| tried.parent);
        let member = validated(session, &self.members, iteration, (candidate, parent, 0))?;
        self.members.push(member);
        Ok(())
    }

    /// Validates the best `most` candidates that were run on all of `examples` examples and did no worse there than the seed, as far
    /// as the budget has room.
    pub(super) fn validate_leaders(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        examples: usize,
        most: usize,
    ) -> Result<(), Halt> {
        let scores = |candidate: &Candidate| self.tried.get(candidate).map(|tried| (tried.fitness.mean, tried.fitness.closeness));
        let seed_scores = self.members.first().and_then(|seed| scores(&seed.candidate)).unwrap_or((0.0, 0.0));
        let is_as_good = |candidate: &&Candidate| scores(candidate).is_some_and(|scores| scores >= seed_scores);
        let finalists: Vec<Candidate> = self.leaders(examples).into_iter().filter(is_as_good).take(most).cloned().collect();
        for candidate in finalists {
            let is_member = self.members.iter().any(|member| member.candidate == candidate);
            if !is_member && session.holds(session.validation_size() as u64)? {
                self.validate(session, iteration, candidate)?;
            }
        }
        Ok(())
    }
}
