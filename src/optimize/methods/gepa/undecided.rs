//! Children whose minibatches do not decide yet: they are gated again, and what was scored before counts.

use std::sync::Arc;

use super::gate::ScoreSums;
use super::reflector_choice::ReflectorIndex;
use crate::config::Operator;
use crate::evaluate::Scored;
use crate::program::{Candidate, ModuleIndex, PoolIndex};

/// The most undecided children that an iteration gates again.
pub const MOST_AGAIN: usize = 2;

/// The number of examples after which a child that is not ahead of its parent is rejected for good.
const ENOUGH_EXAMPLES: usize = 12;

/// The scores of a parent and its child on the same examples, as pairs. None: not scored.
pub type Pairs = Vec<(Option<f64>, Option<f64>)>;

/// Returns the pairs of a parent's scores and a child's answers, which are listed for the same examples. Examples that the child was
/// not run on are left out.
pub fn pairs(parent: &[Option<f64>], child: &[Option<Arc<Scored>>]) -> Pairs {
    parent.iter().zip(child).filter_map(|(parent, child)| Some((*parent, child.as_ref()?.score()))).collect()
}

/// A child that was as good as its parent on the examples so far.
#[derive(Debug, Clone)]
pub struct Undecided {
    /// Its parent.
    pub parent: PoolIndex,
    /// Its texts.
    pub candidate: Candidate,
    /// The changed modules, and the operator that wrote each one's text.
    pub operators: Vec<(ModuleIndex, Operator)>,
    /// The reflector of the iteration that it was made in.
    pub reflector: ReflectorIndex,
    /// Its parent's scores and its own.
    pub pairs: Pairs,
}

/// The undecided children of all parents, the oldest first.
#[derive(Debug, Default)]
pub struct UndecidedChildren(Vec<Undecided>);

impl UndecidedChildren {
    /// Whether a child with these scores is neither ahead nor behind, and was run on too few examples to be rejected for good.
    pub fn is_undecided(pairs: &Pairs) -> bool {
        let (parent, child): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
        pairs.len() < ENOUGH_EXAMPLES && ScoreSums::new(&parent, &child).gain() == 0.0
    }

    /// Adds a child.
    pub fn add(&mut self, child: Undecided) {
        self.0.push(child);
    }

    /// Removes and returns the oldest children of these parents, at most `most`.
    pub fn take(&mut self, parents: &[PoolIndex], most: usize) -> Vec<Undecided> {
        let mut taken = Vec::new();
        let mut kept = Vec::new();
        for undecided in std::mem::take(&mut self.0) {
            let is_taken = taken.len() < most && parents.contains(&undecided.parent);
            if is_taken { taken.push(undecided) } else { kept.push(undecided) }
        }
        self.0 = kept;
        taken
    }
}
