//! Runs code of any language with a program. It is started once for each test; the test passes if its exit code is 0.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use super::job::Job;
use super::words::{Outcome, Report, exceeded};
use crate::metric::normalize::shorten;
use crate::sandbox::{Event, Running, Sandbox, SandboxError, Scratch};

/// The program that runs the code, as the task file has it.
pub(super) struct Program<'a> {
    /// The program, with its arguments.
    pub command: &'a [String],
    /// The program that prepares the code, with its arguments. Empty where nothing is prepared.
    pub build: &'a [String],
    /// The file in the scratch folder that the code is written into.
    pub file: &'a str,
    /// The file in the scratch folder that a test is written into.
    pub test_file: &'a str,
}

/// The most characters of a program's output that feedback quotes: its beginning and its end.
const MOST_QUOTED: usize = 500;

/// The time for a build, as a multiple of the time for a test.
const BUILD_FACTOR: f64 = 10.0;

/// The number of tests that may run out of time before the other tests are not run.
const MOST_ENDED: usize = 3;

impl Program<'_> {
    /// Builds the code once, then runs each test. If the build fails, no test is run.
    pub(super) fn run(&self, sandbox: &Sandbox, job: &Job<'_>) -> Result<Report, SandboxError> {
        let failed = |e: std::io::Error| SandboxError::Unavailable(format!("the scratch folder cannot be written: {e}"));
        let scratch = Scratch::new().map_err(failed)?;
        let setup = if job.setup.is_empty() { String::new() } else { format!("{}\n", job.setup) };
        scratch.write(self.file, &format!("{setup}{}", job.code)).map_err(failed)?;
        if !self.build.is_empty() {
            let time = Duration::from_secs_f64(job.timeout * BUILD_FACTOR);
            match run_program(sandbox, job, &scratch, self.build, (time, String::new()))? {
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
                outcome = run_program(sandbox, job, &scratch, self.command, (time, test.clone()))?;
                ended += usize::from(matches!(outcome, Outcome::Late(_)));
            }
            tests.push((test.split_whitespace().collect::<Vec<_>>().join(" "), outcome));
        }
        Ok(Report { refused: None, tests, timeout: job.timeout })
    }
}

/// Runs a program until it ends or its time is over. `input` is its standard input.
fn run_program(
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
            Event::Ended { how, .. } => break Outcome::Failed(format!("it ended with {how}{}", quote_output(&running, &wrote))),
            Event::Exceeded(what) => break Outcome::Failed(exceeded(what, job)),
            Event::Silence => break Outcome::Late(String::new()),
        }
    })
}

/// Returns what a program wrote, as the end of a sentence: its standard error, or its standard output if that is empty. Empty
/// where it wrote nothing.
fn quote_output(running: &Running, wrote: &[u8]) -> String {
    let (erred, wrote) = (running.said(), String::from_utf8_lossy(wrote));
    match (erred.trim(), wrote.trim()) {
        ("", "") => String::new(),
        ("", text) | (text, _) => format!(" and said: {}", shorten(text, MOST_QUOTED)),
    }
}
