//! From the records of a journal, one after the other, to a [`History`].
//!
//! A record of rollouts names candidates by a key, which the decision that proposed or accepted them has as well.

mod naming;

use std::collections::BTreeMap;

use self::naming::reasoning;
use super::decision::Decision;
use super::history::{Asked, Chat, Entry, Fate, History, Iteration, Proposal, Runs, Seen, Who, place_of};
use super::trace;
use crate::data::split::Split;
use crate::engine::{Completion, Message};
use crate::event::Behind;
use crate::journal::{Record, SubWaveRequest};

/// A history in the making.
#[derive(Debug, Default)]
pub(super) struct Chronicle {
    history: History,
    /// Places in `history.runs` by key.
    keys: BTreeMap<String, usize>,
    /// Places in `history.examples` by split and id.
    examples: [BTreeMap<String, usize>; 3],
    /// Questions that have no answers yet, by their places among `asked` of the last iteration.
    awaited: Vec<usize>,
    /// Why validations were given up, by the candidates' places.
    given_up: BTreeMap<usize, String>,
    elapsed: f64,
}

impl Chronicle {
    /// Takes the next record.
    pub(super) fn take(&mut self, record: Record) -> Result<(), String> {
        match record {
            Record::Header { fingerprint, .. } => self.history.fingerprint = fingerprint,
            Record::Rollouts { ask, rollouts, cost } => {
                self.elapsed = cost.elapsed;
                self.history.rollouts += rollouts.len() as u64;
                self.history.spending.rollouts(&cost);
                self.rollouts(&ask, rollouts)?;
            }
            Record::Test { ask, rollouts, cost, .. } => {
                self.history.spending.test(&cost);
                self.rollouts(&ask, rollouts)?;
            }
            Record::Reflections { read, completions, cost, .. } => {
                self.elapsed = cost.elapsed;
                self.history.spending.reflections(&cost);
                self.answered(read, &completions);
            }
            Record::Limits { .. } => {}
            Record::Note { event } => {
                let decision = serde_json::from_value(event).map_err(|e| format!("the decision cannot be read: {e}"))?;
                self.decided(decision);
            }
        }
        Ok(())
    }

    /// The history of all that was taken.
    pub(super) fn finish(mut self) -> History {
        self.name_runs();
        if self.history.members.is_empty()
            && let Some(seed) = self.history.runs.first_mut()
        {
            seed.who = Who::Candidate(0);
        }
        self.history.iterations.retain(|iteration| iteration.number > 0);
        self.history
    }

    fn rollouts(&mut self, ask: &SubWaveRequest, rollouts: Vec<crate::evaluate::Scored>) -> Result<(), String> {
        let asked: usize = ask.candidates.iter().map(|of| of.examples.len()).sum();
        if asked != rollouts.len() {
            return Err(format!("{asked} rollouts were asked for, {} are there", rollouts.len()));
        }
        let mut rollouts = rollouts.into_iter();
        for of in &ask.candidates {
            let run = self.run(&of.candidate);
            for (id, scored) in of.examples.iter().zip(rollouts.by_ref()) {
                let example = self.example(ask.split, id, &scored);
                let scored = trace::scored(&mut self.history.texts, ask.split, example, &scored);
                self.history.runs[run].rollouts.push(scored);
            }
        }
        Ok(())
    }

    /// The place of a key's rollouts.
    fn run(&mut self, key: &str) -> usize {
        if let Some(&run) = self.keys.get(key) {
            return run;
        }
        let run = self.history.runs.len();
        self.history.runs.push(Runs { key: key.to_owned(), who: Who::Unknown, rollouts: Vec::new() });
        self.keys.insert(key.to_owned(), run);
        run
    }

    fn example(&mut self, split: Split, id: &str, scored: &crate::evaluate::Scored) -> usize {
        let place = place_of(split);
        if let Some(&example) = self.examples[place].get(id) {
            return example;
        }
        let example = self.history.examples[place].len();
        let texts = &mut self.history.texts;
        let inputs = scored
            .rollout
            .steps
            .first()
            .map_or_else(Vec::new, |step| trace::pairs(texts, step.inputs.iter().map(|(name, value)| (name, value))));
        self.history.examples[place].push(Seen { id: id.to_owned(), inputs });
        self.examples[place].insert(id.to_owned(), example);
        example
    }

    /// The iteration that is under way; one without a number before the first.
    fn iteration(&mut self) -> &mut Iteration {
        if self.history.iterations.is_empty() {
            self.history.iterations.push(Iteration::default());
        }
        let last = self.history.iterations.len() - 1;
        &mut self.history.iterations[last]
    }

    fn begin(&mut self, iteration: Iteration) {
        self.history.iterations.push(iteration);
        self.awaited.clear();
    }

    fn proposal(&mut self, number: usize) -> Option<&mut Proposal> {
        self.iteration().proposals.iter_mut().find(|proposal| proposal.number == number)
    }

    fn decided(&mut self, decision: Decision) {
        match decision {
            Decision::Iteration { iteration, parents, minibatch } => {
                self.begin(Iteration { number: iteration, parents, examples: minibatch, ..Iteration::default() });
            }
            Decision::Perfect { parent } => self.iteration().perfect.push(parent),
            Decision::Diagnosing { parent, module, reflector, questions, left_out } => self.ask(Asked {
                parent: Some(parent),
                module,
                operator: "diagnosis".into(),
                reflector: Some(reflector),
                left_out,
                questions,
                ..Asked::default()
            }),
            Decision::Diagnosed { parent, module, sentences } => {
                let is_it =
                    |asked: &&mut Asked| asked.proposal.is_none() && asked.module == module && asked.parent == Some(parent);
                if let Some(asked) = self.iteration().asked.iter_mut().rev().find(is_it) {
                    asked.sentences = sentences;
                }
            }
            Decision::Reflecting { proposal, parent, module, operator, reflector, questions, left_out, again, .. } => {
                let (proposal, parent, reflector) = (Some(proposal), Some(parent), Some(reflector));
                let asked =
                    Asked { proposal, parent, module, operator, reflector, again, left_out, questions, ..Asked::default() };
                self.ask(asked);
            }
            Decision::Unusable { proposal, module, operator, reason, text } => {
                let unusable = Some((reason, self.history.texts.add(&text)));
                let is_it = |asked: &&mut Asked| asked.proposal == Some(proposal) && asked.module == module;
                match self.iteration().asked.iter_mut().rev().find(is_it).filter(|asked| asked.unusable.is_none()) {
                    Some(asked) => asked.unusable = unusable,
                    None => {
                        let asked = Asked { proposal: Some(proposal), module, operator, unusable, ..Asked::default() };
                        self.iteration().asked.push(asked);
                    }
                }
            }
            Decision::Proposed { proposal: number, parent, operators, instructions, demonstrations, key } => {
                let proposal = Proposal { number, parent, operators, instructions, demonstrations, key, ..Proposal::default() };
                self.iteration().proposals.push(proposal);
            }
            Decision::Rejected { proposal, parent_sum, child_sum, run } => {
                let cut = run < self.iteration().examples.len();
                let rest = if cut { "; the rest could not have helped" } else { "" };
                let why = format!("{} on {}{rest}", sums(parent_sum, child_sum), examples(run));
                self.judged(proposal, Fate::Rejected, why);
            }
            Decision::Passed { proposal, parent_sum, child_sum } => {
                let run = self.iteration().examples.len();
                self.judged(proposal, Fate::Open, format!("{} on {}", sums(parent_sum, child_sum), examples(run)));
            }
            Decision::PassedOver { proposal } => {
                if let Some(proposal) = self.proposal(proposal) {
                    proposal.fate = Fate::PassedOver;
                    proposal.why += ", but another proposal gained more";
                }
            }
            Decision::Merging { iteration, parents, ancestor, instructions, examples, key } => {
                let (parents, ancestor) = (parents.to_vec(), Some(ancestor));
                let merge = Some(Proposal { parent: parents[0], ancestor, instructions, key, ..Proposal::default() });
                self.begin(Iteration { number: iteration, parents, examples, merge, ..Iteration::default() });
            }
            Decision::MergeRejected { parent_sums: [first, second], child_sum } => {
                if let Some(merge) = &mut self.iteration().merge {
                    merge.fate = Fate::Rejected;
                    merge.why = format!("its parents' sums {first:.2} and {second:.2}, its own {child_sum:.2}");
                }
            }
            Decision::ValidationGivenUp { candidate, validated, of, lead, behind } => {
                // The lead is over the pool's best; of a race it says nothing.
                let lead = if behind == Behind::Best { format!(" ({lead:+.2})") } else { String::new() };
                let why = format!("validation given up after {validated} of {of} examples: {}{lead}", behind.words());
                self.given_up.insert(candidate, why);
            }
            Decision::NothingToMerge {} | Decision::Idle { .. } => {}
            Decision::Tried { proposal, examples: count, mean } => {
                self.judged(proposal, Fate::Tried, format!("{mean:.3} on {}", examples(count)));
            }
            Decision::Attempted { mean } => self.history.trials.push(mean),
            Decision::Turn { .. } => {}
            accepted @ Decision::Accepted { .. } => self.accepted(accepted),
        }
    }

    fn ask(&mut self, asked: Asked) {
        let place = self.iteration().asked.len();
        self.iteration().asked.push(asked);
        self.awaited.push(place);
    }

    /// The answers to all questions that were asked since the last ones.
    fn answered(&mut self, read: Vec<Vec<Message>>, completions: &[Completion]) {
        let texts = &mut self.history.texts;
        let mut read = read.into_iter();
        let mut chats: Vec<Chat> =
            completions.iter().map(|answer| trace::chat(texts, read.next().unwrap_or_default(), answer)).collect();
        for place in std::mem::take(&mut self.awaited) {
            let asked = &mut self.iteration().asked[place];
            asked.chats = chats.drain(..asked.questions.min(chats.len())).collect();
        }
    }

    fn judged(&mut self, number: usize, fate: Fate, why: String) {
        if let Some(proposal) = self.proposal(number) {
            (proposal.fate, proposal.why) = (fate, why);
        }
    }

    /// What joins the pool under a key, as the iteration has proposed it; rivals validate the best of what they have tried
    /// in whichever iteration.
    fn proposed(&mut self, number: usize, key: &str) -> Option<&mut Proposal> {
        let is_it = |proposal: &Proposal| proposal.key == key;
        let last = self.history.iterations.len().checked_sub(1)?;
        let of_last = self.history.iterations[last].proposals.iter().position(|own| own.number == number && is_it(own));
        if let Some(place) = of_last {
            return self.history.iterations[last].proposals.get_mut(place);
        }
        self.history.iterations.iter_mut().rev().flat_map(|iteration| iteration.proposals.iter_mut().rev()).find(|own| is_it(own))
    }

    fn accepted(&mut self, decision: Decision) {
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
        } = decision
        else {
            return;
        };
        let given_up = self.given_up.remove(&candidate);
        let fate = if complete { Fate::Accepted } else { Fate::Partial };
        let tried = match parents.as_slice() {
            [] => None,
            [_] => self.proposed(proposal, &key),
            _ => self.iteration().merge.as_mut(),
        };
        let mut tried = tried.map(|tried| {
            (tried.fate, tried.candidate) = (fate, Some(candidate));
            if let Some(words) = &given_up {
                tried.why = format!("{}{}{words}", tried.why, if tried.why.is_empty() { "" } else { "; " });
            }
            tried.clone()
        });
        let operators = tried.as_mut().map_or_else(Vec::new, |tried| std::mem::take(&mut tried.operators));
        let reasoning = match parents.as_slice() {
            [] => self.seed_reasoning(&instructions),
            [parent] => reasoning(&self.history.members.get(*parent).map_or(Vec::new(), |p| p.reasoning.clone()), &operators),
            several => self.merged_reasoning(several, &instructions),
        };
        let ancestor = tried.and_then(|tried| tried.ancestor);
        let elapsed = self.elapsed;
        self.history.members.push(Entry {
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
            elapsed,
            key,
            run: None,
        });
    }
}

fn sums(parent: f64, child: f64) -> String {
    format!("its parent {parent:.2}, it {child:.2}")
}

fn examples(count: usize) -> String {
    if count == 1 { "1 example".into() } else { format!("{count} examples") }
}
