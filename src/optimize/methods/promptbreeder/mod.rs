//! Promptbreeder: task prompts and the prompts that change them evolve together (Fernando et al. 2023, arXiv 2309.16797).
//!
//! A unit is a task prompt, demonstrations, and a mutation prompt. In a binary tournament, a copy of the better of two units
//! replaces the other. The copy is changed by one of the mutation operators of [`Mutation`], drawn at random; calls that its
//! parent got right are exchanged for its demonstrations; and with a small probability it gets the task prompt of another unit.

mod demonstrations;
mod fixed_prompts;
mod method;
mod mutation;
mod population;
mod prompts;

pub use self::method::Promptbreeder;
pub use self::mutation::Mutation;
