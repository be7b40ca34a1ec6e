//! The options that name a program to be run on new inputs: a finished run, or a task file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use gepard::config::{self, Plan};
use gepard::journal;
use gepard::program::Candidate;
use gepard::report::export::{self, Choice};
use gepard::run_directory::files::PLAN;

use super::error::CliError;
use super::overrides::Overrides;

#[derive(Debug, Args)]
pub(super) struct SubjectArguments {
    /// The directory of a finished run, or a task file, whose seed is used.
    #[arg(value_name = "RUN|TASK")]
    subject: PathBuf,
    /// Use this candidate of the run's pool in place of the best; 0 is the seed. The report lists them.
    #[arg(long, value_name = "N", conflicts_with = "max_prompt_tokens")]
    candidate: Option<usize>,
    /// Use the best of the run's fully validated candidates with at most this number of prompt tokens.
    #[arg(long, value_name = "N")]
    max_prompt_tokens: Option<usize>,
    #[command(flatten)]
    overrides: Overrides,
}

/// A plan and a candidate of it.
pub(super) struct Subject {
    pub(super) plan: Plan,
    pub(super) candidate: Candidate,
    /// The fingerprint of the run; empty for a task file.
    pub(super) recorded: BTreeMap<String, String>,
}

impl SubjectArguments {
    /// Reads the plan and the candidate.
    pub(super) fn read(&self) -> Result<Subject, CliError> {
        let settings = self.overrides.settings();
        if !self.subject.is_dir() {
            let given = self.candidate.map(|_| "--candidate").or(self.max_prompt_tokens.map(|_| "--max-prompt-tokens"));
            if let Some(option) = given {
                let path = self.subject.display();
                return Err(CliError::Usage(format!("{option} needs a run directory: the task file {path} has its seed alone")));
            }
            let plan = config::load(&self.subject, &settings)?;
            let candidate = plan.seed_candidate();
            return Ok(Subject { plan, candidate, recorded: BTreeMap::new() });
        }
        let choice = Choice::of_options(self.candidate, self.max_prompt_tokens);
        let candidate = export::candidate(&self.subject, choice)?;
        let plan = config::load(&self.subject.join(PLAN), &settings)?;
        Ok(Subject { plan, candidate, recorded: journal::recorded_fingerprint(&self.subject) })
    }
}
