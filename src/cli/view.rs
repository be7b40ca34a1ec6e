//! The calm view of a run on a terminal: a few lines that stay where they are. What it shows is made by a pure function of the
//! events, so that it can be tested without a terminal.

use std::collections::BTreeMap;

use gepard::engine::EngineProgress;
use gepard::event::{Event, Purpose};

use super::lists::Lists;
use super::proposals::Names;
use super::terminal::one_line;
use super::time::{self, duration};
use super::words;

/// Columns of the bar: beside it, the longest budget line has room in 79.
const BAR: usize = 12;

/// Columns of the sparkline.
const COLUMNS: usize = 24;

/// What is known of a run under way.
#[derive(Debug, Default)]
pub(super) struct View {
    /// The run directory; None where there is no run, but examples are scored.
    run: Option<String>,
    most_rollouts: Option<u64>,
    most_seconds: Option<u64>,
    spent: u64,
    elapsed: f64,
    /// Seconds of the list of requests under way.
    running: f64,
    candidates: usize,
    /// Where the best validation score changed: rollouts, score.
    best: Vec<(u64, f64)>,
    last: String,
    doing: String,
    /// Whether a test follows the search.
    tests: bool,
    lists: Lists,
    answered: Option<usize>,
    stopped: bool,
    rates: Option<(f64, f64)>,
    /// Proposals that brought nothing to try, by reason.
    unusable: BTreeMap<&'static str, u64>,
    proposals: Names,
}

impl View {
    /// Takes note of an event. Returns a line that is to stay above the view, if there is one.
    pub(super) fn hear(&mut self, event: &Event) -> Option<String> {
        self.proposals.hear(event);
        if let Some(doing) = words::doing(event) {
            (self.doing, self.answered, self.lists) = (doing, None, Lists::default());
        }
        match event {
            Event::Started { run, examples: [.., test], most_rollouts, most_seconds, .. } => {
                self.tests = *test > 0;
                self.run = Some(run.display().to_string());
                (self.most_rollouts, self.most_seconds) = (*most_rollouts, *most_seconds);
                self.doing = "loading the models".into();
            }
            Event::Evaluating { purpose: Purpose::Test, .. } if self.candidates > 0 => self.last = "the search is over".into(),
            Event::Progress { done, of, seconds } => {
                let EngineProgress { prefilled, decoded, .. } = done;
                self.answered = Some(self.lists.hear(*done, *of, *seconds));
                self.running = *seconds;
                if *seconds > 0.0 {
                    self.rates = Some((*prefilled as f64 / seconds, *decoded as f64 / seconds));
                }
            }
            Event::Evaluated { spent, elapsed, .. } => (self.spent, self.elapsed, self.running) = (*spent, *elapsed, 0.0),
            Event::Reflected { elapsed } => (self.elapsed, self.running) = (*elapsed, 0.0),
            Event::Unusable { reason, .. } => *self.unusable.entry(reason).or_default() += 1,
            Event::Accepted { candidate, parents, proposal, mean, complete, spent, .. } => {
                self.candidates = candidate + 1;
                let before = self.best.last().map(|(_, score)| *score);
                if *complete && before.is_none_or(|before| *mean > before) {
                    self.best.push((*spent, *mean));
                }
                let by = match parents.as_slice() {
                    [] => "seed",
                    [_] => self.proposals.of(*proposal),
                    _ => "merge",
                };
                // What was validated in part has no mean that compares.
                let gain = before.filter(|_| *complete).map_or(String::new(), |before| format!(" ({:+.3})", mean - before));
                let part = if *complete { "" } else { ", validated in part" };
                self.last = format!("{by}: candidate {candidate} scores {mean:.3}{gain}{part}");
            }
            Event::Stopped { .. } => self.stopped = true,
            _ => {}
        }
        words::told(event)
    }

    /// The view's lines, none longer than `width` columns.
    pub(super) fn lines(&self, width: usize) -> Vec<String> {
        let elapsed = self.elapsed + self.running;
        let left = time::left(self.spent, elapsed, self.most_rollouts, self.most_seconds).filter(|_| !self.stopped);
        let test = if self.tests { " + test" } else { "" };
        let left = left.map_or(String::new(), |seconds| format!(", {} left{test}", duration(seconds)));
        let rollouts =
            self.most_rollouts.map_or(format!("{} rollouts", self.spent), |most| format!("{}/{most} rollouts", self.spent));
        let best = match self.best.last() {
            Some((_, score)) => {
                let s = if self.candidates == 1 { "" } else { "s" };
                format!("{score:.3} {} {} candidate{s}", self.sparkline(), self.candidates)
            }
            None => "not known yet".into(),
        };
        let answered = self.answered.map_or(String::new(), |answered| format!(", {answered} answered"));
        let rates = self.rates.map_or(String::new(), |(read, written)| format!("{read:.0} tokens/s read, {written:.0} written"));
        let reasons: Vec<String> = self.unusable.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let unusable = match self.unusable.values().sum::<u64>() {
            0 => "none unusable".to_owned(),
            total => format!("{total} unusable: {}", reasons.join(", ")),
        };
        let mut lines = Vec::new();
        if let Some(run) = &self.run {
            lines.push(("run", run.clone()));
            lines.push(("budget", format!("{} {rollouts}, {}{left}", self.bar(), duration(elapsed))));
            lines.push(("best", best));
            lines.push(("last", self.last.clone()));
        }
        let still = self.lists.standstill().filter(|_| self.running > 0.0);
        let still = still.map_or(String::new(), |still| format!(", not a token for {still:.0} s"));
        lines.extend([("now", format!("{}{answered}{still}", self.doing)), ("speed", rates)]);
        if self.run.is_some() {
            lines.push(("reflect", unusable));
        }
        lines.iter().map(|(label, said)| cut(&format!("{label:<8} {}", one_line(said)), width)).collect()
    }

    /// How much of the budget is spent: of rollouts and time, what is nearer to its end.
    fn bar(&self) -> String {
        let of = |most: Option<u64>, spent: f64| most.filter(|most| *most > 0).map(|most| spent / most as f64);
        let parts = of(self.most_rollouts, self.spent as f64).into_iter().chain(of(self.most_seconds, self.elapsed));
        let done = (parts.fold(0.0, f64::max).clamp(0.0, 1.0) * BAR as f64) as usize;
        format!("{}{}", "█".repeat(done), "░".repeat(BAR - done))
    }

    /// The best score over the rollouts so far, from its lowest to its highest.
    fn sparkline(&self) -> String {
        const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let (Some((_, low)), Some((_, high))) = (self.best.first(), self.best.last()) else { return String::new() };
        let range = (high - low).max(f64::MIN_POSITIVE);
        let level = |column: usize| {
            let until = self.spent as f64 * (column + 1) as f64 / COLUMNS as f64;
            let known = self.best.iter().rfind(|(spent, _)| *spent as f64 <= until);
            let place = known.map_or(0, |(_, score)| ((score - low) / range * 7.0).round() as usize);
            LEVELS[place.min(7)]
        };
        (0..COLUMNS).map(level).collect()
    }
}

/// The beginning of a line, by the columns that its letters take.
fn cut(line: &str, width: usize) -> String {
    console::truncate_str(line, width, "…").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(candidate: usize, mean: f64, spent: u64) -> Event {
        Event::Accepted {
            iteration: candidate as u64,
            candidate,
            parents: if candidate == 0 { Vec::new() } else { vec![0] },
            proposal: 1,
            instructions: Vec::new(),
            demonstrations: Vec::new(),
            prompt_tokens: 1,
            mean,
            scores: Vec::new(),
            objectives: BTreeMap::new(),
            complete: true,
            spent,
            key: String::new(),
        }
    }

    fn after(events: &[Event]) -> View {
        let mut view = View::default();
        events.iter().for_each(|event| drop(view.hear(event)));
        view
    }

    #[test]
    fn it_shows_budget_best_rates_and_what_is_left() {
        let done = EngineProgress { answered: 3, prefilled: 600, decoded: 40 };
        let view = after(&[
            Event::Started {
                run: "runs/a".into(),
                examples: [4, 4, 0],
                val_from_train: false,
                most_rollouts: Some(100),
                most_seconds: None,
            },
            accepted(0, 0.25, 10),
            Event::Proposed {
                iteration: 1,
                proposal: 1,
                parent: 0,
                operators: vec![("m".into(), "rule")],
                instructions: Vec::new(),
                demonstrations: Vec::new(),
                key: String::new(),
            },
            accepted(1, 0.5, 40),
            Event::Evaluated { purpose: Purpose::Gate, mean: None, spent: 50, elapsed: 60.0 },
            Event::Progress { done, of: 8, seconds: 2.0 },
        ]);
        let lines = view.lines(80);
        for (place, words) in [
            (1, "50/100 rollouts, 1 min 02 s, 1 min 02 s left"),
            (1, &"█".repeat(6)),
            (2, "0.500 ▁"),
            (2, "2 candidates"),
            (3, "rule: candidate 1 scores 0.500 (+0.250)"),
            (4, "3 answered"),
            (5, "300 tokens/s read, 20 written"),
            (6, "none unusable"),
        ] {
            assert!(lines[place].contains(words), "{words} not in {lines:#?}");
        }
    }

    #[test]
    fn a_test_without_a_score_is_told_above_it() {
        let mut view = View::default();
        let told = view.hear(&Event::Tested { candidate: 1, mean: None });
        assert_eq!(told.as_deref(), Some("candidate 1 has no score on test: the metric failed"));
    }

    #[test]
    fn a_standstill_and_a_long_budget_are_told_in_eighty_columns() {
        let started = Event::Started {
            run: "r".into(),
            examples: [1; 3],
            val_from_train: false,
            most_rollouts: Some(4000),
            most_seconds: None,
        };
        let evaluated = Event::Evaluated { purpose: Purpose::Gate, mean: None, spent: 2000, elapsed: 3590.0 };
        let done = EngineProgress { answered: 0, prefilled: 600, decoded: 40 };
        let progress = |seconds| Event::Progress { done, of: 8, seconds };
        let view = after(&[started, evaluated, progress(1.0), progress(9.0)]);
        assert!(view.lines(79)[1].ends_with("2000/4000 rollouts, 59 min 59 s, 59 min 59 s left + test"), "{:?}", view.lines(79));
        assert!(!view.lines(79)[4].contains("not a token"));
        let view = after(&[progress(1.0), progress(32.0)]);
        assert!(view.lines(79)[0].ends_with(", not a token for 31 s"), "{:?}", view.lines(79));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_nor_moves_the_cursor() {
        let long = "x\x1b[2J\n宽".repeat(60);
        let view = after(&[
            Event::Started { run: long.into(), examples: [1; 3], val_from_train: false, most_rollouts: None, most_seconds: None },
            accepted(0, 0.0, 0),
        ]);
        for width in [20, 80] {
            for line in view.lines(width) {
                assert!(console::measure_text_width(&line) <= width && !line.contains(['\x1b', '\n']), "{line:?}");
            }
        }
    }
}
