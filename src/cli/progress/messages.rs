//! Texts about a run that the plain lines and the view share.

use std::path::Path;

use gepard::data::counted;
use gepard::engine::settings::Preparation;
use gepard::event::{Event, Lifecycle, Purpose};
use gepard::report::state::{Activity, RunState};

use crate::cli::time::duration;

/// Message for events that need no earlier context. None for all other events.
pub(super) fn message(event: &Event) -> Option<String> {
    let Event::Lifecycle(event) = event else { return None };
    Some(match event {
        Lifecycle::Unscored { example, cause } => {
            // Most causes name the example at their beginning, too.
            let cause = cause.strip_prefix(&format!("example `{example}`: ")).unwrap_or(cause);
            format!("the metric failed on `{example}`: {cause}")
        }
        Lifecycle::Noted { note } => format!("note: {note}"),
        Lifecycle::ServerOut { server, cause } => format!("{server} is left out: {cause}"),
        Lifecycle::ServerBack { server } => format!("{server} answers again"),
        Lifecycle::Stopped { reason } => format!("stopped: {reason}"),
        Lifecycle::Tested { candidate, mean: Some(mean) } => format!("candidate {candidate} scores {mean:.3} on test"),
        Lifecycle::Tested { candidate, mean: None } => format!("candidate {candidate} has no score on test: the metric failed"),
        _ => return None,
    })
}

/// Describes what a run is doing, such as "validating the seed, 16 rollouts".
pub(super) fn describe(activity: &Activity) -> String {
    match activity {
        Activity::LoadingModels => "loading the models".to_owned(),
        Activity::Preparing { step, model, bytes } => describe_preparation(*step, model, *bytes),
        Activity::Indexing { corpus, bytes } => describe_indexing(corpus, *bytes),
        Activity::Evaluating { purpose, rollouts } => {
            format!("{}, {}", describe_purpose(*purpose), counted(*rollouts, "rollout"))
        }
        Activity::Predicting { done, of, failed, seconds_left } => {
            let failed = if *failed > 0 { format!(", {failed} failed") } else { String::new() };
            let left = seconds_left.map_or(String::new(), |seconds| format!(", about {} left", duration(seconds)));
            format!("{done} of {} done{failed}{left}", counted(*of, "row"))
        }
        Activity::Diagnosing { reflector, module } => format!("`{reflector}` reads failures of `{module}`"),
        Activity::Reflecting { reflector, module, .. } => format!("`{reflector}` reflects on `{module}`"),
        Activity::Merging { parents: [first, second] } => format!("merging {first} and {second}"),
    }
}

fn describe_preparation(step: Preparation, model: &str, bytes: u64) -> String {
    let megabytes = bytes / 1_000_000;
    match step {
        Preparation::Hashing => format!("reading the file of `{model}` ({megabytes} MB) for its hash"),
        Preparation::Recoding => {
            format!("writing a copy of `{model}` ({megabytes} MB) with which this CPU is faster; this is done once")
        }
        Preparation::Loading => format!("loading `{model}` ({megabytes} MB)"),
        Preparation::Measuring => {
            format!("`{model}` is new on this machine: measuring which threads and batch size are fastest for it")
        }
    }
}

fn describe_indexing(corpus: &Path, bytes: u64) -> String {
    format!("reading the corpus {} ({} MB) and its index", corpus.display(), bytes / 1_000_000)
}

fn describe_purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::SeedValidation => "validating the seed",
        Purpose::Bootstrap => "running the seed to collect demonstrations",
        Purpose::Parent => "running the parent",
        Purpose::Gate => "running the proposals",
        Purpose::MergeGate => "running the merged candidate",
        Purpose::Trial => "trying candidates",
        Purpose::Validation => "validating new candidates",
        Purpose::Test => "scoring",
    }
}

/// Returns the requests under way at each server, as the end of a line. Empty for models in this process.
pub(super) fn under_way(state: &RunState) -> String {
    let servers: Vec<String> = state.under_way.iter().map(|(server, count)| format!("{count} at {server}")).collect();
    if servers.is_empty() { String::new() } else { format!("; under way: {}", servers.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gepard::program::PoolIndex;

    #[test]
    fn a_wave_is_described_with_its_length() {
        let evaluating = |rollouts| describe(&Activity::Evaluating { purpose: Purpose::SeedValidation, rollouts });
        assert_eq!(evaluating(16), "validating the seed, 16 rollouts");
        assert_eq!(evaluating(1), "validating the seed, 1 rollout");
    }

    #[test]
    fn an_example_that_could_not_be_judged_is_named_once() {
        let failed = |cause: &str| message(&Lifecycle::Unscored { example: "s-01".into(), cause: cause.into() }.into());
        let once = "the metric failed on `s-01`: it has no `label`";
        assert_eq!(failed("example `s-01`: it has no `label`").as_deref(), Some(once));
        assert_eq!(failed("it has no `label`").as_deref(), Some(once));
    }

    #[test]
    fn a_test_without_a_score_has_a_message() {
        let tested = message(&Lifecycle::Tested { candidate: PoolIndex(1), mean: None }.into());
        assert_eq!(tested.as_deref(), Some("candidate 1 has no score on test: the metric failed"));
    }
}
