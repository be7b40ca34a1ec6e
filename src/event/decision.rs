//! The decisions of an optimizer. The journal stores them, and a replay must repeat them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Origin, Unusable};
use crate::data::split::Split;
use crate::program::PoolIndex;

/// A decision of an optimizer. Scores are in [0, 1]; a field that is called a sum adds up such scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Decision {
    /// An optimizer that is made for a single prompt turns to the next module of a program with several modules.
    Turn {
        /// The number of the iteration with which the module's turn begins, from 1.
        iteration: u64,
        /// The name of the module whose instruction is changed from now on.
        module: String,
        /// The number of modules that have a turn, one after the other.
        of: usize,
    },
    /// An iteration begins that proposes new module texts.
    Iteration {
        /// The number of the iteration, from 1.
        iteration: u64,
        /// The pool indices of the candidates that are to be improved, each listed once.
        parents: Vec<PoolIndex>,
        /// The ids of the training examples of the minibatch. Empty for an optimizer without minibatches.
        minibatch: Vec<String>,
    },
    /// A parent scored 1 on every example of the minibatch, so that there is no failure to learn from.
    Perfect {
        /// The number of the iteration.
        iteration: u64,
        /// The pool index of the parent.
        parent: PoolIndex,
    },
    /// A reflector is about to be asked what went wrong in each failed rollout of a module.
    Diagnosing {
        /// The number of the iteration.
        iteration: u64,
        /// The pool index of the candidate whose rollouts failed.
        parent: PoolIndex,
        /// The name of the module.
        module: String,
        /// The name of the reflector in the task file.
        reflector: String,
        /// The number of questions, one for each failure.
        questions: usize,
        /// The number of failures that are not asked about because they do not fit the reflector's context.
        left_out: usize,
    },
    /// A reflector has answered what went wrong in the failed rollouts of a module.
    Diagnosed {
        /// The number of the iteration.
        iteration: u64,
        /// The pool index of the candidate whose rollouts failed.
        parent: PoolIndex,
        /// The name of the module.
        module: String,
        /// The reflector's sentences, one for each usable answer. An answer without a usable sentence is left out.
        sentences: Vec<String>,
    },
    /// A reflector is about to be asked for a new module text.
    Reflecting {
        /// The number of the iteration.
        iteration: u64,
        /// The number of the proposal within its iteration, from 1.
        proposal: usize,
        /// The pool index of the candidate that is to be improved.
        parent: PoolIndex,
        /// The name of the module whose text is to be changed.
        module: String,
        /// The operator, or the step of another optimizer than `gepa`, that needs the answer.
        operator: Origin,
        /// The name of the reflector in the task file.
        reflector: String,
        /// The number of questions, which are all asked in one list of requests.
        questions: usize,
        /// The number of rollouts or training examples that the prompt shows.
        examples: usize,
        /// The number of rollouts that the prompt does not show because they do not fit the reflector's context.
        left_out: usize,
        /// Whether the reflector is asked a second time because its first answer was unusable.
        again: bool,
    },
    /// A proposal has no text that could be tried.
    Unusable {
        /// The number of the iteration.
        iteration: u64,
        /// The number of the proposal within its iteration, from 1.
        proposal: usize,
        /// The name of the module whose text was to be changed.
        module: String,
        /// The operator, or the step of another optimizer than `gepa`, that was to change the text.
        operator: Origin,
        /// The reason why there is no text to try.
        reason: Unusable,
        /// The reflector's answer, or the cause why it was not asked. Empty where neither is known.
        text: String,
    },
    /// A new candidate is about to be tried.
    Proposed {
        /// The number of the iteration.
        iteration: u64,
        /// The number of the proposal within its iteration, from 1.
        proposal: usize,
        /// The pool index of the parent.
        parent: PoolIndex,
        /// The name of each changed module, with the operator or step that changed its text.
        operators: Vec<(String, Origin)>,
        /// The name of each changed module, with its new instruction.
        instructions: Vec<(String, String)>,
        /// The name of each changed module that has demonstrations, with the ids of their examples.
        demonstrations: Vec<(String, Vec<String>)>,
        /// The key of the candidate, under which the journal stores its rollouts.
        key: String,
    },
    /// A proposal was scored on some examples, to compare it with others of its optimizer. This is not a full validation.
    Tried {
        /// The number of the iteration.
        iteration: u64,
        /// The number of the proposal within its iteration, from 1; 0 for the text with which a module's turn begins.
        proposal: usize,
        /// The part of the data that the examples are from.
        split: Split,
        /// The number of examples that the proposal has been scored on so far.
        examples: usize,
        /// The mean score on these examples.
        mean: f64,
    },
    /// Every training example was attempted once more, with what earlier attempts at it taught (the optimizer `reflexion`).
    Attempted {
        /// The number of the trial, from 1. In the first trial there are no earlier attempts.
        trial: u64,
        /// The mean score of the last attempt at each example.
        mean: f64,
        /// The number of examples whose last attempt scored 1.
        solved: usize,
        /// The number of all training examples that are attempted.
        of: usize,
    },
    /// A proposal failed the gate.
    Rejected {
        /// The number of the iteration.
        iteration: u64,
        /// The number of the proposal within its iteration, from 1.
        proposal: usize,
        /// The sum of the parent's scores on the examples that the child was run on.
        parent_sum: f64,
        /// The sum of the child's scores on the same examples.
        child_sum: f64,
        /// The number of examples that the child was run on. It is smaller than the minibatch where the remaining examples
        /// could not have changed the result.
        run: usize,
    },
    /// A proposal passed the gate.
    Passed {
        /// The number of the iteration.
        iteration: u64,
        /// The number of the proposal within its iteration, from 1.
        proposal: usize,
        /// The sum of the parent's scores on the minibatch.
        parent_sum: f64,
        /// The sum of the child's scores on the minibatch.
        child_sum: f64,
    },
    /// A proposal was as good as its parent, and how likely both make the right answers decided whether it passed.
    TieBroken {
        /// The number of the iteration.
        iteration: u64,
        /// The number of the proposal within its iteration, from 1.
        proposal: usize,
        /// The mean log-probability of the right answers after the parent's prompt.
        parent: f64,
        /// The mean log-probability of the right answers after the child's prompt.
        child: f64,
    },
    /// Several texts of one proposal were compared by how likely they make the right answers to training examples. The best is tried.
    Screened {
        /// The number of the iteration.
        iteration: u64,
        /// The number of the proposal within its iteration, from 1.
        proposal: usize,
        /// The index of the best text in the lists below.
        best: usize,
        /// The mean log-probability of the right answers after each text.
        log_probabilities: Vec<f64>,
        /// The number of examples that each text was scored on: more for those that were among the better ones.
        examples: Vec<usize>,
    },
    /// A proposal passed the gate, but another one of the same iteration gained more and is the only one that is kept.
    PassedOver {
        /// The number of the iteration.
        iteration: u64,
        /// The number of the proposal within its iteration, from 1.
        proposal: usize,
    },
    /// An iteration begins that merges two candidates.
    Merging {
        /// The number of the iteration, from 1.
        iteration: u64,
        /// The pool indices of the two parents.
        parents: [PoolIndex; 2],
        /// The pool index of their common ancestor.
        ancestor: PoolIndex,
        /// The name of every module in program order, with the merged candidate's instruction.
        instructions: Vec<(String, String)>,
        /// The ids of the validation examples on which the gate compares the merged candidate with its parents.
        examples: Vec<String>,
        /// The key of the merged candidate, under which the journal stores its rollouts.
        key: String,
    },
    /// A merge was due, but no two candidates can be merged. The iteration continues with a reflection instead.
    NothingToMerge {
        /// The number of the iteration.
        iteration: u64,
    },
    /// A merged candidate scored less than the better of its parents on the gate's examples.
    MergeRejected {
        /// The number of the iteration.
        iteration: u64,
        /// The sums of the two parents' scores on the gate's examples.
        parent_sums: [f64; 2],
        /// The sum of the merged candidate's scores on the gate's examples.
        child_sum: f64,
    },
    /// The validation of a candidate ended early. The candidate joins the pool as a partially validated one.
    ValidationGivenUp {
        /// The number of the iteration.
        iteration: u64,
        /// The pool index that the candidate will have.
        candidate: PoolIndex,
        /// The number of validation examples that the candidate was run on.
        validated: usize,
        /// The number of all validation examples.
        of: usize,
        /// The candidate's sum of scores minus that of the pool's best candidate, on the examples that both were scored on.
        lead: f64,
        /// The reason why the validation ended early.
        behind: Behind,
    },
    /// A candidate joined the pool: the seed, a child that passed the gate, or a merged candidate.
    Accepted {
        /// The number of the iteration; 0 for the seed.
        iteration: u64,
        /// The pool index of the candidate.
        candidate: PoolIndex,
        /// The pool indices of its parents: none for the seed, two for a merged candidate.
        parents: Vec<PoolIndex>,
        /// The number of the proposal within its iteration, from 1; 0 where the candidate was not proposed in this iteration.
        proposal: usize,
        /// The name of every module in program order, with its instruction.
        instructions: Vec<(String, String)>,
        /// The name of each module that has demonstrations, with the ids of their examples.
        demonstrations: Vec<(String, Vec<String>)>,
        /// The number of tokens of all instructions and demonstrations.
        prompt_tokens: usize,
        /// The mean score on the validation examples that the candidate was scored on.
        mean: f64,
        /// The score on each validation example, in the order of the data. None where the candidate was not run on the
        /// example, or the metric failed.
        scores: Vec<Option<f64>>,
        /// The mean of each objective, by its name. Empty where the metric has a single score.
        objectives: BTreeMap<String, f64>,
        /// Whether the candidate was run on all validation examples. A partially validated candidate cannot be selected as
        /// the best.
        complete: bool,
        /// The number of rollouts charged to the budget when the candidate joined.
        spent: u64,
        /// The key of the candidate, under which the journal stores its rollouts.
        key: String,
    },
    /// An iteration charged no rollout, because everything it asked for was reused.
    Idle {
        /// The number of the iteration.
        iteration: u64,
        /// The number of idle iterations in a row, this one included.
        in_a_row: usize,
        /// The number of idle iterations in a row that ends the search.
        of: usize,
    },
}

/// The reason why the validation of a candidate ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behind {
    /// The candidate was behind the best candidate of the pool.
    Best,
    /// The candidate was not ahead of another candidate of the same race.
    Another,
    /// The candidate scored 0 on every example so far.
    NothingRight,
    /// The budget could not pay for the remaining examples.
    Budget,
}

impl Behind {
    /// Returns the reason as a clause in the past tense, such as "it was behind the best candidate".
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Best => "it was behind the best candidate",
            Self::Another => "it was not ahead of another proposal of its iteration",
            Self::NothingRight => "nothing was right",
            Self::Budget => "the budget did not hold the rest",
        }
    }
}
