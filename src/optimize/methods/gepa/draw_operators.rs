//! A part of step 5: draws the operator of each change, and applies those operators that ask no reflector.

use std::collections::BTreeMap;

use rand::Rng;

use super::budget;
use super::iteration::{Change, Context, Progress, Target};
use super::operator_choice::OperatorChoice;
use super::state::SearchState;
use crate::optimize::operators::{Begun, Operator};
use crate::optimize::session::Session;
use crate::program::ModuleText;

/// The most operators that are drawn for one change, where the texts of those drawn before it were tried already.
const MOST_DRAWS: usize = 8;

/// The operators that can change a target, and those that were used for it in this iteration.
struct Options {
    applicable: Vec<Operator>,
    used: Vec<Operator>,
}

/// Draws the operators of an iteration's changes. `proposals` has the index of each proposal's parent among the parents of
/// the iteration. The proposals of one parent use different operators as long as there are any.
///
/// Modules that change together in one proposal change by the same operator, so that the outcome of the proposal is that of
/// one kind of change. The modules take turns at being the first, for which the operator is drawn.
///
/// An operator that asks no reflector is applied at once; where its text was tried before, another operator is drawn.
pub fn draw(
    state: &SearchState,
    session: &Session<'_>,
    context: &Context<'_>,
    proposals: &[usize],
    random: &mut impl Rng,
) -> Vec<Change> {
    let mut choice_random = session.random("bandit", context.iteration);
    let no_outcomes = OperatorChoice::default();
    let mut options: BTreeMap<Target, Options> = BTreeMap::new();
    let mut changes: Vec<Change> = Vec::new();
    let mut reflections_left = budget::reflections_left(state, session);
    for (index, &parent) in proposals.iter().enumerate() {
        let modules = &context.parents[parent].modules;
        let (last, first) = modules.split_at(index % modules.len().max(1));
        let mut first_operator: Option<Operator> = None;
        for &module in first.iter().chain(last) {
            let target = Target { parent, module };
            let Options { applicable, used } = options.entry(target).or_insert_with(|| {
                let operators = session.plan().usable_operators();
                let applicable = context.with_input(state, session, target, |input| {
                    operators.filter(|o| o.implementation().applies(input)).collect()
                });
                Options { applicable, used: Vec::new() }
            });
            for _ in 0..MOST_DRAWS {
                let is_allowed = |operator: &Operator| {
                    first_operator.is_none_or(|first| first == *operator)
                        && (reflections_left != Some(0) || !operator.implementation().asks_reflector())
                };
                let allowed: Vec<Operator> = applicable.iter().copied().filter(is_allowed).collect();
                let choice = state.operator_choices.get(&module).unwrap_or(&no_outcomes);
                let Some(operator) = choice.next(&allowed, used, &mut choice_random) else { break };
                used.push(operator);
                let progress = if operator.implementation().asks_reflector() {
                    reflections_left = reflections_left.map(|left| left.saturating_sub(1));
                    Progress::Drawn
                } else {
                    let begun =
                        context.with_input(state, session, target, |input| operator.implementation().begin(input, random));
                    let Ok(Begun::Text(text)) = begun else { continue };
                    if is_tried(state, context, target, &text) {
                        continue;
                    }
                    let is_same = |other: &Change| {
                        other.target == target && matches!(&other.progress, Progress::Written(drawn) if is_alike(drawn, &text))
                    };
                    // Where several modules change, the candidate can still be another one.
                    if modules.len() == 1 && changes.iter().any(is_same) {
                        continue;
                    }
                    Progress::Written(text)
                };
                changes.push(Change { proposal: index + 1, target, operator, progress });
                first_operator.get_or_insert(operator);
                break;
            }
        }
    }
    changes.sort_by_key(|change| (change.proposal, change.target.module));
    changes
}

/// Whether the candidate that a text makes was tried before. Where several modules change, only the candidate with all
/// their texts can be looked up, so that this returns false.
pub fn is_tried(state: &SearchState, context: &Context<'_>, target: Target, text: &ModuleText) -> bool {
    let parent = &context.parents[target.parent];
    let candidate = state.members[parent.index].candidate.with(target.module.0, text.clone());
    parent.modules.len() == 1 && state.tried.contains(&candidate)
}

/// Whether two texts are the same except for the order of their demonstrations. An iteration spends only one proposal on
/// such texts.
fn is_alike(one: &ModuleText, other: &ModuleText) -> bool {
    let sorted = |text: &ModuleText| {
        let mut text = text.clone();
        text.demonstrations.sort();
        text
    };
    one.demonstrations.len() == other.demonstrations.len() && sorted(one) == sorted(other)
}
