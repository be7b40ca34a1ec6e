//! A task that is ready to run: a plan with its program and its metric. Every command builds its parts here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::checks::{check_budget, check_context};
use super::engine::{Opened, open_with_memory};
use super::metric::{check_examples, metric};
use super::program::build_program;
use crate::config::Plan;
use crate::data::split::{self, Files, Split, Splits};
use crate::data::{CheckedRows, Dataset, Example, Requirements, counted, listed};
use crate::engine::{Engine, ModelId};
use crate::error::RunError;
use crate::evaluate::evaluator::Evaluator;
use crate::event::Lifecycle;
use crate::hooks::Hooks;
use crate::metric::Metric;
use crate::program::{Candidate, Program, Runnable};

/// A plan with its program and its metric.
pub(super) struct Task<'a> {
    /// The plan.
    pub(super) plan: &'a Plan,
    /// What is run and optimized.
    pub(super) runnable: Box<dyn Runnable + 'a>,
    /// Scores the rollouts.
    pub(super) metric: Box<dyn Metric + 'a>,
    /// The candidate that a search starts from, if it is not that of the plan.
    pub(super) start: Option<Candidate>,
}

impl<'a> Task<'a> {
    /// Builds the program and the metric of a plan.
    ///
    /// # Errors
    /// [`RunError::Data`] if a corpus cannot be used, [`RunError::Plan`] if the metric cannot be built.
    pub(super) fn from_plan(plan: &'a Plan, hooks: &mut Hooks<'_>) -> Result<Self, RunError> {
        Ok(Self { plan, runnable: Box::new(build_program(plan, hooks)?), metric: metric(plan)?, start: None })
    }

    /// Returns the candidate that a search starts from.
    pub(super) fn seed_candidate(&self) -> Candidate {
        self.start.clone().unwrap_or_else(|| self.plan.seed_candidate())
    }

    /// Returns the description of the program.
    pub(super) fn program(&self) -> &Program {
        self.runnable.program()
    }

    /// Returns an evaluator that runs the task on `engine`, in sub-waves of at most `sub_wave` rollouts.
    pub(super) fn evaluator<'t>(&'t self, engine: &'t mut dyn Engine, sub_wave: usize) -> Evaluator<'t> {
        Evaluator::new(&*self.runnable, &*self.metric, engine).with_sub_waves_of(sub_wave)
    }

    /// Loads and checks the training, validation and test examples, and checks that the metric can work on this machine and that the
    /// budget is large enough for the seed.
    ///
    /// # Errors
    /// [`RunError::Data`], [`RunError::Unready`], and [`RunError::Plan`] for the budget and for a step that fails on a row.
    pub(super) fn load_splits(&self, hooks: &mut Hooks<'_>) -> Result<Splits, RunError> {
        let splits = split::load(&files(self.plan), &self.requirements(), &self.program().reads)?;
        self.tell_unlabelled(splits.unlabelled, hooks);
        for split in [Split::Train, Split::Val, Split::Test] {
            check_examples(&*self.metric, self.plan.data.file(split), splits.of(split))?;
        }
        [&splits.train, &splits.val, &splits.test].into_iter().try_for_each(|examples| self.try_steps(examples))?;
        self.metric.prepare()?;
        check_budget(self.plan, &splits)?;
        Ok(splits)
    }

    /// Loads and checks the examples of one split, at most the first `limit`, and checks that the metric can work on this machine.
    /// Rows that are not returned are not parsed.
    ///
    /// # Errors
    /// [`RunError::Data`], [`RunError::Unready`], and [`RunError::Plan`] if there are no such examples, or a step fails on one.
    pub(super) fn load_examples(
        &self,
        split: Split,
        limit: Option<usize>,
        hooks: &mut Hooks<'_>,
    ) -> Result<Vec<Example>, RunError> {
        let data = &self.plan.data;
        let required = self.requirements();
        let file: Option<&PathBuf> = match split {
            Split::Test => Some(
                data.test
                    .as_ref()
                    .ok_or_else(|| RunError::Plan("the task has no `test` data; give --split val or --split train".into()))?,
            ),
            Split::Val => data.val.as_ref(),
            Split::Train => data.val.as_ref().map(|_| &data.train),
        };
        let CheckedRows { examples, unlabelled } = match file {
            Some(path) => {
                let data = Dataset::open(path, limit)?;
                data.check_rows(0..data.len(), &required)?
            }
            None => split::load_part_of_training(&data.train, split, limit, &required)?,
        };
        self.tell_unlabelled(unlabelled, hooks);
        if examples.is_empty() {
            return Err(RunError::Plan(format!("there are no {split} examples to score")));
        }
        check_examples(&*self.metric, data.file(split), &examples)?;
        self.try_steps(&examples)?;
        self.metric.prepare()?;
        Ok(examples)
    }

    /// Loads the models, and checks that their contexts hold prompts and answers. `recorded` is the fingerprint of the run that is
    /// resumed; it is empty for a new run.
    ///
    /// # Errors
    /// [`RunError::ModelFile`], [`RunError::Engine`], [`RunError::Interrupted`], and [`RunError::Plan`] for a context that is too
    /// small.
    pub(super) fn open_engine(&self, recorded: &BTreeMap<String, String>, hooks: &mut Hooks<'_>) -> Result<Opened, RunError> {
        let opened = open_with_memory(self.plan, recorded, hooks.interrupted(), &mut |event| hooks.emit(event))?;
        check_context(self.plan, &*opened.engine)?;
        Ok(opened)
    }

    /// Returns the names and ids of the reflectors.
    pub(super) fn reflectors(&self) -> Vec<(String, ModelId)> {
        self.plan.optimize.reflectors.iter().map(|model| (model.name.clone(), model.id)).collect()
    }

    /// Tries the steps that can be tried without a model on every example.
    ///
    /// # Errors
    /// [`RunError::Plan`] with the first row on which a step fails. Its rollouts would all score 0.
    fn try_steps(&self, examples: &[Example]) -> Result<(), RunError> {
        let program = self.program();
        let is_conditional = |name: &str| self.plan.steps.iter().any(|step| step.name == name && step.when.is_some());
        for tool in program.tools.iter().filter(|tool| !is_conditional(&tool.name)) {
            for example in examples {
                tool.try_on(example, |field| program.writes(field)).map_err(|fault| {
                    RunError::Plan(format!("the step `{}` fails on the row `{}`: {fault}", tool.name, example.id))
                })?;
            }
        }
        Ok(())
    }

    /// Emits how many rows were left out because they lack a label.
    fn tell_unlabelled(&self, rows: usize, hooks: &mut Hooks<'_>) {
        if rows > 0 {
            let (verb, labels) = (if rows == 1 { "is" } else { "are" }, listed(self.metric.label_fields()));
            let note = format!("{} without {labels} {verb} left out (`skip_unlabelled`)", counted(rows, "row"));
            hooks.emit(&Lifecycle::Noted { note }.into());
        }
    }

    /// Returns what every row must have.
    fn requirements(&self) -> Requirements {
        let mut fields = self.program().reads.clone();
        for field in self.metric.required_fields() {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        Requirements { fields, labels: self.metric.label_fields(), skip_unlabelled: self.plan.data.skip_unlabelled }
    }
}

/// Returns the files that a plan's examples are in.
#[must_use]
pub fn files(plan: &Plan) -> Files {
    let data = &plan.data;
    Files { train: data.train.clone(), val: data.val.clone(), test: data.test.clone(), allow_overlap: data.allow_overlap }
}
