//! Outside programs that live long and speak JSON, a line each way: steps and metrics of the user's own, in any language.
//!
//! A pool starts a program as often as calls overlap, at most once a slot. One that dies, hangs or writes no JSON is ended, the
//! call fails with what it last wrote to its standard error, and the next call starts it anew.

mod worker;

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use self::worker::Worker;

/// How an outside program is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments; never given to a shell.
    pub argv: Vec<String>,
    /// The folder it runs in.
    pub folder: PathBuf,
    /// The longest that one call may take.
    pub timeout: Duration,
    /// The most of them that run at a time.
    pub slots: usize,
}

/// Why a call was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It cannot be started.
    #[error("`{program}` cannot be started: {cause}")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        cause: String,
    },
    /// It gave no answer in time, and was ended.
    #[error("`{program}` gave no answer within {seconds} s and was ended{said}")]
    Timeout {
        /// The program.
        program: String,
        /// The limit.
        seconds: u64,
        /// What it wrote to its standard error.
        said: String,
    },
    /// It ended before it had answered.
    #[error("`{program}` ended before it had answered ({how}){said}")]
    Died {
        /// The program.
        program: String,
        /// Its exit code or signal.
        how: String,
        /// What it wrote to its standard error.
        said: String,
    },
    /// Its answer is no JSON, or too long.
    #[error("`{program}` answered what is {cause}{said}")]
    Answer {
        /// The program.
        program: String,
        /// What is wrong with it.
        cause: String,
        /// What it wrote to its standard error.
        said: String,
    },
    /// It writes more than answers, so that what answers what cannot be told. It is not asked again.
    #[error(
        "`{program}` wrote more than one line for a call; its standard output is for answers alone, other words go to standard error: {line}"
    )]
    Noise {
        /// The program.
        program: String,
        /// What was too much.
        line: String,
    },
}

/// Programs that wait for work, and how many are out.
#[derive(Default)]
struct Idle {
    waiting: Vec<Worker>,
    busy: usize,
    /// Set where an answer may have been another's: no later one can be trusted either.
    distrusted: Option<CallError>,
}

/// A pool of one program.
pub struct Pool {
    command: Command,
    idle: Mutex<Idle>,
    freed: Condvar,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("command", &self.command).finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool in which nothing runs yet.
    #[must_use]
    pub fn new(command: Command) -> Self {
        Self { command, idle: Mutex::default(), freed: Condvar::new() }
    }

    /// The program's name.
    #[must_use]
    pub fn program(&self) -> &str {
        self.command.argv.first().map_or("", String::as_str)
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a line of JSON and waits for the one that answers it. May be called from many threads.
    ///
    /// # Errors
    /// [`CallError`]; the program that failed is gone then.
    pub fn call(&self, message: &Value) -> Result<Value, CallError> {
        let mut idle = self.idle();
        while idle.busy >= self.command.slots.max(1) {
            idle = self.freed.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(error) = &idle.distrusted {
            return Err(error.clone());
        }
        idle.busy += 1;
        // One that ended while it waited is no failure of this call.
        let waiting = std::iter::from_fn(|| idle.waiting.pop()).find_map(|mut worker| worker.is_alive().then_some(worker));
        drop(idle);
        let answered = waiting.map_or_else(|| Worker::start(&self.command), Ok).and_then(|mut worker| {
            let answer = worker.call(message, self.command.timeout)?;
            Ok((worker, answer))
        });
        let mut idle = self.idle();
        idle.busy -= 1;
        // All: who finds it distrusted takes no place, and would wake nobody.
        self.freed.notify_all();
        if let Err(error @ CallError::Noise { .. }) = &answered {
            idle.distrusted = Some(error.clone());
        }
        let (worker, answer) = answered?;
        idle.waiting.push(worker);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
    fn a_program_that_closes_its_output_and_lives_on_is_told() {
        let pool = pool("import os, sys, time\nsys.stdin.readline(); os.close(1); time.sleep(60)", 1);
        let error = pool.call(&json!(1)).unwrap_err().to_string();
        assert!(error.contains("its standard output closed"), "{error}");
    }

    #[test]
    fn all_who_wait_hear_that_a_program_is_not_to_be_trusted() {
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
    fn one_that_ended_while_it_waited_is_started_again() {
        let pool = pool("import sys\nprint(sys.stdin.readline(), end='')", 1);
        assert_eq!(pool.call(&json!(1)).unwrap(), json!(1));
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(pool.call(&json!(2)).unwrap(), json!(2));
    }

    #[test]
    fn calls_at_once_are_no_more_programs_than_slots() {
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
    fn a_program_that_fails_is_told_apart_and_started_anew() {
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
    fn a_program_that_says_more_than_its_answer_is_not_trusted_again() {
        let pool = pool("import sys\nfor line in sys.stdin: sys.stdout.write('0.1\\n0.9\\n'); sys.stdout.flush()", 1);
        for _ in 0..2 {
            let error = pool.call(&json!(1)).unwrap_err().to_string();
            assert!(error.contains("wrote more than one line for a call") && error.ends_with("0.9"), "{error}");
        }
    }

    #[test]
    fn bytes_and_lines_that_are_no_answers_are_told() {
        let script = "import sys\nfor line in sys.stdin: sys.stdout.buffer.write(b'\"\\xff\"\\n'); sys.stdout.flush()";
        let error = pool(script, 1).call(&json!(1)).unwrap_err().to_string();
        assert!(error.contains("no UTF-8: "), "{error}");
        let long = "import sys\nfor line in sys.stdin: print('1' * (17 << 20), flush=True)";
        let error = pool(long, 1).call(&json!(1)).unwrap_err().to_string();
        assert!(error.contains("longer than 16 MB"), "{error}");
    }

    #[test]
    fn a_long_message_to_one_that_does_not_read_is_a_timeout() {
        let pool = pool("import time\ntime.sleep(60)", 1);
        let long = json!("x".repeat(1 << 20));
        assert!(matches!(pool.call(&long), Err(CallError::Timeout { .. })));
    }

    #[test]
    fn what_is_not_there_cannot_be_started() {
        let command =
            Command { argv: vec!["/no/such/program".into()], folder: "/".into(), timeout: Duration::from_secs(1), slots: 1 };
        assert!(matches!(Pool::new(command).call(&json!(1)), Err(CallError::Start { .. })));
    }
}
