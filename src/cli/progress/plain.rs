//! The plain lines of `--progress plain`: one for every step of a run.

use gepard::data::counted;
use gepard::engine::EngineProgress;
use gepard::engine::settings::Preparation;
use gepard::event::{Decision, Event, Lifecycle};
use gepard::report::state::{Activity, RunState};

use super::messages::{describe, message, under_way};
use crate::cli::spending::{spent_in_words, tokens_in_words};
use crate::cli::time::duration;

/// The size in bytes from which reading a model file takes so long that a line announces it.
pub(in crate::cli) const LARGE_FILE_BYTES: u64 = 2_000_000_000;

/// The size in bytes from which a corpus takes so long to read that a line reports it.
const LARGE_CORPUS_BYTES: u64 = 20_000_000;

/// Returns the line that reports an event; `state` is the state of the run after it. None where the event has no line, or
/// repeats what the journal holds.
pub(super) fn line(event: &Event, state: &RunState) -> Option<String> {
    let is_repeated = state.is_replaying && !matches!(event, Event::Lifecycle(Lifecycle::Resumed { .. }));
    let line = match event {
        Event::Decision(decision) => decision_line(decision, state),
        Event::Lifecycle(
            Lifecycle::Noted { .. }
            | Lifecycle::ServerOut { .. }
            | Lifecycle::ServerBack { .. }
            | Lifecycle::Unscored { .. }
            | Lifecycle::Stopped { .. }
            | Lifecycle::Tested { .. },
        ) => message(event),
        Event::Lifecycle(event) => lifecycle_line(event, state),
    };
    line.filter(|_| !is_repeated)
}

/// Returns the line of a decision.
fn decision_line(decision: &Decision, state: &RunState) -> Option<String> {
    let figures = || figures(state);
    Some(match decision {
        Decision::Turn { iteration, module, of } => {
            format!("{iteration:>4}  the turn of `{module}`, one of {of} modules   {}", figures())
        }
        Decision::Tried { iteration, proposal, split, examples, mean } => {
            let name = if *proposal == 0 { "the text that the turn begins with" } else { state.proposals.name(*proposal) };
            format!("{iteration:>4}  {name}: {mean:.3} on {examples} {split} examples   {}", figures())
        }
        Decision::Attempted { trial, mean, solved, of } => {
            format!("trial {trial}: {mean:.3}, {solved} of {of} right   {}", figures())
        }
        Decision::Perfect { iteration, parent } => {
            format!("{iteration:>4}  candidate {parent} perfect on its minibatch: nothing to learn   {}", figures())
        }
        Decision::Unusable { iteration, operator, reason, .. } => {
            format!("{iteration:>4}  {operator}: nothing to try, {reason}   {}", figures())
        }
        Decision::Rejected { iteration, proposal, parent_sum, child_sum, .. } => {
            let name = state.proposals.name(*proposal);
            format!("{iteration:>4}  {name}: minibatch {parent_sum:.2} → {child_sum:.2}, rejected   {}", figures())
        }
        Decision::PassedOver { iteration, proposal } => {
            let name = state.proposals.name(*proposal);
            format!("{iteration:>4}  {name}: passed over, another proposal gained more   {}", figures())
        }
        Decision::MergeRejected { iteration, parent_sums: [first, second], child_sum } => {
            format!("{iteration:>4}  merge {first:.2}, {second:.2} → {child_sum:.2}: rejected   {}", figures())
        }
        Decision::ValidationGivenUp { iteration, candidate, validated, of, behind, .. } => {
            let reason = behind.description();
            format!("{iteration:>4}  validation of candidate {candidate} given up after {validated} of {of} examples: {reason}")
        }
        Decision::Accepted { iteration: 0, mean, .. } => format!("seed scores {mean:.3} on validation   {}", figures()),
        Decision::Accepted { iteration, parents, .. } => {
            let joined = state.last_joined.as_ref()?;
            let parents = parents.iter().map(ToString::to_string).collect::<Vec<_>>().join("+");
            let (result, split) = match joined.is_complete {
                true => ("accepted", "validation"),
                false => ("kept as a parent", "part of validation"),
            };
            let best = if joined.is_best { ", the best so far" } else { "" };
            let (name, index, mean) = (&joined.source, joined.pool_index, joined.mean);
            format!(
                "{iteration:>4}  {name}: candidate {index} from {parents} {result}, {mean:.3} on {split}{best}   {}",
                figures()
            )
        }
        Decision::Iteration { .. }
        | Decision::Diagnosing { .. }
        | Decision::Diagnosed { .. }
        | Decision::Reflecting { .. }
        | Decision::Proposed { .. }
        | Decision::Passed { .. }
        | Decision::Merging { .. }
        | Decision::TieBroken { .. }
        | Decision::Screened { .. }
        | Decision::NothingToMerge { .. }
        | Decision::Idle { .. } => return None,
    })
}

/// Returns the line of a life-cycle event.
fn lifecycle_line(event: &Lifecycle, state: &RunState) -> Option<String> {
    Some(match event {
        Lifecycle::Started { run, examples: [train, val, test], val_from_train, most_rollouts, most_seconds, most_tokens } => {
            let split_off = if *val_from_train { " (split off from train)" } else { "" };
            let rollouts = most_rollouts.map(|most| format!("{most} rollouts"));
            let time = most_seconds.map(|most| duration(most as f64));
            let tokens = most_tokens.map(|most| format!("{} tokens", tokens_in_words(most)));
            let budget = rollouts.into_iter().chain(time).chain(tokens).collect::<Vec<_>>().join(" or ");
            let tests = if *test > 0 { format!(", then up to {} on test", 2 * test) } else { String::new() };
            format!("{train} train, {val} val{split_off}, {test} test examples; budget {budget}{tests}; run {}", run.display())
        }
        Lifecycle::Preparing { what, bytes, .. } => {
            let is_long = matches!(what, Preparation::Measuring | Preparation::Recoding) || *bytes >= LARGE_FILE_BYTES;
            return is_long.then(|| format!("{} …", current_activity(state)));
        }
        Lifecycle::Indexing { bytes, .. } => {
            return (*bytes >= LARGE_CORPUS_BYTES).then(|| format!("{} …", current_activity(state)));
        }
        Lifecycle::ModelMeasured { model, threads, chunk, seconds, is_kept, is_complete } => {
            // The word for what was stored must stand only where something was.
            let stored =
                if *is_kept { ", kept" } else { "; it cannot be stored beside the models, so each start measures again" };
            let used = format!("{threads} threads and batches of {chunk} tokens");
            match is_complete {
                true => format!("{used} are fastest for `{model}` (measured in {seconds:.1} s{stored})"),
                false => format!(
                    "`{model}` was too slow to measure which threads and batch size are fastest: the defaults, {used}, are used (after \
                     {seconds:.1} s{stored}); set `threads` and `chunk` under [engine] for others"
                ),
            }
        }
        Lifecycle::ModelsLoaded { seconds } => format!("models loaded in {seconds:.1} s"),
        Lifecycle::Resumed { records, seconds } => {
            format!("going on with a run of {records} records, {}", duration(*seconds))
        }
        Lifecycle::Predicting { .. } => current_activity(state),
        Lifecycle::CaughtUp => format!("caught up with the journal: {}", figures(state)),
        Lifecycle::Progress { done, of, seconds, .. } => progress_line(*done, *of, *seconds, state),
        Lifecycle::Evaluating { .. }
        | Lifecycle::Evaluated { .. }
        | Lifecycle::Noted { .. }
        | Lifecycle::ServerOut { .. }
        | Lifecycle::ServerBack { .. }
        | Lifecycle::Unscored { .. }
        | Lifecycle::Reflected { .. }
        | Lifecycle::Stopped { .. }
        | Lifecycle::Tested { .. } => return None,
    })
}

/// Returns the line that reports what the engine has done of a list of `requests` requests, `seconds` after the list began.
fn progress_line(done: EngineProgress, requests: usize, seconds: f64, state: &RunState) -> String {
    let activity = current_activity(state);
    let servers = under_way(state);
    if let Some(stalled) = state.requests.stalled_seconds().filter(|_| !state.under_way.is_empty()) {
        return format!("   … {activity}: no answer for {stalled:.0} s{servers}");
    }
    if let Some(stalled) = state.requests.stalled_seconds() {
        return format!(
            "   … {activity}: not a token for {stalled:.0} s; is the machine busy with something else, or short of memory?"
        );
    }
    let EngineProgress { prefilled, decoded, .. } = done;
    let written = format!("{decoded} tokens written, {:.0}/s", decoded as f64 / seconds);
    if requests == 1 {
        return format!("   … {activity}: {prefilled} tokens read, {written}{servers}");
    }
    let answered = state.requests.answered().unwrap_or(0);
    let read = format!("{prefilled} tokens read, {:.0}/s", prefilled as f64 / seconds);
    format!("   … {activity}: {answered} answered, {read}, {written}{servers}")
}

/// Describes what the run is doing, with what does not fit a reflector's context.
fn current_activity(state: &RunState) -> String {
    let Some(activity) = &state.activity else { return String::new() };
    match activity {
        Activity::Reflecting { left_out: left_out @ 1.., .. } => {
            format!("{}, {} left out because its context is too small", describe(activity), counted(*left_out, "rollout"))
        }
        activity => describe(activity),
    }
}

/// Returns the figures at the end of a line: the spent budget, the best mean, the pool's size, the speed and the time.
fn figures(state: &RunState) -> String {
    let spent = spent_in_words(state);
    let best = state.best().unwrap_or(0.0);
    let candidates = counted(state.candidates, "candidate");
    let rates = state.rates.unwrap_or_default();
    let elapsed = duration(state.elapsed_now());
    let test = if state.has_test { " + test" } else { "" };
    let left = state.seconds_left().map_or(String::new(), |seconds| format!(", about {} left{test}", duration(seconds)));
    format!(
        "[{spent}, best {best:.3}, {candidates}, {:.0} tokens/s read, {:.0} written, {elapsed}{left}]",
        rates.prefilled, rates.decoded
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use gepard::program::PoolIndex;

    /// Applies an event to `state` and returns its line.
    fn report(state: &mut RunState, event: impl Into<Event>) -> Option<String> {
        let event = event.into();
        state.apply(&event);
        line(&event, state)
    }

    #[test]
    fn a_replay_has_one_line() {
        let mut state = RunState::default();
        assert!(report(&mut state, Lifecycle::Resumed { records: 3, seconds: 1.0 }).is_some());
        assert!(report(&mut state, Decision::Perfect { iteration: 1, parent: PoolIndex::SEED }).is_none());
        assert!(report(&mut state, Lifecycle::CaughtUp).is_some());
        assert!(report(&mut state, Decision::Perfect { iteration: 2, parent: PoolIndex::SEED }).is_some());
    }

    #[test]
    fn a_measurement_is_kept_only_if_it_was_stored() {
        let line = |is_kept| {
            let (model, is_complete) = ("task".into(), is_kept);
            let measured = Lifecycle::ModelMeasured { model, threads: 2, chunk: 256, seconds: 1.0, is_kept, is_complete };
            report(&mut RunState::default(), measured).unwrap()
        };
        assert!(line(true).ends_with("(measured in 1.0 s, kept)"), "{}", line(true));
        assert!(line(false).contains("the defaults, 2 threads and batches of 256 tokens, are used"), "{}", line(false));
        assert!(!line(false).contains("kept") && line(false).contains("each start measures again"), "{}", line(false));
    }

    #[test]
    fn a_stalled_engine_is_reported() {
        let mut state = RunState::default();
        let done = EngineProgress { answered: 0, prefilled: 256, decoded: 0 };
        let mut line_at = |seconds: f64| {
            report(&mut state, Lifecycle::Progress { done, of: 4, seconds, under_way: BTreeMap::new() }).unwrap_or_default()
        };
        assert!(line_at(2.0).contains("256 tokens read"));
        assert!(line_at(20.0).contains("256 tokens read"));
        assert!(line_at(40.0).contains("not a token for 38 s"), "{}", line_at(40.0));
    }
}
