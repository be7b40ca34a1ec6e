//! Progress on stderr: a view that stays where it is, plain lines, or JSON.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use gepard::engine::settings::Preparation;
use gepard::event::Event;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::STOPPING;
use super::lists::Lists;
use super::proposals::Names;
use super::screen::json;
use super::terminal::printable;
use super::time::{self, duration};
use super::view::View;
use super::words;

/// The least time between two signs of life within one step.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// How to tell of progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// A few lines that stay where they are; on what is no terminal, as plain.
    Bar,
    /// A line for every step.
    Plain,
    /// A JSON object a line for every event.
    Json,
    /// Nothing.
    None,
}

impl Mode {
    /// What is told where nothing was said: the view on a terminal, plain lines elsewhere.
    pub(super) fn or_fitting(said: Option<Self>) -> Self {
        match said {
            None | Some(Self::Bar) if draws() => Self::Bar,
            None | Some(Self::Bar) => Self::Plain,
            Some(mode) => mode,
        }
    }
}

/// Whether standard error is a terminal that can go back to a line.
fn draws() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|name| name.is_empty() || name == "dumb");
    std::io::stderr().is_terminal() && !dumb
}

/// Listens to a run and tells of it.
pub(super) struct Progress {
    mode: Mode,
    /// Set by Ctrl-C.
    interrupted: Arc<AtomicBool>,
    told_of_interrupt: bool,
    /// The view, and where it is drawn; None in all other modes.
    view: Option<(View, ProgressBar)>,
    most_rollouts: Option<u64>,
    most_seconds: Option<u64>,
    /// Events that repeat what the journal holds are not told again.
    replaying: bool,
    spent: u64,
    elapsed: f64,
    best: f64,
    candidates: usize,
    /// Whether a test follows the search.
    tests: bool,
    lists: Lists,
    /// Tokens read and written a second, of the last list of requests.
    rate: [f64; 2],
    doing: String,
    told: Instant,
    proposals: Names,
}

impl Progress {
    pub(super) fn new(mode: Mode, interrupted: &Arc<AtomicBool>) -> Self {
        Self {
            mode,
            interrupted: Arc::clone(interrupted),
            told_of_interrupt: false,
            view: (mode == Mode::Bar).then(|| (View::default(), drawn())),
            most_rollouts: None,
            most_seconds: None,
            replaying: false,
            spent: 0,
            elapsed: 0.0,
            best: 0.0,
            candidates: 0,
            tests: false,
            lists: Lists::default(),
            rate: [0.0; 2],
            doing: String::new(),
            told: Instant::now(),
            proposals: Names::default(),
        }
    }

    /// Takes note of an event and tells of it.
    pub(super) fn hear(&mut self, event: &Event) {
        match self.mode {
            Mode::None => {}
            Mode::Bar => {
                if let Some((view, bar)) = &mut self.view {
                    if let Some(text) = view.hear(event) {
                        bar.println(printable(&text));
                    }
                    if !self.told_of_interrupt && self.interrupted.load(Ordering::SeqCst) {
                        self.told_of_interrupt = true;
                        bar.println(STOPPING);
                    }
                    let width = console::Term::stderr().size_checked().map_or(80, |(_, columns)| usize::from(columns));
                    bar.set_message(view.lines(width.saturating_sub(1)).join("\n"));
                }
            }
            Mode::Json => drop(json(event).map(|text| line(&text))),
            Mode::Plain => {
                if let Some(text) = self.plain(event) {
                    self.told = Instant::now();
                    line(&printable(&text));
                }
            }
        }
    }

    /// The line of an event; None where it is kept in mind, or repeats the journal.
    fn plain(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::CaughtUp => self.replaying = false,
            Event::Stopped { .. } | Event::Tested { .. } => self.replaying = false,
            _ => {}
        }
        let text = self.words(event)?;
        (!self.replaying || matches!(event, Event::Resumed { .. })).then_some(text)
    }

    fn words(&mut self, event: &Event) -> Option<String> {
        self.proposals.hear(event);
        if let Some(doing) = words::doing(event) {
            (self.doing, self.lists, self.told) = (doing, Lists::default(), Instant::now());
        }
        Some(match event {
            Event::Started { run, examples: [train, val, test], val_from_train, most_rollouts, most_seconds } => {
                (self.most_rollouts, self.most_seconds, self.tests) = (*most_rollouts, *most_seconds, *test > 0);
                let note = if *val_from_train { " (split off from train)" } else { "" };
                let rollouts = most_rollouts.map(|most| format!("{most} rollouts"));
                let time = most_seconds.map(|most| duration(most as f64));
                let budget = rollouts.into_iter().chain(time).collect::<Vec<_>>().join(" or ");
                let more = if *test > 0 { format!(", then up to {} on test", 2 * test) } else { String::new() };
                format!("{train} train, {val} val{note}, {test} test examples; budget {budget}{more}; run {}", run.display())
            }
            Event::Preparing { what, bytes, .. } => {
                // What is done in a moment is not worth a line.
                let is_long = matches!(what, Preparation::Measuring | Preparation::Recoding) || *bytes >= LARGE;
                return is_long.then(|| format!("{} …", self.doing));
            }
            Event::Indexing { bytes, .. } => return (*bytes >= LARGE_CORPUS).then(|| format!("{} …", self.doing)),
            Event::ModelMeasured { model, threads, chunk, seconds } => format!(
                "{threads} threads and batches of {chunk} tokens are fastest for `{model}` (measured in {seconds:.1} s, kept)"
            ),
            Event::ModelsLoaded { seconds } => format!("models loaded in {seconds:.1} s"),
            Event::Resumed { records, seconds } => {
                self.replaying = true;
                format!("going on with a run of {records} records, {}", duration(*seconds))
            }
            Event::CaughtUp => format!("caught up with the journal: {}", self.state()),
            Event::Progress { done, of, seconds } => {
                if *seconds > 0.0 {
                    self.rate = [done.prefilled, done.decoded].map(|tokens| tokens as f64 / seconds);
                }
                let answered = self.lists.hear(*done, *of, *seconds);
                if self.told.elapsed() < SIGN_OF_LIFE {
                    return None;
                }
                if let Some(still) = self.lists.standstill() {
                    return Some(format!(
                        "   … {}: not a token for {still:.0} s; is the machine busy with something else, or short of memory?",
                        self.doing
                    ));
                }
                let written = format!("{} tokens written, {:.0}/s", done.decoded, done.decoded as f64 / seconds);
                match of {
                    1 => format!("   … {}: {} tokens read, {written}", self.doing, done.prefilled),
                    _ => format!(
                        "   … {}: {answered} answered, {} tokens read, {:.0}/s, {written}",
                        self.doing,
                        done.prefilled,
                        done.prefilled as f64 / seconds
                    ),
                }
            }
            Event::Evaluated { spent, elapsed, .. } => {
                self.spent = *spent;
                self.elapsed = *elapsed;
                return None;
            }
            Event::Reflected { elapsed } => {
                self.elapsed = *elapsed;
                return None;
            }
            Event::Turn { iteration, module, of } => {
                format!("{iteration:>4}  the turn of `{module}`, one of {of} modules   {}", self.state())
            }
            Event::Tried { iteration, proposal, split, examples, mean } => {
                let operator = if *proposal == 0 { "what the turn begins with" } else { self.proposals.of(*proposal) };
                format!("{iteration:>4}  {operator}: {mean:.3} on {examples} {split} examples   {}", self.state())
            }
            Event::Attempted { trial, mean, solved, of } => {
                format!("trial {trial}: {mean:.3}, {solved} of {of} right   {}", self.state())
            }
            Event::Perfect { iteration, parent } => {
                format!("{iteration:>4}  candidate {parent} perfect on its minibatch: nothing to learn   {}", self.state())
            }
            Event::Reflecting { left_out, .. } => {
                if *left_out > 0 {
                    self.doing += &format!(", {left_out} rollouts left out for want of room in its context");
                }
                return None;
            }
            Event::Unusable { iteration, operator, reason, .. } => {
                format!("{iteration:>4}  {operator}: nothing to try, {reason}   {}", self.state())
            }
            Event::Rejected { iteration, proposal, parent_sum, child_sum, .. } => {
                let operator = self.proposals.of(*proposal);
                format!("{iteration:>4}  {operator}: minibatch {parent_sum:.2} → {child_sum:.2}, rejected   {}", self.state())
            }
            Event::PassedOver { iteration, proposal } => {
                let operator = self.proposals.of(*proposal);
                format!("{iteration:>4}  {operator}: passed over, another proposal gained more   {}", self.state())
            }
            Event::MergeRejected { iteration, parent_sums: [first, second], child_sum } => {
                format!("{iteration:>4}  merge {first:.2}, {second:.2} → {child_sum:.2}: rejected   {}", self.state())
            }
            Event::ValidationGivenUp { iteration, candidate, validated, of, behind, .. } => {
                let why = behind.words();
                format!("{iteration:>4}  validation of candidate {candidate} given up after {validated} of {of} examples: {why}")
            }
            Event::Accepted { iteration: 0, mean, .. } => {
                self.candidates = 1;
                self.best = *mean;
                format!("seed scores {mean:.3} on validation   {}", self.state())
            }
            Event::Accepted { iteration, candidate, parents, proposal, mean, complete, .. } => {
                let new = *complete && *mean > self.best;
                self.candidates = candidate + 1;
                self.best = if new { *mean } else { self.best };
                let by = if parents.len() > 1 { "merge" } else { self.proposals.of(*proposal) };
                let parents: Vec<String> = parents.iter().map(ToString::to_string).collect();
                let parents = parents.join("+");
                let kept = if *complete { "accepted" } else { "kept as a parent" };
                let on = if *complete { "validation" } else { "part of validation" };
                let best = if new { ", the best so far" } else { "" };
                format!(
                    "{iteration:>4}  {by}: candidate {candidate} from {parents} {kept}, {mean:.3} on {on}{best}   {}",
                    self.state()
                )
            }
            Event::Unscored { .. } | Event::Stopped { .. } | Event::Tested { .. } => return words::told(event),
            Event::Evaluating { .. }
            | Event::Iteration { .. }
            | Event::Diagnosing { .. }
            | Event::Diagnosed { .. }
            | Event::Proposed { .. }
            | Event::Passed { .. }
            | Event::Merging { .. }
            | Event::NothingToMerge { .. }
            | Event::Idle { .. } => return None,
        })
    }

    /// Spent of the budget, best score, candidates, time.
    fn state(&self) -> String {
        let candidates = match self.candidates {
            1 => "1 candidate".to_owned(),
            n => format!("{n} candidates"),
        };
        let spent = match self.most_rollouts {
            Some(most) => format!("{}/{most} rollouts", self.spent),
            None => format!("{} rollouts", self.spent),
        };
        let left = time::left(self.spent, self.elapsed, self.most_rollouts, self.most_seconds);
        let test = if self.tests { " + test" } else { "" };
        let left = left.map_or(String::new(), |seconds| format!(", about {} left{test}", duration(seconds)));
        let [read, written] = self.rate;
        let (best, elapsed) = (self.best, duration(self.elapsed));
        format!("[{spent}, best {best:.3}, {candidates}, {read:.0} tokens/s read, {written:.0} written, {elapsed}{left}]")
    }
}

/// Where the view is drawn: a few times a second at most, cleared when it goes.
fn drawn() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4));
    // One message and nothing else: no colour, so that NO_COLOR has nothing to take away.
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    bar
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((_, bar)) = &self.view {
            bar.finish_and_clear();
        }
    }
}

/// Bytes of a model file that takes a while to read.
pub(super) const LARGE: u64 = 2_000_000_000;

/// Bytes of a corpus that takes a while to index.
const LARGE_CORPUS: u64 = 20_000_000;

/// A line on stderr. Where nobody listens any more, the run goes on.
pub(super) fn line(text: &str) {
    drop(writeln!(std::io::stderr(), "{}", printable(text)));
}

#[cfg(test)]
mod tests {
    use gepard::engine::EngineProgress;

    use super::*;

    #[test]
    fn a_replay_is_told_in_one_line() {
        let mut progress = Progress::new(Mode::Plain, &Arc::default());
        assert!(progress.plain(&Event::Resumed { records: 3, seconds: 1.0 }).is_some());
        assert!(progress.plain(&Event::Perfect { iteration: 1, parent: 0 }).is_none());
        assert!(progress.plain(&Event::CaughtUp).is_some());
        assert!(progress.plain(&Event::Perfect { iteration: 2, parent: 0 }).is_some());
    }

    #[test]
    fn a_standstill_is_told() {
        let mut progress = Progress::new(Mode::Plain, &Arc::default());
        progress.told = Instant::now().checked_sub(SIGN_OF_LIFE).unwrap();
        let done = EngineProgress { answered: 0, prefilled: 256, decoded: 0 };
        let mut told = |seconds: f64| progress.plain(&Event::Progress { done, of: 4, seconds }).unwrap_or_default();
        assert!(told(2.0).contains("256 tokens read"));
        assert!(told(20.0).contains("256 tokens read"));
        assert!(told(40.0).contains("not a token for 38 s"), "{}", told(40.0));
    }
}
