//! Sets of demonstrations, the best of several on validation: `BootstrapFewShotWithRandomSearch` of the Python package `dspy`.
//!
//! In its order: no demonstrations, labelled examples only, an unshuffled bootstrapped set, and then bootstrapped sets of
//! shuffled training examples with a random number of the teacher's calls. It asks no reflector.

use std::collections::BTreeSet;

use rand::RngExt;
use rand::seq::SliceRandom;

use crate::config::BootstrapRsPlan;
use crate::data::ExampleIndex;
use crate::event::{Decision, MethodStep, Origin, StopReason};
use crate::optimize::bootstrap::{SetMaker, SetNumbers};
use crate::optimize::joining::{self, NewCandidate, early_stop};
use crate::optimize::optimizer::Optimizer;
use crate::optimize::pool::Member;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, PoolIndex};

/// The optimizer.
#[derive(Debug)]
pub struct BootstrapRs {
    seed: Candidate,
    plan: BootstrapRsPlan,
    members: Vec<Member>,
}

/// A set that is validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    ZeroShot,
    LabelledOnly,
    Unshuffled,
    Shuffled,
}

impl BootstrapRs {
    /// Creates a search from `seed` with the numbers of `plan`.
    #[must_use]
    pub fn new(seed: Candidate, plan: BootstrapRsPlan) -> Self {
        Self { seed, plan, members: Vec::new() }
    }

    /// Returns the candidate with a set.
    fn make(&self, session: &mut Session<'_>, maker: &SetMaker<'_>, set: Set, iteration: u64) -> Result<Candidate, Halt> {
        let mut random = session.random("set", iteration);
        let mut order = ExampleIndex::all(session.train().len());
        let most = match set {
            Set::ZeroShot => return Ok(maker.zero_shot()),
            Set::LabelledOnly => return Ok(maker.labelled_only(session, &mut random)),
            Set::Unshuffled => self.plan.bootstrapped,
            Set::Shuffled => {
                order.shuffle(&mut random);
                random.random_range(1..=self.plan.bootstrapped)
            }
        };
        maker.bootstrapped(session, &order, most, session.validation_size() as u64, &mut random)
    }
}

impl Optimizer for BootstrapRs {
    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let seed = joining::validate(session, &[], 0, NewCandidate::seed(self.seed.clone()))?;
        self.members.push(seed);
        let BootstrapRsPlan { labelled, threshold, .. } = self.plan;
        let base = self.seed.clone();
        let maker = SetMaker::new(session, &base, SetNumbers { labelled: Some(labelled), threshold, instruction_share: None });
        let mut tried = BTreeSet::from([base.clone()]);
        let first = Some(Set::ZeroShot).filter(|_| maker.zero_shot() != base);
        let sets = first.into_iter().chain([Set::LabelledOnly, Set::Unshuffled]);
        let sets = sets.chain(std::iter::repeat_n(Set::Shuffled, self.plan.sets));
        for (iteration, set) in (1..).zip(sets) {
            if let Some(reason) = early_stop(session, &self.members, 0) {
                return Ok(reason);
            }
            session.require_budget(session.validation_size() as u64)?;
            session.log(Decision::Iteration { iteration, parents: vec![PoolIndex::SEED], minibatch: Vec::new() })?;
            let candidate = self.make(session, &maker, set, iteration)?;
            if !tried.insert(candidate.clone()) {
                continue;
            }
            let step = if set == Set::LabelledOnly { MethodStep::Labelled } else { MethodStep::Bootstrap };
            let changed = (0..base.0.len()).filter(|&module| candidate.0[module] != base.0[module]);
            let operators: Vec<(usize, Origin)> = changed.map(|module| (module, step.into())).collect();
            joining::try_change_of_seed(session, &mut self.members, iteration, candidate, &operators)?;
        }
        Ok(StopReason::TrialsDone)
    }

    fn members(&mut self) -> &mut Vec<Member> {
        &mut self.members
    }
}
