//! `gepard compare TASK.toml --optimizers …`: runs several optimizers on a task and compares their results.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use gepard::config;
use gepard::hooks::Hooks;
use gepard::report::interval::Interval;
use gepard::run::comparison::{self, ComparedRun, Entrant, Equal, Estimate, MeanCalls, MethodResult, Start, Terms};

use super::error::CliError;
use super::interrupt::interrupt_flag;
use super::overrides::Overrides;
use super::progress::{Mode, ProgressReporter};
use super::run_folder::default_run_folder;
use super::screen::printable_json;
use super::terminal::print_to_stderr;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', help = optimizers_help())]
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
    /// What the runs have the same amount of: the rollouts of the budget, or as many tokens or minutes as the run of the first optimizer
    /// with the same seed took [default: rollouts].
    #[arg(long, requires = "optimizers", value_enum)]
    equal: Option<EqualOption>,
    /// What the runs start from: the seed of the task file, or a prompt with the list of labels and demonstrations [default:
    /// seed].
    #[arg(long, requires = "optimizers", value_enum)]
    start: Option<StartOption>,
    #[command(flatten)]
    overrides: Overrides,
    /// How progress is reported on stderr [default: bar on a terminal, else plain].
    #[arg(long, value_enum)]
    progress: Option<Mode>,
}

/// What the runs of a comparison have the same amount of.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum EqualOption {
    Rollouts,
    Tokens,
    Minutes,
}

/// What the runs of a comparison start from.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum StartOption {
    Seed,
    Fewshot,
}

/// Returns the help of `--optimizers`, which has all names.
fn optimizers_help() -> String {
    let names: Vec<&str> = Entrant::all().map(Entrant::name).collect();
    format!(
        "The optimizers to compare, with the same models, budget and seeds. Each is compared with the first: {}",
        names.join(", ")
    )
}

impl Options {
    /// Returns whether optimizers are to be compared.
    pub(super) fn has_optimizers(&self) -> bool {
        !self.optimizers.is_empty()
    }

    /// Refuses options that change a task file or report progress, because finished runs are compared and nothing is run.
    pub(super) fn refuse_for_runs(&self) -> Result<(), CliError> {
        if self.progress.is_some() {
            return Err(CliError::Usage(
                "--progress changes nothing here: finished runs are compared, and nothing is run".into(),
            ));
        }
        self.overrides.refuse("finished runs stay as they are; it goes with --optimizers or --adapter and a task file")
    }

    /// Returns the settings of the task file.
    pub(super) fn settings(&self) -> Vec<String> {
        self.overrides.settings()
    }

    /// Returns how progress is reported.
    pub(super) fn mode(&self) -> Mode {
        Mode::or_default(self.progress)
    }
}

pub(super) fn run(task: &Path, options: &Options, json: bool, out: &mut dyn Write) -> Result<(), CliError> {
    let entrants = comparison::entrants(&options.optimizers)?;
    let seeds = options.seeds.unwrap_or(1);
    let mut settings = options.settings();
    settings.extend(options.budget.as_ref().map(|budget| format!("optimize.budget=\"{budget}\"")));
    let plan = config::load(task, &settings)?;
    let folder = options.run.clone().unwrap_or_else(|| default_run_folder(task, "compare"));
    let mode = options.mode();
    let interrupted = interrupt_flag(mode == Mode::Bar)?;
    let (mut number, total) = (0, entrants.len() as u64 * seeds);
    // Each run has a reporter of its own: its replay, its budget and its best candidate are reported apart from the others'.
    let reporter = RefCell::new(ProgressReporter::new(mode, &interrupted));
    let mut on_run = |name: &str, seed: u64| {
        let is_start = entrants.iter().all(|entrant| entrant.name() != name);
        number += u64::from(!is_start);
        *reporter.borrow_mut() = ProgressReporter::new(mode, &interrupted);
        if matches!(mode, Mode::Plain | Mode::Bar) {
            let of = if is_start { String::new() } else { format!(": run {number} of {total}") };
            print_to_stderr(&format!("── {name}, seed {seed}{of} ──"));
        }
    };
    let mut hooks = Hooks::new(&interrupted, |event| reporter.borrow_mut().on_event(event));
    let equal = match options.equal {
        None | Some(EqualOption::Rollouts) => Equal::Budget,
        Some(EqualOption::Tokens) => Equal::Tokens,
        Some(EqualOption::Minutes) => Equal::Minutes,
    };
    let start = match options.start {
        None | Some(StartOption::Seed) => Start::Seed,
        Some(StartOption::Fewshot) => Start::Fewshot,
    };
    let terms = Terms { entrants: &entrants, seeds, equal, start };
    let runs = comparison::compare_optimizers(&plan, &terms, &folder, &mut on_run, &mut hooks)?;
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
    // Second attempts at single answers are no ranking of prompts.
    let (ranked, attempts): (Vec<&MethodResult>, Vec<&MethodResult>) = table.iter().partition(|result| result.trials.is_empty());
    print_table(&ranked, runs, out)?;
    print_searches(&ranked, out)?;
    print_attempts(&attempts, out)?;
    for result in table.iter().filter(|result| result.ended_early) {
        writeln!(
            out,
            "\n`{}` began fewer than three iterations: the budget, not the method, is what was measured",
            result.optimizer
        )?;
    }
    for result in ranked.iter().filter(|result| result.does_not_beat_fewshot()) {
        writeln!(
            out,
            "\n`{}` does not beat `fewshot`, which asks no reflector: {}",
            result.optimizer,
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

fn print_table(table: &[&MethodResult], runs: &[ComparedRun], out: &mut dyn Write) -> io::Result<()> {
    let first = table.first().map_or("", |result| result.optimizer);
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
            result.optimizer, result.rollouts, result.calls, result.tokens, result.minutes
        )?;
    }
    Ok(())
}

/// Prints the scores of optimizers that attempt examples again: the mean over the training examples after each trial.
fn print_attempts(table: &[&MethodResult], out: &mut dyn Write) -> io::Result<()> {
    let most = table.iter().map(|result| result.trials.len()).max().unwrap_or(0);
    if most == 0 {
        return Ok(());
    }
    let names: Vec<String> = table.iter().map(|result| format!("`{}`", result.optimizer)).collect();
    writeln!(
        out,
        "\nnot ranked, since they improve single answers, not the prompt: {}. On training examples, after each trial:\n",
        names.join(", ")
    )?;
    let heads: Vec<String> = (1..=most).map(|trial| format!(" {trial} |")).collect();
    writeln!(out, "| optimizer |{} rollouts | calls, tokens by model |", heads.concat())?;
    writeln!(out, "|---|{}---|---|", "---|".repeat(most))?;
    for result in table {
        let cell = |trial: usize| result.trials.get(trial).map_or("|".to_owned(), |score| format!(" {score:.3} |"));
        let cells: Vec<String> = (0..most).map(cell).collect();
        let MethodResult { optimizer, rollouts, .. } = result;
        writeln!(out, "| `{optimizer}` |{} {rollouts:.0} | {} |", cells.concat(), models_cell(result))?;
    }
    Ok(())
}

/// Prints what each search did: its iterations, the candidates that it tried, the prompt that it found, its calls and tokens by model, and
/// its curve.
fn print_searches(table: &[&MethodResult], out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "\n| optimizer | iterations | candidates tried | prompt tokens | calls, tokens by model | \
         best at 25, 50, 75, 100% of the rollouts |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for result in table {
        let curve: Vec<String> = result.curve.iter().map(|point| format!("{:.3}", point.score)).collect();
        writeln!(
            out,
            "| `{}` | {:.1} | {:.1} | {:.0} | {} | {} |",
            result.optimizer,
            result.iterations,
            result.tried,
            result.prompt_tokens,
            models_cell(result),
            curve.join(", ")
        )?;
    }
    Ok(())
}

/// Returns the calls and tokens of each model, such as "`task` 120, 15000; `teacher` 6, 2000".
fn models_cell(result: &MethodResult) -> String {
    let of_model = |(model, asked): (&String, &MeanCalls)| format!("`{model}` {:.0}, {:.0}", asked.calls, asked.tokens);
    result.models.iter().map(of_model).collect::<Vec<_>>().join("; ")
}

/// Returns a mean with its interval. `positive_sign` is written before a number that is not negative.
pub(super) fn estimate_cell(estimate: Option<Estimate>, positive_sign: &str) -> String {
    let signed = |value: f64| if value < 0.0 { format!("{value:.3}") } else { format!("{positive_sign}{value:.3}") };
    let Some(Estimate { mean, interval }) = estimate else { return String::new() };
    match interval {
        Some(Interval { low, high }) => format!("{} ({} to {})", signed(mean), signed(low), signed(high)),
        None => signed(mean),
    }
}
