//! `gepard compare`: compares runs with each other, or optimizers, prompts and adapters on a task.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use gepard::data::split::Split;
use gepard::error::RunError;
use gepard::report::compare::{self, ComparedPair, ComparedRun, Comparison};
use gepard::report::paired::Conclusion;

use super::compare_adapters::{self, AdapterOptions};
use super::compare_optimizers;
use super::error::CliError;
use super::screen::printable_json;
use super::terminal::printable;
use super::time::duration;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Two or more run directories, each of which is compared with the first; a run need not be finished. With --optimizers,
    /// --adapter or --candidate, a task file instead.
    #[arg(required = true, value_name = "RUN|TASK.toml")]
    paths: Vec<PathBuf>,
    /// Print the comparison as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    optimizers: compare_optimizers::Options,
    #[command(flatten)]
    adapters: AdapterOptions,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), CliError> {
    if arguments.adapters.has_contenders() {
        let [task] = arguments.paths.as_slice() else {
            return Err(CliError::Usage("--adapter and --candidate take one task file, not run directories".into()));
        };
        return compare_adapters::run(task, &arguments.adapters, &arguments.optimizers, arguments.json, out);
    }
    arguments.adapters.refuse_others()?;
    match (arguments.optimizers.has_optimizers(), arguments.paths.as_slice()) {
        (true, [task]) => return compare_optimizers::run(task, &arguments.optimizers, arguments.json, out),
        (true, _) => return Err(CliError::Usage("--optimizers takes one task file, not run directories".into())),
        (false, [_]) => {
            return Err(CliError::Usage(
                "give two or more run directories, or a task file with --optimizers or --adapter".into(),
            ));
        }
        (false, _) => arguments.optimizers.refuse_for_runs()?,
    }
    let comparison = compare::compare(&arguments.paths).map_err(RunError::from)?;
    let printed = match arguments.json {
        true => printable_json(&comparison).and_then(|text| writeln!(out, "{text}")),
        false => print_comparison(&comparison, out),
    };
    printed.map_err(CliError::Output)
}

fn print_comparison(comparison: &Comparison, out: &mut dyn Write) -> io::Result<()> {
    let letters: Vec<String> = (0..comparison.runs.len()).map(letter).collect();
    for (letter, run) in letters.iter().zip(&comparison.runs) {
        let state = if run.finished { "" } else { " (not finished)" };
        writeln!(out, "{letter}  {}{state}", printable(&run.run.display().to_string()))?;
    }
    writeln!(out, "\n    validation        test              rollouts  candidates  time")?;
    writeln!(out, "    seed     best     seed     best")?;
    for (letter, run) in letters.iter().zip(&comparison.runs) {
        let ComparedRun { seed_score, best_score, test_seed_score, test_best_score, rollouts, candidates, seconds, .. } = run;
        let scores = [seed_score, best_score, test_seed_score, test_best_score].map(|score| score_cell(*score));
        let [seed, best, test_seed, test_best] = &scores;
        let time = duration(*seconds);
        writeln!(out, "{letter}   {seed:<8} {best:<8} {test_seed:<8} {test_best:<8} {rollouts:>9} {candidates:>11}  {time}")?;
    }
    writeln!(out, "\nthe best candidates on the same examples:")?;
    for pair in &comparison.pairs {
        print_pair(pair, &letters, out)?;
    }
    for (index, warning) in comparison.warnings.iter().enumerate() {
        let gap = if index == 0 { "\n" } else { "" };
        writeln!(out, "{gap}note: {}", printable(warning))?;
    }
    Ok(())
}

fn print_pair(pair: &ComparedPair, letters: &[String], out: &mut dyn Write) -> io::Result<()> {
    let (first, second) = (&letters[0], &letters[pair.second]);
    let split = if pair.split == Split::Val { "validation" } else { "test" };
    let Some(paired) = &pair.paired else {
        return writeln!(out, "  {split:<10}  {first} to {second}: nothing to compare");
    };
    let (from, to, difference) = (paired.first, paired.second, paired.difference);
    write!(out, "  {split:<10}  {first} {from:.3}, {second} {to:.3}: {difference:+.3}")?;
    if let Some(interval) = paired.interval_95 {
        write!(out, " (95% interval {:+.3} to {:+.3})", interval.low, interval.high)?;
    }
    let conclusion = match paired.conclusion() {
        Conclusion::Better => format!("{second} is better"),
        Conclusion::Worse => format!("{first} is better"),
        Conclusion::Unclear if paired.higher + paired.lower == 0 => "no difference".to_owned(),
        Conclusion::Unclear => "may be luck".to_owned(),
    };
    writeln!(out, " on {} examples, {} up, {} down; {conclusion}", paired.examples, paired.higher, paired.lower)
}

fn score_cell(score: Option<f64>) -> String {
    score.map_or_else(|| "-".to_owned(), |score| format!("{score:.3}"))
}

/// Returns a short name for the run with this index: A to Z, then R27, R28, …
fn letter(run_index: usize) -> String {
    let letter = ('A'..='Z').nth(run_index).map(|letter| letter.to_string());
    letter.unwrap_or_else(|| format!("R{}", run_index + 1))
}
