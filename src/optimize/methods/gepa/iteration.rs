//! What the steps of an iteration pass to each other: parents, planned changes, and children.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::reflector_choice::ReflectorIndex;
use super::state::SearchState;
use super::undecided::Pairs;
use crate::data::{Example, ExampleIndex};
use crate::engine::ModelId;
use crate::evaluate::Scored;
use crate::optimize::operators::{Evidence, Operator, OperatorInput, Questions, ReadAnswers};
use crate::optimize::reflection::contrast::Contrast;
use crate::optimize::reflection::unusable::{Attempt, Unusable};
use crate::optimize::session::Session;
use crate::program::{Candidate, ModuleIndex, ModuleText, PoolIndex};

/// The minibatch of an iteration.
#[derive(Debug)]
pub struct Minibatch {
    /// The training examples.
    pub examples: Vec<ExampleIndex>,
    /// Whether the parent, the seed, was run on them before the first iteration, so that its rollouts are reused.
    pub is_of_seed: bool,
}

/// A candidate that an iteration changes, with its rollouts on the minibatch.
#[derive(Debug)]
pub struct Parent {
    /// The candidate.
    pub index: PoolIndex,
    /// Its rollouts, in the order of the minibatch.
    pub rollouts: Vec<Arc<Scored>>,
    /// The scores of the rollouts; None where the metric failed.
    pub scores: Vec<Option<f64>>,
    /// The modules that are changed.
    pub modules: Vec<ModuleIndex>,
    /// All its rollouts on training examples so far.
    pub seen: Vec<(ExampleIndex, Arc<Scored>)>,
    /// The training examples that another candidate did better.
    pub contrasts: Vec<Contrast>,
}

/// A module of a parent: what a change applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The index of the parent among the parents of the iteration.
    pub parent: usize,
    /// The module.
    pub module: ModuleIndex,
}

/// A change of one module for one proposal. A proposal that changes several modules has several.
#[derive(Debug)]
pub struct Change {
    /// The number of the proposal, from 1.
    pub proposal: usize,
    /// The module, and the parent that it is of.
    pub target: Target,
    /// The operator that writes the text.
    pub operator: Operator,
    /// How far it has come.
    pub progress: Progress,
}

impl Change {
    /// Returns what identifies the change in events.
    pub fn attempt(&self) -> Attempt {
        Attempt { proposal: self.proposal, module_index: self.target.module.0, operator: self.operator.into() }
    }
}

/// How far a change has come.
#[derive(Debug)]
pub enum Progress {
    /// The operator is drawn. It asks a reflector, and has not begun.
    Drawn,
    /// A reflector is to be asked these questions; the function reads the text from its answers.
    ToAsk(Questions, ReadAnswers),
    /// The text is written.
    Written(ModuleText),
    /// No text that can be tried was written.
    Failed {
        /// Why.
        reason: Unusable,
        /// What the reflector wrote, or why it was not asked; may be empty.
        details: String,
    },
}

/// A child that is compared with its parent on the minibatch.
#[derive(Debug)]
pub struct Child {
    /// The number of the proposal, from 1.
    pub proposal: usize,
    /// The index of its parent among the parents of the iteration.
    pub parent: usize,
    /// Its texts.
    pub candidate: Candidate,
    /// The changed modules, and the operator that wrote each one's text.
    pub operators: Vec<(ModuleIndex, Operator)>,
    /// The reflector of the iteration, whether it was asked or not.
    pub reflector: ReflectorIndex,
    /// Its parent's scores and its own on the minibatches of earlier iterations.
    pub earlier: Pairs,
}

/// What all changes of an iteration have in common.
pub struct Context<'a> {
    /// The number of the iteration, from 1.
    pub iteration: u64,
    /// The parents.
    pub parents: &'a [Parent],
    /// The examples of the minibatch.
    pub minibatch: &'a [&'a Example],
    /// The reflector that is asked.
    pub reflector: ReflectorIndex,
    /// Its name.
    pub reflector_name: String,
    /// Its model.
    pub model: ModelId,
    /// What the reflector says of the failures of a target: a sentence for each.
    pub diagnoses: BTreeMap<Target, Vec<String>>,
}

impl Context<'_> {
    /// Returns the candidate of the pool that a target is a module of.
    pub fn pool_index(&self, target: Target) -> PoolIndex {
        self.parents[target.parent].index
    }

    /// Calls `act` with the input of an operator that changes a target, and returns its result.
    pub fn with_input<R>(
        &self,
        state: &SearchState,
        session: &Session<'_>,
        target: Target,
        act: impl FnOnce(&OperatorInput<'_>) -> R,
    ) -> R {
        let parent = self.pool_index(target);
        let text = &state.members[parent].candidate[target.module];
        let rollouts: Vec<&Scored> = self.parents[target.parent].rollouts.iter().map(|scored| &**scored).collect();
        let train = session.train();
        let Parent { seen, contrasts, .. } = &self.parents[target.parent];
        let seen: Vec<(&Example, &Scored)> = seen.iter().map(|(example, scored)| (&train[*example], &**scored)).collect();
        let evidence = Evidence {
            reflector: self.model,
            module_index: target.module.0,
            text,
            profile: &state.profiles[target.module.0],
            rollouts: &rollouts,
            minibatch: self.minibatch,
            correct_calls: state.demonstrations.for_module(target.module, text.reasoning),
            seen: &seen,
            contrasts,
            rejected: state.rejected_additions.get(&(parent, target.module)).map_or(&[], Vec::as_slice),
            diagnoses: self.diagnoses.get(&target).map_or(&[], Vec::as_slice),
        };
        evidence.with_input(session, act)
    }
}
