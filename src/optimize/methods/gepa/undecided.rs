//! Children whose minibatches do not decide yet: they are gated again, and what was scored before counts.

use std::sync::Arc;

use super::gate::ScoreSums;
use super::iteration::{Child, Parent};
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
struct Undecided {
    parent: PoolIndex,
    candidate: Candidate,
    operators: Vec<(ModuleIndex, Operator)>,
    reflector: ReflectorIndex,
    pairs: Pairs,
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

    /// Adds a child of `parent`.
    pub fn add(&mut self, parent: PoolIndex, child: Child, pairs: Pairs) {
        let Child { candidate, operators, reflector, .. } = child;
        self.0.push(Undecided { parent, candidate, operators, reflector, pairs });
    }

    /// Returns how many children an iteration may gate again.
    pub fn count(&self) -> usize {
        self.0.len().min(MOST_AGAIN)
    }

    /// Removes and returns the oldest children of these parents, at most `most`, as proposals numbered from `first`.
    pub fn take(&mut self, parents: &[Parent], most: usize, first: usize) -> Vec<Child> {
        let mut taken = Vec::new();
        let mut kept = Vec::new();
        for undecided in std::mem::take(&mut self.0) {
            match parents.iter().position(|parent| parent.index == undecided.parent) {
                Some(parent) if taken.len() < most => {
                    let Undecided { candidate, operators, reflector, pairs, .. } = undecided;
                    taken.push(Child { proposal: first + taken.len(), parent, candidate, operators, reflector, earlier: pairs });
                }
                _ => kept.push(undecided),
            }
        }
        self.0 = kept;
        taken
    }
}
