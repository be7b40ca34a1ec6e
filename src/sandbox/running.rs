//! Running a program in the sandbox: starting it, reading its output, limiting what it uses, and ending it with its descendants.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use super::cell::{Cell, Limits, REFUSED};
use super::error::SandboxError;
use super::launcher::Sandbox;
use super::scratch::{Scratch, size};
use super::secret::secret;
use super::usage::{Usage, tasks_of_all, usage};

/// The time between two measurements of a single process.
const LOOK: Duration = Duration::from_millis(20);

/// The time between two measurements of a program that may start others, which can double quickly.
const LOOK_AT_MANY: Duration = Duration::from_millis(5);

/// The number of bytes at the end of standard error that are kept.
const KEPT_STDERR: usize = 8000;

/// The time that output which a program wrote before it ended may take to arrive on a busy machine.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// The number of new tasks in the whole system between two measurements above which the process group is paused.
const SUDDEN: u64 = 32;

/// The time that killed processes may take to disappear.
const GONE: Duration = Duration::from_secs(2);

/// The limit that a program exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// Bytes on standard output and standard error.
    Output,
    /// The size of the scratch folder, with files that have no name any more.
    Disk,
    /// The memory of the program and its descendants.
    Memory,
    /// The number of processes and threads.
    Tasks,
    /// The open files cannot be counted, because the user may execute the program and not read it.
    Hidden,
}

/// The next thing that happened to a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The program wrote these bytes to its standard output.
    Out(Vec<u8>),
    /// The program exceeded a limit and was ended.
    Exceeded(Exceeded),
    /// The program ended.
    Ended {
        /// The exit code or signal as text.
        how: String,
        /// Whether the exit code was 0.
        well: bool,
    },
    /// Nothing happened until the given time.
    Silence,
}

/// Bytes that a program wrote, by the pipe.
enum Output {
    Out(Vec<u8>),
    Err(Vec<u8>),
}

/// A running program. Dropping this value ends the program and its descendants.
pub struct Running {
    child: Child,
    /// What the threads that read the pipes send.
    output: Receiver<Output>,
    limits: Limits,
    scratch: PathBuf,
    /// The secret with which the launcher's message of refusal begins.
    refusal: String,
    /// Whether the program cannot have descendants.
    is_alone: bool,
    /// The number of bytes on standard output and standard error.
    written: u64,
    /// The end of standard error.
    stderr: Vec<u8>,
    /// The time of the next measurement.
    next_measurement: Instant,
    /// The number of tasks of the whole system at the last measurement.
    system_tasks: u64,
    /// The exit status, and the time when it was seen.
    exited: Option<(ExitStatus, Instant)>,
}

impl Sandbox {
    /// Starts a program with `input` as its standard input. `read` are the files and folders that it may read in addition to the
    /// system's, `processes` is whether it may start processes.
    ///
    /// # Errors
    /// [`SandboxError::Start`] where the program cannot be started. A refusal of the launcher is an error of [`Running::next`].
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
        let refusal = secret();
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
        // The process group is what is ended, and no process in the sandbox can leave it.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let system_tasks = tasks_of_all();
        let mut child = command.spawn().map_err(|e| failed(e.to_string()))?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
            return Err(failed("it has no pipes".into()));
        };
        // The thread of a program that does not read its input ends when the program ends.
        std::thread::spawn(move || drop(stdin.write_all(&input)));
        let (sender, output) = sync_channel(8);
        std::thread::spawn({
            let sender = sender.clone();
            move || read_pipe(stdout, &sender, Output::Out)
        });
        std::thread::spawn(move || read_pipe(stderr, &sender, Output::Err));
        Ok(Running {
            child,
            output,
            limits,
            scratch: folder,
            refusal,
            is_alone: !processes && self.holds(),
            written: 0,
            stderr: Vec::new(),
            next_measurement: Instant::now(),
            system_tasks,
            exited: None,
        })
    }
}

/// Sends the bytes of a pipe until it is closed or the receiver is dropped.
fn read_pipe(mut pipe: impl Read, sender: &SyncSender<Output>, output: fn(Vec<u8>) -> Output) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
        if sender.send(output(buffer[..count].to_vec())).is_err() {
            return;
        }
    }
}

impl Running {
    /// Waits for the next event, at most until the given time.
    ///
    /// # Errors
    /// [`SandboxError`] where the launcher ended because it could not isolate the program.
    pub fn next(&mut self, until: Instant) -> Result<Event, SandboxError> {
        loop {
            let now = Instant::now();
            if let Some(exceeded) = self.exceeded_limit(now) {
                self.end();
                return Ok(Event::Exceeded(exceeded));
            }
            if now >= until {
                return self.exited.map_or(Ok(Event::Silence), |(status, _)| self.ended(status));
            }
            match self.output.recv_timeout(self.pause().min(until - now)) {
                Ok(output) => {
                    let (Output::Out(bytes) | Output::Err(bytes)) = &output;
                    self.written += bytes.len() as u64;
                    if self.written > self.limits.output {
                        self.end();
                        return Ok(Event::Exceeded(Exceeded::Output));
                    }
                    match output {
                        Output::Out(bytes) => return Ok(Event::Out(bytes)),
                        Output::Err(bytes) => {
                            self.stderr.extend(bytes);
                            let surplus = self.stderr.len().saturating_sub(KEPT_STDERR);
                            self.stderr.drain(..surplus);
                        }
                    }
                }
                // A descendant may keep the pipes open after the program has ended: then a longer silence is the end.
                Err(RecvTimeoutError::Timeout) => match self.exited {
                    Some((status, at)) if at.elapsed() > LAST_OUTPUT => return self.ended(status),
                    Some(_) => {}
                    None => self.exited = self.child.try_wait().ok().flatten().map(|status| (status, now)),
                },
                Err(RecvTimeoutError::Disconnected) => {
                    let known = self.exited.map(|(status, _)| status);
                    if let Some(status) = known.or_else(|| self.child.try_wait().ok().flatten()) {
                        self.exited = Some((status, now));
                        return self.ended(status);
                    }
                    // The program is about to end, or closed its pipes and continues.
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }

    /// Returns the event for an exit status, or the error of the launcher.
    fn ended(&self, status: ExitStatus) -> Result<Event, SandboxError> {
        let said = self.said();
        if status.code() == Some(REFUSED.into())
            && let Some((_, cause)) = said.split_once(&self.refusal)
        {
            return Err(SandboxError::Refused(cause.trim().to_owned()));
        }
        Ok(Event::Ended { how: how(status), well: status.success() })
    }

    /// Returns the end of what the program wrote to its standard error.
    #[must_use]
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Ends the program, and waits until its descendants have ended.
    pub fn end(&mut self) {
        if self.is_alone && self.exited.is_some() {
            return;
        }
        let group = self.group();
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        drop(self.child.kill());
        drop(self.child.wait());
        let Some(group) = group.filter(|_| !self.is_alone) else { return };
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
        if self.is_alone { LOOK } else { LOOK_AT_MANY }
    }

    /// Measures what the program uses, if it is time, and returns the limit that it exceeds.
    fn exceeded_limit(&mut self, now: Instant) -> Option<Exceeded> {
        if now < self.next_measurement {
            return None;
        }
        self.next_measurement = now + self.pause();
        // A program that starts processes without end would take all processor time while they are counted. Where the whole system
        // suddenly has many more tasks, the group is paused for that time.
        let system_tasks = if self.is_alone { 0 } else { tasks_of_all() };
        let group = self.group().filter(|_| system_tasks > self.system_tasks + SUDDEN);
        self.system_tasks = system_tasks;
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::STOP);
        }
        let Usage { tasks, memory, unlinked, hidden } = usage(self.child.id(), self.is_alone, &self.scratch, self.limits);
        if let Some(group) = group.filter(|_| tasks <= self.limits.tasks) {
            let _ = kill_process_group(group, Signal::CONT);
        }
        if tasks > self.limits.tasks {
            return Some(Exceeded::Tasks);
        }
        let disk = size(&self.scratch).map(|bytes| unlinked.into_values().fold(bytes, u64::saturating_add));
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

/// Returns an exit status as text.
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
