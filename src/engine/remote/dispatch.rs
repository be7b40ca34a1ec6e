//! Spreads a list of requests over the servers of a model, and sends again what may be sent again.
//!
//! One thread, the caller's, decides everything; other threads only wait for replies. A request that is answered is never sent
//! again, and one that is not is either sent again or ends the whole list with an error.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::failure::Failure;
use super::pool::Pool;
use super::queue::Queue;
use super::settings::Patience;

/// The longest time between two looks at whether the user has interrupted the run.
const LOOK: Duration = Duration::from_millis(50);

/// What is sent, and to whom. It is used by several threads at the same time.
pub(super) trait Work: Send + Sync + 'static {
    /// What a server answers.
    type Answer: Send + 'static;

    /// Sends the request at `job` of the list to a server, and waits for the answer.
    fn send(&self, url: &str, job: usize) -> Result<Self::Answer, Failure>;

    /// Asks a server that did not answer whether it is there again.
    ///
    /// # Errors
    /// Why it cannot get requests.
    fn is_back(&self, url: &str) -> Result<(), String>;
}

/// A request's answer.
pub(super) struct Answered<A> {
    /// The answer, or why the request was refused because of its length.
    pub(super) answer: Result<A, String>,
    /// The server's URL.
    pub(super) url: String,
    /// How long the answer took.
    pub(super) took: Duration,
}

/// What is called with each answer, and several times a second with None. The list is interrupted if it returns
/// [`ControlFlow::Break`].
pub(super) type Watch<'a, A> = dyn FnMut(Option<&Answered<A>>) -> ControlFlow<()> + 'a;

/// Why a list of requests was not answered.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The caller's function asked to stop.
    Interrupted,
    /// A request cannot be answered, or no server answers.
    Failed(String),
}

/// What a thread is to do.
enum Order {
    Send { node: usize, url: String, job: usize },
    Ask { node: usize, url: String },
}

/// What a thread has done.
enum Outcome<A> {
    Sent { node: usize, job: usize, result: Result<A, Failure>, took: Duration },
    Asked { node: usize, said: Result<(), String> },
}

/// Threads that carry out orders. They end when this is dropped and their last order is carried out; nothing waits for them.
struct Threads<W: Work> {
    work: Arc<W>,
    orders: Sender<Order>,
    waiting: Arc<Mutex<Receiver<Order>>>,
    outcomes: Sender<Outcome<W::Answer>>,
    count: usize,
    busy: usize,
}

impl<W: Work> Threads<W> {
    /// Gives an order to a thread that has none. Starts one if all have.
    ///
    /// # Errors
    /// Why no thread can be started.
    fn give(&mut self, order: Order) -> Result<(), Stopped> {
        let failed = |cause: String| Stopped::Failed(format!("no thread for a request can be started: {cause}"));
        if self.busy == self.count {
            let (work, waiting, outcomes) = (Arc::clone(&self.work), Arc::clone(&self.waiting), self.outcomes.clone());
            let thread = std::thread::Builder::new().name("request".into()).stack_size(512 << 10);
            thread.spawn(move || carry_out(&*work, &waiting, &outcomes)).map_err(|e| failed(e.to_string()))?;
            self.count += 1;
        }
        self.busy += 1;
        self.orders.send(order).map_err(|e| failed(e.to_string()))
    }
}

/// Carries out orders until there are no more.
fn carry_out<W: Work>(work: &W, waiting: &Mutex<Receiver<Order>>, outcomes: &Sender<Outcome<W::Answer>>) {
    loop {
        let order = match waiting.lock() {
            Ok(waiting) => waiting.recv(),
            Err(_) => return,
        };
        let outcome = match order {
            Ok(Order::Send { node, url, job }) => {
                let started = Instant::now();
                let result = work.send(&url, job);
                Outcome::Sent { node, job, result, took: started.elapsed() }
            }
            Ok(Order::Ask { node, url }) => Outcome::Asked { node, said: work.is_back(&url) },
            Err(_) => return,
        };
        if outcomes.send(outcome).is_err() {
            return;
        }
    }
}

/// A list of requests on its way.
struct Course<'a, A> {
    pool: &'a mut Pool,
    patience: &'a Patience,
    queue: Queue,
    answers: Vec<Option<Answered<A>>>,
    /// Failed attempts of each request.
    attempts: Vec<u32>,
    /// How often busy servers refused each request.
    refusals: Vec<u32>,
    /// The number of requests that have an answer.
    done: usize,
    /// The time of all answers together, in seconds.
    seconds: f64,
}

/// Sends the requests whose prompts have these `beginnings`, and returns their answers in order.
///
/// # Errors
/// [`Stopped`].
pub(super) fn dispatch<W: Work>(
    pool: &mut Pool,
    beginnings: &[u64],
    work: &Arc<W>,
    patience: &Patience,
    watch: &mut Watch<'_, W::Answer>,
) -> Result<Vec<Answered<W::Answer>>, Stopped> {
    pool.restart(Instant::now());
    let count = beginnings.len();
    let (orders, waiting) = channel();
    let (outcomes, results) = channel();
    let waiting = Arc::new(Mutex::new(waiting));
    let mut threads = Threads { work: Arc::clone(work), orders, waiting, outcomes, count: 0, busy: 0 };
    let mut course = Course {
        pool,
        patience,
        queue: Queue::new(beginnings),
        answers: (0..count).map(|_| None).collect(),
        attempts: vec![0; count],
        refusals: vec![0; count],
        done: 0,
        seconds: 0.0,
    };
    while course.done < count {
        course.pool.tell_under_way();
        if watch(None).is_break() {
            return Err(Stopped::Interrupted);
        }
        let now = Instant::now();
        course.queue.wake(now);
        while let Some(node) = course.pool.ask_again(now) {
            threads.give(Order::Ask { node, url: course.pool.nodes[node].url.clone() })?;
        }
        while let Some((node, job)) = course.pool.choose(&mut course.queue, now) {
            threads.give(Order::Send { node, url: course.pool.nodes[node].url.clone(), job })?;
        }
        if let Some(causes) = course.pool.dead(patience) {
            return Err(Stopped::Failed(format!(
                "no server answers: {causes}. What was answered before is kept: type the same command when one is there again"
            )));
        }
        let wakes = [course.queue.next_wake().map(|at| at.saturating_duration_since(now)), course.pool.next_wake(now)];
        let wait = wakes.into_iter().flatten().fold(LOOK, Duration::min).max(Duration::from_millis(1));
        let mut next = match results.recv_timeout(wait) {
            Ok(outcome) => Some(outcome),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Err(Stopped::Failed("the threads of the requests have ended".into())),
        };
        while let Some(outcome) = next {
            threads.busy -= 1;
            if let Some(job) = course.note(outcome)?
                && watch(course.answers[job].as_ref()).is_break()
            {
                return Err(Stopped::Interrupted);
            }
            next = results.try_recv().ok();
        }
    }
    Ok(course.answers.into_iter().flatten().collect())
}

impl<A> Course<'_, A> {
    /// Notes what a thread has done. Returns the request that has an answer now, if one has.
    ///
    /// # Errors
    /// A request cannot be answered.
    fn note(&mut self, outcome: Outcome<A>) -> Result<Option<usize>, Stopped> {
        let now = Instant::now();
        let (node, job, result, took) = match outcome {
            Outcome::Sent { node, job, result, took } => (node, job, result, took),
            Outcome::Asked { node, said } => {
                self.pool.asked(node, said, self.patience, now);
                return Ok(None);
            }
        };
        let answer = match result {
            Ok(answer) => {
                self.seconds += took.as_secs_f64();
                let mean = self.seconds / (self.done + 1) as f64;
                self.pool.nodes[node].answered(took.as_secs_f64() / mean.max(1e-9), now);
                Ok(answer)
            }
            Err(failure) => {
                self.pool.nodes[node].failed();
                match failure {
                    Failure::TooLong(reason) => {
                        self.pool.nodes[node].failures = 0;
                        Err(reason)
                    }
                    other => return self.send_again(node, job, other, now).map(|()| None),
                }
            }
        };
        self.answers[job] = Some(Answered { answer, url: self.pool.nodes[node].url.clone(), took });
        self.done += 1;
        Ok(Some(job))
    }

    /// Sends a request again that failed.
    ///
    /// # Errors
    /// It may not be sent again, or was sent often enough.
    fn send_again(&mut self, node: usize, job: usize, failure: Failure, now: Instant) -> Result<(), Stopped> {
        match failure {
            Failure::Unreachable(cause) => {
                self.pool.leave_out(node, cause, self.patience.wait(1), now);
                self.queue.push(job);
            }
            Failure::Busy { cause, wait } => {
                self.refusals[job] += 1;
                let wait = wait.unwrap_or_else(|| self.patience.wait(self.refusals[job])).min(self.patience.longest_wait * 10);
                self.pool.nodes[node].pause(wait, now);
                if self.refusals[job] >= self.patience.busy {
                    return Err(Stopped::Failed(format!("{cause} (a request was refused {} times)", self.refusals[job])));
                }
                self.queue.push(job);
            }
            Failure::Broken(cause) => {
                self.attempts[job] += 1;
                let attempts = self.attempts[job];
                if self.pool.nodes[node].failures >= self.patience.failures {
                    self.pool.leave_out(node, cause.clone(), self.patience.wait(1), now);
                }
                if attempts >= self.patience.attempts {
                    return Err(Stopped::Failed(format!("{cause} (a request was sent {attempts} times)")));
                }
                self.queue.push_later(job, now + self.patience.wait(attempts));
            }
            Failure::TooLong(cause) | Failure::Final(cause) => return Err(Stopped::Failed(cause)),
        }
        Ok(())
    }
}
