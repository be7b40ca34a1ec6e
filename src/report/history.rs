//! A run as its journal tells it: candidates, what was tried and why it failed, every rollout.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::best::BestFile;
use super::chronicle::Chronicle;
use super::spending::Spending;
use super::texts::{Text, Texts};
use crate::data::split::Split;
use crate::engine::Message;
use crate::event::StopReason;
use crate::journal;
use crate::optimize::pool::ranked;
use crate::run_directory::RunDirectoryError;

/// Everything that a run directory tells of a run, finished or not.
#[derive(Debug, Default)]
pub struct History {
    /// What the run was begun with.
    pub fingerprint: BTreeMap<String, String>,
    /// The pool, in order.
    pub members: Vec<Entry>,
    /// What was tried, in order.
    pub iterations: Vec<Iteration>,
    /// Who was run on what: one entry for every candidate, tried or accepted, in order of their first rollout.
    pub runs: Vec<Runs>,
    /// The examples that were run, by split (train, validation, test), in order of their first rollout: of the validation
    /// examples, that is their order in the data.
    pub examples: [Vec<Seen>; 3],
    /// Long texts.
    pub texts: Texts,
    /// Tokens and seconds.
    pub spending: Spending,
    /// Rollouts charged to the budget.
    pub rollouts: u64,
    /// What the end of the run said of it; None while it goes on, or was interrupted.
    pub end: Option<End>,
    /// What the answer's modules send, by module, with `{field}` where a field's text goes; empty before the end.
    pub sent: Vec<(String, Vec<Message>)>,
    /// The mean score of single answers after each trial, of a method that attempts them again.
    pub trials: Vec<f64>,
    /// What a reader should know about this account of the run.
    pub warnings: Vec<String>,
}

/// A candidate of the pool.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Its iteration; 0 for the seed.
    pub iteration: u64,
    /// Its parents' places.
    pub parents: Vec<usize>,
    /// Of a merged one, the common ancestor's place.
    pub ancestor: Option<usize>,
    /// Which of its iteration's proposals it was; 0 where it was none.
    pub proposal: usize,
    /// What changed its modules, by module.
    pub operators: Vec<(String, String)>,
    /// Its instructions by module, in order.
    pub instructions: Vec<(String, String)>,
    /// Ids of its worked examples by module, where it has any.
    pub demonstrations: Vec<(String, Vec<String>)>,
    /// Modules that reason before they answer.
    pub reasoning: Vec<String>,
    /// Tokens of instructions and worked examples.
    pub prompt_tokens: usize,
    /// Its mean on the validation examples that it was run on.
    pub mean: f64,
    /// Its score on each validation example.
    pub scores: Vec<Option<f64>>,
    /// Its means by objective.
    pub objectives: BTreeMap<String, f64>,
    /// Whether it was run on all validation examples.
    pub complete: bool,
    /// Why not, where its validation was given up.
    pub given_up: Option<String>,
    /// Rollouts charged when it joined.
    pub spent: u64,
    /// Seconds of work when it joined.
    pub elapsed: f64,
    /// What its rollouts stand under.
    pub key: String,
    /// Its place in [`History::runs`].
    pub run: Option<usize>,
}

/// An example that was run.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its id.
    pub id: String,
    /// What the first step read of it, by field.
    pub inputs: Vec<(Text, Text)>,
}

/// One iteration.
#[derive(Debug, Clone, Default)]
pub struct Iteration {
    /// From 1.
    pub number: u64,
    /// The candidates to be improved, or to be merged.
    pub parents: Vec<usize>,
    /// Ids of the training examples; of a merge, of the validation examples of its gate.
    pub examples: Vec<String>,
    /// The merge, where it was one.
    pub merge: Option<Proposal>,
    /// Parents that were perfect on the minibatch.
    pub perfect: Vec<usize>,
    /// What was asked of reflectors, in order.
    pub asked: Vec<Asked>,
    /// What went to the gate.
    pub proposals: Vec<Proposal>,
}

/// A question to a reflector, or an attempt that needed none and failed.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Which of the iteration's proposals; None: a diagnosis, which serves all.
    pub proposal: Option<usize>,
    /// The candidate to be improved; None where the journal does not say.
    pub parent: Option<usize>,
    /// The module.
    pub module: String,
    /// How it was to be changed.
    pub operator: String,
    /// The model; None where none was asked.
    pub reflector: Option<String>,
    /// Whether it is the second time.
    pub again: bool,
    /// Rollouts that found no room in the reflector's context.
    pub left_out: usize,
    /// Questions that were asked.
    pub questions: usize,
    /// What was read and written, a chat each question; fewer while the answers are awaited.
    pub chats: Vec<Chat>,
    /// Sentences of a diagnosis.
    pub sentences: Vec<String>,
    /// Why it brought nothing to try, and what was written then.
    pub unusable: Option<(String, Text)>,
}

/// What a reflector read and wrote.
#[derive(Debug, Clone)]
pub struct Chat {
    /// Roles and texts.
    pub read: Vec<(String, Text)>,
    /// Its thoughts, where the model thinks aloud.
    pub thought: Option<Text>,
    /// Its answer.
    pub wrote: Text,
    /// How the answer ended, where not by itself.
    pub ended: Option<String>,
}

/// New texts that went to the gate.
#[derive(Debug, Clone, Default)]
pub struct Proposal {
    /// From 1; 0 for a merge.
    pub number: usize,
    /// The parent; of a merge the first.
    pub parent: usize,
    /// Of a merge, the common ancestor.
    pub ancestor: Option<usize>,
    /// What changed its modules, by module.
    pub operators: Vec<(String, String)>,
    /// Its new instructions, by module.
    pub instructions: Vec<(String, String)>,
    /// Ids of its worked examples, by module.
    pub demonstrations: Vec<(String, Vec<String>)>,
    /// What became of it.
    pub fate: Fate,
    /// Why, in words.
    pub why: String,
    /// Its place in the pool, where it joined.
    pub candidate: Option<usize>,
    /// What its rollouts stand under.
    pub key: String,
    /// Its place in [`History::runs`]; None where it was not run.
    pub run: Option<usize>,
}

/// What became of a proposal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Not yet decided.
    #[default]
    Open,
    /// It was compared with others on a part of the data, and went no further.
    Tried,
    /// It did not pass the gate.
    Rejected,
    /// It passed, but another was kept.
    PassedOver,
    /// It joined the pool, validated in part.
    Partial,
    /// It joined the pool.
    Accepted,
}

/// All rollouts of one candidate.
#[derive(Debug, Clone)]
pub struct Runs {
    /// The candidate's key in the journal.
    pub key: String,
    /// Who it is.
    pub who: Who,
    /// In the order of the journal.
    pub rollouts: Vec<Scored>,
}

/// Whose rollouts they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// One that is just being tried.
    #[default]
    Unknown,
    /// A place in the pool.
    Candidate(usize),
    /// A proposal that did not join the pool: iteration and number.
    Proposal(u64, usize),
    /// A merge that did not: its iteration.
    Merge(u64),
}

/// A rollout and its verdict.
#[derive(Debug, Clone)]
pub struct Scored {
    /// The data.
    pub split: Split,
    /// The example's place among [`History::examples`].
    pub example: usize,
    /// None where the metric failed.
    pub score: Option<f64>,
    /// What the metric said, or how it failed.
    pub feedback: Text,
    /// More by module.
    pub module_feedback: Vec<(Text, Text)>,
    /// Scores by objective.
    pub objectives: Vec<(Text, f64)>,
    /// Why the program failed.
    pub failure: Option<Text>,
    /// The calls.
    pub steps: Vec<Step>,
}

/// A call of a module or step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its module.
    pub module: Text,
    /// What it read.
    pub inputs: Vec<(Text, Text)>,
    /// The answer as it came.
    pub answer: Text,
    /// How the answer ended, where not by itself.
    pub ended: Option<Text>,
    /// What was read from it.
    pub outputs: Vec<(Text, Text)>,
    /// What is wrong with its form.
    pub problem: Option<Text>,
    /// Keys of what it retrieved.
    pub retrieved: Vec<Text>,
    /// Tokens computed of the prompt, reused, and written.
    pub tokens: [u64; 3],
    /// Seconds.
    pub seconds: f64,
}

/// What `summary.json` says that the journal does not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct End {
    /// What came of it, in a sentence.
    pub outcome: String,
    /// What else is to be known.
    pub notes: Vec<String>,
    /// Why the search ended.
    pub stopped_because: StopReason,
    rollouts: u64,
    candidates: usize,
}

/// The place of a split in [`History::examples`].
#[must_use]
pub fn place_of(split: Split) -> usize {
    match split {
        Split::Train => 0,
        Split::Val => 1,
        Split::Test => 2,
    }
}

impl History {
    /// Reads the run in `folder` as it stands, while it goes on too: nothing is locked or changed.
    ///
    /// # Errors
    /// [`RunDirectoryError`]: no run, or one that cannot be trusted.
    pub fn read(folder: &Path) -> Result<Self, RunDirectoryError> {
        let mut chronicle = Chronicle::default();
        let path = folder.join("journal.jsonl");
        journal::read(folder, &mut |line, record| {
            chronicle.take(record).map_err(|cause| RunDirectoryError::Damaged { path: path.clone(), line, cause })
        })?;
        let mut history = chronicle.finish();
        match end(folder) {
            // One that speaks of less than the journal holds is of before the run was extended.
            Ok(Some(end)) if end.rollouts == history.rollouts && end.candidates == history.members.len() => {
                history.end = Some(end);
                match sent(folder, &history) {
                    Ok(sent) => history.sent = sent,
                    Err(words) => history.warnings.push(words),
                }
            }
            Ok(_) => {}
            Err(words) => history.warnings.push(words),
        }
        Ok(history)
    }

    /// The place of the best candidate so far, as [`ranking`](crate::optimize::pool::ranking) has it.
    #[must_use]
    pub fn best(&self) -> Option<usize> {
        self.ranking().first().copied()
    }

    /// The places of those validated in full, the best first.
    #[must_use]
    pub fn ranking(&self) -> Vec<usize> {
        let standings = self.members.iter().map(|member| member.complete.then_some((member.mean, member.prompt_tokens)));
        ranked(standings).into_iter().map(|best| best.0).collect()
    }

    /// The scores of the candidate at `place` on a split, by id; of several rollouts of one example the first. On
    /// validation they are those that the optimizer went by.
    #[must_use]
    pub fn scores(&self, place: usize, split: Split) -> BTreeMap<&str, Option<f64>> {
        let Some(member) = self.members.get(place) else { return BTreeMap::new() };
        let seen = &self.examples[place_of(split)];
        if split == Split::Val {
            let scored = seen.iter().zip(&member.scores).filter(|(_, score)| score.is_some());
            return scored.map(|(example, score)| (example.id.as_str(), *score)).collect();
        }
        let mut scores = BTreeMap::new();
        let rollouts = member.run.and_then(|run| self.runs.get(run)).map_or(&[][..], |run| &run.rollouts);
        for scored in rollouts.iter().filter(|scored| scored.split == split) {
            scores.entry(seen[scored.example].id.as_str()).or_insert(scored.score);
        }
        scores
    }
}

/// What the modules of the answer send, as the run's end wrote it; nothing where that is another candidate's.
fn sent(folder: &Path, history: &History) -> Result<Vec<(String, Vec<Message>)>, String> {
    let path = folder.join("best.json");
    let Ok(text) = std::fs::read(&path) else { return Ok(Vec::new()) };
    let best: BestFile = serde_json::from_slice(&text).map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
    let texts = best.modules.iter().map(|module| (&module.name, &module.instruction));
    let is_answer = history.best() == Some(best.candidate)
        && texts.eq(history.members[best.candidate].instructions.iter().map(|(name, text)| (name, text)));
    Ok(if is_answer { best.modules.into_iter().map(|module| (module.name, module.messages)).collect() } else { Vec::new() })
}

/// What the run's end wrote, if it came to one.
fn end(folder: &Path) -> Result<Option<End>, String> {
    let path: PathBuf = folder.join("summary.json");
    let Ok(text) = std::fs::read(&path) else { return Ok(None) };
    serde_json::from_slice(&text).map(Some).map_err(|e| format!("{} cannot be read: {e}", path.display()))
}
