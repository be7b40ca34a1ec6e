//! Any language: a program that is run once for each test, and says by its exit code whether it passes.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use super::job::Job;
use super::words::{Outcome, Report, exceeded};
use crate::metric::normalize::shorten;
use crate::sandbox::{Event, Running, Sandbox, SandboxError, Scratch};

/// What runs the code.
pub(super) struct Program<'a> {
    pub command: &'a [String],
    pub build: &'a [String],
    pub file: &'a str,
    pub test_file: &'a str,
}

/// The most characters of what a program wrote, in feedback: the beginning and the end.
const SHOWN: usize = 500;

/// Compilers may take as many times the time of a test.
const BUILD: f64 = 10.0;

/// How often code may have to be ended before the rest of its tests is left out.
const MOST_ENDED: usize = 3;

impl Program<'_> {
    /// Builds once, then runs each test.
    pub(super) fn run(&self, sandbox: &Sandbox, job: &Job<'_>) -> Result<Report, SandboxError> {
        let failed = |e: std::io::Error| SandboxError::Unavailable(format!("the scratch folder cannot be written: {e}"));
        let scratch = Scratch::new().map_err(failed)?;
        let setup = if job.setup.is_empty() { String::new() } else { format!("{}\n", job.setup) };
        scratch.write(self.file, &format!("{setup}{}", job.code)).map_err(failed)?;
        if !self.build.is_empty() {
            let time = Duration::from_secs_f64(job.timeout * BUILD);
            match one(sandbox, job, &scratch, self.build, (time, String::new()))? {
                Outcome::Failed(why) => return Ok(Report::refused(&format!("The code cannot be built: {why}"))),
                Outcome::Late(_) => return Ok(Report::refused("The code cannot be built: it took too long.")),
                Outcome::Passed { .. } | Outcome::NotRun => scratch.allow_execution(),
            }
        }
        let mut tests = Vec::new();
        let mut ended = 0;
        for test in job.tests {
            let mut outcome = Outcome::NotRun;
            if ended < MOST_ENDED {
                scratch.write(self.test_file, test).map_err(failed)?;
                let time = Duration::from_secs_f64(2.0 * job.timeout);
                outcome = one(sandbox, job, &scratch, self.command, (time, test.clone()))?;
                ended += usize::from(matches!(outcome, Outcome::Late(_)));
            }
            tests.push((test.split_whitespace().collect::<Vec<_>>().join(" "), outcome));
        }
        Ok(Report { refused: None, tests, timeout: job.timeout })
    }
}

/// Runs a program to its end, or to the end of its time.
fn one(
    sandbox: &Sandbox,
    job: &Job<'_>,
    scratch: &Scratch,
    argv: &[String],
    (time, input): (Duration, String),
) -> Result<Outcome, SandboxError> {
    let argv: Vec<OsString> = argv.iter().map(OsString::from).collect();
    let mut running = sandbox.start(&argv, scratch, (job.read, true, job.limits), input.into_bytes())?;
    let until = Instant::now() + time;
    let mut wrote = Vec::new();
    Ok(loop {
        match running.next(until)? {
            Event::Out(bytes) => wrote.extend(bytes),
            Event::Ended { well: true, .. } => break Outcome::Passed { slow: String::new() },
            Event::Ended { how, .. } => break Outcome::Failed(format!("it ended with {how}{}", said(&running, &wrote))),
            Event::Exceeded(what) => break Outcome::Failed(exceeded(what, job)),
            Event::Silence => break Outcome::Late(String::new()),
        }
    })
}

/// What it wrote: to standard error, else to standard output.
fn said(running: &Running, wrote: &[u8]) -> String {
    let (erred, wrote) = (running.said(), String::from_utf8_lossy(wrote));
    match (erred.trim(), wrote.trim()) {
        ("", "") => String::new(),
        ("", text) | (text, _) => format!(" and said: {}", shorten(text, SHOWN)),
    }
}
