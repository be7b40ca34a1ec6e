//! Turns the outcomes of the tests into a judgement.

use super::job::Job;
use super::settings::Passing;
use crate::metric::judgement::Judgement;
use crate::metric::normalize::shorten;
use crate::sandbox::Exceeded;

/// The outcome of a test.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// It passed. `slow` has the lines where the time went; it is empty where the test was fast.
    Passed { slow: String },
    /// It failed, for this reason.
    Failed(String),
    /// It took too long. The time went to these lines.
    Late(String),
    /// It was not run, because earlier tests had to be ended.
    NotRun,
}

/// The outcomes of all tests.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report {
    /// The reason why no test could be run, as a sentence. None where tests were run.
    pub refused: Option<String>,
    /// The text of each test, and its outcome.
    pub tests: Vec<(String, Outcome)>,
    /// The seconds that a test may take.
    pub timeout: f64,
}

impl Report {
    /// Creates the report for code on which no test could be run.
    pub(super) fn refused(why: &str) -> Self {
        Self { refused: Some(why.to_owned()), tests: Vec::new(), timeout: 0.0 }
    }
}

/// The most tests that feedback describes.
const MOST_DESCRIBED: usize = 5;

/// The most characters of a test's text, and of the reason why it failed.
const SHOWN: (usize, usize) = (200, 700);

/// Returns the judgement on the outcomes, with the objectives `share` and `all`. The closeness is the share of the tests that
/// pass.
pub(super) fn judgement(counting: Passing, report: &Report) -> Judgement {
    let (good, bad): (Vec<_>, Vec<_>) = report.tests.iter().partition(|(_, outcome)| matches!(outcome, Outcome::Passed { .. }));
    let (passed, all) = (good.len(), report.tests.len());
    let share = if all == 0 || report.refused.is_some() { 0.0 } else { passed as f64 / all as f64 };
    let whole = if share >= 1.0 { 1.0 } else { 0.0 };
    let mut lines = match &report.refused {
        Some(why) => vec![why.clone()],
        None if passed == all => vec![format!("All {all} tests passed.")],
        None => vec![format!("{passed} of {all} tests passed.")],
    };
    let timeout = report.timeout;
    let mut described: Vec<String> = Vec::new();
    // Failures come before slow tests, because only the first tests are described.
    for (name, outcome) in bad.into_iter().chain(good) {
        let name = shorten(name, SHOWN.0);
        let went = |profile: &str| if profile.is_empty() { String::new() } else { format!("; where the time went: {profile}") };
        described.extend(match outcome {
            Outcome::Passed { slow } if slow.is_empty() => None,
            Outcome::Passed { slow } => Some(format!("- passed, but slow: `{name}`{}", went(slow))),
            Outcome::Failed(why) if why.contains(&format!("`{name}`")) => Some(format!("- FAILED: {}", shorten(why, SHOWN.1))),
            Outcome::Failed(why) => Some(format!("- FAILED: `{name}`: {}", shorten(why, SHOWN.1))),
            Outcome::Late(profile) => Some(format!("- TIMED OUT: `{name}` took longer than {timeout} s{}", went(profile))),
            Outcome::NotRun => Some(format!("- not run: `{name}`, for others before it had to be ended")),
        });
    }
    // The first failures are the most informative ones.
    let more = described.len().saturating_sub(MOST_DESCRIBED);
    lines.extend(described.into_iter().take(MOST_DESCRIBED));
    if more > 0 {
        lines.push(format!("- and {more} more"));
    }
    let score = match counting {
        Passing::Share => share,
        Passing::All => whole,
    };
    let mut judgement = Judgement::new(score, lines.join("\n")).with_closeness(share);
    judgement.objectives = [("share".to_owned(), share), ("all".to_owned(), whole)].into();
    judgement
}

/// Returns the sentence about a limit that the code exceeded.
pub(super) fn exceeded(what: Exceeded, job: &Job<'_>) -> String {
    let Job { limits, prints, .. } = job;
    match what {
        Exceeded::Output => format!("the code printed more than {prints} KB and was ended"),
        Exceeded::Disk => format!("the code wrote more than {} MB of files, or too many files, and was ended", limits.disk >> 20),
        Exceeded::Memory => format!("the code took more than {} MB of memory and was ended", limits.memory >> 20),
        Exceeded::Tasks => format!("the code started more than {} threads or processes and was ended", limits.tasks),
        Exceeded::Hidden => "the code ran a program that does not show which files it holds, and was ended".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_described_and_the_share_counts() {
        let passed = Outcome::Passed { slow: String::new() };
        let tests = vec![
            ("assert f(1)".into(), passed.clone()),
            ("assert f(2)".into(), Outcome::Failed("`assert f(2)` failed: `f(2)` returned 0".into())),
            ("assert f(3)".into(), Outcome::Late("90% in line 2: `while x:`".into())),
            ("assert f(4)".into(), Outcome::NotRun),
        ];
        let report = Report { refused: None, tests, timeout: 3.0 };
        let verdict = judgement(Passing::Share, &report);
        assert_eq!(
            verdict.feedback,
            "1 of 4 tests passed.\n- FAILED: `assert f(2)` failed: `f(2)` returned 0\n- TIMED OUT: `assert f(3)` took longer than 3 s; \
             where the time went: 90% in line 2: `while x:`\n- not run: `assert f(4)`, for others before it had to be ended"
        );
        assert_eq!((verdict.score, verdict.objectives["share"], verdict.objectives["all"]), (0.25, 0.25, 0.0));
        assert_eq!(judgement(Passing::All, &report).score, 0.0);
        let good = Report { refused: None, tests: vec![("a".into(), passed)], timeout: 3.0 };
        assert_eq!(judgement(Passing::All, &good).score, 1.0);
        assert_eq!(judgement(Passing::Share, &Report::refused("No.")).score, 0.0);
    }

    #[test]
    fn failures_are_described_before_slow_tests() {
        let slow = |n: usize| (format!("assert s({n})"), Outcome::Passed { slow: "all of it".into() });
        let mut tests: Vec<(String, Outcome)> = (0..MOST_DESCRIBED).map(slow).collect();
        tests.push(("assert f(1)".into(), Outcome::Failed("`f(1)` returned 0".into())));
        let words = judgement(Passing::Share, &Report { refused: None, tests, timeout: 3.0 }).feedback;
        let lines: Vec<&str> = words.lines().collect();
        assert_eq!(lines[..2], ["5 of 6 tests passed.", "- FAILED: `assert f(1)`: `f(1)` returned 0"]);
        assert!(lines[2].starts_with("- passed, but slow: `assert s(0)`"), "{words}");
        assert_eq!(lines[MOST_DESCRIBED + 1], "- and 1 more");
    }
}
