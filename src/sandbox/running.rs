//! The outside: starts a program, listens to it, watches what it uses, ends it with all that it started.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use super::usage::{Usage, tasks_of_all, usage};
use super::{Cell, Limits, REFUSED, Sandbox, SandboxError, Scratch, scratch};

/// How often what a program uses is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// The same of one that may start others: they double faster.
const LOOK_AT_MANY: Duration = Duration::from_millis(5);

/// The last bytes of what it says that are kept.
const SAID: usize = 8000;

/// The longest that is waited for what a program wrote before it ended: on a busy machine it takes a while to be read.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// So many new processes between two looks are sudden.
const SUDDEN: u64 = 32;

/// The longest that the dead may take to be gone.
const GONE: Duration = Duration::from_secs(2);

/// What a program used more of than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// Written to standard output and error.
    Output,
    /// Written into the scratch folder.
    Disk,
    /// Memory, together with all that it started.
    Memory,
    /// Processes and threads.
    Tasks,
    /// Files that are counted by nobody: a program that may be run and not read does not show what it holds.
    Hidden,
}

/// What a program did next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It wrote to its standard output.
    Out(Vec<u8>),
    /// It used too much, and was ended.
    Exceeded(Exceeded),
    /// It ended; how, in words.
    Ended {
        /// Exit code or signal, in words.
        how: String,
        /// Whether the exit code was 0.
        well: bool,
    },
    /// Nothing happened until the given moment.
    Silence,
}

enum Heard {
    Out(Vec<u8>),
    Err(Vec<u8>),
}

/// A program that runs. Dropped, it and all that it started is gone.
pub struct Running {
    child: Child,
    heard: Receiver<Heard>,
    limits: Limits,
    scratch: PathBuf,
    refusal: String,
    alone: bool,
    written: u64,
    said: Vec<u8>,
    looked: Instant,
    /// Processes and threads of the whole system, as of the last look.
    all: u64,
    /// How it ended, and when that was seen.
    exited: Option<(ExitStatus, Instant)>,
}

impl Sandbox {
    /// Starts a program; `input` is its standard input. `read` are files and folders that it may read besides the system's.
    ///
    /// # Errors
    /// [`SandboxError::Start`]
    pub fn start(
        &self,
        argv: &[OsString],
        scratch: &Scratch,
        (read, processes, limits): (&[PathBuf], bool, Limits),
        input: Vec<u8>,
    ) -> Result<Running, SandboxError> {
        let program = argv.first().cloned().unwrap_or_default();
        let failed = |cause: String| SandboxError::Start { program: program.display().to_string(), cause };
        let folder = scratch.path().canonicalize().map_err(|e| failed(e.to_string()))?;
        let refusal = super::secret();
        let cell = Cell { scratch: folder.clone(), read: read.to_vec(), processes, limits, refusal: refusal.clone() };
        let mut command = match &self.launcher {
            Some(launcher) => {
                let mut command = Command::new(launcher);
                let cell = serde_json::to_string(&cell).map_err(|e| failed(e.to_string()))?;
                command.arg("sandboxed").arg(cell).arg("--").args(argv).current_dir(&folder);
                command
            }
            None => {
                let mut command = Command::new(&program);
                command.args(argv.iter().skip(1)).current_dir(&folder).env("HOME", &folder).env("TMPDIR", &folder);
                command.env("PYTHONHASHSEED", "0");
                command
            }
        };
        // A group of its own: it is what is ended, and nobody in the sandbox can leave it.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let all = tasks_of_all();
        let mut child = command.spawn().map_err(|e| failed(e.to_string()))?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
            return Err(failed("it has no pipes".into()));
        };
        // Who does not read hinders nobody: it ends with the program.
        std::thread::spawn(move || drop(stdin.write_all(&input)));
        let (tell, heard) = sync_channel(8);
        std::thread::spawn({
            let tell = tell.clone();
            move || listen(stdout, &tell, Heard::Out)
        });
        std::thread::spawn(move || listen(stderr, &tell, Heard::Err));
        Ok(Running {
            child,
            heard,
            limits,
            scratch: folder,
            refusal,
            alone: !processes && self.holds(),
            written: 0,
            said: Vec::new(),
            looked: Instant::now(),
            all,
            exited: None,
        })
    }
}

fn listen(mut pipe: impl Read, tell: &SyncSender<Heard>, heard: fn(Vec<u8>) -> Heard) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
        if tell.send(heard(buffer[..count].to_vec())).is_err() {
            return;
        }
    }
}

impl Running {
    /// What it does next, until the moment given.
    ///
    /// # Errors
    /// [`SandboxError`] where it is not the program that ended, but the sandbox that refused it.
    pub fn next(&mut self, until: Instant) -> Result<Event, SandboxError> {
        loop {
            let now = Instant::now();
            if let Some(exceeded) = self.look(now) {
                self.end();
                return Ok(Event::Exceeded(exceeded));
            }
            if now >= until {
                return self.exited.map_or(Ok(Event::Silence), |(status, _)| self.ended(status));
            }
            match self.heard.recv_timeout(self.pause().min(until - now)) {
                Ok(heard) => {
                    let (Heard::Out(bytes) | Heard::Err(bytes)) = &heard;
                    self.written += bytes.len() as u64;
                    if self.written > self.limits.output {
                        self.end();
                        return Ok(Event::Exceeded(Exceeded::Output));
                    }
                    match heard {
                        Heard::Out(bytes) => return Ok(Event::Out(bytes)),
                        Heard::Err(bytes) => {
                            self.said.extend(bytes);
                            let surplus = self.said.len().saturating_sub(SAID);
                            self.said.drain(..surplus);
                        }
                    }
                }
                // It may have ended while something that it started holds its pipes: then a longer silence is its last word.
                Err(RecvTimeoutError::Timeout) => match self.exited {
                    Some((status, at)) if at.elapsed() > LAST_WORDS => return self.ended(status),
                    Some(_) => {}
                    None => self.exited = self.child.try_wait().ok().flatten().map(|status| (status, now)),
                },
                Err(RecvTimeoutError::Disconnected) => {
                    let known = self.exited.map(|(status, _)| status);
                    if let Some(status) = known.or_else(|| self.child.try_wait().ok().flatten()) {
                        self.exited = Some((status, now));
                        return self.ended(status);
                    }
                    // It is about to end, or closed its pipes and goes on.
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }

    fn ended(&self, status: ExitStatus) -> Result<Event, SandboxError> {
        let said = self.said();
        if status.code() == Some(REFUSED.into())
            && let Some((_, cause)) = said.split_once(&self.refusal)
        {
            return Err(SandboxError::Refused(cause.trim().to_owned()));
        }
        Ok(Event::Ended { how: how(status), well: status.success() })
    }

    /// The last of what it wrote to its standard error.
    #[must_use]
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&self.said).into_owned()
    }

    /// Ends it, and waits until all that it started is gone.
    pub fn end(&mut self) {
        if self.alone && self.exited.is_some() {
            return;
        }
        let group = self.group();
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        drop(self.child.kill());
        drop(self.child.wait());
        let Some(group) = group.filter(|_| !self.alone) else { return };
        let started = Instant::now();
        while test_kill_process_group(group).is_ok() && started.elapsed() < GONE {
            let _ = kill_process_group(group, Signal::KILL);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn group(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    fn pause(&self) -> Duration {
        if self.alone { LOOK } else { LOOK_AT_MANY }
    }

    /// What it uses too much of.
    fn look(&mut self, now: Instant) -> Option<Exceeded> {
        if now < self.looked {
            return None;
        }
        self.looked = now + self.pause();
        // Whoever forks without end would have the processors to himself while he is counted: where the whole system suddenly has
        // many more tasks, the group stands still for that.
        let all = if self.alone { 0 } else { tasks_of_all() };
        let group = self.group().filter(|_| all > self.all + SUDDEN);
        self.all = all;
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::STOP);
        }
        let Usage { tasks, memory, unlinked, hidden } = usage(self.child.id(), self.alone, &self.scratch, self.limits);
        if let Some(group) = group.filter(|_| tasks <= self.limits.tasks) {
            let _ = kill_process_group(group, Signal::CONT);
        }
        if tasks > self.limits.tasks {
            return Some(Exceeded::Tasks);
        }
        let disk = scratch::size(&self.scratch).map(|bytes| unlinked.into_values().fold(bytes, u64::saturating_add));
        if disk.is_none_or(|bytes| bytes > self.limits.disk) {
            return Some(Exceeded::Disk);
        }
        if hidden {
            return Some(Exceeded::Hidden);
        }
        (memory > self.limits.memory).then_some(Exceeded::Memory)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// How a program ended, in words.
fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(4)) => "an illegal instruction".into(),
        (None, Some(6)) => "it aborted".into(),
        (None, Some(9)) => "it was killed".into(),
        (None, Some(11)) => "a segmentation fault".into(),
        (None, Some(24)) => "its time of computing was used up".into(),
        (None, Some(25)) => "a file grew larger than it may".into(),
        (None, Some(31)) => "a system call that it may not make".into(),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}
