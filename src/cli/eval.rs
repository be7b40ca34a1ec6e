//! `gepard eval`: scores a candidate on examples.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use gepard::config::{self, Plan};
use gepard::data::split::Split;
use gepard::engine::Usage;
use gepard::evaluate::{Scored, Verdict};
use gepard::hooks::Hooks;
use gepard::program::Candidate;
use gepard::report::best::BestFile;
use gepard::report::export::ExportError;
use gepard::run::{self, EvalRequest, EvalResult};
use serde_json::json;

use super::error::CliError;
use super::interrupt::interrupt_flag;
use super::overrides::Overrides;
use super::progress::{Mode, ProgressReporter};
use super::screen::printable_json;
use super::split::SplitName;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The task file.
    task: PathBuf,
    /// What to score: `seed`, a run directory (its best candidate), a best.json, or a text file with the instruction of a
    /// one-module program.
    #[arg(long, default_value = "seed", value_name = "seed|RUN_DIR|FILE")]
    candidate: String,
    /// The examples to score it on.
    #[arg(long, value_enum, default_value_t = SplitName::Test)]
    split: SplitName,
    /// Read and score only the first N examples.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print JSON: the score, and every example with its outputs and feedback.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    overrides: Overrides,
    /// How progress is reported on stderr [default: bar on a terminal, else plain].
    #[arg(long, value_enum)]
    progress: Option<Mode>,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), CliError> {
    let plan = config::load(&arguments.task, &arguments.overrides.settings())?;
    let candidate = read_candidate(&arguments.candidate, &plan)?;
    if arguments.limit == Some(0) {
        return Err(CliError::Usage("--limit 0 leaves nothing to score; give 1 or more".into()));
    }
    let request = EvalRequest { candidate, split: arguments.split.into(), limit: arguments.limit };
    let mode = Mode::or_default(arguments.progress);
    let interrupted = interrupt_flag(mode == Mode::Bar)?;
    let mut progress = ProgressReporter::new(mode, &interrupted);
    let result = run::evaluate(&plan, &request, &mut Hooks::new(&interrupted, |event| progress.on_event(event)))?;
    // The view must be cleared before the result is printed.
    drop(progress);
    let printed = match arguments.json {
        true => print_json(&request, &result, out),
        false => print_result(&result, request.split, out),
    };
    printed.map_err(CliError::Output)
}

fn print_json(request: &EvalRequest, result: &EvalResult, out: &mut dyn Write) -> io::Result<()> {
    let scored = result.examples.iter().zip(&result.rollouts);
    let rows: Vec<_> = scored.map(|(example, scored)| row(&example.id, scored)).collect();
    let whole = json!({
        "score": result.mean(),
        "examples": result.rollouts.len(),
        "unscored": count_unscored(result),
        "split": request.split,
        "objectives": result.objectives(),
        "agreement": result.agreement,
        "candidate": request.candidate.key(),
        "seconds": result.seconds,
        "engine_seconds": result.engine_seconds,
        "tokens": result.usage,
        "rows": rows,
    });
    writeln!(out, "{}", printable_json(&whole)?)
}

fn print_result(result: &EvalResult, split: Split, out: &mut dyn Write) -> io::Result<()> {
    let count = result.rollouts.len();
    match result.mean() {
        Some(mean) => write!(out, "{mean:.3} on {count} {split} examples")?,
        None => write!(out, "no score: the metric failed on all {count} {split} examples")?,
    }
    let failed = result.rollouts.iter().filter(|scored| scored.rollout.failure.is_some()).count();
    if failed > 0 {
        write!(out, ", {failed} of them without a readable answer")?;
    }
    let unscored = count_unscored(result);
    if unscored > 0 {
        write!(out, ", {unscored} not scored because the metric failed")?;
    }
    writeln!(out, " ({:.1} s, {:.2} rollouts/s)", result.seconds, count as f64 / result.seconds.max(1e-9))?;
    print_cost(result, out)?;
    let objectives: Vec<String> = result.objectives().iter().map(|(name, mean)| format!("{name} {mean:.3}")).collect();
    if !objectives.is_empty() {
        writeln!(out, "{}", objectives.join(", "))?;
    }
    for agreement in &result.agreement {
        let name = if agreement.judge.is_empty() { String::new() } else { format!(" `{}`", agreement.judge) };
        writeln!(out, "the judge{name} {agreement}")?;
    }
    Ok(())
}

/// Prints the mean cost of a rollout: tokens without those of a judge, and milliseconds in the engine.
fn print_cost(result: &EvalResult, out: &mut dyn Write) -> io::Result<()> {
    let mut usage = Usage::default();
    result.rollouts.iter().for_each(|scored| usage += scored.rollout.usage());
    let count = result.rollouts.len().max(1) as f64;
    let mean = |tokens: u64| (tokens as f64 / count).round();
    let (prompt, shared, generated) = (mean(usage.prefilled + usage.reused), mean(usage.reused), mean(usage.decoded));
    let milliseconds = 1000.0 * result.engine_seconds / count;
    let prompt = format!("{prompt} prompt tokens ({shared} of them shared with others)");
    writeln!(out, "a rollout takes {prompt}, {generated} generated tokens and {milliseconds:.1} ms in the engine")
}

/// Returns the number of rollouts that the metric failed on.
fn count_unscored(result: &EvalResult) -> usize {
    result.rollouts.iter().filter(|scored| scored.score().is_none()).count()
}

/// Returns the JSON of a scored example.
fn row(id: &str, scored: &Scored) -> serde_json::Value {
    let outputs = scored.rollout.steps.iter().flat_map(|step| &step.outputs);
    let outputs: serde_json::Map<_, _> = outputs.map(|(name, value)| (name.clone(), json!(value))).collect();
    let mut row = json!({ "id": id, "score": scored.score(), "outputs": outputs });
    match &scored.verdict {
        Verdict::Judged(judgement) => {
            row["feedback"] = json!(judgement.feedback);
            row["module_feedback"] = json!(judgement.module_feedback);
            row["objectives"] = json!(judgement.objectives);
        }
        Verdict::Unscored(cause) => row["feedback"] = json!(cause),
    }
    row
}

/// Returns the candidate that `--candidate` names: the seed, or that of a run directory, a best.json or a text file.
pub(super) fn read_candidate(reference: &str, plan: &Plan) -> Result<Candidate, CliError> {
    if reference == "seed" {
        return Ok(plan.seed_candidate());
    }
    let path = Path::new(reference);
    let is_run = path.is_dir();
    let path = if is_run { path.join("best.json") } else { path.to_owned() };
    let usage_error = |cause: String| CliError::Usage(format!("--candidate {}: {cause}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|cause| match is_run {
        true => ExportError::Read { path: path.clone(), cause }.into(),
        false => usage_error(format!("{cause}; give `seed`, a run directory or a file")),
    })?;
    let names: Vec<&str> = plan.modules.iter().map(|module| module.name.as_str()).collect();
    if path.extension().is_some_and(|extension| extension == "json") {
        return BestFile::read_candidate(&text, &names).map_err(usage_error);
    }
    if names.len() != 1 {
        let cause = format!("a text file holds one prompt, the program has {} modules; give a best.json", names.len());
        return Err(usage_error(cause));
    }
    if text.trim().is_empty() {
        return Err(usage_error("the prompt is empty".into()));
    }
    Ok(Candidate::new([text.trim()]))
}
