//! What a run is doing.

use crate::program::PoolIndex;
use std::path::PathBuf;

use crate::engine::settings::Preparation;
use crate::event::{Decision, Event, Lifecycle, Purpose};

/// Work of a run that can take a while.
#[derive(Debug, Clone, PartialEq)]
pub enum Activity {
    /// The models are about to be loaded.
    LoadingModels,
    /// A model is prepared, before it can answer.
    Preparing {
        /// The preparation step.
        step: Preparation,
        /// The name of the model in the task file.
        model: String,
        /// The size of the model file in bytes.
        bytes: u64,
    },
    /// A corpus is read.
    Indexing {
        /// The path of the corpus file.
        corpus: PathBuf,
        /// The size of the corpus file in bytes.
        bytes: u64,
    },
    /// A wave of rollouts runs.
    Evaluating {
        /// The purpose of the rollouts.
        purpose: Purpose,
        /// The number of rollouts that have to be run.
        rollouts: usize,
    },
    /// New rows are answered.
    Predicting {
        /// The number of rows that are answered.
        done: usize,
        /// The number of all rows.
        of: usize,
        /// The number of answered rows that have an error.
        failed: usize,
        /// The seconds until all rows are answered. None where they are not known.
        seconds_left: Option<f64>,
    },
    /// A reflector looks for what went wrong in failed rollouts.
    Diagnosing {
        /// The name of the reflector.
        reflector: String,
        /// The name of the module.
        module: String,
    },
    /// A reflector writes a new module text.
    Reflecting {
        /// The name of the reflector.
        reflector: String,
        /// The name of the module.
        module: String,
        /// The number of rollouts that do not fit the reflector's context.
        left_out: usize,
    },
    /// Two candidates are merged.
    Merging {
        /// The pool indices of the two parents.
        parents: [PoolIndex; 2],
    },
}

impl Activity {
    /// Returns the activity that begins with `event`. None where the activity before it continues.
    #[must_use]
    pub fn begun_by(event: &Event) -> Option<Self> {
        Some(match event {
            Event::Lifecycle(Lifecycle::Started { .. }) => Self::LoadingModels,
            Event::Lifecycle(Lifecycle::Preparing { what, model, bytes }) => {
                Self::Preparing { step: *what, model: model.clone(), bytes: *bytes }
            }
            Event::Lifecycle(Lifecycle::Indexing { corpus, bytes }) => Self::Indexing { corpus: corpus.clone(), bytes: *bytes },
            Event::Lifecycle(Lifecycle::Evaluating { purpose, fresh, .. }) => {
                Self::Evaluating { purpose: *purpose, rollouts: *fresh }
            }
            Event::Lifecycle(Lifecycle::Predicting { done, of, failed, seconds_left }) => {
                Self::Predicting { done: *done, of: *of, failed: *failed, seconds_left: *seconds_left }
            }
            Event::Decision(Decision::Diagnosing { reflector, module, .. }) => {
                Self::Diagnosing { reflector: reflector.clone(), module: module.clone() }
            }
            Event::Decision(Decision::Reflecting { reflector, module, left_out, .. }) => {
                Self::Reflecting { reflector: reflector.clone(), module: module.clone(), left_out: *left_out }
            }
            Event::Decision(Decision::Merging { parents, .. }) => Self::Merging { parents: *parents },
            _ => return None,
        })
    }
}
