//! One running program, its pipes each with a thread, so that no call waits longer than it may.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::{CallError, Command};

/// The most bytes of an answer.
const MOST: u64 = 16 << 20;

/// The last bytes of standard error that are kept.
const SAID: usize = 2000;

/// How long a new program is listened to after its first answer: one that writes more than answers does so from the start.
const LISTENED: Duration = Duration::from_millis(100);

/// How long a program may take to end when its input is closed.
const FAREWELL: Duration = Duration::from_millis(300);

/// How long it may take to end once its output is closed.
const DYING: Duration = Duration::from_secs(2);

pub(super) struct Worker {
    program: String,
    child: Child,
    lines: Option<Sender<Vec<u8>>>,
    answers: Receiver<Vec<u8>>,
    said: Arc<Mutex<Vec<u8>>>,
    /// Whether it has answered before.
    is_known: bool,
}

impl Worker {
    pub(super) fn start(command: &Command) -> Result<Self, CallError> {
        let program = command.argv.first().cloned().unwrap_or_default();
        let fail = |cause: String| CallError::Start { program: program.clone(), cause };
        let mut process = std::process::Command::new(&program);
        process.args(command.argv.iter().skip(1)).current_dir(&command.folder);
        // A group of its own, so that Ctrl-C reaches gepard alone, and its children end with it.
        process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = process.spawn().map_err(|e| fail(e.to_string()))?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
            return Err(fail("it has no pipes".into()));
        };
        let (lines, to_write) = channel::<Vec<u8>>();
        std::thread::spawn(move || {
            while let Ok(line) = to_write.recv() {
                // What cannot be written is told by the answer that does not come.
                if stdin.write_all(&line).and_then(|()| stdin.flush()).is_err() {
                    return;
                }
            }
        });
        // One line too many is enough to know of: who writes more waits in its own pipe.
        let (read, answers) = sync_channel(1);
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            loop {
                let mut line = Vec::new();
                match stdout.by_ref().take(MOST).read_until(b'\n', &mut line) {
                    Ok(0) | Err(_) => return,
                    Ok(_) if read.send(line).is_err() => return,
                    Ok(_) => {}
                }
            }
        });
        let said = Arc::new(Mutex::new(Vec::new()));
        std::thread::spawn({
            let said = Arc::clone(&said);
            move || keep_last(stderr, &said)
        });
        Ok(Self { program, child, lines: Some(lines), answers, said, is_known: false })
    }

    pub(super) fn call(&mut self, message: &Value, timeout: Duration) -> Result<Value, CallError> {
        if let Ok(line) = self.answers.try_recv() {
            return Err(self.noise(&line));
        }
        let mut line = message.to_string().into_bytes();
        line.push(b'\n');
        if let Some(lines) = &self.lines {
            drop(lines.send(line));
        }
        let program = self.program.clone();
        match self.answers.recv_timeout(timeout) {
            Ok(answer) if !answer.ends_with(b"\n") && answer.len() as u64 >= MOST => {
                Err(CallError::Answer { program, cause: format!("longer than {} MB", MOST >> 20), said: self.said() })
            }
            Ok(answer) => {
                let value = read(&answer).map_err(|cause| CallError::Answer { program, cause, said: self.said() })?;
                let listened = if std::mem::replace(&mut self.is_known, true) { Duration::ZERO } else { LISTENED };
                match self.answers.recv_timeout(listened) {
                    Ok(line) => Err(self.noise(&line)),
                    Err(_) => Ok(value),
                }
            }
            Err(RecvTimeoutError::Timeout) => Err(CallError::Timeout { program, seconds: timeout.as_secs(), said: self.said() }),
            Err(RecvTimeoutError::Disconnected) => {
                let how = self.ended(DYING).map_or_else(|| "its standard output closed".into(), how);
                Err(CallError::Died { program, how, said: self.said() })
            }
        }
    }

    /// Whether it still runs.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// How it ended, if it does within this time.
    fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        for _ in 0..30 {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(within / 30);
        }
        None
    }

    fn noise(&self, line: &[u8]) -> CallError {
        CallError::Noise { program: self.program.clone(), line: shown(line) }
    }

    /// The last it wrote to its standard error, as the end of a message.
    fn said(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match String::from_utf8_lossy(&said).trim() {
            "" => String::new(),
            text => format!("; it said: {text}"),
        }
    }
}

/// A line of JSON, or what it is instead.
fn read(line: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(line).map_err(|_| format!("no UTF-8: {}", shown(line)))?;
    serde_json::from_str(text).map_err(|_| match text.contains("NaN") || text.contains("Infinity") {
        true => format!("no JSON, which has no NaN and no Infinity: {}", shown(line)),
        false => format!("no JSON: {}", shown(line)),
    })
}

/// The beginning of a line, for a message.
fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim().chars().take(200).collect()
}

/// How a program ended, in words.
fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

fn keep_last(mut stderr: impl Read, said: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut buffer) {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend_from_slice(&buffer[..count]);
        let surplus = said.len().saturating_sub(SAID);
        said.drain(..surplus);
    }
}

/// Ends a process and all of its group.
fn end_group(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    drop(child.kill());
    drop(child.wait());
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Closed input asks it to end; who does not is ended.
        self.lines = None;
        let _ = self.ended(FAREWELL);
        end_group(&mut self.child);
    }
}
