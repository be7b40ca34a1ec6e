//! Reports the progress of a run on stderr: as a view that is redrawn in place, as plain lines, or as JSON.

mod messages;
mod plain;
mod view;

pub(super) use self::plain::LARGE_FILE_BYTES;

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use gepard::event::{Event, Lifecycle};
use gepard::report::state::{Activity, RunState};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::interrupt::STOPPING;
use super::screen::printable_json;
use super::terminal::{print_to_stderr, printable};

/// The least time between two plain lines that report the engine's progress on one activity.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// How progress is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// A few lines that are redrawn in place. Where stderr is no terminal, the same as `plain`.
    Bar,
    /// One line for every step.
    Plain,
    /// One JSON object in a line for every event.
    Json,
    /// Nothing.
    None,
}

impl Mode {
    /// Returns the mode to use where the user asked for `requested`, or for none: the view needs a terminal, and plain lines
    /// take its place elsewhere.
    pub(super) fn or_default(requested: Option<Self>) -> Self {
        match requested {
            None | Some(Self::Bar) if stderr_can_redraw() => Self::Bar,
            None | Some(Self::Bar) => Self::Plain,
            Some(mode) => mode,
        }
    }
}

/// Returns whether stderr is a terminal whose lines can be redrawn.
fn stderr_can_redraw() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|name| name.is_empty() || name == "dumb");
    std::io::stderr().is_terminal() && !is_dumb
}

/// Receives the events of a run and reports them on stderr. A view is cleared when this is dropped.
pub(super) struct ProgressReporter {
    mode: Mode,
    /// What is known about the run.
    state: RunState,
    /// Draws the view. None in all other modes.
    bar: Option<ProgressBar>,
    /// Set by the first Ctrl-C.
    interrupted: Arc<AtomicBool>,
    /// Whether the view has shown that the run is about to stop.
    has_shown_interrupt: bool,
    /// When the last plain line was written, or the last activity began.
    last_line: Instant,
}

impl ProgressReporter {
    pub(super) fn new(mode: Mode, interrupted: &Arc<AtomicBool>) -> Self {
        Self {
            mode,
            state: RunState::default(),
            bar: (mode == Mode::Bar).then(new_bar),
            interrupted: Arc::clone(interrupted),
            has_shown_interrupt: false,
            last_line: Instant::now(),
        }
    }

    /// Reports an event.
    pub(super) fn on_event(&mut self, event: &Event) {
        match self.mode {
            Mode::None => {}
            Mode::Json => drop(printable_json(event).map(|text| print_to_stderr(&text))),
            Mode::Plain => {
                self.state.apply(event);
                self.print_line(event);
            }
            Mode::Bar => {
                self.state.apply(event);
                self.redraw(event);
            }
        }
    }

    /// Writes the plain line of an event, if it has one.
    fn print_line(&mut self, event: &Event) {
        let is_progress = matches!(event, Event::Lifecycle(Lifecycle::Progress { .. } | Lifecycle::Predicting { .. }));
        if Activity::begun_by(event).is_some() && !is_progress {
            self.last_line = Instant::now();
        }
        if is_progress && self.last_line.elapsed() < PROGRESS_INTERVAL {
            return;
        }
        if let Some(line) = plain::line(event, &self.state) {
            self.last_line = Instant::now();
            print_to_stderr(&line);
        }
    }

    /// Redraws the view. A message that must not be overwritten is printed above it.
    fn redraw(&mut self, event: &Event) {
        let Some(bar) = &self.bar else { return };
        if let Some(message) = messages::message(event).filter(|_| !self.state.is_replaying) {
            bar.println(printable(&message));
        }
        if !self.has_shown_interrupt && self.interrupted.load(Ordering::SeqCst) {
            self.has_shown_interrupt = true;
            bar.println(STOPPING);
        }
        let columns = console::Term::stderr().size_checked().map_or(80, |(_, columns)| usize::from(columns));
        bar.set_message(view::lines(&self.state, columns.saturating_sub(1)).join("\n"));
    }
}

impl Drop for ProgressReporter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Returns a bar that only draws its message, at most four times a second.
fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4));
    // The message is drawn without colours, so NO_COLOR needs no attention.
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    bar
}
