//! GEPA: reflective prompt evolution (arXiv 2507.19457).
//!
//! Algorithm 1 of the paper scores the seed on the validation examples (the paper's D_pareto) and then repeats the
//! following steps until the budget is spent ([`search`](Gepa)). The file of each step is named in parentheses.
//!
//! 1. Select a candidate of the pool by Pareto sampling, Algorithm 2 of the paper (`select`, with `frontier` and
//!    `pareto`).
//! 2. Select a module of the candidate (`module_turns`).
//! 3. Draw a minibatch of training examples (`mutate`, with `optimize::minibatch`).
//! 4. Run the candidate on the minibatch, and collect traces, scores and feedback (`parents`).
//! 5. Write a new text for the module from these (`propose`; which operator writes it: `draw_operators`; what a reflector
//!    is asked: `ask_reflector`).
//! 6. Make the child: the candidate with the new text (`propose`).
//! 7. Run the child on the same minibatch, and compare it with its parent (`run_gate`, with the rules in `gate`).
//! 8. Where the child is better, score it on the validation examples and add it to the pool (`validate`).
//!
//! After an accepted child, the next iteration may merge two candidates instead, the system-aware merge of appendix F
//! (`merge_step`; when: `merge_schedule`; which: `merge_finder`; how: `merge`).
//!
//! Each file says where it differs from the paper. With the preset `paper` and one proposal an iteration, the search is that of
//! the paper.

mod ask_reflector;
mod budget;
pub mod demonstration_store;
mod draw_operators;
pub mod frontier;
pub mod gate;
mod iteration;
pub mod merge;
mod merge_finder;
mod merge_schedule;
mod merge_step;
mod module_turns;
mod mutate;
mod operator_choice;
mod parents;
pub mod pareto;
mod propose;
mod prune;
mod reflector_choice;
mod run_gate;
mod screen;
mod search;
mod seed_demonstrations;
pub mod select;
mod state;
mod thompson;
mod tie_break;
mod training_rollouts;
mod undecided;
mod validate;

pub use search::Gepa;
