//! Builds the [`History`] of a run from the records of its journal, one after the other.

mod owners;

use std::collections::BTreeMap;

use super::iteration::{Chat, Fate, Iteration, Proposal, Reflection, UnusableText};
use super::rollouts::{CandidateRollouts, RolloutOwner, SeenExample};
use super::run_history::{History, PoolCandidate, split_index};
use crate::data::counted;
use crate::data::split::Split;
use crate::engine::{Completion, Message};
use crate::evaluate::Scored;
use crate::event::{Behind, Decision};
use crate::journal::{Record, SubWaveRequest};
use crate::program::PoolIndex;
use crate::report::state::RunState;
use crate::report::trace;

/// A history that is being built, and what is needed until it is complete.
#[derive(Debug, Default)]
pub(super) struct HistoryBuilder {
    history: History,
    /// The state of the run after the records so far.
    state: RunState,
    /// The indices in [`History::runs`], by the candidate's key.
    run_indices: BTreeMap<String, usize>,
    /// The indices in [`History::examples`], by [`split_index`] and the example's id.
    example_indices: [BTreeMap<String, usize>; 3],
    /// The indices of the current iteration's reflections whose answers are not recorded yet.
    unanswered: Vec<usize>,
    /// Why the validation of a candidate ended early, by the pool index that it will have.
    given_up: BTreeMap<PoolIndex, String>,
}

impl HistoryBuilder {
    /// Adds the next record.
    ///
    /// # Errors
    /// What is wrong with the record, as a clause.
    pub(super) fn add(&mut self, record: Record) -> Result<(), String> {
        match record {
            Record::Header { fingerprint, .. } => self.history.fingerprint = fingerprint,
            Record::Rollouts { ask, rollouts, cost } => {
                self.state.spent += rollouts.len() as u64;
                self.state.elapsed = cost.elapsed;
                self.history.spending.rollouts(&cost);
                self.add_rollouts(&ask, &rollouts)?;
            }
            Record::Test { ask, rollouts, cost, .. } => {
                self.history.spending.test(&cost);
                self.add_rollouts(&ask, &rollouts)?;
            }
            Record::Reflections { read, completions, cost, .. } => {
                self.state.elapsed = cost.elapsed;
                self.history.spending.reflections(&cost);
                self.add_answers(read, &completions);
            }
            Record::Scores { log_probabilities, cost, .. } => {
                self.state.spent += log_probabilities.len() as u64;
                self.state.elapsed = cost.elapsed;
                self.history.spending.rollouts(&cost);
            }
            Record::Limits { .. } => {}
            Record::Note { event } => {
                self.state.apply_decision(&event);
                self.add_decision(event);
            }
        }
        Ok(())
    }

    /// Returns the history of all records that were added.
    pub(super) fn finish(mut self) -> History {
        self.connect_rollouts();
        // What was asked before the first iteration is in one without a number.
        self.history.iterations.retain(|iteration| iteration.number > 0);
        self.history.rollouts = self.state.spent;
        self.history.trials = self.state.tally.trials;
        self.history
    }

    /// Adds the rollouts of a sub-wave.
    ///
    /// # Errors
    /// Where the record does not have one rollout for each example that was asked for.
    fn add_rollouts(&mut self, ask: &SubWaveRequest, rollouts: &[Scored]) -> Result<(), String> {
        let count: usize = ask.candidates.iter().map(|of| of.examples.len()).sum();
        if count != rollouts.len() {
            return Err(format!("{count} rollouts were asked for, {} are there", rollouts.len()));
        }
        if ask.drawn {
            // The page shows what a candidate answers, not what it might have answered.
            return Ok(());
        }
        let mut rollouts = rollouts.iter();
        for of in &ask.candidates {
            let run_index = self.run_index(&of.candidate);
            for (id, scored) in of.examples.iter().zip(rollouts.by_ref()) {
                let example_index = self.example_index(ask.split, id, scored);
                let scored = trace::scored(&mut self.history.texts, ask.split, example_index, scored);
                self.history.runs[run_index].rollouts.push(scored);
            }
        }
        Ok(())
    }

    /// Returns the index in [`History::runs`] of the candidate with this key, which is added where it is new.
    fn run_index(&mut self, key: &str) -> usize {
        if let Some(&run_index) = self.run_indices.get(key) {
            return run_index;
        }
        let run_index = self.history.runs.len();
        let run = CandidateRollouts { key: key.to_owned(), owner: RolloutOwner::Unknown, rollouts: Vec::new() };
        self.history.runs.push(run);
        self.run_indices.insert(key.to_owned(), run_index);
        run_index
    }

    /// Returns the index of an example in [`History::examples`] of its split. A new example is added with the inputs of `scored`.
    fn example_index(&mut self, split: Split, id: &str, scored: &Scored) -> usize {
        let split = split_index(split);
        if let Some(&example_index) = self.example_indices[split].get(id) {
            return example_index;
        }
        let example_index = self.history.examples[split].len();
        let texts = &mut self.history.texts;
        let inputs = scored
            .rollout
            .steps
            .first()
            .map_or_else(Vec::new, |step| trace::pairs(texts, step.inputs.iter().map(|(name, value)| (name, value))));
        self.history.examples[split].push(SeenExample { id: id.to_owned(), inputs });
        self.example_indices[split].insert(id.to_owned(), example_index);
        example_index
    }

    /// Returns the current iteration. Before the first iteration it is one without a number.
    fn iteration(&mut self) -> &mut Iteration {
        if self.history.iterations.is_empty() {
            self.history.iterations.push(Iteration::default());
        }
        let last = self.history.iterations.len() - 1;
        &mut self.history.iterations[last]
    }

    fn begin_iteration(&mut self, iteration: Iteration) {
        self.history.iterations.push(iteration);
        self.unanswered.clear();
    }

    /// Adds questions to a reflector, whose answers follow in a later record.
    fn add_reflection(&mut self, reflection: Reflection) {
        let index = self.iteration().reflections.len();
        self.iteration().reflections.push(reflection);
        self.unanswered.push(index);
    }

    /// Adds the answers to all questions since the last answers. `read` has the messages of each question.
    fn add_answers(&mut self, read: Vec<Vec<Message>>, completions: &[Completion]) {
        let texts = &mut self.history.texts;
        let mut read = read.into_iter();
        let mut chats: Vec<Chat> =
            completions.iter().map(|answer| trace::chat(texts, read.next().unwrap_or_default(), answer)).collect();
        for index in std::mem::take(&mut self.unanswered) {
            let reflection = &mut self.iteration().reflections[index];
            reflection.chats = chats.drain(..reflection.questions.min(chats.len())).collect();
        }
    }

    fn add_decision(&mut self, decision: Decision) {
        match decision {
            Decision::Iteration { iteration, parents, minibatch } => {
                self.begin_iteration(Iteration { number: iteration, parents, examples: minibatch, ..Iteration::default() });
            }
            Decision::Perfect { parent, .. } => self.iteration().perfect.push(parent),
            Decision::Diagnosing { parent, module, reflector, questions, left_out, .. } => self.add_reflection(Reflection {
                parent: Some(parent),
                module,
                operator: "diagnosis".into(),
                reflector: Some(reflector),
                left_out,
                questions,
                ..Reflection::default()
            }),
            Decision::Diagnosed { parent, module, sentences, .. } => {
                let is_diagnosis = |reflection: &&mut Reflection| {
                    reflection.proposal.is_none() && reflection.module == module && reflection.parent == Some(parent)
                };
                if let Some(reflection) = self.iteration().reflections.iter_mut().rev().find(is_diagnosis) {
                    reflection.sentences = sentences;
                }
            }
            Decision::Reflecting { proposal, parent, module, operator, reflector, questions, left_out, again, .. } => {
                self.add_reflection(Reflection {
                    proposal: Some(proposal),
                    parent: Some(parent),
                    module,
                    operator: operator.to_string(),
                    reflector: Some(reflector),
                    again,
                    left_out,
                    questions,
                    ..Reflection::default()
                });
            }
            Decision::Unusable { proposal, module, operator, reason, text, .. } => {
                let unusable = Some(UnusableText { reason, text: self.history.texts.add(&text) });
                let reflections = &mut self.iteration().reflections;
                let is_of_proposal =
                    |reflection: &&mut Reflection| reflection.proposal == Some(proposal) && reflection.module == module;
                let last = reflections.iter_mut().rev().find(is_of_proposal);
                match last.filter(|reflection| reflection.unusable.is_none()) {
                    Some(reflection) => reflection.unusable = unusable,
                    None => reflections.push(Reflection {
                        proposal: Some(proposal),
                        module,
                        operator: operator.to_string(),
                        unusable,
                        ..Reflection::default()
                    }),
                }
            }
            Decision::Proposed { proposal: number, parent, operators, instructions, demonstrations, key, .. } => {
                let proposal = Proposal { number, parent, operators, instructions, demonstrations, key, ..Proposal::default() };
                self.iteration().proposals.push(proposal);
            }
            Decision::Rejected { proposal, parent_sum, child_sum, run, .. } => {
                let is_cut_short = run < self.iteration().examples.len();
                let rest = if is_cut_short { "; the rest could not have helped" } else { "" };
                self.decide(proposal, Fate::Rejected, format!("{}{rest}", gate_sums(parent_sum, child_sum, run)));
            }
            Decision::Passed { proposal, parent_sum, child_sum, .. } => {
                let examples = self.iteration().examples.len();
                self.decide(proposal, Fate::Open, gate_sums(parent_sum, child_sum, examples));
            }
            Decision::PassedOver { proposal, .. } => {
                if let Some(proposal) = self.proposal(proposal) {
                    proposal.fate = Fate::PassedOver;
                    proposal.why += ", but another proposal gained more";
                }
            }
            Decision::Merging { iteration, parents, ancestor, instructions, examples, key } => {
                let (parents, ancestor) = (parents.to_vec(), Some(ancestor));
                let merge = Some(Proposal { parent: parents[0], ancestor, instructions, key, ..Proposal::default() });
                self.begin_iteration(Iteration { number: iteration, parents, examples, merge, ..Iteration::default() });
            }
            Decision::MergeRejected { parent_sums: [first, second], child_sum, .. } => {
                if let Some(merge) = &mut self.iteration().merge {
                    merge.fate = Fate::Rejected;
                    merge.why = format!("its parents' sums {first:.2} and {second:.2}, its own {child_sum:.2}");
                }
            }
            Decision::ValidationGivenUp { candidate, validated, of, lead, behind, .. } => {
                // The lead is over the pool's best candidate, so it explains nothing else.
                let lead = if behind == Behind::Best { format!(" ({lead:+.2})") } else { String::new() };
                let why = format!("validation given up after {validated} of {of} examples: {}{lead}", behind.description());
                self.given_up.insert(candidate, why);
            }
            Decision::Tried { proposal, examples, mean, .. } => {
                self.decide(proposal, Fate::Tried, format!("{mean:.3} on {}", counted(examples, "example")));
            }
            Decision::TieBroken { proposal, parent, child, .. } => {
                if let Some(tied) = self.proposal(proposal) {
                    tied.why.push_str(&format!("; log-probability of the right answers {parent:.2} → {child:.2}"));
                }
            }
            Decision::Accepted { .. } => self.add_candidate(decision),
            Decision::Screened { .. }
            | Decision::Turn { .. }
            | Decision::Attempted { .. }
            | Decision::NothingToMerge { .. }
            | Decision::Idle { .. } => {}
        }
    }

    /// Returns the proposal of the current iteration with this number.
    fn proposal(&mut self, number: usize) -> Option<&mut Proposal> {
        self.iteration().proposals.iter_mut().find(|proposal| proposal.number == number)
    }

    /// Sets what became of a proposal of the current iteration, and why.
    fn decide(&mut self, number: usize, fate: Fate, why: String) {
        if let Some(proposal) = self.proposal(number) {
            (proposal.fate, proposal.why) = (fate, why);
        }
    }

    /// Returns the proposal with this number and key. If the current iteration has none, it is the last one with this key:
    /// optimizers other than GEPA validate the best of what they have tried in any iteration.
    fn proposal_with_key(&mut self, number: usize, key: &str) -> Option<&mut Proposal> {
        let last = self.history.iterations.len().checked_sub(1)?;
        let is_it = |proposal: &Proposal| proposal.number == number && proposal.key == key;
        if let Some(index) = self.history.iterations[last].proposals.iter().position(is_it) {
            return self.history.iterations[last].proposals.get_mut(index);
        }
        let iterations = self.history.iterations.iter_mut().rev();
        iterations.flat_map(|iteration| iteration.proposals.iter_mut().rev()).find(|proposal| proposal.key == key)
    }

    /// Adds a candidate to the pool, as [`Decision::Accepted`] has it.
    fn add_candidate(&mut self, accepted: Decision) {
        let Decision::Accepted {
            iteration,
            candidate,
            parents,
            proposal,
            instructions,
            demonstrations,
            prompt_tokens,
            mean,
            scores,
            objectives,
            complete,
            spent,
            key,
        } = accepted
        else {
            return;
        };
        let given_up = self.given_up.remove(&candidate);
        let proposed = match parents.as_slice() {
            [] => None,
            [_] => self.proposal_with_key(proposal, &key),
            _ => self.iteration().merge.as_mut(),
        };
        let (mut ancestor, mut operators) = (None, Vec::new());
        if let Some(proposed) = proposed {
            proposed.fate = if complete { Fate::Accepted } else { Fate::Partial };
            proposed.candidate = Some(candidate);
            if let Some(given_up) = &given_up {
                let separator = if proposed.why.is_empty() { "" } else { "; " };
                proposed.why += &format!("{separator}{given_up}");
            }
            (ancestor, operators) = (proposed.ancestor, proposed.operators.clone());
        }
        let reasoning = self.reasoning_modules(&parents, &instructions, &operators);
        self.history.members.push(PoolCandidate {
            iteration,
            parents,
            ancestor,
            proposal,
            operators,
            instructions,
            demonstrations,
            reasoning,
            prompt_tokens,
            mean,
            scores,
            objectives,
            complete,
            given_up,
            spent,
            elapsed: self.state.elapsed,
            key,
            run: None,
        });
    }
}

/// Returns the sums that the gate compared, and the number of examples, as a clause.
fn gate_sums(parent_sum: f64, child_sum: f64, examples: usize) -> String {
    format!("its parent {parent_sum:.2}, it {child_sum:.2} on {}", counted(examples, "example"))
}
