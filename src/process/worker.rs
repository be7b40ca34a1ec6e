//! One running copy of an outside program. Each of its pipes has a thread, so that a call can end at its time limit.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::command::Command;
use super::error::CallError;

/// The largest answer in bytes.
const LONGEST_ANSWER: u64 = 16 << 20;

/// The number of bytes at the end of standard error that are kept.
const KEPT_STDERR: usize = 2000;

/// The time for which an additional line is awaited after the first answer. A program that writes more than answers does so from
/// the start.
const ADDITIONAL_LINE: Duration = Duration::from_millis(100);

/// The time that a program may take to end after its input was closed.
const END_OF_INPUT: Duration = Duration::from_millis(300);

/// The time that a program may take to end after it closed its output.
const END_OF_OUTPUT: Duration = Duration::from_secs(2);

/// A running copy of an outside program. Dropping it ends the program.
pub(super) struct Worker {
    /// The name of the program.
    program: String,
    child: Child,
    /// The lines for the program's standard input; `None` once it is closed.
    input: Option<Sender<Vec<u8>>>,
    /// The lines of the program's standard output.
    output: Receiver<Vec<u8>>,
    /// The end of the program's standard error.
    stderr: Arc<Mutex<Vec<u8>>>,
    /// Whether the program has answered before.
    has_answered: bool,
}

impl Worker {
    /// Starts the program.
    pub(super) fn start(command: &Command) -> Result<Self, CallError> {
        let program = command.argv.first().cloned().unwrap_or_default();
        let fail = |cause: String| CallError::Start { program: program.clone(), cause };
        let mut process = std::process::Command::new(&program);
        process.args(command.argv.iter().skip(1)).current_dir(&command.folder);
        // In a process group of its own, the program does not receive Ctrl-C, and its descendants can be ended with it.
        process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = process.spawn().map_err(|e| fail(e.to_string()))?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
            return Err(fail("it has no pipes".into()));
        };
        let (input, lines) = channel::<Vec<u8>>();
        std::thread::spawn(move || {
            while let Ok(line) = lines.recv() {
                // A failure shows in the missing answer.
                if stdin.write_all(&line).and_then(|()| stdin.flush()).is_err() {
                    return;
                }
            }
        });
        // One additional line is enough to detect; a program that writes more waits until it is read.
        let (sender, output) = sync_channel(1);
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            loop {
                let mut line = Vec::new();
                match stdout.by_ref().take(LONGEST_ANSWER).read_until(b'\n', &mut line) {
                    Ok(0) | Err(_) => return,
                    Ok(_) if sender.send(line).is_err() => return,
                    Ok(_) => {}
                }
            }
        });
        let kept = Arc::new(Mutex::new(Vec::new()));
        std::thread::spawn({
            let kept = Arc::clone(&kept);
            move || keep_end(stderr, &kept)
        });
        Ok(Self { program, child, input: Some(input), output, stderr: kept, has_answered: false })
    }

    /// Sends a message, and returns the answer.
    pub(super) fn call(&mut self, message: &Value, timeout: Duration) -> Result<Value, CallError> {
        if let Ok(line) = self.output.try_recv() {
            return Err(self.noise(&line));
        }
        let mut line = message.to_string().into_bytes();
        line.push(b'\n');
        if let Some(input) = &self.input {
            drop(input.send(line));
        }
        let program = self.program.clone();
        match self.output.recv_timeout(timeout) {
            Ok(answer) if !answer.ends_with(b"\n") && answer.len() as u64 >= LONGEST_ANSWER => {
                Err(CallError::Answer { program, cause: format!("longer than {} MB", LONGEST_ANSWER >> 20), said: self.said() })
            }
            Ok(answer) => {
                let value = read(&answer).map_err(|cause| CallError::Answer { program, cause, said: self.said() })?;
                let wait = if std::mem::replace(&mut self.has_answered, true) { Duration::ZERO } else { ADDITIONAL_LINE };
                match self.output.recv_timeout(wait) {
                    Ok(line) => Err(self.noise(&line)),
                    Err(_) => Ok(value),
                }
            }
            Err(RecvTimeoutError::Timeout) => Err(CallError::Timeout { program, seconds: timeout.as_secs(), said: self.said() }),
            Err(RecvTimeoutError::Disconnected) => {
                let how = self.wait_for_end(END_OF_OUTPUT).map_or_else(|| "its standard output closed".into(), how);
                Err(CallError::Died { program, how, said: self.said() })
            }
        }
    }

    /// Returns whether the program still runs.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for the end of the program, at most for the given time, and returns its exit status.
    fn wait_for_end(&mut self, within: Duration) -> Option<ExitStatus> {
        for _ in 0..30 {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(within / 30);
        }
        None
    }

    /// Returns the error for an additional line.
    fn noise(&self, line: &[u8]) -> CallError {
        CallError::Noise { program: self.program.clone(), line: shown(line) }
    }

    /// Returns the end of the program's standard error, as the end of a message; empty where it wrote nothing.
    fn said(&self) -> String {
        let stderr = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        match String::from_utf8_lossy(&stderr).trim() {
            "" => String::new(),
            text => format!("; it said: {text}"),
        }
    }
}

/// Parses a line as JSON, or returns a description of what it is instead.
fn read(line: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(line).map_err(|_| format!("no UTF-8: {}", shown(line)))?;
    serde_json::from_str(text).map_err(|_| match text.contains("NaN") || text.contains("Infinity") {
        true => format!("no JSON, which has no NaN and no Infinity: {}", shown(line)),
        false => format!("no JSON: {}", shown(line)),
    })
}

/// Returns the beginning of a line for a message.
fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim().chars().take(200).collect()
}

/// Returns an exit status as text.
fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// Reads standard error until it is closed, and keeps its end.
fn keep_end(mut stderr: impl Read, kept: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut buffer) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&buffer[..count]);
        let surplus = kept.len().saturating_sub(KEPT_STDERR);
        kept.drain(..surplus);
    }
}

/// Ends a process and its process group.
fn end_group(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    drop(child.kill());
    drop(child.wait());
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A program ends when its input is closed; one that does not is killed.
        self.input = None;
        let _ = self.wait_for_end(END_OF_INPUT);
        end_group(&mut self.child);
    }
}
