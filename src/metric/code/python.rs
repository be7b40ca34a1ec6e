//! Runs code in a Python interpreter: finds it, starts the harness in it, and reads the outcomes of the tests.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use regex::Regex;
use serde::Deserialize;
use serde_json::json;

use super::job::Job;
use super::words::{Outcome, Report, exceeded};
use crate::sandbox::{Event, Sandbox, SandboxError, Scratch, secret};

/// The program that the interpreter runs: the three Python files of this folder.
const HARNESS: &str =
    concat!(include_str!("equality.py"), "\n\n", include_str!("planning.py"), "\n\n", include_str!("harness.py"));

/// Prints a description of the interpreter that runs it: its executable, its version, and the paths that it reads. Of the user's
/// home, these have only the interpreter's own libraries.
const PROBE: &str = r#"
import json, os, sys, sysconfig
own = sorted({os.path.join(p, "") for p in (sys.prefix, sys.base_prefix, sys.exec_prefix, "/usr")})
paths = sysconfig.get_paths()
read = [paths[k] for k in ("stdlib", "platstdlib", "purelib", "platlib")]
read += [p for p in sys.path if p and any(os.path.realpath(p).startswith(o) for o in own)]
read += [os.path.join(sys.base_prefix, "lib"), sysconfig.get_config_var("LIBDIR") or "", os.path.join(sys.prefix, "pyvenv.cfg")]
read += [os.path.realpath(sys.executable)]
print(json.dumps({"executable": sys.executable, "version": list(sys.version_info[:2]), "read": [p for p in read if os.path.exists(p)]}))
"#;

/// The oldest version of Python whose syntax trees the harness can read.
const OLDEST: [u64; 2] = [3, 8];

/// The most time that an interpreter may take to start.
const MOST_START: Duration = Duration::from_secs(30);

/// The most restarts of the interpreter. After them, the other tests are not run.
const MOST_RESTARTS: usize = 3;

/// A Python interpreter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Python {
    executable: PathBuf,
    /// The major and the minor version.
    version: [u64; 2],
    /// The files and folders that the interpreter reads.
    read: Vec<PathBuf>,
}

/// The reason why there is no report.
pub(super) enum Failure {
    /// The tests cannot be used.
    Tests(String),
    /// The lines that run before the code fail.
    Setup(String),
    /// The interpreter or the sandbox cannot be used.
    Other(String),
}

impl From<SandboxError> for Failure {
    fn from(error: SandboxError) -> Self {
        Self::Other(error.to_string())
    }
}

/// A message of the harness.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Message {
    /// The tests cannot be used, for this reason.
    Broken(String),
    /// The texts of the tests.
    Tests(Vec<String>),
    /// The setup has ended, with this failure. None where it succeeded.
    Ready(Option<String>),
    /// The code, or a step that prepares tests, has ended with this failure. None where it succeeded.
    Loaded(Option<String>),
    /// The test with this number begins.
    Begun(usize),
    /// A test has ended. `problem` is None where it passed; `slow` is empty where it was fast.
    Ended { number: usize, problem: Option<String>, slow: String },
    /// The time of a test is over. It went to these lines.
    Late(String),
    /// All tests have ended.
    Done(()),
}

/// The part of the job that the interpreter runs.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    /// The harness, before its first message.
    Start,
    /// The lines that run before the code.
    Setup,
    /// The code.
    Load,
    /// The test with this number, or the steps that prepare it.
    Test(usize),
}

/// The reports of a job's interpreters so far.
struct Progress {
    /// The texts of the tests.
    names: Vec<String>,
    /// The outcomes of the tests.
    outcomes: Vec<Outcome>,
    /// The reason why the code could not be loaded. None where it was.
    refused: Option<String>,
    /// The time at which the last interpreter must have ended.
    until: Instant,
}

impl Python {
    /// Finds an interpreter by running [`PROBE`] in it, outside of the sandbox.
    ///
    /// # Errors
    /// The reason why the interpreter cannot be used.
    pub(super) fn find(program: &str) -> Result<Self, String> {
        let failed = |cause: String| format!("the Python interpreter `{program}` cannot be used: {cause}");
        let asked = Command::new(program).args(["-s", "-c", PROBE]).stdin(Stdio::null()).output();
        let output = asked.map_err(|e| failed(e.to_string()))?;
        let erred = String::from_utf8_lossy(&output.stderr);
        let found: Self = serde_json::from_slice(&output.stdout).map_err(|_| {
            let last = erred.trim().lines().last().unwrap_or("it does not say what it is");
            failed(last.to_owned())
        })?;
        if found.version < OLDEST {
            return Err(failed(format!(
                "it is version {}.{}, {}.{} is needed",
                found.version[0], found.version[1], OLDEST[0], OLDEST[1]
            )));
        }
        Ok(found)
    }

    /// Runs all tests. A new interpreter is started only if the last one ended before all tests were run.
    pub(super) fn run(&self, sandbox: &Sandbox, job: &Job<'_>) -> Result<Report, Failure> {
        // Twice the computing time of all tests, and the starts. The harness limits each test; this limit is for code that forges
        // messages.
        let most = Duration::from_secs(2 * job.limits.cpu) + MOST_START * (MOST_RESTARTS as u32 + 1);
        let mut known = Progress { names: Vec::new(), outcomes: Vec::new(), refused: None, until: Instant::now() + most };
        let mut start = 0;
        for _ in 0..=MOST_RESTARTS {
            match self.run_from(sandbox, job, start, &mut known)? {
                Some(next) if next < known.outcomes.len() && Instant::now() < known.until => start = next,
                _ => break,
            }
        }
        let Progress { names, outcomes, refused, .. } = known;
        let refused = refused.map(|why| format!("The code does not run, so no test was reached: {why}."));
        let tests = if refused.is_some() { Vec::new() } else { names.into_iter().zip(outcomes).collect() };
        Ok(Report { refused, tests, timeout: job.timeout })
    }

    /// Runs the tests from number `start` on in one interpreter. If it ended during a test, the number of the next test is
    /// returned, else None.
    fn run_from(&self, sandbox: &Sandbox, job: &Job<'_>, start: usize, known: &mut Progress) -> Result<Option<usize>, Failure> {
        let secret = secret();
        let given: Vec<_> = job.read.iter().map(|path| path.to_string_lossy()).collect();
        let input = json!({
            "secret": secret, "code": job.code, "setup": job.setup, "entry": job.entry.trim(), "tests": job.tests,
            "read": given, "timeout": job.timeout, "start": start,
        });
        let scratch = Scratch::new().map_err(|e| Failure::Other(format!("no scratch folder can be made: {e}")))?;
        let argv: Vec<OsString> = [self.executable.clone().into(), "-s".into(), "-B".into(), "-c".into(), HARNESS.into()].into();
        let read: Vec<PathBuf> = self.read.iter().chain(job.read).cloned().collect();
        let mut running = sandbox.start(&argv, &scratch, (&read, false, job.limits), input.to_string().into_bytes())?;
        // The harness ends a test that computes longer than `timeout`, or takes twice as long. If the code prevents that, the
        // interpreter is ended here.
        let patience = Duration::from_secs_f64(2.0 * job.timeout + 1.0);
        let (mut at, mut until) = (Stage::Start, Instant::now() + MOST_START);
        let (mut received, mut late, mut due) = (Vec::new(), None, start);
        let why = loop {
            match running.next(until)? {
                Event::Out(bytes) => received.extend(bytes),
                Event::Ended { how, .. } => break Outcome::Failed(format!("the code ended the interpreter ({how})")),
                Event::Exceeded(what) => break Outcome::Failed(exceeded(what, job)),
                Event::Silence => break Outcome::Late(innermost_line(job.code, &running.said())),
            }
            for message in messages(&mut received, &secret) {
                match message {
                    // Before the code is loaded, all messages are the harness's.
                    Message::Broken(broken) if at == Stage::Start => return Err(Failure::Tests(broken)),
                    Message::Tests(tests) if at == Stage::Start => {
                        if known.names.is_empty() {
                            known.outcomes = vec![Outcome::NotRun; tests.len()];
                            known.names = tests;
                        }
                        // The setup and the code have run in an earlier interpreter. If they fail in this one, the failure counts
                        // for the test, because the code may have used up the time.
                        at = if start == 0 { Stage::Setup } else { Stage::Test(start) };
                    }
                    Message::Ready(None) if at == Stage::Setup => at = Stage::Load,
                    Message::Ready(Some(why)) if at == Stage::Setup => {
                        let why = late.take().map_or(Outcome::Failed(why), Outcome::Late);
                        return Err(Failure::Setup(not_loaded(why, job.timeout)));
                    }
                    Message::Ready(None) | Message::Loaded(None) => {}
                    Message::Loaded(Some(why)) => match at {
                        // A step between tests failed. The tests before it have their outcomes. The tests after it need the step.
                        Stage::Test(next) => {
                            let unreached = || Outcome::Failed(format!("not reached: {why}"));
                            let outcome = late.take().map_or_else(unreached, Outcome::Late);
                            known.outcomes.iter_mut().skip(next).for_each(|known| known.clone_from(&outcome));
                        }
                        Stage::Start | Stage::Setup | Stage::Load => {
                            let why = late.take().map_or(Outcome::Failed(why), Outcome::Late);
                            known.refused = Some(not_loaded(why, job.timeout));
                        }
                    },
                    Message::Begun(begun) if (due..known.outcomes.len()).contains(&begun) => {
                        (at, late, due) = (Stage::Test(begun), None, begun + 1);
                    }
                    // Other messages are ignored here. Code that found the harness could send them, to blame the tests or to gain
                    // time.
                    Message::Broken(_) | Message::Tests(_) | Message::Ready(_) | Message::Begun(_) => continue,
                    Message::Ended { number, problem, slow } => {
                        let outcome = match (problem, late.take()) {
                            (_, Some(profile)) => Outcome::Late(profile),
                            (Some(problem), None) => Outcome::Failed(problem),
                            (None, None) => Outcome::Passed { slow },
                        };
                        known.outcomes.get_mut(number).into_iter().for_each(|known| known.clone_from(&outcome));
                        // The outcome is final. What happens from here on belongs to the next test.
                        at = Stage::Test(number.saturating_add(1));
                    }
                    Message::Late(profile) => late = Some(profile),
                    Message::Done(()) => return Ok(None),
                }
                until = known.until.min(Instant::now() + patience);
            }
        };
        // The harness did not report the end, so the part that it ran last gets the reason as its outcome.
        let why = late.map_or(why, Outcome::Late);
        match at {
            Stage::Start => {
                let said: String = running.said().trim().chars().take(500).collect();
                let why = match why {
                    Outcome::Failed(why) => why,
                    _ => format!("nothing was heard of it for {} s", MOST_START.as_secs()),
                };
                Err(Failure::Other(format!("the interpreter `{}` did not start: {why} {said}", self.executable.display())))
            }
            Stage::Setup => Err(Failure::Setup(not_loaded(why, job.timeout))),
            Stage::Load => {
                known.refused = Some(not_loaded(why, job.timeout));
                Ok(None)
            }
            Stage::Test(number) => {
                known.outcomes.get_mut(number).into_iter().for_each(|known| known.clone_from(&why));
                Ok(Some(number.saturating_add(1)))
            }
        }
    }
}

/// Returns the reason why code could not be loaded, in words.
fn not_loaded(why: Outcome, timeout: f64) -> String {
    match why {
        Outcome::Late(profile) if profile.is_empty() => format!("it took longer than {timeout} s to load"),
        Outcome::Late(profile) => format!("it took longer than {timeout} s to load; where the time went: {profile}"),
        Outcome::Failed(why) => why,
        Outcome::Passed { .. } | Outcome::NotRun => "it ended".into(),
    }
}

/// Takes the complete lines from `received` and returns their messages. A message is the JSON behind the secret; other text is
/// output of the code.
fn messages(received: &mut Vec<u8>, secret: &str) -> Vec<Message> {
    let mut found = Vec::new();
    while let Some(end) = received.iter().position(|&byte| byte == b'\n') {
        let line: Vec<u8> = received.drain(..=end).collect();
        let text = String::from_utf8_lossy(&line);
        found.extend(text.split_once(secret).and_then(|(_, json)| serde_json::from_str(json).ok()));
    }
    found
}

/// Returns the innermost line of code that blocked all signals, from the traceback that Python's `faulthandler` wrote. Empty
/// where there is no traceback.
fn innermost_line(code: &str, said: &str) -> String {
    static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"File "<answer>", line (\d+) in (\S+)"#).ok());
    let Some(found) = LINE.as_ref().and_then(|line| line.captures(said)) else { return String::new() };
    let number: usize = found[1].parse().unwrap_or(0);
    let source = code.lines().nth(number.saturating_sub(1)).unwrap_or_default().trim();
    format!("all of it in one call, in `{}`, line {number}: `{source}`", &found[2])
}
