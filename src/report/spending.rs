//! Where the time went: tokens and seconds by what they were spent on.

use serde::Serialize;

use crate::evaluate::Cost;

/// Records without which nothing is said of how an engine's seconds divide.
const LEAST_RECORDS: usize = 4;

/// Tokens and seconds of a run.
#[derive(Debug, Clone, Default)]
pub struct Spending {
    /// Rollouts of the search.
    pub task: Role,
    /// Reflections.
    pub reflection: Role,
    /// Test evaluations.
    pub test: Role,
    /// Seconds of work on the search.
    pub search: f64,
    /// Seconds of the test evaluations, which come on top.
    pub tests: f64,
}

/// What one kind of work took.
#[derive(Debug, Clone, Default)]
pub struct Role {
    /// Prompt tokens computed.
    pub prefilled: u64,
    /// Prompt tokens that perfect prefix trees would have computed.
    pub unique: u64,
    /// Prompt tokens reused.
    pub reused: u64,
    /// Tokens of answers.
    pub decoded: u64,
    /// Seconds in the engine.
    pub engine: f64,
    /// Seconds in the metric.
    pub metric: f64,
    /// Seconds in the engine for the metric's questions.
    pub judge: f64,
    /// Tokens read, tokens written and seconds of each record.
    records: Vec<[f64; 3]>,
}

/// A part of a run's seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// What it was spent on.
    pub name: &'static str,
    /// Seconds.
    pub seconds: f64,
    /// Tokens, where it has any.
    pub tokens: Option<u64>,
    /// Whether the seconds are an estimate.
    pub is_estimated: bool,
}

impl Role {
    fn add(&mut self, cost: &Cost) {
        self.prefilled += cost.usage.prefilled;
        self.unique += cost.usage.unique;
        self.reused += cost.usage.reused;
        self.decoded += cost.usage.decoded;
        self.engine += cost.engine;
        self.metric += cost.metric;
        self.judge += cost.judge;
        // A judge's tokens are among those of the record.
        self.records.push([cost.usage.prefilled as f64, cost.usage.decoded as f64, cost.engine + cost.judge]);
    }

    /// Seconds of reading prompts and of writing answers. The engine does both in the same batches, so they are an
    /// estimate: a price for a token of each, by least squares over the records, scaled to the seconds that were
    /// measured. None where the records do not tell the two apart.
    #[must_use]
    pub fn divided(&self) -> Option<[f64; 2]> {
        if self.records.len() < LEAST_RECORDS {
            return None;
        }
        let sum = |of: fn(&[f64; 3]) -> f64| self.records.iter().map(of).sum::<f64>();
        let (rr, rw, ww) = (sum(|r| r[0] * r[0]), sum(|r| r[0] * r[1]), sum(|r| r[1] * r[1]));
        let (rs, ws) = (sum(|r| r[0] * r[2]), sum(|r| r[1] * r[2]));
        let determinant = rr * ww - rw * rw;
        // Reading and writing went hand in hand all the time: any division would explain the seconds.
        if determinant <= 1e-3 * rr * ww {
            return None;
        }
        let (read, write) = ((rs * ww - ws * rw) / determinant, (ws * rr - rs * rw) / determinant);
        if read < 0.0 || write < 0.0 {
            return None;
        }
        let (read, write) = (read * self.prefilled as f64, write * self.decoded as f64);
        let scale = (self.engine + self.judge) / (read + write);
        scale.is_finite().then_some([read * scale, write * scale])
    }
}

impl Spending {
    pub(super) fn rollouts(&mut self, cost: &Cost) {
        self.task.add(cost);
        self.search = cost.elapsed;
    }

    pub(super) fn reflections(&mut self, cost: &Cost) {
        self.reflection.add(cost);
        self.search = cost.elapsed;
    }

    pub(super) fn test(&mut self, cost: &Cost) {
        self.test.add(cost);
        self.tests += cost.elapsed;
    }

    /// All seconds, the search's and the tests', in parts. A judge's questions belong to the rollouts that they are about.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let names = [
            (&self.task, ["rollouts: reading prompts (prefill)", "rollouts: writing answers (decode)", "rollouts"]),
            (&self.reflection, ["reflection: reading (prefill)", "reflection: writing (decode)", "reflection"]),
            (&self.test, ["test: reading prompts (prefill)", "test: writing answers (decode)", "test"]),
        ];
        let mut parts = Vec::new();
        for (role, [reading, writing, whole]) in names {
            match role.divided() {
                Some([read, write]) => {
                    let part = |name, seconds, tokens| Part { name, seconds, tokens: Some(tokens), is_estimated: true };
                    parts.extend([part(reading, read, role.prefilled), part(writing, write, role.decoded)]);
                }
                None if role.records.is_empty() => {}
                None => parts.push(Part {
                    name: whole,
                    seconds: role.engine + role.judge,
                    tokens: Some(role.prefilled + role.decoded),
                    is_estimated: false,
                }),
            }
        }
        let metric = self.task.metric + self.reflection.metric + self.test.metric;
        let roles = [&self.task, &self.reflection, &self.test];
        let engine: f64 = roles.iter().map(|role| role.engine + role.judge).sum();
        let rest = (self.search + self.tests - engine - metric).max(0.0);
        let part = |name, seconds| Part { name, seconds, tokens: None, is_estimated: false };
        parts.extend([part("metric", metric), part("all else", rest)]);
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Usage;

    fn cost(prefilled: u64, decoded: u64, engine: f64) -> Cost {
        Cost {
            usage: Usage { prefilled, unique: prefilled, reused: 0, decoded, reasoned: 0 },
            engine,
            metric: 0.5,
            ..Cost::default()
        }
    }

    #[test]
    fn seconds_divide_by_the_price_of_a_token() {
        let mut spending = Spending::default();
        for (read, written) in [(100, 10), (50, 40), (200, 5), (80, 80)] {
            spending.rollouts(&cost(read, written, read as f64 * 0.01 + written as f64 * 0.1));
        }
        let [read, write] = spending.task.divided().unwrap();
        assert!((read - 4.3).abs() < 1e-9 && (write - 13.5).abs() < 1e-9, "{read} {write}");
        let sum: f64 = spending.parts().iter().map(|part| part.seconds).sum();
        assert!((sum - (17.8 + 2.0)).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn what_the_records_do_not_tell_is_not_divided() {
        let mut spending = Spending::default();
        for n in 1..10 {
            spending.rollouts(&cost(100 * n, 10 * n, n as f64));
        }
        assert_eq!(spending.task.divided(), None);
        assert_eq!((spending.parts()[0].name, spending.parts()[0].seconds), ("rollouts", 45.0));
    }
}
