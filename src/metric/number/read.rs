//! Reads numbers as people and models write them. What is not clearly one number is unreadable, and never read as another one.

use regex::Match;

use super::decimal::Decimal;
use super::latex::{boxed, plain};

/// A number that was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    /// The value; finite.
    pub value: f64,
    /// The number without rounding. None for fractions and powers.
    pub exact: Option<Decimal>,
    /// Whether a percent sign stands behind it.
    pub is_percent: bool,
}

impl Reading {
    /// Returns the number as a share of one, where it is a percentage.
    pub fn hundredth(&self) -> Self {
        let exact = self.exact.as_ref().map(|exact| exact.shifted(-2));
        let value = exact.as_ref().map_or(self.value / 100.0, Decimal::value);
        Self { value, exact, is_percent: false }
    }
}

/// The last number of a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Last {
    /// It can be read.
    Number(Reading),
    /// It cannot be read. This is what stands there, like `10:30`.
    Unreadable(String),
    /// There is no number.
    None,
}

/// The signs of currencies that may stand before the digits.
const CURRENCY: [char; 6] = ['$', '€', '£', '¥', '₹', '₽'];

/// The codes of currencies that may stand directly before the digits.
const CODES: [&str; 10] = ["USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "CAD", "AUD", "Rs"];

/// Returns what can be one number: digits with marks within, groups of three digits with spaces, a whole number and a fraction; each
/// with an exponent or a power.
fn tokens(text: &str) -> Vec<Match<'_>> {
    let spaced = pattern!(
        r"(?x) (?: [0-9]{1,3} (?: \ [0-9]{3} )+ (?: [.,][0-9]+ )? | [0-9]{1,3} \ [0-9]+ / [0-9]+ )
        (?: \ ? [×x*] \ ? 10 \^ [-+]? [0-9]+ )?"
    );
    let unspaced = pattern!(
        r"(?x) \.? [0-9]+ (?: [.,'_:/-] [0-9]+ )*
        (?: [eE] [-+]? [0-9]+ | \ ? [×x*] \ ? 10 \^ [-+]? [0-9]+ | \^ [-+]? [0-9]+ (?: \.[0-9]+ )? )?"
    );
    let (Some(spaced), Some(unspaced)) = (spaced, unspaced) else { return Vec::new() };
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(token) = unspaced.find_at(text, at) {
        // The digits behind a space belong to the number only if no more digits or parts follow.
        let longer = spaced.find_at(text, token.start()).filter(|longer| {
            longer.start() == token.start() && !text[longer.end()..].starts_with(|c: char| c.is_ascii_digit() || c == '/')
        });
        let token = longer.filter(|longer| longer.end() > token.end()).unwrap_or(token);
        at = token.end();
        found.push(token);
    }
    found
}

/// Returns the last number of a text: that in the last `\boxed{…}` if there is one, else that behind the last `####`, else the last.
pub(super) fn last_number(text: &str) -> Last {
    if let Some(inside) = boxed(text) {
        let plain = plain(inside);
        let mut found = free_tokens(&plain);
        return match (found.next(), found.next()) {
            (Some(only), None) => read(&plain, only),
            (None, _) => Last::None,
            (Some(_), Some(_)) => Last::Unreadable(inside.to_owned()),
        };
    }
    let answer = text.rsplit_once("####").map(|(_, answer)| answer).filter(|answer| answer.contains(char::is_numeric));
    let plain = plain(answer.unwrap_or(text));
    let last = free_tokens(&plain).last();
    last.map_or(Last::None, |token| read(&plain, token))
}

/// Returns the number of a text that has one number and nothing else but a currency before and a unit behind it. In a worked
/// solution as in GSM8K, it is the number behind `####`. None where the text is something else.
pub(super) fn one_number(text: &str) -> Option<Reading> {
    let text = text.rsplit_once("####").map_or(text, |(_, number)| number);
    let plain = plain(text.trim());
    let mut found = free_tokens(&plain);
    let (only, None) = (found.next()?, found.next()) else { return None };
    let before = &plain[..only.start()];
    let is_alone = CODES.iter().any(|code| before.trim_end() == *code)
        || pattern!(r"^(?:[-+]?[$€£¥₹₽]?|[$€£¥₹₽] ?[-+]?)$").is_some_and(|allowed| allowed.is_match(before));
    let unit = pattern!(r#"^\s*(?:[\p{L}\p{Sc}%‰°("'].*)?\.?$"#);
    match read(&plain, only) {
        Last::Number(number) if is_alone && unit.is_some_and(|unit| unit.is_match(&plain[only.end()..])) => Some(number),
        _ => None,
    }
}

/// Whether a character is a letter that makes a name of the digits behind it: "CO2", but not "共5". Only scripts in which a number
/// stands apart from words have such letters.
fn makes_a_name(c: char) -> bool {
    c.is_alphabetic() && u32::from(c) < 0x530
}

/// Returns the tokens that are not parts of a name or of a unit, like the digits of "CO2", "m^2", "GPT-4" and "v1.2".
fn free_tokens(text: &str) -> impl Iterator<Item = Match<'_>> {
    tokens(text).into_iter().filter(move |token| {
        let before = &text[..token.start()];
        let name = before.trim_end_matches(['-', '_', '^']);
        // "is -5" has a space before the sign, and "= -5" no letter.
        !name.ends_with(makes_a_name) || CODES.iter().any(|code| before.ends_with(code)) || is_abbreviation(token, before)
    })
}

/// Whether the point of a token ends a word before it, as in "No.5".
fn is_abbreviation(token: &Match<'_>, before: &str) -> bool {
    token.as_str().starts_with('.') && before.ends_with(makes_a_name)
}

/// Reads one token of a text, with its sign and what stands directly behind it.
fn read(text: &str, token: Match<'_>) -> Last {
    let (before, behind) = (&text[..token.start()], &text[token.end()..]);
    let number = magnitude(token.as_str(), before).and_then(|number| scaled(number, before, behind));
    let number = number.and_then(|number| signed(number, before)).filter(|number| number.value.is_finite());
    let is_percent = pattern!(r"^ ?(?:%|per ?cent\b)").is_some_and(|percent| percent.is_match(behind));
    match number {
        Some(number) => Last::Number(Reading { is_percent, ..number }),
        None => Last::Unreadable(shown(text, token)),
    }
}

/// Returns what is told of an unreadable token: the token with what stands directly around it.
fn shown(text: &str, token: Match<'_>) -> String {
    let is_space = |c: char| c.is_whitespace();
    let start = text[..token.start()].rfind(is_space).map_or(0, |at| at + 1);
    let end = text[token.end()..].find(is_space).map_or(text.len(), |at| token.end() + at);
    text.get(start..end).unwrap_or(token.as_str()).trim_matches([',', '.', ';']).to_owned()
}

/// Reads a token without a sign. None where it is not one number: a time, a date, a range, a version.
fn magnitude(token: &str, before: &str) -> Option<Reading> {
    // ".5" is a half. The points of "so...5" and "v.5" do not belong to the number.
    let token = if before.ends_with(|c: char| c == '.' || c.is_alphanumeric()) { token.trim_start_matches('.') } else { token };
    let exponent = pattern!(r"^(.*?)(?:[eE]| ?[×x*] ?10\^)([-+]?[0-9]+)$").and_then(|pattern| pattern.captures(token));
    if let Some(parts) = exponent {
        let power: i64 = parts[2].parse().ok()?;
        return Some(whole_reading(decimal(&parts[1])?.shifted(power)));
    }
    if let Some((base, power)) = token.split_once('^') {
        let value = decimal(base)?.value().powf(power.parse().ok()?);
        return Some(Reading { value, exact: None, is_percent: false });
    }
    if let Some((over, under)) = token.split_once('/') {
        let (whole, over) = over.split_once(' ').map_or((None, over), |(whole, over)| (Some(whole), over));
        let [over, under] = [decimal(over)?.value(), decimal(under)?.value()];
        let whole = whole.map_or(Some(0.0), |whole| Some(decimal(whole)?.value()))?;
        return Some(Reading { value: whole + over / under, exact: None, is_percent: false }).filter(|_| under != 0.0);
    }
    Some(whole_reading(decimal(token)?))
}

fn whole_reading(number: Decimal) -> Reading {
    Reading { value: number.value(), exact: Some(number), is_percent: false }
}

/// Reads digits with separators. None where the separators are not those of one number.
///
/// The last of two kinds of separators is the decimal one. A single point is decimal; a single comma too, unless exactly three digits
/// follow one to three others that do not begin with 0. Several of one kind must stand between groups of three digits, or of two
/// as in India.
fn decimal(digits: &str) -> Option<Decimal> {
    let is = |pattern: Option<&regex::Regex>| pattern.is_some_and(|pattern| pattern.is_match(digits));
    let grouped = |group: char, point: char| {
        let (whole, part) = digits.split_once(point).unwrap_or((digits, ""));
        Decimal::new(&whole.replace(group, ""), part)
    };
    if is(pattern!(r"^[1-9][0-9]{0,2}(?:,[0-9]{2,3})*,[0-9]{3}(?:\.[0-9]+)?$")) {
        return grouped(',', '.');
    }
    if is(pattern!(r"^[1-9][0-9]{0,2}(?:\.[0-9]{3}){2,}(?:,[0-9]+)?$|^[1-9][0-9]{0,2}\.[0-9]{3},[0-9]+$")) {
        return grouped('.', ',');
    }
    for group in [' ', '\'', '_'] {
        let parts: Vec<&str> = digits.split(group).collect();
        if let [first, rest @ .., last] = parts.as_slice() {
            let last_group = last.split(['.', ',']).next().unwrap_or_default();
            let are_groups = (1..=3).contains(&first.len()) && rest.iter().chain([&last_group]).all(|group| group.len() == 3);
            return if are_groups { grouped(group, if last.contains('.') { '.' } else { ',' }) } else { None };
        }
    }
    let (whole, part) = digits.split_once(['.', ',']).unwrap_or((digits, ""));
    Decimal::new(whole, part)
}

/// The words and signs of multiples that may stand behind a number, with the power of ten. The second pattern of a power is for signs
/// that must stand directly behind the digits or an amount of money.
fn multiple(before: &str, behind: &str) -> Option<i64> {
    let is = |pattern: Option<&regex::Regex>| pattern.is_some_and(|pattern| pattern.is_match(behind));
    let has_currency = before.ends_with(CURRENCY);
    let powers = [
        (2, is(pattern!(r"^ ?[百백]")), false),
        (3, is(pattern!(r"^ ?(?:thousand|Tsd|tausend)\b|^ ?[千천]")), is(pattern!(r"^[kK]\b"))),
        (4, is(pattern!(r"^ ?[万萬만]")), false),
        (5, is(pattern!(r"^ ?lakh\b")), false),
        (6, is(pattern!(r"^ ?(?i:millions?|millionen|millones|mio)\b")), is(pattern!(r"^(?:M|mn)\b"))),
        (7, is(pattern!(r"^ ?crores?\b")), false),
        (8, is(pattern!(r"^ ?[億亿억]")), false),
        (9, is(pattern!(r"^ ?(?i:billions?|milliarden?|milliards?|mrd)\b")), is(pattern!(r"^(?:B|bn)\b"))),
        (12, is(pattern!(r"^ ?(?i:trillions?)\b")), is(pattern!(r"^(?:tn)\b"))),
    ];
    let spaced_out = [(6, is(pattern!(r"^ ?(?:m|M|mn)\b"))), (9, is(pattern!(r"^ ?(?:b|B|bn)\b")))];
    let found = powers.into_iter().find(|(_, by_word, by_sign)| *by_word || *by_sign).map(|(power, _, _)| power);
    found.or_else(|| spaced_out.into_iter().find(|(_, is_it)| has_currency && *is_it).map(|(power, _)| power))
}

/// Multiplies a number by what stands directly behind it, as in "5 million" and "50K". None where a sign or a name makes another
/// number of it: "2π", "π/2", "√2", "±3", "log(2)", "4i", "0x1F", "5万3千".
fn scaled(number: Reading, before: &str, behind: &str) -> Option<Reading> {
    let is = |pattern: Option<&regex::Regex>, text: &str| pattern.is_some_and(|pattern| pattern.is_match(text));
    let is_name = is(pattern!(r"^[A-Za-z]+[0-9]"), behind) && !is(pattern!(r"^(?:[cmkd]?m|ft|in|yd|mi)[23]\b"), behind);
    let is_changed_behind = is(pattern!(r"^ ?(?:π|\\pi|pi\b|\\sqrt|√)|^i\b"), behind);
    let is_changed_before = is(pattern!(r"(?:√|±|\\pm|[0-9][万萬만億亿억千천百백]) ?$|\\[dt]?frac\S*$|[\p{L})}]/$"), before)
        || is(pattern!(r"(?:sqrt|\b(?:ln|log|sin|cos|tan|exp)) ?[({]?$"), before);
    if is_name || is_changed_behind || is_changed_before {
        return None;
    }
    let Some(power) = multiple(before, behind) else { return Some(number) };
    let exact = number.exact.map(|exact| exact.shifted(power));
    let value = exact.as_ref().map_or(number.value * 10_f64.powi(power as i32), Decimal::value);
    Some(Reading { value, exact, ..number })
}

/// Gives a number the sign that stands before it. None where the mark is that of a range, as in "3%-5%", or of an exponent.
fn signed(number: Reading, before: &str) -> Option<Reading> {
    let before = before.trim_end_matches(CURRENCY);
    let is_negative = if let Some(rest) = before.strip_suffix('-') {
        if rest.ends_with(|c: char| c.is_numeric() || matches!(c, ')' | '%') || CURRENCY.contains(&c)) {
            // "$-5" is a sign behind a currency.
            if !rest.ends_with(CURRENCY) || rest.trim_end_matches(CURRENCY).ends_with(char::is_numeric) {
                return None;
            }
        }
        true
    } else if is_joined(before) {
        return None;
    } else {
        // Between two numbers, "minus" is no sign.
        pattern!(r"(?i)(?:^|[^0-9%) ]) ?\b(?:minus|negative) $").is_some_and(|minus| minus.is_match(before))
    };
    if !is_negative {
        return Some(number);
    }
    Some(Reading { value: -number.value, exact: number.exact.as_ref().map(Decimal::negated), ..number })
}

/// Whether a text ends with a mark that joins the next digits to something before them: a power of a bracket, or digits that were
/// read as another number.
fn is_joined(before: &str) -> bool {
    before.ends_with('^') || pattern!(r"[0-9][/:'_]$").is_some_and(|joint| joint.is_match(before))
}
