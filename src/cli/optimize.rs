//! `gepard optimize`

use std::fmt::Display;
use std::fs::ReadDir;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use gepard::error::RunError;
use gepard::hooks::Hooks;
use gepard::report::Summary;
use gepard::report::interval::Interval;
use gepard::report::tally::Tally;
use gepard::run_directory::RunDirectoryError;
use gepard::{config, run};

use super::overrides::Overrides;
use super::progress::{Mode, Progress};
use super::terminal::printable;
use super::{CliError, default_run_folder, interrupt_flag};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The task file.
    task: PathBuf,
    /// The run directory: begun there, resumed, or extended [default: runs/TASK-seedN].
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// When to stop: a number of rollouts, a time like 30m, both ("300, 30m"), or light, medium, heavy.
    #[arg(long, value_name = "300|30m|light")]
    budget: Option<String>,
    /// How to look: gepa, random, ape, opro, evoprompt-ga, evoprompt-de, promptbreeder, reflexion, textgrad, miprov2.
    #[arg(long, value_name = "NAME")]
    optimizer: Option<String>,
    /// The seed of all randomness.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    overrides: Overrides,
    /// How to tell of progress, on stderr [default: bar on a terminal, else plain].
    #[arg(long, value_enum)]
    progress: Option<Mode>,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), CliError> {
    let mut settings = arguments.overrides.settings();
    settings.extend(arguments.budget.as_ref().map(|budget| format!("optimize.budget=\"{budget}\"")));
    settings.extend(arguments.optimizer.as_ref().map(|name| format!("optimize.optimizer=\"{name}\"")));
    settings.extend(arguments.seed.map(|seed| format!("optimize.seed={seed}")));
    let plan = config::load(&arguments.task, &settings)?;
    let by_default = || default_run_folder(&arguments.task, &format!("seed{}", plan.optimize.seed));
    let folder = arguments.run.clone().unwrap_or_else(by_default);
    let mode = Mode::or_fitting(arguments.progress);
    let interrupted = interrupt_flag(mode == Mode::Bar)?;
    let mut progress = Progress::new(mode, &interrupted);
    let summary = run::optimize(&plan, &folder, &mut Hooks::new(&interrupted, |event| progress.hear(event)))?;
    // The view gives way to the result.
    drop(progress);
    let prompts = prompts(&folder.join("best"))?;
    tell(&summary, plan.optimize.optimizer, &prompts, &folder, out).map_err(CliError::Output)
}

/// The result, for people.
fn tell(
    summary: &Summary,
    method: config::Method,
    prompts: &[(PathBuf, String)],
    folder: &Path,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "\n{}", summary.outcome)?;
    writeln!(out, "stopped because {}\n", summary.stopped_because)?;
    writeln!(out, "              seed    best")?;
    writeln!(out, "validation   {:.3}   {:.3}", summary.seed_score, summary.best_score)?;
    if let (Some(seed), Some(best)) = (summary.test_seed_score, summary.test_best_score) {
        write!(out, "test         {seed:.3}   {best:.3}")?;
        if let (Some(mean), Some(Interval { low, high }), 1..) =
            (summary.test_difference, summary.test_difference_95, summary.best_candidate)
        {
            write!(out, "   {mean:+.3} (95% interval {low:+.3} to {high:+.3})")?;
        }
        writeln!(out)?;
    }
    writeln!(out, "\n{} rollouts ({} reused)", summary.rollouts, summary.rollouts_reused)?;
    tell_proposals(&summary.reflections, method == config::Method::Gepa, out)?;
    if summary.merges + summary.merges_rejected > 0 {
        writeln!(out, "merges: {} accepted, {} rejected", summary.merges, summary.merges_rejected)?;
    }
    if summary.validated_in_part > 0 {
        writeln!(out, "{} of {} candidates were validated in part", summary.validated_in_part, summary.candidates)?;
    }
    if summary.rollouts_unscored > 0 {
        writeln!(out, "the metric failed on {} rollouts; they count nowhere", summary.rollouts_unscored)?;
    }
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
    )?;
    for note in &summary.notes {
        writeln!(out, "note: {note}")?;
    }
    writeln!(out, "\nthe best prompt:")?;
    for (file, text) in prompts {
        writeln!(out, "── {} ──", file.display())?;
        writeln!(out, "{}", printable(text.trim_end()))?;
    }
    let best = &summary.pool[summary.best_candidate];
    let mut more = Vec::new();
    if best.worked_examples > 0 {
        more.push(format!("{} worked examples from the training data", best.worked_examples));
    }
    if best.own_layouts > 0 {
        more.push(format!("a layout of its own in {} of the chats", best.own_layouts));
    }
    if !more.is_empty() {
        writeln!(out, "… and {}: best.json has the whole chat", more.join(", and "))?;
    }
    writeln!(out, "\nthe run is in {}; report.html there shows all of it", folder.display())
}

/// What became of the proposals; only GEPA has a gate.
fn tell_proposals(tally: &Tally, has_gate: bool, out: &mut dyn Write) -> io::Result<()> {
    let Tally { proposed, accepted, passed_over, rejected, .. } = tally;
    let s = if *proposed == 1 { "" } else { "s" };
    let became = match has_gate {
        true => format!(": {accepted} accepted, {passed_over} passed over, {rejected} rejected"),
        false => format!(", {accepted} validated in full"),
    };
    if *proposed > 0 {
        writeln!(out, "{proposed} proposal{s}{became}")?;
    }
    let unusable: u64 = tally.unusable.values().sum();
    let reasons: Vec<String> = tally.unusable.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
    if unusable > 0 {
        writeln!(out, "{unusable} more brought nothing to try ({})", reasons.join(", "))?;
    }
    let gate = |cell: &dyn Display| if has_gate { format!("{cell:>15}  ") } else { String::new() };
    if !tally.operators.is_empty() {
        writeln!(out, "  {:<20} proposed  {}better than parent  unusable", "operator", gate(&"passed the gate"))?;
    }
    for (operator, of) in &tally.operators {
        writeln!(out, "  {operator:<20} {:>8}  {}{:>18}  {:>8}", of.proposed, gate(&of.passed), of.better, of.unusable)?;
    }
    Ok(())
}

/// The files of the best prompt in the folder `best`, with their texts.
fn prompts(best: &Path) -> Result<Vec<(PathBuf, String)>, CliError> {
    let paths = |entries: ReadDir| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>();
    let unread = |path: &Path, cause| RunError::from(RunDirectoryError::Io { doing: "read", path: path.to_owned(), cause });
    let mut files = std::fs::read_dir(best).and_then(paths).map_err(|cause| unread(best, cause))?;
    files.retain(|path| path.extension().is_some_and(|e| e == "txt"));
    files.sort();
    let with_text = |path: PathBuf| match std::fs::read_to_string(&path) {
        Ok(text) => Ok((path, text)),
        Err(cause) => Err(unread(&path, cause).into()),
    };
    files.into_iter().map(with_text).collect()
}
