//! The state of a search: everything that an iteration reads, and changes for the next one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::demonstration_store::DemonstrationStore;
use super::merge_finder::MergeFinder;
use super::merge_schedule::MergeSchedule;
use super::module_turns::ModuleTurns;
use super::operator_choice::OperatorChoice;
use super::reflector_choice::{ReflectorChoice, ReflectorIndex};
use super::training_rollouts::TrainingRollouts;
use super::undecided::UndecidedChildren;
use crate::data::ExampleIndex;
use crate::engine::ModelId;
use crate::evaluate::Scored;
use crate::optimize::joining::{self, NewCandidate};
use crate::optimize::operators::Operator;
use crate::optimize::pool::Member;
use crate::optimize::reflection::profile::OutputProfile;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, ModuleIndex, PoolIndex};

/// The state of a search.
#[derive(Debug, Default)]
pub struct SearchState {
    /// The names and the models of the reflectors, at least one.
    pub reflectors: Vec<(String, ModelId)>,
    /// The accepted candidates, in the order of acceptance.
    pub members: Vec<Member>,
    /// The turns of each candidate's modules.
    pub turns: ModuleTurns,
    /// When the next merge is due.
    pub merge_schedule: MergeSchedule,
    /// Which merges were made.
    pub merge_finder: MergeFinder,
    /// The outcomes of the operators, by module: an operator that helps a module that writes a label need not help one that
    /// writes a query.
    pub operator_choices: BTreeMap<ModuleIndex, OperatorChoice>,
    /// The outcomes of the reflectors.
    pub reflector_choice: ReflectorChoice,
    /// The profiles of each module's outputs, in the program's order.
    pub profiles: Arc<[Vec<OutputProfile>]>,
    /// Demonstrations from the rollouts on training examples.
    pub demonstrations: DemonstrationStore,
    /// The rollouts on training examples.
    pub training_rollouts: TrainingRollouts,
    /// The lines that rejected children had added to a module's instruction, by parent and module, the latest last.
    pub rejected_additions: BTreeMap<(PoolIndex, ModuleIndex), Vec<String>>,
    /// Every candidate that was run. A proposal among them is not run again.
    pub tried: BTreeSet<Candidate>,
    /// Children that the confident gate runs on further minibatches.
    pub undecided: UndecidedChildren,
    /// Minibatches that the seed was run on before the first iteration. Its first children are compared with it on these.
    pub seed_minibatches: VecDeque<Vec<ExampleIndex>>,
    /// The number of times that each candidate was pruned.
    pub pruned: BTreeMap<PoolIndex, usize>,
    /// The number of texts that a reflector was asked for, second attempts included.
    pub reflected_texts: u64,
}

impl SearchState {
    /// Adds a candidate to the pool by its rollouts on validation examples.
    pub fn add(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        new: NewCandidate,
        rollouts: &[(ExampleIndex, Arc<Scored>)],
    ) -> Result<(), Halt> {
        let member = joining::join(session, &self.members, iteration, new, rollouts)?;
        self.turns.add(&member.parents);
        self.members.push(member);
        Ok(())
    }

    /// Counts a proposal of an operator for a module, and of the reflector where the operator asked one.
    pub fn record_outcome(&mut self, module: ModuleIndex, operator: Operator, reflector: ReflectorIndex, is_improvement: bool) {
        self.operator_choices.entry(module).or_default().record(operator, is_improvement);
        if operator.implementation().asks_reflector() {
            self.reflector_choice.record(reflector, is_improvement);
        }
    }
}
