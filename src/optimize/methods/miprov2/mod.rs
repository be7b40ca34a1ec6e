//! MIPROv2: demonstrations and instructions of all modules, chosen together (Opsahl-Ong et al. 2024, arXiv 2406.11695).
//!
//! First, calls that a teacher got right become demonstration sets for each module, and a model writes instructions for each, grounded
//! in summaries of the data and of the program, in the module's role, in demonstrations and in a tip. Then a tree-structured Parzen
//! estimator chooses an instruction and a demonstration set for every module at once. A trial runs such a combination on a minibatch of
//! validation examples; every few trials, the combination with the best mean is validated on all of them. Of a few validation examples,
//! every trial has all. The numbers are those of the authors' code in the Python package `dspy`.

mod choices;
mod options;
mod search;
mod summaries;

pub use self::search::Miprov2;
