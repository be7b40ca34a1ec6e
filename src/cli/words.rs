//! Events in words: what the lines of a run and its view both say.

use std::path::Path;

use gepard::data::counted;
use gepard::engine::settings::Preparation;
use gepard::event::{Event, Purpose};

/// What is being done from this event on; None where it goes on as before.
pub(super) fn doing(event: &Event) -> Option<String> {
    Some(match event {
        Event::Preparing { what, model, bytes } => preparation(*what, model, *bytes),
        Event::Indexing { corpus, bytes } => indexing(corpus, *bytes),
        Event::Evaluating { purpose, fresh, .. } => format!("{}, {}", evaluating(*purpose), counted(*fresh, "rollout")),
        Event::Diagnosing { reflector, module, .. } => format!("`{reflector}` reads failures of `{module}`"),
        Event::Reflecting { reflector, module, .. } => format!("`{reflector}` reflects on `{module}`"),
        Event::Merging { parents: [first, second], .. } => format!("merging {first} and {second}"),
        _ => return None,
    })
}

/// What is told as it is, whatever went before; None where there is no such word.
pub(super) fn told(event: &Event) -> Option<String> {
    Some(match event {
        Event::Unscored { example, cause } => {
            // Most causes begin with the example, too.
            let cause = cause.strip_prefix(&format!("example `{example}`: ")).unwrap_or(cause);
            format!("the metric failed on `{example}`: {cause}")
        }
        Event::Stopped { reason } => format!("stopped: {reason}"),
        Event::Tested { candidate, mean: Some(mean) } => format!("candidate {candidate} scores {mean:.3} on test"),
        Event::Tested { candidate, mean: None } => format!("candidate {candidate} has no score on test: the metric failed"),
        _ => return None,
    })
}

fn preparation(what: Preparation, model: &str, bytes: u64) -> String {
    let megabytes = bytes / 1_000_000;
    match what {
        Preparation::Hashing => format!("reading the file of `{model}` ({megabytes} MB) for its hash"),
        Preparation::Recoding => format!("writing a copy of `{model}` ({megabytes} MB) that this CPU is faster with, once"),
        Preparation::Loading => format!("loading `{model}` ({megabytes} MB)"),
        Preparation::Measuring => format!("`{model}` is new on this machine: finding out what threads and batches suit it"),
    }
}

fn indexing(corpus: &Path, bytes: u64) -> String {
    format!("reading the corpus {} ({} MB) and its index", corpus.display(), bytes / 1_000_000)
}

fn evaluating(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::SeedValidation => "validating the seed",
        Purpose::Bootstrap => "running the seed to gather worked examples",
        Purpose::Parent => "running the parent",
        Purpose::Gate => "running the proposals",
        Purpose::MergeGate => "running the merged candidate",
        Purpose::Trial => "trying candidates",
        Purpose::Validation => "validating new candidates",
        Purpose::Test => "scoring",
    }
}

#[cfg(test)]
mod tests {
    use gepard::data::split::Split;

    use super::*;

    #[test]
    fn a_list_of_rollouts_is_told_with_its_length() {
        let list = |fresh| Event::Evaluating { purpose: Purpose::SeedValidation, split: Split::Val, fresh, reused: 0 };
        assert_eq!(doing(&list(16)).as_deref(), Some("validating the seed, 16 rollouts"));
        assert_eq!(doing(&list(1)).as_deref(), Some("validating the seed, 1 rollout"));
    }

    #[test]
    fn an_example_that_could_not_be_judged_is_named_once() {
        let failed = |cause: &str| told(&Event::Unscored { example: "s-01".into(), cause: cause.into() });
        let once = "the metric failed on `s-01`: it has no `label`";
        assert_eq!(failed("example `s-01`: it has no `label`").as_deref(), Some(once));
        assert_eq!(failed("it has no `label`").as_deref(), Some(once));
    }
}
