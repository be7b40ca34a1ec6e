//! The running copies of an outside program.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::command::Command;
use super::error::CallError;
use super::worker::Worker;

/// The copies of the program, guarded by a lock.
#[derive(Default)]
struct Copies {
    /// The copies that wait for a call.
    idle: Vec<Worker>,
    /// The number of copies that are answering a call.
    busy: usize,
    /// The error after which no answer of the program can be trusted.
    distrusted: Option<CallError>,
}

/// The running copies of one outside program.
pub struct Pool {
    command: Command,
    copies: Mutex<Copies>,
    /// Signalled when a copy has finished a call.
    finished: Condvar,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("command", &self.command).finish_non_exhaustive()
    }
}

impl Pool {
    /// Creates a pool. The program is started by the first call.
    #[must_use]
    pub fn new(command: Command) -> Self {
        Self { command, copies: Mutex::default(), finished: Condvar::new() }
    }

    /// Returns the name of the program.
    #[must_use]
    pub fn program(&self) -> &str {
        self.command.argv.first().map_or("", String::as_str)
    }

    fn copies(&self) -> MutexGuard<'_, Copies> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a message as a line of JSON, and returns the answer. Threads may call this at the same time; a call waits while as many
    /// copies are busy as there are slots.
    ///
    /// # Errors
    /// [`CallError`]; the copy that failed was ended.
    pub fn call(&self, message: &Value) -> Result<Value, CallError> {
        let mut copies = self.copies();
        while copies.busy >= self.command.slots.max(1) {
            copies = self.finished.wait(copies).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(error) = &copies.distrusted {
            return Err(error.clone());
        }
        copies.busy += 1;
        // A copy that ended while it was idle is replaced by a new one.
        let idle = std::iter::from_fn(|| copies.idle.pop()).find_map(|mut worker| worker.is_alive().then_some(worker));
        drop(copies);
        let answered = idle.map_or_else(|| Worker::start(&self.command), Ok).and_then(|mut worker| {
            let answer = worker.call(message, self.command.timeout)?;
            Ok((worker, answer))
        });
        let mut copies = self.copies();
        copies.busy -= 1;
        // All waiting threads are woken, because one that finds the program distrusted returns without waking another.
        self.finished.notify_all();
        if let Err(error @ CallError::Noise { .. }) = &answered {
            copies.distrusted = Some(error.clone());
        }
        let (worker, answer) = answered?;
        copies.idle.push(worker);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    fn pool(script: &str, slots: usize) -> Pool {
        let argv = ["python3", "-u", "-c", script].map(str::to_owned).to_vec();
        Pool::new(Command { argv, folder: std::env::temp_dir(), timeout: Duration::from_secs(2), slots })
    }

    const ECHO: &str = "import sys, os\nfor line in sys.stdin: print('{\"pid\": %d, \"got\": %s}' % (os.getpid(), line.strip()))";

    #[test]
    fn one_program_answers_many_calls() {
        let pool = pool(ECHO, 4);
        let first = pool.call(&json!({ "a": "ü\n" })).unwrap();
        assert_eq!(first["got"], json!({ "a": "ü\n" }));
        assert_eq!(pool.call(&json!(2)).unwrap()["pid"], first["pid"]);
    }

    #[test]
    fn closed_output_of_a_running_program_is_an_error() {
        let pool = pool("import os, sys, time\nsys.stdin.readline(); os.close(1); time.sleep(60)", 1);
        let error = pool.call(&json!(1)).unwrap_err().to_string();
        assert!(error.contains("its standard output closed"), "{error}");
    }

    #[test]
    fn all_waiting_calls_fail_when_a_program_is_distrusted() {
        let pool = pool("import sys\nfor line in sys.stdin: print(1); print(2)", 1);
        std::thread::scope(|scope| {
            let calls: Vec<_> = (0..4)
                .map(|n| {
                    scope.spawn({
                        let pool = &pool;
                        move || pool.call(&json!(n))
                    })
                })
                .collect();
            for call in calls {
                assert!(matches!(call.join().unwrap(), Err(CallError::Noise { .. })));
            }
        });
    }

    #[test]
    fn a_program_that_ended_while_idle_is_started_again() {
        let pool = pool("import sys\nprint(sys.stdin.readline(), end='')", 1);
        assert_eq!(pool.call(&json!(1)).unwrap(), json!(1));
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(pool.call(&json!(2)).unwrap(), json!(2));
    }

    #[test]
    fn no_more_copies_run_than_slots() {
        let pool = pool(ECHO, 2);
        let pids: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..6)
                .map(|n| {
                    scope.spawn({
                        let pool = &pool;
                        move || pool.call(&json!(n)).unwrap()["pid"].to_string()
                    })
                })
                .collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        assert!(pids.len() <= 2, "{pids:?}");
    }

    #[test]
    fn each_failure_has_its_error_and_the_program_is_started_again() {
        let script = "import sys, json, time\nfor line in sys.stdin:\n  what = json.loads(line)\n  if what == 'die': sys.exit('no more')\n  \
                      if what == 'hang': time.sleep(60)\n  print('nonsense' if what == 'babble' else '1', flush=True)";
        let pool = pool(script, 1);
        assert_eq!(pool.call(&json!("work")).unwrap(), json!(1));
        let died = pool.call(&json!("die")).unwrap_err().to_string();
        assert!(died.contains("ended before it had answered (exit code 1)") && died.contains("no more"), "{died}");
        assert!(matches!(pool.call(&json!("hang")), Err(CallError::Timeout { seconds: 2, .. })));
        let babble = pool.call(&json!("babble")).unwrap_err().to_string();
        assert!(babble.contains("no JSON: nonsense"), "{babble}");
        assert_eq!(pool.call(&json!("work")).unwrap(), json!(1));
    }

    #[test]
    fn a_program_that_writes_more_than_its_answer_is_not_called_again() {
        let pool = pool("import sys\nfor line in sys.stdin: sys.stdout.write('0.1\\n0.9\\n'); sys.stdout.flush()", 1);
        for _ in 0..2 {
            let error = pool.call(&json!(1)).unwrap_err().to_string();
            assert!(error.contains("wrote more than one line for a call") && error.ends_with("0.9"), "{error}");
        }
    }

    #[test]
    fn answers_that_are_not_utf_8_or_too_long_are_errors() {
        let script = "import sys\nfor line in sys.stdin: sys.stdout.buffer.write(b'\"\\xff\"\\n'); sys.stdout.flush()";
        let error = pool(script, 1).call(&json!(1)).unwrap_err().to_string();
        assert!(error.contains("no UTF-8: "), "{error}");
        let long = "import sys\nfor line in sys.stdin: print('1' * (17 << 20), flush=True)";
        let error = pool(long, 1).call(&json!(1)).unwrap_err().to_string();
        assert!(error.contains("longer than 16 MB"), "{error}");
    }

    #[test]
    fn a_long_message_to_a_program_that_does_not_read_is_a_timeout() {
        let pool = pool("import time\ntime.sleep(60)", 1);
        let long = json!("x".repeat(1 << 20));
        assert!(matches!(pool.call(&long), Err(CallError::Timeout { .. })));
    }

    #[test]
    fn a_missing_program_cannot_be_started() {
        let command =
            Command { argv: vec!["/no/such/program".into()], folder: "/".into(), timeout: Duration::from_secs(1), slots: 1 };
        assert!(matches!(Pool::new(command).call(&json!(1)), Err(CallError::Start { .. })));
    }
}
