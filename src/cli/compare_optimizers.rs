//! `gepard compare TASK.toml --optimizers …`: runs several optimizers on a task and compares their results.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use gepard::config::{self, Method};
use gepard::hooks::Hooks;
use gepard::report::interval::Interval;
use gepard::run::comparison::{self, ComparedRun, Estimate, MethodResult};

use super::error::CliError;
use super::interrupt::interrupt_flag;
use super::overrides::Overrides;
use super::progress::{Mode, ProgressReporter};
use super::run_folder::default_run_folder;
use super::screen::printable_json;
use super::terminal::print_to_stderr;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The optimizers to compare, with the same models, budget and seeds. Each is compared with the first.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    optimizers: Vec<String>,
    /// The number of runs of each optimizer. Their seeds count up from that of the task file [default: 1].
    #[arg(long, requires = "optimizers", value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: Option<u64>,
    /// The folder with a run directory for each run, which is created, resumed, or read [default: runs/TASK-compare].
    #[arg(long, requires = "optimizers", value_name = "DIR")]
    run: Option<PathBuf>,
    /// When each run stops: a number of rollouts, a time like 30m, both ("300, 30m"), or light, medium, heavy.
    #[arg(long, requires = "optimizers", value_name = "300|30m|light")]
    budget: Option<String>,
    #[command(flatten)]
    overrides: Overrides,
    /// How progress is reported on stderr [default: bar on a terminal, else plain].
    #[arg(long, requires = "optimizers", value_enum)]
    progress: Option<Mode>,
}

impl Options {
    /// Returns whether optimizers are to be compared.
    pub(super) fn has_optimizers(&self) -> bool {
        !self.optimizers.is_empty()
    }

    /// Refuses options that change a task file, because finished runs are compared and no task file is read.
    pub(super) fn refuse_overrides(&self) -> Result<(), CliError> {
        self.overrides.refuse("finished runs stay as they are; it goes with --optimizers and a task file")
    }
}

pub(super) fn run(task: &Path, options: &Options, json: bool, out: &mut dyn Write) -> Result<(), CliError> {
    let methods = comparison::methods(&options.optimizers)?;
    let seeds = options.seeds.unwrap_or(1);
    let mut settings = options.overrides.settings();
    settings.extend(options.budget.as_ref().map(|budget| format!("optimize.budget=\"{budget}\"")));
    let plan = config::load(task, &settings)?;
    let folder = options.run.clone().unwrap_or_else(|| default_run_folder(task, "compare"));
    let mode = Mode::or_default(options.progress);
    let interrupted = interrupt_flag(mode == Mode::Bar)?;
    let (mut number, total) = (0, methods.len() as u64 * seeds);
    // Each run has a reporter of its own: its replay, its budget and its best candidate are reported apart from the others'.
    let reporter = RefCell::new(ProgressReporter::new(mode, &interrupted));
    let mut on_run = |method: Method, seed: u64| {
        number += 1;
        *reporter.borrow_mut() = ProgressReporter::new(mode, &interrupted);
        if matches!(mode, Mode::Plain | Mode::Bar) {
            print_to_stderr(&format!("── {}, seed {seed}: run {number} of {total} ──", method.name()));
        }
    };
    let mut hooks = Hooks::new(&interrupted, |event| reporter.borrow_mut().on_event(event));
    let runs = comparison::compare_optimizers(&plan, &methods, seeds, &folder, &mut on_run, &mut hooks)?;
    drop(hooks);
    // The view must be cleared before the table is printed.
    drop(reporter);
    let table = comparison::table(&runs);
    let printed = match json {
        true => {
            let whole = serde_json::json!({ "table": table, "runs": runs });
            printable_json(&whole).and_then(|text| writeln!(out, "{text}"))
        }
        false => print_results(&table, &runs, &folder, out),
    };
    printed.map_err(CliError::Output)
}

/// Prints the results as a table in Markdown, with notes below it.
fn print_results(table: &[MethodResult], runs: &[ComparedRun], folder: &Path, out: &mut dyn Write) -> io::Result<()> {
    print_table(table, runs, out)?;
    for result in table.iter().filter(|result| !result.trials.is_empty()) {
        let trials: Vec<String> = result.trials.iter().map(|score| format!("{score:.3}")).collect();
        writeln!(
            out,
            "\n`{}` improves single answers, not the prompt: its line is the seed's. On training examples, after each trial: {}",
            result.optimizer.name(),
            trials.join(", ")
        )?;
    }
    for result in table.iter().filter(|result| result.does_not_beat_fewshot()) {
        writeln!(
            out,
            "\n`{}` does not beat `fewshot`, which asks no reflector: {}",
            result.optimizer.name(),
            estimate_cell(result.fewshot_difference, "+")
        )?;
    }
    let mut notes: Vec<&String> = Vec::new();
    for note in runs.iter().flat_map(|run| &run.summary.notes) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    for note in notes {
        writeln!(out, "\nnote: {note}")?;
    }
    writeln!(
        out,
        "\nthe runs are in {}, their scores and curves in compare.json and, drawn, in report.html there",
        folder.display()
    )
}

fn print_table(table: &[MethodResult], runs: &[ComparedRun], out: &mut dyn Write) -> io::Result<()> {
    let first = table.first().map_or("", |result| result.optimizer.name());
    writeln!(
        out,
        "| optimizer | validation | test | against {first}: validation | test | rollouts | calls | tokens | minutes |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|")?;
    let seed = runs.first().map(|run| &run.summary);
    let score_cell = |score: Option<f64>| score.map_or("–".into(), |score| format!("{score:.3}"));
    let validation = score_cell(seed.map(|summary| summary.seed_score));
    let test = score_cell(seed.and_then(|summary| summary.test_seed_score));
    writeln!(out, "| the seed | {validation} | {test} | | | | | | |")?;
    for result in table {
        let [validation, test] = [result.validation, result.test].map(|estimate| estimate_cell(estimate, ""));
        let differences = [result.validation_difference, result.test_difference];
        let [validation_difference, test_difference] = differences.map(|estimate| estimate_cell(estimate, "+"));
        writeln!(
            out,
            "| `{}` | {validation} | {test} | {validation_difference} | {test_difference} | {:.0} | {:.0} | {:.0} | {:.1} |",
            result.optimizer.name(),
            result.rollouts,
            result.calls,
            result.tokens,
            result.minutes
        )?;
    }
    Ok(())
}

/// Returns a mean with its interval. `positive_sign` is written before a number that is not negative.
fn estimate_cell(estimate: Option<Estimate>, positive_sign: &str) -> String {
    let signed = |value: f64| if value < 0.0 { format!("{value:.3}") } else { format!("{positive_sign}{value:.3}") };
    let Some(Estimate { mean, interval }) = estimate else { return String::new() };
    match interval {
        Some(Interval { low, high }) => format!("{} ({} to {})", signed(mean), signed(low), signed(high)),
        None => signed(mean),
    }
}
