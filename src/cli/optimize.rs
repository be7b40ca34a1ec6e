//! `gepard optimize`: searches for a better prompt.

use std::fmt::Display;
use std::fs::ReadDir;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use gepard::config::{self, Method};
use gepard::data::counted;
use gepard::error::RunError;
use gepard::hooks::Hooks;
use gepard::program::PoolIndex;
use gepard::report::Summary;
use gepard::report::frontier::FrontierPoint;
use gepard::report::interval::Interval;
use gepard::report::tally::Tally;
use gepard::run;
use gepard::run_directory::RunDirectoryError;

use super::error::CliError;
use super::interrupt::interrupt_flag;
use super::overrides::Overrides;
use super::progress::{Mode, ProgressReporter};
use super::run_folder::default_run_folder;
use super::spending::tokens_in_words;
use super::terminal::printable;

/// The most candidates of the frontier that are printed, those with the best scores.
const MOST_FRONTIER: usize = 5;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The task file.
    task: PathBuf,
    /// The run directory. It is created, or its run is resumed or extended [default: runs/TASK-seedN].
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// When to stop: a number of rollouts, a time like 30m, tokens like "2M tokens", several of these ("300, 30m"), or light,
    /// medium, heavy.
    #[arg(long, value_name = "300|30m|2M tokens|light")]
    budget: Option<String>,
    #[arg(long, value_name = "NAME", help = optimizer_help())]
    optimizer: Option<String>,
    /// The seed of all random numbers.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    overrides: Overrides,
    /// How progress is reported on stderr [default: bar on a terminal, else plain].
    #[arg(long, value_enum)]
    progress: Option<Mode>,
}

/// Returns the help of `--optimizer`, which has all names.
fn optimizer_help() -> String {
    let names: Vec<&str> = Method::ALL.iter().map(|method| method.name()).collect();
    format!("The optimizer: {}", names.join(", "))
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), CliError> {
    let plan = config::load(&arguments.task, &settings(arguments))?;
    let default_folder = || default_run_folder(&arguments.task, &format!("seed{}", plan.optimize.seed));
    let folder = arguments.run.clone().unwrap_or_else(default_folder);
    let mode = Mode::or_default(arguments.progress);
    let interrupted = interrupt_flag(mode == Mode::Bar)?;
    let mut progress = ProgressReporter::new(mode, &interrupted);
    let summary = run::optimize(&plan, &folder, &mut Hooks::new(&interrupted, |event| progress.on_event(event)))?;
    // The view must be cleared before the result is printed.
    drop(progress);
    let prompts = read_prompts(&folder.join("best"))?;
    print_result(&summary, plan.optimize.optimizer, &prompts, &folder, out).map_err(CliError::Output)
}

/// Returns the settings of the task file that the command line changes, each in the form `key=value`.
fn settings(arguments: &Arguments) -> Vec<String> {
    let mut settings = arguments.overrides.settings();
    settings.extend(arguments.budget.as_ref().map(|budget| format!("optimize.budget=\"{budget}\"")));
    settings.extend(arguments.optimizer.as_ref().map(|name| format!("optimize.optimizer=\"{name}\"")));
    settings.extend(arguments.seed.map(|seed| format!("optimize.seed={seed}")));
    settings
}

/// A file of the best prompt.
struct PromptFile {
    path: PathBuf,
    text: String,
}

/// Reads the text files of the best prompt from the folder `best` of a run directory, ordered by their names.
fn read_prompts(best: &Path) -> Result<Vec<PromptFile>, CliError> {
    let paths = |entries: ReadDir| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>();
    let unread = |path: &Path, cause| RunError::from(RunDirectoryError::Io { doing: "read", path: path.to_owned(), cause });
    let mut paths = std::fs::read_dir(best).and_then(paths).map_err(|cause| unread(best, cause))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    let with_text = |path: PathBuf| match std::fs::read_to_string(&path) {
        Ok(text) => Ok(PromptFile { path, text }),
        Err(cause) => Err(unread(&path, cause).into()),
    };
    paths.into_iter().map(with_text).collect()
}

fn print_result(summary: &Summary, method: Method, prompts: &[PromptFile], folder: &Path, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{}", summary.outcome)?;
    writeln!(out, "stopped because {}\n", summary.stopped_because)?;
    print_scores(summary, out)?;
    print_frontier(&summary.frontier, out)?;
    let tokens = tokens_in_words(summary.tokens.task + summary.tokens.reflection);
    writeln!(out, "\n{} rollouts ({} reused), {tokens} tokens", summary.rollouts, summary.rollouts_reused)?;
    // Only GEPA has a gate.
    print_proposals(&summary.reflections, method == Method::Gepa, out)?;
    print_counts(summary, out)?;
    print_seconds(summary, out)?;
    for note in &summary.notes {
        writeln!(out, "note: {note}")?;
    }
    print_best(summary, prompts, out)?;
    writeln!(out, "\nthe run is in {}; report.html there shows all of it", folder.display())
}

fn print_scores(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "              seed    best")?;
    writeln!(out, "validation   {:.3}   {:.3}", summary.seed_score, summary.best_score)?;
    let (Some(seed), Some(best)) = (summary.test_seed_score, summary.test_best_score) else { return Ok(()) };
    write!(out, "test         {seed:.3}   {best:.3}")?;
    let is_the_seed = summary.best_candidate == PoolIndex::SEED;
    if let (Some(mean), Some(Interval { low, high }), false) = (summary.test_difference, summary.test_difference_95, is_the_seed)
    {
        write!(out, "   {mean:+.3} (95% interval {low:+.3} to {high:+.3})")?;
    }
    writeln!(out)
}

/// Prints which scores shorter prompts have, if there is more than one candidate to choose from.
fn print_frontier(frontier: &[FrontierPoint], out: &mut dyn Write) -> io::Result<()> {
    if frontier.len() < 2 {
        return Ok(());
    }
    let entry = |point: &FrontierPoint| format!("{:.3} with {} (#{})", point.score, point.prompt_tokens, point.candidate);
    let entries: Vec<String> = frontier[frontier.len().saturating_sub(MOST_FRONTIER)..].iter().map(entry).collect();
    writeln!(out, "validation by prompt tokens: {}", entries.join(", "))
}

/// Prints what became of the proposals, in all and by operator.
fn print_proposals(tally: &Tally, has_gate: bool, out: &mut dyn Write) -> io::Result<()> {
    let Tally { proposed, accepted, passed_over, rejected, .. } = tally;
    let s = if *proposed == 1 { "" } else { "s" };
    let results = match has_gate {
        true => format!(": {accepted} accepted, {passed_over} passed over, {rejected} rejected"),
        false => format!(", {accepted} validated in full"),
    };
    if *proposed > 0 {
        writeln!(out, "{proposed} proposal{s}{results}")?;
    }
    let unusable: u64 = tally.unusable.values().sum();
    let reasons: Vec<String> = tally.unusable.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    if unusable > 0 {
        writeln!(out, "{unusable} more brought nothing to try ({})", reasons.join(", "))?;
    }
    let gate_cell = |cell: &dyn Display| if has_gate { format!("{cell:>15}  ") } else { String::new() };
    if !tally.operators.is_empty() {
        writeln!(out, "  {:<20} proposed  {}better than parent  unusable", "operator", gate_cell(&"passed the gate"))?;
    }
    for (operator, counts) in &tally.operators {
        let (proposed, passed, better, unusable) = (counts.proposed, counts.passed, counts.better, counts.unusable);
        writeln!(out, "  {operator:<20} {proposed:>8}  {}{better:>18}  {unusable:>8}", gate_cell(&passed))?;
    }
    Ok(())
}

/// Prints the counts of merges, partially validated candidates and unscored rollouts, where there are any.
fn print_counts(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    if summary.merges + summary.merges_rejected > 0 {
        writeln!(out, "merges: {} accepted, {} rejected", summary.merges, summary.merges_rejected)?;
    }
    if summary.validated_in_part > 0 {
        writeln!(out, "{} of {} candidates were partially validated", summary.validated_in_part, summary.candidates)?;
    }
    if summary.rollouts_unscored > 0 {
        writeln!(out, "the metric failed on {} rollouts; no score counts them", summary.rollouts_unscored)?;
    }
    Ok(())
}

fn print_seconds(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let judge = match summary.engine.seconds.judge {
        0.0 => String::new(),
        seconds => format!(", {seconds:.0} s judging"),
    };
    writeln!(
        out,
        "{:.0} s: {:.0} s rollouts, {:.0} s reflection{judge}, {:.1} s all else; then {:.0} s for the test",
        summary.seconds.total,
        summary.engine.seconds.task,
        summary.engine.seconds.reflection,
        summary.seconds.metric + summary.seconds.optimizer,
        summary.seconds.test,
    )
}

/// Prints the best prompt, and what of it is not in its text files.
fn print_best(summary: &Summary, prompts: &[PromptFile], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nthe best prompt:")?;
    for PromptFile { path, text } in prompts {
        writeln!(out, "── {} ──", path.display())?;
        writeln!(out, "{}", printable(text.trim_end()))?;
    }
    let best = &summary.pool[summary.best_candidate.0];
    let mut more = Vec::new();
    if best.worked_examples > 0 {
        more.push(format!("{} from the training data", counted(best.worked_examples, "demonstration")));
    }
    if best.own_layouts > 0 {
        more.push(format!("a layout of its own in {} of the chats", best.own_layouts));
    }
    if !more.is_empty() {
        writeln!(out, "… and {}: best.json has the whole chat", more.join(", and "))?;
    }
    Ok(())
}
