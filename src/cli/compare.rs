//! `gepard compare`: runs that there are, or optimizers on a task

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use gepard::data::split::Split;
use gepard::error::RunError;
use gepard::report::compare::{self, ComparedPair, ComparedRun, Comparison};
use gepard::report::paired::Conclusion;

use super::terminal::printable;
use super::time::duration;
use super::{CliError, compare_optimizers, screen};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Run directories, two or more: each is compared with the first. They may still be going on. Or, with --optimizers, a
    /// task file.
    #[arg(required = true, value_name = "RUN|TASK.toml")]
    of: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    contest: compare_optimizers::Options,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), CliError> {
    match (arguments.contest.is_asked_for(), arguments.of.as_slice()) {
        (true, [task]) => return compare_optimizers::run(task, &arguments.contest, arguments.json, out),
        (true, _) => return Err(CliError::Usage("--optimizers takes one task file, not run directories".into())),
        (false, [_]) => return Err(CliError::Usage("give two run directories, or a task file with --optimizers".into())),
        (false, _) => arguments.contest.refuse_overrides()?,
    }
    let comparison = compare::compare(&arguments.of).map_err(RunError::from)?;
    let told = match arguments.json {
        true => screen::json(&comparison).and_then(|text| writeln!(out, "{text}")),
        false => tell(&comparison, out),
    };
    told.map_err(CliError::Output)
}

fn tell(comparison: &Comparison, out: &mut dyn Write) -> io::Result<()> {
    let letters: Vec<String> = (0..comparison.runs.len()).map(letter).collect();
    for (letter, side) in letters.iter().zip(&comparison.runs) {
        let state = if side.finished { "" } else { " (not finished)" };
        writeln!(out, "{letter}  {}{state}", printable(&side.run.display().to_string()))?;
    }
    writeln!(out, "\n    validation        test              rollouts  candidates  time")?;
    writeln!(out, "    seed     best     seed     best")?;
    for (letter, side) in letters.iter().zip(&comparison.runs) {
        let ComparedRun { seed_score, best_score, test_seed_score, test_best_score, rollouts, candidates, seconds, .. } = side;
        let scores = [seed_score, best_score, test_seed_score, test_best_score].map(|score| score_words(*score));
        let [a, b, c, d] = &scores;
        let time = duration(*seconds);
        writeln!(out, "{letter}   {a:<8} {b:<8} {c:<8} {d:<8} {rollouts:>9} {candidates:>11}  {time}")?;
    }
    writeln!(out, "\nthe best candidates on the same examples:")?;
    for pair in &comparison.pairs {
        tell_pair(pair, &letters, out)?;
    }
    for (index, warning) in comparison.warnings.iter().enumerate() {
        let gap = if index == 0 { "\n" } else { "" };
        writeln!(out, "{gap}note: {}", printable(warning))?;
    }
    Ok(())
}

fn tell_pair(pair: &ComparedPair, letters: &[String], out: &mut dyn Write) -> io::Result<()> {
    let (first, second) = (&letters[0], &letters[pair.second]);
    let split = if pair.split == Split::Val { "validation" } else { "test" };
    let Some(paired) = &pair.paired else {
        writeln!(out, "  {split:<10}  {first} to {second}: nothing to compare")?;
        return Ok(());
    };
    let (from, to, difference) = (paired.first, paired.second, paired.difference);
    write!(out, "  {split:<10}  {first} {from:.3}, {second} {to:.3}: {difference:+.3}")?;
    if let Some(interval) = paired.interval_95 {
        write!(out, " (95% interval {:+.3} to {:+.3})", interval.low, interval.high)?;
    }
    let words = match paired.conclusion() {
        Conclusion::Better => format!("{second} is better"),
        Conclusion::Worse => format!("{first} is better"),
        Conclusion::Unclear if paired.higher + paired.lower == 0 => "no difference".to_owned(),
        Conclusion::Unclear => "may be luck".to_owned(),
    };
    writeln!(out, " on {} examples, {} up, {} down; {words}", paired.examples, paired.higher, paired.lower)?;
    Ok(())
}

fn score_words(score: Option<f64>) -> String {
    score.map_or_else(|| "-".to_owned(), |score| format!("{score:.3}"))
}

/// A short name for the run at `place`: A to Z, then a number.
fn letter(place: usize) -> String {
    let letters = ('A'..='Z').nth(place).map(|letter| letter.to_string());
    letters.unwrap_or_else(|| format!("R{}", place + 1))
}
