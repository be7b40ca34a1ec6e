//! The budget of a search: a number of rollouts, a time, a number of tokens, or several of these.

use std::time::Duration;

use serde::Serialize;

/// The budget of a search. With several limits, the search stops at the one that it reaches first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The most rollouts. None: any number.
    pub rollouts: Option<Rollouts>,
    /// The most time. The sub-wave that is running then is finished. None: any time.
    pub time: Option<Duration>,
    /// The most tokens that the search computes and generates. The sub-wave or the list of reflections that reaches it is finished.
    /// None: any number.
    pub tokens: Option<u64>,
}

/// The most rollouts of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rollouts {
    /// This number.
    Count(u64),
    /// A number that depends on the size of the program and of the validation data.
    Auto(Auto),
}

/// The budgets that DSPy calls `auto`.
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
    const ALL: [Self; 3] = [Self::Light, Self::Medium, Self::Heavy];

    fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Medium => "medium",
            Self::Heavy => "heavy",
        }
    }

    /// Returns the number of rollouts for a program with `modules` modules and for `validation` validation examples. This is the
    /// formula of `auto_budget` in DSPy 3.4 (`dspy/teleprompt/gepa/gepa.py`), with minibatches of 35 examples.
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
    /// The budget of a task file that names none.
    pub const DEFAULT: Self = Self { rollouts: Some(Rollouts::Count(300)), time: None, tokens: None };

    /// Returns a budget of `count` rollouts.
    #[must_use]
    pub fn rollouts(count: u64) -> Self {
        Self { rollouts: Some(Rollouts::Count(count)), time: None, tokens: None }
    }

    /// Reads a number of rollouts (`300`) or a name (`light`), a time (`30m`, `2h`, `90s`), a number of tokens (`2M tokens`,
    /// `500k tokens`, `1200 tokens`), or several of these (`300, 30m`), each kind once. None if the text is no budget.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut budget = Self { rollouts: None, time: None, tokens: None };
        for part in text.split(',').map(str::trim) {
            match (read_rollouts(part), read_time(part), read_tokens(part)) {
                (Some(rollouts), ..) if budget.rollouts.is_none() => budget.rollouts = Some(rollouts),
                (_, Some(time), _) if budget.time.is_none() => budget.time = Some(time),
                (.., Some(tokens)) if budget.tokens.is_none() => budget.tokens = Some(tokens),
                _ => return None,
            }
        }
        Some(budget)
    }

    /// Returns the most rollouts for a program with `modules` modules and for `validation` validation examples. None if only time
    /// or tokens are limited.
    #[must_use]
    pub fn most_rollouts(&self, modules: usize, validation: usize) -> Option<u64> {
        self.rollouts.map(|rollouts| match rollouts {
            Rollouts::Count(count) => count,
            Rollouts::Auto(auto) => auto.rollouts(modules, validation),
        })
    }
}

fn read_rollouts(text: &str) -> Option<Rollouts> {
    match Auto::ALL.into_iter().find(|auto| auto.name() == text) {
        Some(auto) => Some(Rollouts::Auto(auto)),
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

fn read_tokens(text: &str) -> Option<u64> {
    let number = text.strip_suffix("tokens")?;
    let amount = number.strip_suffix([' ', '\t'])?.trim_end();
    let (digits, unit) = match amount.chars().last()? {
        'k' => (&amount[..amount.len() - 1], THOUSAND),
        'M' => (&amount[..amount.len() - 1], MILLION),
        _ => (amount, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit).filter(|&tokens| tokens > 0)
}

/// The factor of `k`.
const THOUSAND: u64 = 1000;

/// The factor of `M`.
const MILLION: u64 = 1_000_000;

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rollouts = self.rollouts.map(|rollouts| match rollouts {
            Rollouts::Count(count) => count.to_string(),
            Rollouts::Auto(auto) => auto.name().to_owned(),
        });
        let time = self.time.map(|time| match time.as_secs() {
            seconds if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
            seconds => format!("{seconds}s"),
        });
        let tokens = self.tokens.map(|tokens| match tokens {
            tokens if tokens.is_multiple_of(MILLION) => format!("{}M tokens", tokens / MILLION),
            tokens if tokens.is_multiple_of(THOUSAND) => format!("{}k tokens", tokens / THOUSAND),
            tokens => format!("{tokens} tokens"),
        });
        f.write_str(&rollouts.into_iter().chain(time).chain(tokens).collect::<Vec<_>>().join(", "))
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
    fn a_budget_is_written_in_the_form_in_which_it_is_read() {
        for text in [
            "300",
            "30m",
            "90s",
            "120m",
            "300, 30m",
            "light",
            "heavy, 90s",
            "2M tokens",
            "500k tokens",
            "1234 tokens",
            "300, 30m, 7k tokens",
        ] {
            assert_eq!(Budget::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Budget::parse("2h").unwrap().time, Some(Duration::from_secs(7200)));
        assert_eq!(Budget::parse("30m,300"), Budget::parse("300, 30m"));
        assert_eq!(Budget::parse("120000 tokens").unwrap(), Budget { rollouts: None, time: None, tokens: Some(120_000) });
        assert_eq!(Budget::parse("2000k  tokens,30m"), Budget::parse("30m, 2M tokens"));
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
            "tokens",
            " tokens",
            "2Mtokens",
            "2 M tokens",
            "2m tokens",
            "2K tokens",
            "1.5M tokens",
            "0k tokens",
            "-1 tokens",
            "300 token",
            "k tokens",
            "99999999999999999M tokens",
            "1k tokens, 2k tokens",
            "300, 5 tokens, 30m, 4",
        ] {
            assert_eq!(Budget::parse(text), None, "{text}");
        }
    }

    /// The expected numbers were computed with DSPy for one module and 100 validation examples.
    #[test]
    fn presets_are_those_of_dspy() {
        assert_eq!([Auto::Light, Auto::Medium, Auto::Heavy].map(|auto| auto.rollouts(1, 100)), [780, 1190, 1735]);
        assert_eq!(Budget::parse("light").unwrap().most_rollouts(1, 100), Some(780));
    }
}
