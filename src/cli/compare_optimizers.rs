//! `gepard compare TASK.toml --optimizers …`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use gepard::config;
use gepard::hooks::Hooks;
use gepard::report::interval::Interval;
use gepard::run::comparison::{self, ComparedRun, Estimate, MethodResult};

use super::overrides::Overrides;
use super::progress::{Mode, Progress};
use super::{CliError, default_run_folder, interrupt_flag, screen};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The optimizers, each with the same models, budget and seeds; the others are compared with the first.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    optimizers: Vec<String>,
    /// Runs of each, with seeds counted from that of the task file [default: 1].
    #[arg(long, requires = "optimizers", value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: Option<u64>,
    /// Where the runs are, each in a directory of its own: begun there, resumed, or read [default: runs/TASK-compare].
    #[arg(long, requires = "optimizers", value_name = "DIR")]
    run: Option<PathBuf>,
    /// When each run stops: a number of rollouts, a time like 30m, both ("300, 30m"), or light, medium, heavy.
    #[arg(long, requires = "optimizers", value_name = "300|30m|light")]
    budget: Option<String>,
    #[command(flatten)]
    overrides: Overrides,
    /// How to tell of progress, on stderr [default: bar on a terminal, else plain].
    #[arg(long, requires = "optimizers", value_enum)]
    progress: Option<Mode>,
}

impl Options {
    pub(super) fn is_asked_for(&self) -> bool {
        !self.optimizers.is_empty()
    }

    /// Refuses what changes a task file where none is read.
    pub(super) fn refuse_overrides(&self) -> Result<(), CliError> {
        self.overrides.refuse("finished runs stay as they are; it goes with --optimizers and a task file")
    }
}

pub(super) fn run(task: &Path, arguments: &Options, json: bool, out: &mut dyn Write) -> Result<(), CliError> {
    let methods = comparison::methods(&arguments.optimizers)?;
    let seeds = arguments.seeds.unwrap_or(1);
    let mut settings = arguments.overrides.settings();
    settings.extend(arguments.budget.as_ref().map(|budget| format!("optimize.budget=\"{budget}\"")));
    let plan = config::load(task, &settings)?;
    let folder = arguments.run.clone().unwrap_or_else(|| default_run_folder(task, "compare"));
    let mode = Mode::or_fitting(arguments.progress);
    let interrupted = interrupt_flag(mode == Mode::Bar)?;
    let (mut number, of) = (0, methods.len() as u64 * seeds);
    // A new list of events for each run, so that each tells of its own replay and its own best.
    let progress = std::cell::RefCell::new(Progress::new(mode, &interrupted));
    let mut begun = |method: config::Method, seed: u64| {
        number += 1;
        *progress.borrow_mut() = Progress::new(mode, &interrupted);
        if matches!(mode, Mode::Plain | Mode::Bar) {
            super::progress::line(&format!("── {}, seed {seed}: run {number} of {of} ──", method.name()));
        }
    };
    let mut hooks = Hooks::new(&interrupted, |event| progress.borrow_mut().hear(event));
    let entries = comparison::compare_optimizers(&plan, &methods, seeds, &folder, &mut begun, &mut hooks)?;
    drop(hooks);
    // The view gives way to the table.
    drop(progress);
    let table = comparison::table(&entries);
    let told = match json {
        true => screen::json(&serde_json::json!({ "table": table, "runs": entries })).and_then(|text| writeln!(out, "{text}")),
        false => tell(&table, &entries, &folder, out),
    };
    told.map_err(CliError::Output)
}

/// The table, for people and for a page in Markdown.
fn tell(table: &[MethodResult], entries: &[ComparedRun], folder: &Path, out: &mut dyn Write) -> io::Result<()> {
    let first = table.first().map_or("", |standing| standing.optimizer.name());
    let seed = entries.first().map(|entry| &entry.summary);
    let before = seed.map(|summary| (Some(summary.seed_score), summary.test_seed_score));
    let (validation, test) = before.unwrap_or_default();
    let plain = |score: Option<f64>| score.map_or("–".into(), |score| format!("{score:.3}"));
    writeln!(
        out,
        "| optimizer | validation | test | against {first}: validation | test | rollouts | calls | tokens | minutes |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|")?;
    writeln!(out, "| the seed | {} | {} | | | | | | |", plain(validation), plain(test))?;
    for of in table {
        let [scores, tests] = [of.validation, of.test].map(|estimate| words(estimate, ""));
        let [by, by_test] = [of.validation_difference, of.test_difference].map(|estimate| words(estimate, "+"));
        writeln!(
            out,
            "| `{}` | {scores} | {tests} | {by} | {by_test} | {:.0} | {:.0} | {:.0} | {:.1} |",
            of.optimizer.name(),
            of.rollouts,
            of.calls,
            of.tokens,
            of.minutes
        )?;
    }
    for of in table.iter().filter(|of| !of.trials.is_empty()) {
        let trials: Vec<String> = of.trials.iter().map(|score| format!("{score:.3}")).collect();
        writeln!(
            out,
            "\n`{}` improves single answers, not the prompt: its line is the seed's. On training examples, after each trial: {}",
            of.optimizer.name(),
            trials.join(", ")
        )?;
    }
    let mut notes: Vec<&String> = Vec::new();
    for note in entries.iter().flat_map(|entry| &entry.summary.notes) {
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

/// A mean with its interval; `plus` stands before what is not negative.
fn words(estimate: Option<Estimate>, plus: &str) -> String {
    let signed = |value: f64| if value < 0.0 { format!("{value:.3}") } else { format!("{plus}{value:.3}") };
    let Some(Estimate { mean, interval }) = estimate else { return String::new() };
    match interval {
        Some(Interval { low, high }) => format!("{} ({} to {})", signed(mean), signed(low), signed(high)),
        None => signed(mean),
    }
}
