//! The view of a run on a terminal: a few lines that are redrawn in place. They are made from the run's state alone, so that
//! a test needs no terminal.

use gepard::data::counted;
use gepard::report::state::RunState;

use super::messages::{describe, under_way};
use crate::cli::spending::spent_in_words;
use crate::cli::terminal::one_line;
use crate::cli::time::duration;

/// The width of the budget's bar in columns. With it, the longest budget line fits in 79 columns.
const BAR_COLUMNS: usize = 12;

/// The width of the sparkline in columns.
const SPARKLINE_COLUMNS: usize = 24;

/// Returns the lines of the view, none wider than `width` columns. Where the state has no run, as while `gepard eval` scores a
/// candidate, the lines about a search are left out.
pub(super) fn lines(state: &RunState, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(run) = &state.run {
        lines.push(("run", run.display().to_string()));
        lines.push(("budget", budget(state)));
        lines.push(("best", best(state)));
        lines.push(("last", last_joined(state)));
    }
    lines.push(("now", now(state)));
    lines.push(("speed", speed(state)));
    if state.run.is_some() {
        lines.push(("reflect", unusable(state)));
    }
    lines.iter().map(|(label, text)| truncated(&format!("{label:<8} {}", one_line(text)), width)).collect()
}

/// Returns how much of the budget is spent, and how much time is left.
fn budget(state: &RunState) -> String {
    let test = if state.has_test { " + test" } else { "" };
    let left = state.seconds_left().map_or(String::new(), |seconds| format!(", {} left{test}", duration(seconds)));
    format!("{} {}, {}{left}", bar(state.spent_share()), spent_in_words(state), duration(state.elapsed_now()))
}

/// Draws a share in [0, 1] as a bar.
fn bar(share: f64) -> String {
    let full = (share * BAR_COLUMNS as f64) as usize;
    format!("{}{}", "█".repeat(full), "░".repeat(BAR_COLUMNS - full))
}

/// Returns the best mean, its course, and the size of the pool.
fn best(state: &RunState) -> String {
    match state.best() {
        Some(mean) => format!("{mean:.3} {} {}", sparkline(state), counted(state.candidates, "candidate")),
        None => "not known yet".into(),
    }
}

/// Draws the best mean over the rollouts charged so far, scaled from its lowest to its highest value.
fn sparkline(state: &RunState) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let (Some(first), Some(last)) = (state.improvements.first(), state.improvements.last()) else { return String::new() };
    let range = (last.mean - first.mean).max(f64::MIN_POSITIVE);
    let level = |column: usize| {
        let spent = state.spent as f64 * (column + 1) as f64 / SPARKLINE_COLUMNS as f64;
        let best_then = state.improvements.iter().rfind(|improvement| improvement.spent as f64 <= spent);
        let level = best_then.map_or(0, |best| ((best.mean - first.mean) / range * 7.0).round() as usize);
        LEVELS[level.min(7)]
    };
    (0..SPARKLINE_COLUMNS).map(level).collect()
}

/// Returns which candidate joined the pool last.
fn last_joined(state: &RunState) -> String {
    if state.stopped.is_some() {
        return "the search is over".into();
    }
    let Some(joined) = &state.last_joined else { return String::new() };
    let gain = joined.gain.map_or(String::new(), |gain| format!(" ({gain:+.3})"));
    let partially = if joined.is_complete { "" } else { ", partially validated" };
    format!("{}: candidate {} scores {:.3}{gain}{partially}", joined.source, joined.pool_index, joined.mean)
}

/// Returns what the run is doing, and how far it is.
fn now(state: &RunState) -> String {
    let activity = state.activity.as_ref().map_or(String::new(), describe);
    let answered = state.requests.answered().map_or(String::new(), |answered| format!(", {answered} answered"));
    let stalled = state.requests.stalled_seconds().map_or(String::new(), |seconds| format!(", not a token for {seconds:.0} s"));
    format!("{activity}{answered}{stalled}{}", under_way(state))
}

/// Returns the speed of the engine.
fn speed(state: &RunState) -> String {
    let rates = state.rates;
    rates.map_or(String::new(), |rates| format!("{:.0} tokens/s read, {:.0} written", rates.prefilled, rates.decoded))
}

/// Returns how many proposals had no text to try, by reason.
fn unusable(state: &RunState) -> String {
    let unusable = &state.tally.unusable;
    let reasons: Vec<String> = unusable.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    match unusable.values().sum::<u64>() {
        0 => "none unusable".to_owned(),
        total => format!("{total} unusable: {}", reasons.join(", ")),
    }
}

/// Returns the beginning of a line that fits in `width` columns of a terminal.
fn truncated(line: &str, width: usize) -> String {
    console::truncate_str(line, width, "…").into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gepard::config::Operator;
    use gepard::engine::EngineProgress;
    use gepard::event::{Decision, Event, Lifecycle, Purpose};

    use super::*;
    use gepard::program::PoolIndex;

    fn started(run: &str, test: usize, most_rollouts: Option<u64>) -> Event {
        let (run, examples) = (run.into(), [4, 4, test]);
        Lifecycle::Started { run, examples, val_from_train: false, most_rollouts, most_seconds: None, most_tokens: None }.into()
    }

    fn accepted(candidate: usize, mean: f64, spent: u64) -> Event {
        Event::Decision(Decision::Accepted {
            iteration: candidate as u64,
            candidate: PoolIndex(candidate),
            parents: if candidate == 0 { Vec::new() } else { vec![PoolIndex::SEED] },
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
        })
    }

    fn evaluated(spent: u64, elapsed: f64) -> Event {
        Lifecycle::Evaluated { purpose: Purpose::Gate, mean: None, spent, tokens: 0, elapsed }.into()
    }

    fn after(events: &[Event]) -> RunState {
        let mut state = RunState::default();
        events.iter().for_each(|event| state.apply(event));
        state
    }

    #[test]
    fn it_shows_budget_best_rates_and_what_is_left() {
        let done = EngineProgress { answered: 3, prefilled: 600, decoded: 40 };
        let proposed = Decision::Proposed {
            iteration: 1,
            proposal: 1,
            parent: PoolIndex::SEED,
            operators: vec![("m".into(), Operator::Rule.into())],
            instructions: Vec::new(),
            demonstrations: Vec::new(),
            key: String::new(),
        };
        let state = after(&[
            started("runs/a", 0, Some(100)),
            accepted(0, 0.25, 10),
            proposed.into(),
            accepted(1, 0.5, 40),
            evaluated(50, 60.0),
            Lifecycle::Progress { done, of: 8, seconds: 2.0, under_way: BTreeMap::new() }.into(),
        ]);
        let lines = lines(&state, 80);
        for (index, words) in [
            (1, "50/100 rollouts, 1 min 02 s, 1 min 02 s left"),
            (1, &"█".repeat(6)),
            (2, "0.500 ▁"),
            (2, "2 candidates"),
            (3, "rule: candidate 1 scores 0.500 (+0.250)"),
            (4, "3 answered"),
            (5, "300 tokens/s read, 20 written"),
            (6, "none unusable"),
        ] {
            assert!(lines[index].contains(words), "{words} not in {lines:#?}");
        }
    }

    #[test]
    fn a_stalled_engine_and_a_long_budget_fit_in_eighty_columns() {
        let done = EngineProgress { answered: 0, prefilled: 600, decoded: 40 };
        let progress = |seconds| Event::from(Lifecycle::Progress { done, of: 8, seconds, under_way: BTreeMap::new() });
        let state = after(&[started("r", 1, Some(4000)), evaluated(2000, 3590.0), progress(1.0), progress(9.0)]);
        let shown = lines(&state, 79);
        assert!(shown[1].ends_with("2000/4000 rollouts, 59 min 59 s, 59 min 59 s left + test"), "{shown:?}");
        assert!(!shown[4].contains("not a token"));
        let shown = lines(&after(&[progress(1.0), progress(32.0)]), 79);
        assert!(shown[0].ends_with(", not a token for 31 s"), "{shown:?}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_nor_moves_the_cursor() {
        let long = "x\x1b[2J\n宽".repeat(60);
        let state = after(&[started(&long, 1, None), accepted(0, 0.0, 0)]);
        for width in [20, 80] {
            for line in lines(&state, width) {
                assert!(console::measure_text_width(&line) <= width && !line.contains(['\x1b', '\n']), "{line:?}");
            }
        }
    }
}
