//! Tests of the reading of numbers.

use super::read::{Last, last_number, one_number};
use proptest::prelude::*;

fn value(text: &str) -> Result<f64, String> {
    match last_number(text) {
        Last::Number(number) => Ok(number.value),
        Last::Unreadable(text) => Err(text),
        Last::None => Err(String::new()),
    }
}

#[test]
fn the_last_number_is_found() {
    for (text, number) in [
        ("24", 24.0),
        ("It is 1,234.50 dollars.", 1234.5),
        ("#### -7", -7.0),
        ("= $18", 18.0),
        ("-$5", -5.0),
        ("$-5", -5.0),
        ("3 + 4 = 7.", 7.0),
        ("10-4=6", 6.0),
        ("it is .5", 0.5),
        ("-.25", -0.25),
        ("so...5", 5.0),
        ("No.5", 5.0),
        ("−7", -7.0),
        ("it is –5", -5.0),
        ("minus 5", -5.0),
        ("USD5", 5.0),
        ("共5個", 5.0),
        ("５", 5.0),
        ("٣٥", 35.0),
        ("**42**", 42.0),
        // Separators.
        ("1.000.000", 1_000_000.0),
        ("1,000,000", 1_000_000.0),
        ("1 000", 1000.0),
        ("1\u{A0}000\u{202F}000,5", 1_000_000.5),
        ("1'000", 1000.0),
        ("1’234’567.50", 1_234_567.5),
        ("1_000", 1000.0),
        ("1 000kg", 1000.0),
        ("2 500 000.75 EUR", 2_500_000.75),
        ("12 1/2", 12.5),
        ("1.234,56", 1234.56),
        ("1,00,000", 100_000.0),
        ("3,5", 3.5),
        ("0,123", 0.123),
        ("1,234", 1234.0),
        ("1.234", 1.234),
        ("In 2020 300 people", 300.0),
        // Units and names.
        ("350 kg CO2", 350.0),
        ("5 m2", 5.0),
        ("5m2", 5.0),
        ("9.81 m s^-2", 9.81),
        ("9.81 m/s²", 9.81),
        ("12 GB of GPT-4", 12.0),
        ("5 H2O", 5.0),
        // Exponents, powers, fractions.
        ("about 3.2e8.", 320_000_000.0),
        ("1,5E-1", 0.15),
        ("-2e+3", -2000.0),
        ("10e−2", 0.1),
        ("3.2 × 10^8", 320_000_000.0),
        ("3.2 x 10⁻³", 0.0032),
        (r"$6.02 \times 10^{23}$", 6.02e23),
        ("10^6", 1e6),
        ("3/4", 0.75),
        ("-1 1/2", -1.5),
        ("1½", 1.5),
        (r"\frac{3}{4}", 0.75),
        (r"\frac{-1.5}{3}", -0.5),
        (r"so \boxed{42} in 3 steps", 42.0),
        (r"\boxed{x = -\frac{1}{2}}", -0.5),
        (r"\boxed{1{,}000}", 1000.0),
        ("5 million", 5e6),
        ("$1.5bn", 1.5e9),
        ("50K", 50_000.0),
        ("1.5M", 1.5e6),
        ("$5 m", 5e6),
        ("5 m", 5.0),
        ("3,5 Mio. Euro", 3.5e6),
        ("5万円", 50_000.0),
        ("1.2億", 1.2e8),
        ("2*10**3", 2000.0),
        ("4^0.5", 2.0),
    ] {
        assert_eq!(value(text), Ok(number), "{text}");
    }
}

#[test]
fn what_is_not_one_number_is_never_read_as_one() {
    for (text, told) in [
        ("at 10:30", "10:30"),
        ("3–5", "3-5"),
        ("3%–5%", "3%-5%"),
        ("$3-$5", "$3-$5"),
        ("on 2024-01-15.", "2024-01-15"),
        ("15.01.2024", "15.01.2024"),
        ("1/15/2024", "1/15/2024"),
        ("version 1.2.3", "1.2.3"),
        ("1,2,3", "1,2,3"),
        ("5'10\"", "5'10\""),
        ("2π", "2π"),
        ("√2", "√2"),
        ("3 ± 2", "2"),
        ("0x1F", "0x1F"),
        ("1/0", "1/0"),
        ("5 1/15/2024", "1/15/2024"),
        ("(1+2)^2", "(1+2)^2"),
        ("5万3千", "5万3千"),
        ("sqrt(2)", "sqrt(2)"),
        (r"\sqrt{3}", r"\sqrt{3}"),
        ("log 2", "2"),
        ("3 + 4i", "4i"),
        (r"\frac{\pi}{2}", r"\frac{\pi}{2}"),
        ("2π/3", "2π/3"),
        ("(1+2)/3", "(1+2)/3"),
        ("1e999", "1e999"),
        (r"\boxed{3, 4}", "3, 4"),
        ("none", ""),
        ("CO2", ""),
        ("room2e4", ""),
        ("covid-19", ""),
    ] {
        assert_eq!(value(text), Err(told.to_owned()), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_searched_without_panic(text in "[-–0-9.,$eEü ]{0,12}") {
        let _ = value(&text);
        let _ = one_number(&text);
    }

    #[test]
    fn a_number_is_read_back(number in -1_000_000..1_000_000_i64, after in "[a-z ]{0,5}") {
        let words = ["pi", "mn", "bn", "tn"];
        prop_assume!(!words.iter().any(|word| after.trim_start().starts_with(word)) && !after.starts_with(['k', 'i']));
        prop_assert_eq!(value(&format!("it is {number}{after}")), Ok(number as f64));
    }
}
