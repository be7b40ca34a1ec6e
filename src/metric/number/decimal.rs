//! A number as it is written in the decimal system.

use std::fmt::{Display, Formatter};

/// The most digits that are shown without an exponent.
const MOST_SHOWN: i64 = 40;

/// A decimal number of any length, without rounding: `digits` times ten to the power of `exponent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    /// The digits without zeros at both ends. Empty for zero.
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Creates a number from the digits before and after the decimal point. None if there is something else than digits.
    pub fn new(whole: &str, part: &str) -> Option<Self> {
        let all = format!("{whole}{part}");
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let kept = all.trim_end_matches('0');
        let digits = kept.trim_start_matches('0').to_owned();
        let exponent = (all.len() - kept.len()) as i64 - part.len() as i64;
        Some(Self { negative: false, exponent: if digits.is_empty() { 0 } else { exponent }, digits })
    }

    /// Returns the number times ten to the power of `power`.
    pub fn shifted(&self, power: i64) -> Self {
        let exponent = if self.digits.is_empty() { 0 } else { self.exponent.saturating_add(power) };
        Self { exponent, ..self.clone() }
    }

    /// Returns the negative of the number. Zero has no sign.
    pub fn negated(&self) -> Self {
        Self { negative: !self.negative && !self.digits.is_empty(), ..self.clone() }
    }

    /// Whether the number has no fraction.
    pub fn is_whole(&self) -> bool {
        self.exponent >= 0
    }

    /// Returns the nearest 64-bit float, which is infinite for a number that is too large.
    pub fn value(&self) -> f64 {
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}0{}e{}", self.digits, self.exponent).parse().unwrap_or(f64::INFINITY)
    }
}

impl Display for Decimal {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let length = self.digits.len() as i64;
        // The number of digits before the point, or below 0 of zeros behind it.
        let before = length.saturating_add(self.exponent);
        let count = before.unsigned_abs() as usize;
        match self.exponent {
            _ if self.digits.is_empty() => write!(f, "0"),
            exponent if exponent.abs() > MOST_SHOWN => write!(f, "{sign}{}e{exponent}", self.digits),
            0.. => write!(f, "{sign}{:0<count$}", self.digits),
            _ if before > 0 => write!(f, "{sign}{}.{}", &self.digits[..count], &self.digits[count..]),
            _ => write!(f, "{sign}0.{}{}", "0".repeat(count), self.digits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_shown_as_it_is() {
        for (whole, part, shown) in [
            ("0012", "50", "12.5"),
            ("1000", "", "1000"),
            ("0", "00120", "0.0012"),
            ("0", "0", "0"),
            ("9007199254740993", "", "9007199254740993"),
        ] {
            let number = Decimal::new(whole, part).unwrap();
            assert_eq!(number.to_string(), shown);
            assert_eq!(number.negated().to_string(), if shown == "0" { "0".to_owned() } else { format!("-{shown}") });
            assert_eq!(number.value(), shown.parse::<f64>().unwrap());
        }
        assert_eq!(Decimal::new("6", "02").unwrap().shifted(23).value(), 6.02e23);
        assert_eq!(Decimal::new("1", "").unwrap().shifted(999).value(), f64::INFINITY);
        assert_eq!(Decimal::new("1", "x"), None);
    }
}
