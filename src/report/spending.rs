//! Where the time of a run went: tokens and seconds by kind of work.

use serde::Serialize;

use crate::evaluate::Cost;

/// The least number of records from which the seconds of prefill and decode are estimated.
const LEAST_RECORDS: usize = 4;

/// Below this share of its largest possible value, the determinant of the normal equations counts as zero.
const LEAST_DETERMINANT: f64 = 1e-3;

/// Tokens and seconds of a run.
#[derive(Debug, Clone, Default)]
pub struct Spending {
    /// The rollouts of the search.
    pub task: RoleSpending,
    /// The reflections.
    pub reflection: RoleSpending,
    /// The test evaluations.
    pub test: RoleSpending,
    /// Seconds of work on the search.
    pub search: f64,
    /// Seconds of the test evaluations, which are not part of `search`.
    pub tests: f64,
}

/// Tokens and seconds of one kind of work.
#[derive(Debug, Clone, Default)]
pub struct RoleSpending {
    /// Prompt tokens computed.
    pub prefilled: u64,
    /// Prompt tokens that would be computed if each wave computed a shared beginning of its prompts once.
    pub unique: u64,
    /// Prompt tokens reused from other requests.
    pub reused: u64,
    /// Generated tokens.
    pub decoded: u64,
    /// Seconds in the engine, without requests to a judge.
    pub engine: f64,
    /// Seconds in the metric, without requests to a judge.
    pub metric: f64,
    /// Seconds in the engine for requests to a judge.
    pub judge: f64,
    records: Vec<RecordCost>,
}

/// The cost of one record of the journal, a judge's tokens and seconds included.
#[derive(Debug, Clone, Copy)]
struct RecordCost {
    /// Prompt tokens computed.
    prefilled: f64,
    /// Generated tokens.
    decoded: f64,
    /// Seconds in the engine.
    seconds: f64,
}

/// Seconds in the engine, divided into prefill and decode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EngineSeconds {
    /// Seconds of computing prompt tokens.
    pub prefill: f64,
    /// Seconds of generating tokens.
    pub decode: f64,
}

/// A part of a run's seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// The kind of work, in words.
    pub name: &'static str,
    /// Seconds.
    pub seconds: f64,
    /// Tokens; None for work without tokens.
    pub tokens: Option<u64>,
    /// Whether the seconds are an estimate.
    pub is_estimated: bool,
}

/// The names of the parts of one kind of work.
struct PartNames {
    prefill: &'static str,
    decode: &'static str,
    /// The name if prefill and decode cannot be told apart.
    both: &'static str,
}

const TASK_PARTS: PartNames =
    PartNames { prefill: "rollouts: prompts (prefill)", decode: "rollouts: answers (decode)", both: "rollouts" };
const REFLECTION_PARTS: PartNames =
    PartNames { prefill: "reflection: prompts (prefill)", decode: "reflection: answers (decode)", both: "reflection" };
const TEST_PARTS: PartNames = PartNames { prefill: "test: prompts (prefill)", decode: "test: answers (decode)", both: "test" };

impl RoleSpending {
    fn add(&mut self, cost: &Cost) {
        self.prefilled += cost.usage.prefilled;
        self.unique += cost.usage.unique;
        self.reused += cost.usage.reused;
        self.decoded += cost.usage.decoded;
        self.engine += cost.engine;
        self.metric += cost.metric;
        self.judge += cost.judge;
        self.records.push(RecordCost {
            prefilled: cost.usage.prefilled as f64,
            decoded: cost.usage.decoded as f64,
            seconds: cost.engine + cost.judge,
        });
    }

    /// Estimates how the seconds in the engine divide into prefill and decode. The engine does both in the same batches, so they
    /// cannot be measured apart. The seconds of a token of each kind are fitted to the records by least squares without an
    /// intercept (normal equations), and the result is scaled to the measured sum. None if there are too few records, if the
    /// ratio of prefill to decode was nearly the same in all of them, or if a fitted time is negative or both are 0.
    #[must_use]
    pub fn engine_seconds(&self) -> Option<EngineSeconds> {
        if self.records.len() < LEAST_RECORDS {
            return None;
        }
        let sum = |product: fn(&RecordCost) -> f64| self.records.iter().map(product).sum::<f64>();
        let prefill_squares = sum(|record| record.prefilled * record.prefilled);
        let decode_squares = sum(|record| record.decoded * record.decoded);
        let products = sum(|record| record.prefilled * record.decoded);
        let prefill_seconds = sum(|record| record.prefilled * record.seconds);
        let decode_seconds = sum(|record| record.decoded * record.seconds);
        let determinant = prefill_squares * decode_squares - products * products;
        if determinant <= LEAST_DETERMINANT * prefill_squares * decode_squares {
            return None;
        }
        let per_prefilled = (prefill_seconds * decode_squares - decode_seconds * products) / determinant;
        let per_decoded = (decode_seconds * prefill_squares - prefill_seconds * products) / determinant;
        if per_prefilled < 0.0 || per_decoded < 0.0 {
            return None;
        }
        let (prefill, decode) = (per_prefilled * self.prefilled as f64, per_decoded * self.decoded as f64);
        let scale = (self.engine + self.judge) / (prefill + decode);
        scale.is_finite().then_some(EngineSeconds { prefill: prefill * scale, decode: decode * scale })
    }

    /// Returns the parts of the seconds in the engine; none if there was no work of this kind.
    fn parts(&self, names: &PartNames) -> Vec<Part> {
        let part = |name, seconds, tokens, is_estimated| Part { name, seconds, tokens: Some(tokens), is_estimated };
        match self.engine_seconds() {
            Some(EngineSeconds { prefill, decode }) => {
                vec![part(names.prefill, prefill, self.prefilled, true), part(names.decode, decode, self.decoded, true)]
            }
            None if self.records.is_empty() => Vec::new(),
            None => vec![part(names.both, self.engine + self.judge, self.prefilled + self.decoded, false)],
        }
    }
}

impl Spending {
    /// Adds a record of rollouts of the search.
    pub(super) fn rollouts(&mut self, cost: &Cost) {
        self.task.add(cost);
        self.search = cost.elapsed;
    }

    /// Adds a record of reflections.
    pub(super) fn reflections(&mut self, cost: &Cost) {
        self.reflection.add(cost);
        self.search = cost.elapsed;
    }

    /// Adds a record of a test evaluation.
    pub(super) fn test(&mut self, cost: &Cost) {
        self.test.add(cost);
        self.tests += cost.elapsed;
    }

    /// Returns all seconds, of the search and of the test evaluations, in parts. Requests to a judge count as part of the
    /// rollouts that they are about.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = self.task.parts(&TASK_PARTS);
        parts.extend(self.reflection.parts(&REFLECTION_PARTS));
        parts.extend(self.test.parts(&TEST_PARTS));
        let roles = [&self.task, &self.reflection, &self.test];
        let metric = self.task.metric + self.reflection.metric + self.test.metric;
        let engine: f64 = roles.iter().map(|role| role.engine + role.judge).sum();
        let rest = (self.search + self.tests - engine - metric).max(0.0);
        let part = |name, seconds| Part { name, seconds, tokens: None, is_estimated: false };
        parts.extend([part("metric", metric), part("everything else", rest)]);
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Usage;

    fn cost(prefilled: u64, decoded: u64, engine: f64) -> Cost {
        Cost {
            usage: Usage { prefilled, unique: prefilled, decoded, ..Usage::default() },
            engine,
            metric: 0.5,
            ..Cost::default()
        }
    }

    #[test]
    fn seconds_divide_by_the_fitted_seconds_of_a_token() {
        let mut spending = Spending::default();
        for (prefilled, decoded) in [(100, 10), (50, 40), (200, 5), (80, 80)] {
            spending.rollouts(&cost(prefilled, decoded, prefilled as f64 * 0.01 + decoded as f64 * 0.1));
        }
        let EngineSeconds { prefill, decode } = spending.task.engine_seconds().unwrap();
        assert!((prefill - 4.3).abs() < 1e-9 && (decode - 13.5).abs() < 1e-9, "{prefill} {decode}");
        let sum: f64 = spending.parts().iter().map(|part| part.seconds).sum();
        assert!((sum - (17.8 + 2.0)).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn seconds_are_not_divided_if_the_ratio_of_tokens_is_constant() {
        let mut spending = Spending::default();
        for n in 1..10 {
            spending.rollouts(&cost(100 * n, 10 * n, n as f64));
        }
        assert_eq!(spending.task.engine_seconds(), None);
        assert_eq!((spending.parts()[0].name, spending.parts()[0].seconds), ("rollouts", 45.0));
    }
}
