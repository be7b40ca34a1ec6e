//! Python: finds the interpreter, gives the code to the harness in it, and hears what became of the tests.

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

const HARNESS: &str =
    concat!(include_str!("equality.py"), "\n\n", include_str!("planning.py"), "\n\n", include_str!("harness.py"));

/// What an interpreter says of itself: what it is behind links and wrappers, and what it reads. Nothing of the user's home but
/// the interpreter's own libraries.
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

/// The oldest Python whose syntax trees the harness reads.
const OLDEST: [u64; 2] = [3, 8];

/// The longest that an interpreter may take to start.
const START: Duration = Duration::from_secs(30);

/// How often the code may end its interpreter, or have to be ended, before the rest of its tests is left out.
const MOST_RESTARTS: usize = 3;

/// An interpreter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Python {
    executable: PathBuf,
    version: [u64; 2],
    read: Vec<PathBuf>,
}

/// Why there is no verdict.
pub(super) enum Failure {
    /// The tests themselves cannot be used.
    Tests(String),
    /// The lines that run before the code do not run.
    Setup(String),
    /// The interpreter or the sandbox.
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
    /// The tests cannot be used.
    Broken(String),
    /// The tests, by their texts.
    Tests(Vec<String>),
    /// The setup has run; or why not.
    Ready(Option<String>),
    /// The code was loaded, or a line that prepares has run; or why not.
    Loaded(Option<String>),
    /// This test is next.
    Begun(usize),
    /// A test is over.
    Ended { number: usize, problem: Option<String>, slow: String },
    /// The time is up; where it went.
    Late(String),
    /// All tests are over.
    Done(()),
}

/// What the interpreter is at.
#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    Start,
    /// The lines that run before the code.
    Setup,
    Load,
    /// A test, or the lines before it that prepare it.
    Test(usize),
}

/// What is known after some interpreters.
struct Known {
    names: Vec<String>,
    outcomes: Vec<Outcome>,
    refused: Option<String>,
    /// When all of them must be over.
    until: Instant,
}

impl Python {
    /// Asks the interpreter what it is. It is started as it is, outside of the sandbox.
    ///
    /// # Errors
    /// In words.
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

    /// Runs all tests, in as few interpreters as the code allows.
    pub(super) fn run(&self, sandbox: &Sandbox, job: &Job<'_>) -> Result<Report, Failure> {
        // Twice what all may compute, and the starts. Each test has a time of its own; this is for who pretends to make progress.
        let most = Duration::from_secs(2 * job.limits.cpu) + START * (MOST_RESTARTS as u32 + 1);
        let mut known = Known { names: Vec::new(), outcomes: Vec::new(), refused: None, until: Instant::now() + most };
        let mut start = 0;
        for _ in 0..=MOST_RESTARTS {
            match self.run_from(sandbox, job, start, &mut known)? {
                Some(next) if next < known.outcomes.len() && Instant::now() < known.until => start = next,
                _ => break,
            }
        }
        let Known { names, outcomes, refused, .. } = known;
        let refused = refused.map(|why| format!("The code does not run, so no test was reached: {why}."));
        let tests = if refused.is_some() { Vec::new() } else { names.into_iter().zip(outcomes).collect() };
        Ok(Report { refused, tests, timeout: job.timeout })
    }

    /// Runs the tests from `start` on in one interpreter. Where it did not survive one, the number of the next is returned.
    fn run_from(&self, sandbox: &Sandbox, job: &Job<'_>, start: usize, known: &mut Known) -> Result<Option<usize>, Failure> {
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
        // The harness ends a test that computes too long, or waits twice as long. Who does not let it is ended from here.
        let patience = Duration::from_secs_f64(2.0 * job.timeout + 1.0);
        let (mut at, mut until) = (At::Start, Instant::now() + START);
        let (mut heard, mut late, mut due) = (Vec::new(), None, start);
        let why = loop {
            match running.next(until)? {
                Event::Out(bytes) => heard.extend(bytes),
                Event::Ended { how, .. } => break Outcome::Failed(format!("the code ended the interpreter ({how})")),
                Event::Exceeded(what) => break Outcome::Failed(exceeded(what, job)),
                Event::Silence => break Outcome::Late(stuck(job.code, &running.said())),
            }
            for message in messages(&mut heard, &secret) {
                match message {
                    // Before the code is loaded, nobody but the harness speaks.
                    Message::Broken(broken) if at == At::Start => return Err(Failure::Tests(broken)),
                    Message::Tests(tests) if at == At::Start => {
                        if known.names.is_empty() {
                            known.outcomes = vec![Outcome::NotRun; tests.len()];
                            known.names = tests;
                        }
                        // What has run in one interpreter is not to blame in the next, whose time the code may have used up.
                        at = if start == 0 { At::Setup } else { At::Test(start) };
                    }
                    Message::Ready(None) if at == At::Setup => at = At::Load,
                    Message::Ready(Some(why)) if at == At::Setup => {
                        let why = late.take().map_or(Outcome::Failed(why), Outcome::Late);
                        return Err(Failure::Setup(unloaded(why, job.timeout)));
                    }
                    Message::Ready(None) | Message::Loaded(None) => {}
                    Message::Loaded(Some(why)) => match at {
                        // A line between tests: what came before it is judged already, what comes after it needs it.
                        At::Test(next) => {
                            let unreached = || Outcome::Failed(format!("not reached: {why}"));
                            let outcome = late.take().map_or_else(unreached, Outcome::Late);
                            known.outcomes.iter_mut().skip(next).for_each(|known| known.clone_from(&outcome));
                        }
                        At::Start | At::Setup | At::Load => {
                            let why = late.take().map_or(Outcome::Failed(why), Outcome::Late);
                            known.refused = Some(unloaded(why, job.timeout));
                        }
                    },
                    Message::Begun(begun) if (due..known.outcomes.len()).contains(&begun) => {
                        (at, late, due) = (At::Test(begun), None, begun + 1);
                    }
                    // Later, code that found the harness could blame the tests, or begin again and again.
                    Message::Broken(_) | Message::Tests(_) | Message::Ready(_) | Message::Begun(_) => continue,
                    Message::Ended { number, problem, slow } => {
                        let outcome = match (problem, late.take()) {
                            (_, Some(profile)) => Outcome::Late(profile),
                            (Some(problem), None) => Outcome::Failed(problem),
                            (None, None) => Outcome::Passed { slow },
                        };
                        known.outcomes.get_mut(number).into_iter().for_each(|known| known.clone_from(&outcome));
                        // Its verdict stands: what happens from here on is the next one's.
                        at = At::Test(number.saturating_add(1));
                    }
                    Message::Late(profile) => late = Some(profile),
                    Message::Done(()) => return Ok(None),
                }
                until = known.until.min(Instant::now() + patience);
            }
        };
        // Without a word that it is done, the verdict on what it was at is not its own.
        let why = late.map_or(why, Outcome::Late);
        match at {
            At::Start => {
                let said: String = running.said().trim().chars().take(500).collect();
                let why = match why {
                    Outcome::Failed(why) => why,
                    _ => format!("nothing was heard of it for {} s", START.as_secs()),
                };
                Err(Failure::Other(format!("the interpreter `{}` did not start: {why} {said}", self.executable.display())))
            }
            At::Setup => Err(Failure::Setup(unloaded(why, job.timeout))),
            At::Load => {
                known.refused = Some(unloaded(why, job.timeout));
                Ok(None)
            }
            At::Test(number) => {
                known.outcomes.get_mut(number).into_iter().for_each(|known| known.clone_from(&why));
                Ok(Some(number.saturating_add(1)))
            }
        }
    }
}

/// Why code could not be loaded, in words.
fn unloaded(why: Outcome, timeout: f64) -> String {
    match why {
        Outcome::Late(profile) if profile.is_empty() => format!("it took longer than {timeout} s to load"),
        Outcome::Late(profile) => format!("it took longer than {timeout} s to load; where the time went: {profile}"),
        Outcome::Failed(why) => why,
        Outcome::Passed { .. } | Outcome::NotRun => "it ended".into(),
    }
}

/// What stands behind the secret in whole lines; what the code itself pushed in between is no message.
fn messages(heard: &mut Vec<u8>, secret: &str) -> Vec<Message> {
    let mut found = Vec::new();
    while let Some(end) = heard.iter().position(|&byte| byte == b'\n') {
        let line: Vec<u8> = heard.drain(..=end).collect();
        let text = String::from_utf8_lossy(&line);
        found.extend(text.split_once(secret).and_then(|(_, json)| serde_json::from_str(json).ok()));
    }
    found
}

/// Where code was that heard no signal, from what the interpreter's watchdog wrote: the innermost line.
fn stuck(code: &str, said: &str) -> String {
    static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"File "<answer>", line (\d+) in (\S+)"#).ok());
    let Some(found) = LINE.as_ref().and_then(|line| line.captures(said)) else { return String::new() };
    let number: usize = found[1].parse().unwrap_or(0);
    let source = code.lines().nth(number.saturating_sub(1)).unwrap_or_default().trim();
    format!("all of it in one call, in `{}`, line {number}: `{source}`", &found[2])
}
