//! When a run must stop: a number of rollouts, a time, or both.

use std::time::Duration;

use serde::Serialize;

/// When a run must stop. With two limits, the first that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The most rollouts.
    pub rollouts: Option<Rollouts>,
    /// The most time; the sub-wave that is under way then is finished.
    pub time: Option<Duration>,
}

/// The most rollouts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rollouts {
    /// So many.
    Count(u64),
    /// As many as DSPy gives a program of this size.
    Auto(Auto),
}

/// DSPy's presets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auto {
    /// About 6 candidates.
    Light,
    /// About 12 candidates.
    Medium,
    /// About 18 candidates.
    Heavy,
}

impl Auto {
    const ALL: [(&'static str, Self); 3] = [("light", Self::Light), ("medium", Self::Medium), ("heavy", Self::Heavy)];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, auto)| *auto == self).map_or("", |(name, _)| name)
    }

    /// Rollouts for a program of so many modules and validation examples: the formula of `auto_budget`
    /// in DSPy 3.4 (`dspy/teleprompt/gepa/gepa.py`), with its minibatch of 35 between full validations.
    #[must_use]
    pub fn rollouts(self, modules: usize, validation: usize) -> u64 {
        let candidates: f64 = match self {
            Self::Light => 6.0,
            Self::Medium => 12.0,
            Self::Heavy => 18.0,
        };
        let trials = (4.0 * modules as f64 * candidates.log2()).max(1.5 * candidates) as u64;
        let validations = (trials + 1) / 5 + 1 + u64::from(trials < 5);
        let validation = validation as u64;
        validation + 5 * candidates as u64 + 35 * trials + validations * validation
    }
}

impl Budget {
    /// What is taken where the task file says nothing.
    pub const DEFAULT: Self = Self { rollouts: Some(Rollouts::Count(300)), time: None };

    /// A budget in rollouts.
    #[must_use]
    pub fn rollouts(count: u64) -> Self {
        Self { rollouts: Some(Rollouts::Count(count)), time: None }
    }

    /// Reads `300`, `30m`, `2h`, `90s`, `light`, or one of the first and a time: `300, 30m`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut budget = Self { rollouts: None, time: None };
        for part in text.split(',') {
            match (read_rollouts(part.trim()), read_time(part.trim())) {
                (Some(rollouts), _) if budget.rollouts.is_none() => budget.rollouts = Some(rollouts),
                (None, Some(time)) if budget.time.is_none() => budget.time = Some(time),
                _ => return None,
            }
        }
        Some(budget)
    }

    /// The most rollouts for a program of so many modules and validation examples.
    #[must_use]
    pub fn most_rollouts(&self, modules: usize, validation: usize) -> Option<u64> {
        self.rollouts.map(|rollouts| match rollouts {
            Rollouts::Count(count) => count,
            Rollouts::Auto(auto) => auto.rollouts(modules, validation),
        })
    }
}

fn read_rollouts(text: &str) -> Option<Rollouts> {
    match Auto::ALL.iter().find(|(name, _)| *name == text) {
        Some((_, auto)) => Some(Rollouts::Auto(*auto)),
        None => text.parse().ok().filter(|&count| count > 0).map(Rollouts::Count),
    }
}

fn read_time(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return None,
    };
    let amount: u64 = text[..text.len() - 1].parse().ok()?;
    amount.checked_mul(unit).filter(|&seconds| seconds > 0).map(Duration::from_secs)
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.rollouts {
            Some(Rollouts::Count(count)) => write!(f, "{count}")?,
            Some(Rollouts::Auto(auto)) => f.write_str(auto.name())?,
            None => {}
        }
        let Some(time) = self.time.map(|time| time.as_secs()) else {
            return Ok(());
        };
        let comma = if self.rollouts.is_some() { ", " } else { "" };
        match time.is_multiple_of(60) {
            true => write!(f, "{comma}{}m", time / 60),
            false => write!(f, "{comma}{time}s"),
        }
    }
}

impl Serialize for Budget {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_read_and_written_alike() {
        for text in ["300", "30m", "90s", "120m", "300, 30m", "light", "heavy, 90s"] {
            assert_eq!(Budget::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Budget::parse("2h").unwrap().time, Some(Duration::from_secs(7200)));
        assert_eq!(Budget::parse("30m,300"), Budget::parse("300, 30m"));
        for text in [
            "",
            "0",
            "m",
            "-3",
            "1.5m",
            "30 minutes",
            "0m",
            "99999999999999999999h",
            "9999999999999999h",
            "30µ",
            "300, 200",
            "3m, 4m",
            "light, 300",
            "300,",
            "lihgt",
        ] {
            assert_eq!(Budget::parse(text), None, "{text}");
        }
    }

    /// The figures of the reference for one module and 100 validation examples.
    #[test]
    fn presets_are_those_of_dspy() {
        assert_eq!([Auto::Light, Auto::Medium, Auto::Heavy].map(|auto| auto.rollouts(1, 100)), [780, 1190, 1735]);
        assert_eq!(Budget::parse("light").unwrap().most_rollouts(1, 100), Some(780));
    }
}
