//! One iteration on one module: asking for texts, trying them, and reading what is known about them.

use std::ops::Range;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;

use super::fitness::Fitness;
use super::trials::{Trials, Tried};
use crate::data::ExampleIndex;
use crate::data::split::Split;
use crate::engine::Completion;
use crate::evaluate::{Scored, scores};
use crate::event::{Decision, MethodStep, Origin, Purpose};
use crate::optimize::joining::{self, Proposal};
use crate::optimize::reflection::instruction::read_instruction;
use crate::optimize::reflection::packing::PackedPrompt;
use crate::optimize::reflection::reflectors::Reflection;
use crate::optimize::reflection::training_data;
use crate::optimize::reflection::unusable::{Attempt, Unusable, log_unusable};
use crate::optimize::reuse::EvaluationRequest;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, Demonstration, Module, ModuleText, PoolIndex};

/// A question to a reflector for a new instruction.
#[derive(Debug, Clone)]
pub struct TextQuestion {
    /// The prompt, or the reason why there is none.
    pub prompt: Result<PackedPrompt, Unusable>,
    /// The method's step, for the events.
    pub operator: Origin,
}

impl TextQuestion {
    /// Creates a question that shows no examples.
    #[must_use]
    pub fn without_examples(prompt: String, operator: MethodStep) -> Self {
        Self { prompt: Ok(PackedPrompt::without_examples(prompt)), operator: operator.into() }
    }
}

/// A proposal: a text to be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedText {
    /// The number of the proposal in its iteration: that of its question, from 1. 0 is the base.
    pub number: usize,
    /// The text.
    pub text: ModuleText,
    /// The method's step that made it.
    pub operator: Origin,
}

/// An iteration on one module.
pub struct Iteration<'t, 's> {
    /// The number of the iteration, from 1, counted over all modules.
    pub number: u64,
    /// The index of the module whose text is changed.
    pub module_index: usize,
    /// The candidate from which all candidates of the iteration take the texts of the other modules.
    pub base: &'t Candidate,
    /// The indices of the training examples that candidates are compared on.
    pub examples: &'t [ExampleIndex],
    /// The most candidates for which the budget has room. At least 1.
    pub max_candidates: usize,
    pub(super) session: &'t mut Session<'s>,
    pub(super) trials: &'t mut Trials,
}

impl<'t, 's> Iteration<'t, 's> {
    /// Returns the session.
    #[must_use]
    pub fn session(&self) -> &Session<'s> {
        self.session
    }

    /// Returns the module whose text is changed.
    #[must_use]
    pub fn module(&self) -> &'s Module {
        &self.session.program().modules[self.module_index]
    }

    /// Returns the module's text in the base.
    #[must_use]
    pub fn base_text(&self) -> &'t ModuleText {
        &self.base.0[self.module_index]
    }

    /// Returns the base with `text` for the iteration's module.
    pub(super) fn candidate(&self, text: &ModuleText) -> Candidate {
        self.base.with(self.module_index, text.clone())
    }

    /// Returns the fitness of a text. None if it was not tried.
    #[must_use]
    pub fn fitness(&self, text: &ModuleText) -> Option<&Fitness> {
        self.trials.tried.get(&self.candidate(text)).map(|tried| &tried.fitness)
    }

    /// Returns the rollouts of a text, with the indices of their training examples. Empty unless the text was tried in this
    /// iteration or belongs to the method's population.
    #[must_use]
    pub fn rollouts(&self, text: &ModuleText) -> &[(ExampleIndex, Arc<Scored>)] {
        self.trials.tried.get(&self.candidate(text)).map_or(&[], |tried| tried.rollouts.as_slice())
    }

    /// Returns the pool index of the best validated candidate.
    #[must_use]
    pub fn best_member(&self) -> usize {
        self.trials.best_member()
    }

    /// Returns the random numbers of a purpose.
    #[must_use]
    pub fn random(&self, purpose: &str) -> ChaCha8Rng {
        self.session.random(purpose, self.number)
    }

    /// Returns the labelled training examples of the module.
    #[must_use]
    pub fn labelled_pairs(&self) -> Vec<Demonstration> {
        training_data::labelled_pairs(self.session, self.module_index)
    }

    /// Returns the temperature of reflections in the plan.
    #[must_use]
    pub fn temperature(&self) -> f32 {
        self.session.plan().reflection_temperature
    }

    /// Returns the most tokens of a prompt for the reflector.
    #[must_use]
    pub fn prompt_room(&self) -> usize {
        self.trials.reflectors.prompt_room(self.session, self.number)
    }

    /// Counts the tokens of a text with the reflector's tokenizer.
    #[must_use]
    pub fn count_tokens(&self, text: &str) -> usize {
        self.trials.reflectors.count_tokens(self.session, self.number, text)
    }

    /// Returns how many of `entries`, from the first, fit a list in a prompt; at least 1.
    #[must_use]
    pub fn count_fitting(&self, entries: &[String]) -> usize {
        self.trials.reflectors.count_fitting(self.session, self.number, entries)
    }

    /// Asks the reflector, as [`Reflectors::ask`](crate::optimize::reflection::reflectors::Reflectors::ask) does.
    ///
    /// # Errors
    /// As [`Session::reflect`].
    pub fn ask_reflector<T>(
        &mut self,
        stream: &str,
        questions: &[Reflection],
        read: &dyn Fn(&Session<'_>, usize, &Completion) -> Result<T, Unusable>,
    ) -> Result<Vec<Option<T>>, Halt> {
        self.trials.reflectors.ask(self.session, self.number, stream, questions, read)
    }

    /// Asks all questions at once and returns the usable texts that were not tried before. They have the numbers of their questions.
    ///
    /// # Errors
    /// As [`Session::reflect`].
    pub fn ask(&mut self, temperature: f32, questions: Vec<TextQuestion>) -> Result<Vec<ProposedText>, Halt> {
        let max_tokens = self.session.plan().reflection_tokens;
        let (parent, module_index, base) = (PoolIndex(self.best_member()), self.module_index, self.base);
        let reflection = |(TextQuestion { prompt, operator }, proposal)| {
            let attempt = Attempt { proposal, module_index, operator };
            Reflection { attempt, parent, prompt, max_tokens, temperature }
        };
        let reflections: Vec<Reflection> = questions.into_iter().zip(1..).map(reflection).collect();
        let inputs = training_data::quotable(self.session);
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let trials = &*self.trials;
        let texts = trials.reflectors.ask(self.session, self.number, "text", &reflections, &|session, _, completion| {
            let text = read_instruction(session, module_index, &base.0[module_index], &inputs, completion)?;
            let was_tried = trials.tried.contains_key(&base.with(module_index, text.clone()));
            if was_tried { Err(Unusable::Repeated) } else { Ok(text) }
        })?;
        let proposed = |(text, reflection): (Option<ModuleText>, &Reflection)| {
            let Attempt { proposal, operator, .. } = reflection.attempt;
            Some(ProposedText { number: proposal, text: text?, operator })
        };
        Ok(texts.into_iter().zip(&reflections).filter_map(proposed).collect())
    }

    /// Logs that a text equals one that was tried or is about to be.
    fn log_repeated(&mut self, ProposedText { number, text, operator }: ProposedText) -> Result<(), Halt> {
        let attempt = Attempt { proposal: number, module_index: self.module_index, operator };
        log_unusable(self.session, self.number, attempt, Unusable::Repeated, text.instruction)
    }

    /// Returns the texts that were not tried before. The others are logged as repeated.
    ///
    /// # Errors
    /// As [`Session::log`].
    pub fn untried(&mut self, texts: Vec<ProposedText>) -> Result<Vec<ProposedText>, Halt> {
        let is_new = |proposed: &ProposedText| self.fitness(&proposed.text).is_none();
        let (new, repeated): (Vec<ProposedText>, Vec<ProposedText>) = texts.into_iter().partition(is_new);
        repeated.into_iter().try_for_each(|proposed| self.log_repeated(proposed))?;
        Ok(new)
    }

    /// Runs texts on the examples of the iteration in `part`, all in one wave, and returns those that were run: the second of two
    /// equal texts is logged as repeated, and texts beyond the iteration's limit are dropped. If the part follows on an earlier one
    /// of the same text, the fitness counts both.
    ///
    /// # Errors
    /// As [`Session::evaluate_while`].
    pub fn try_on(&mut self, texts: Vec<ProposedText>, part: Range<usize>) -> Result<Vec<ProposedText>, Halt> {
        let mut distinct: Vec<ProposedText> = Vec::new();
        for proposed in texts {
            if distinct.iter().any(|other| other.text == proposed.text) {
                self.log_repeated(proposed)?;
            } else if distinct.len() < self.max_candidates {
                distinct.push(proposed);
            }
        }
        for proposed in &distinct {
            let candidate = self.candidate(&proposed.text);
            if !self.trials.tried.contains_key(&candidate) {
                let proposal =
                    Proposal { iteration: self.number, number: proposed.number, parent: PoolIndex(self.best_member()) };
                joining::log_proposal(self.session, proposal, &candidate, &[(self.module_index, proposed.operator)])?;
            }
        }
        self.run(&distinct, part)?;
        Ok(distinct)
    }

    /// Runs texts on all examples of the iteration, as [`Self::try_on`] does on a part of them.
    ///
    /// # Errors
    /// As [`Session::evaluate_while`].
    pub fn try_on_all(&mut self, texts: Vec<ProposedText>) -> Result<Vec<ProposedText>, Halt> {
        self.try_on(texts, 0..self.examples.len())
    }

    /// Runs texts on the examples of the iteration in `part`, all in one wave, and records their fitness.
    pub(super) fn run(&mut self, texts: &[ProposedText], part: Range<usize>) -> Result<(), Halt> {
        let candidates: Vec<Candidate> = texts.iter().map(|proposed| self.candidate(&proposed.text)).collect();
        let examples = &self.examples[part.clone()];
        let asks: Vec<EvaluationRequest<'_>> =
            candidates.iter().map(|candidate| EvaluationRequest { candidate, example_indices: examples }).collect();
        if asks.is_empty() || examples.is_empty() {
            return Ok(());
        }
        let answers = self.session.evaluate_while(Purpose::Trial, Split::Train, &asks, &mut |_, _| true)?;
        let parent = self.best_member();
        for ((proposed, candidate), answers) in texts.iter().zip(candidates).zip(answers) {
            let mean_of = |value: &dyn Fn(&Scored) -> Option<f64>| {
                let values: Vec<Option<f64>> = answers.iter().map(|answer| value(answer.as_ref()?)).collect();
                scores::mean(&values).unwrap_or(0.0)
            };
            let (mean, closeness) = (mean_of(&Scored::score), mean_of(&|scored| Some(scored.closeness())));
            let rollouts = examples.iter().zip(answers).filter_map(|(&index, answer)| Some((index, answer?)));
            let fitness = Fitness { mean, closeness, examples: part.end, age: self.trials.tried.len() };
            let unknown = Tried { fitness: Fitness { age: fitness.age, ..Fitness::default() }, parent, rollouts: Vec::new() };
            // A candidate that is run again, as the base of another module's turn, keeps its record.
            let tried = self.trials.tried.entry(candidate).or_insert(unknown);
            tried.rollouts.truncate(if part.start == 0 { 0 } else { tried.rollouts.len() });
            tried.rollouts.extend(rollouts);
            tried.fitness = tried.fitness.extended_by(&fitness, part.start);
            self.session.log(Decision::Tried {
                iteration: self.number,
                proposal: proposed.number,
                split: Split::Train,
                examples: tried.fitness.examples,
                mean: tried.fitness.mean,
            })?;
        }
        Ok(())
    }
}
