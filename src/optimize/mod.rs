//! The search for a better candidate: what an optimizer is, and what it may do.

pub mod idle;
pub mod joining;
pub mod methods;
pub mod minibatch;
pub mod operators;
pub mod pool;
pub mod randomness;
pub mod reflection;
pub mod session;

pub use pool::{Member, Pool, Scores};
pub use session::{Answers, Ask, Halt, Session};

use self::methods::evoprompt::{EvoPrompt, Evolution};
use self::methods::turns::InTurns;
use self::methods::{ape, gepa, miprov2, opro, promptbreeder, random, reflexion, textgrad};
use crate::config::Method;
use crate::engine::ModelId;
use crate::error::RunError;
use crate::program::Candidate;

/// A method of looking for better candidates.
///
/// A pure function of the plan, the seed and the session's answers: no clock, no unordered map. A
/// resumed run starts it from the beginning and answers from the journal.
pub trait Optimizer {
    /// Searches until the budget is spent or there is nothing left to try.
    ///
    /// # Errors
    /// [`RunError`]; the journal holds everything up to it.
    fn run(&mut self, session: &mut Session<'_>) -> Result<Pool, RunError>;
}

/// The optimizer of a plan. `reflectors` has at least one model, with its name.
#[must_use]
pub fn of(method: Method, seed: Candidate, reflectors: Vec<(String, ModelId)>) -> Box<dyn Optimizer> {
    match method {
        Method::Gepa => Box::new(gepa::Gepa::new(seed, reflectors)),
        Method::Random => Box::new(random::Random::new(seed, reflectors)),
        Method::Opro => Box::new(InTurns::new(seed, reflectors, opro::Opro::default())),
        Method::Ape => Box::new(InTurns::new(seed, reflectors, ape::Ape::default())),
        Method::EvopromptGa => Box::new(InTurns::new(seed, reflectors, EvoPrompt::new(Evolution::Genetic))),
        Method::EvopromptDe => Box::new(InTurns::new(seed, reflectors, EvoPrompt::new(Evolution::Differential))),
        Method::Promptbreeder => Box::new(InTurns::new(seed, reflectors, promptbreeder::Promptbreeder::default())),
        Method::Reflexion => Box::new(reflexion::Reflexion::new(seed, reflectors)),
        Method::Textgrad => Box::new(textgrad::TextGrad::new(seed, reflectors)),
        Method::Miprov2 => Box::new(miprov2::Miprov2::new(seed, reflectors)),
    }
}
