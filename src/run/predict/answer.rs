//! Answers all rows of a file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use super::columns::Columns;
use super::place::Place;
use super::rows::Rows;
use crate::config::Plan;
use crate::data::{Example, RowFormat};
use crate::engine::Engine;
use crate::error::RunError;
use crate::evaluate::unscored::run_unscored;
use crate::evaluate::{Cost, Prediction};
use crate::event::Lifecycle;
use crate::hash::number;
use crate::hooks::Hooks;
use crate::journal::{self, PredictionJournal, SubWavePredictions};
use crate::program::{Candidate, Job, Program};
use crate::run::answering::Answering;
use crate::run::fingerprint::of_answers;
use crate::run::sub_wave::sub_wave;

/// What is to be answered, by which candidate, and where the answers go.
#[derive(Debug, Clone)]
pub struct PredictRequest {
    /// The candidate.
    pub candidate: Candidate,
    /// The fingerprint of the run that the candidate is from; empty if it is from no run. What was measured for that run is used
    /// again.
    pub recorded: BTreeMap<String, String>,
    /// The file with the rows: JSONL, CSV or TSV by its ending.
    pub input: PathBuf,
    /// The file that is written. Its ending says the format; another ending means the format of the input.
    pub output: PathBuf,
}

/// What came of the rows of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictResult {
    /// The number of rows.
    pub rows: usize,
    /// The number of rows that an earlier process had answered.
    pub known: usize,
    /// The number of rows that have an error.
    pub failed: usize,
    /// The name of the column with the errors.
    pub error_column: String,
    /// Tokens of all rows, and the seconds that they took, those of earlier processes included.
    pub cost: Cost,
}

/// Answers every row of a file with a candidate of a plan, and writes the rows with the outputs into another file. A command that was
/// stopped goes on where it was.
///
/// # Errors
/// [`RunError`]. The answers up to then are kept beside the output file, except where the rows or the program were refused.
pub fn predict(plan: &Plan, request: &PredictRequest, hooks: &mut Hooks<'_>) -> Result<PredictResult, RunError> {
    let answering = Answering::from_plan(plan, hooks)?;
    let program = &answering.program;
    let rows = Rows::open(&request.input, program)?;
    let columns = rows.added_columns(program)?;
    let place = Place::of(&request.output)?;
    for (name, column) in columns.renamed() {
        let note = format!("the input or the program has a column `{name}`; what the program makes of it is in `{column}`");
        hooks.emit(&Lifecycle::Noted { note }.into());
    }
    // What an earlier process has measured comes first, so that its answers and those that follow are of one kind.
    let earlier = journal::recorded_fingerprint(&place.folder);
    let recorded = if earlier.is_empty() { &request.recorded } else { &earlier };
    let mut engine = answering.open_engine(recorded, hooks)?;
    let key = request.candidate.key();
    let mut fingerprint = of_answers(&answering.plan, program, &*engine);
    fingerprint.insert("candidate".into(), key.clone());
    fingerprint.insert("input.sha256".into(), rows.sha256()?);
    let mut answered = Answered {
        program,
        candidate: &request.candidate,
        salt: format!("{}/predict/{key}", answering.plan.optimize.seed),
        rows: &rows,
        sub_wave: sub_wave(&answering.plan, &BTreeMap::new()),
        journal: place.open(&fingerprint)?,
        result: PredictResult {
            rows: rows.len(),
            known: 0,
            failed: 0,
            error_column: columns.error.clone(),
            cost: Cost::default(),
        },
    };
    let all = answered.answer_all(&mut *engine, hooks);
    // The answers of a command that failed are brought to the disk as well.
    answered.journal.sync()?;
    all?;
    let input_format = RowFormat::of_ending(&request.input).unwrap_or(RowFormat::Jsonl);
    let format = RowFormat::of_ending(&request.output).unwrap_or(input_format);
    let result = answered.write(&place, format, &columns)?;
    place.remove_folder()?;
    Ok(result)
}

/// The answers so far.
struct Answered<'a> {
    program: &'a Program,
    candidate: &'a Candidate,
    /// The part of a row's seed that does not depend on the row.
    salt: String,
    rows: &'a Rows,
    /// The most rows of a sub-wave. An answer does not depend on it.
    sub_wave: usize,
    journal: PredictionJournal,
    result: PredictResult,
}

impl Answered<'_> {
    /// Takes what the journal has, and answers the other rows.
    ///
    /// # Errors
    /// [`RunError`]; the journal has the sub-waves up to it.
    fn answer_all(&mut self, engine: &mut dyn Engine, hooks: &mut Hooks<'_>) -> Result<(), RunError> {
        let of = self.rows.len();
        let mut done = 0;
        for index in 0..self.journal.len() {
            let Some(sub_wave) = self.journal.read(index)? else { break };
            if sub_wave.first != done || done + sub_wave.rows.len() > of {
                let cause = format!("it has answers from row {} on, not from row {done} on", sub_wave.first);
                return Err(self.journal.damaged(index, cause).into());
            }
            done += self.count(&sub_wave);
        }
        self.result.known = done;
        let started = Instant::now();
        loop {
            let fresh = done - self.result.known;
            let pace = started.elapsed().as_secs_f64() / fresh as f64;
            let seconds_left = (fresh > 0).then_some(pace * (of - done) as f64);
            hooks.emit(&Lifecycle::Predicting { done, of, failed: self.result.failed, seconds_left }.into());
            if done == of {
                return Ok(());
            }
            if hooks.is_interrupted() {
                return Err(RunError::Interrupted);
            }
            let (rows, cost) = self.answer(done, (done + self.sub_wave).min(of), engine, hooks)?;
            let sub_wave = SubWavePredictions { first: done, rows, cost };
            self.journal.append(&sub_wave)?;
            done += self.count(&sub_wave);
        }
    }

    /// Answers the rows from `first` to before `end`.
    ///
    /// # Errors
    /// [`RunError::Data`] if the file was changed, and those of the engine.
    fn answer(
        &self,
        first: usize,
        end: usize,
        engine: &mut dyn Engine,
        hooks: &mut Hooks<'_>,
    ) -> Result<(Vec<Prediction>, Cost), RunError> {
        let started = Instant::now();
        let examples: Vec<Example> = self.rows.read(first..end)?;
        let job = |(index, example): (usize, _)| {
            // Ids need not be unique here, so a row is told apart by its place.
            let seed = number(&[&self.salt, &index.to_string()]);
            Job { candidate: self.candidate, example, seed, temperature: None }
        };
        let jobs: Vec<Job<'_>> = (first..end).zip(&examples).map(job).collect();
        let (rollouts, mut cost) = run_unscored(self.program, engine, &jobs, hooks)?;
        cost.elapsed = started.elapsed().as_secs_f64();
        Ok((rollouts.iter().map(|rollout| Prediction::from_rollout(self.program, rollout)).collect(), cost))
    }

    /// Counts the answers of a sub-wave. Returns the number of its rows.
    fn count(&mut self, sub_wave: &SubWavePredictions) -> usize {
        self.result.failed += sub_wave.rows.iter().filter(|row| row.error.is_some()).count();
        self.result.cost += sub_wave.cost;
        sub_wave.rows.len()
    }

    /// Writes the output file.
    ///
    /// # Errors
    /// [`RunError`] if the input or the journal can no longer be read, or the file cannot be written.
    fn write(mut self, place: &Place, format: RowFormat, columns: &Columns) -> Result<PredictResult, RunError> {
        let names = self.rows.names().iter().chain(columns.names()).cloned().collect();
        place.write(format, names, |write| {
            for index in 0..self.journal.len() {
                let Some(SubWavePredictions { first, rows, .. }) = self.journal.read(index)? else { break };
                for (example, prediction) in self.rows.read(first..first + rows.len())?.into_iter().zip(&rows) {
                    let mut fields = example.fields;
                    columns.add(self.program, prediction, &mut fields);
                    write(&fields)?;
                }
            }
            Ok(())
        })?;
        Ok(self.result)
    }
}
