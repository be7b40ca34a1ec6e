//! Finds personal data with a recognizable form in any text.
//!
//! These are e-mail addresses; phone numbers, written internationally, with a leading 0, or as in North America; IBANs, by their
//! country's length and checksum (ISO 13616, mod 97); and card numbers, by Luhn's checksum (ISO/IEC 7812). Patterns are searched
//! in linear time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;

/// The kinds of personal data that can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An e-mail address.
    Email,
    /// A bank account's international number.
    Iban,
    /// A payment card's number.
    Card,
    /// A phone number.
    Phone,
}

impl Kind {
    /// All kinds, in the order in which a text is searched. A place that one kind has found is not found again by a later one.
    pub const ALL: [Self; 4] = [Self::Email, Self::Iban, Self::Card, Self::Phone];

    /// Returns the name in a task file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Iban => "iban",
            Self::Card => "card",
            Self::Phone => "phone",
        }
    }

    /// Returns the name in feedback.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Email => "the e-mail address",
            Self::Iban => "the IBAN",
            Self::Card => "the card number",
            Self::Phone => "the phone number",
        }
    }
}

/// A piece of personal data in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The kind of the data.
    pub kind: Kind,
    /// The data as written in the text.
    pub text: String,
    /// The data without case and marks, so that two spellings of it are equal.
    pub canonical: String,
    /// The place in the text, in bytes.
    pub place: Range<usize>,
}

impl Found {
    /// Returns whether two finds are the same data. Two phone numbers are the same if one contains the digits of the other, at
    /// least 7, because the country code, the area code or the extension may be left out.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let [a, b] = [&self.canonical, &other.canonical];
        match (self.kind, other.kind) {
            (Kind::Phone, Kind::Phone) => {
                let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
                let short = short.trim_start_matches('0');
                short.len() >= LEAST_DIGITS && long.contains(short)
            }
            (kind, of) => kind == of && a == b,
        }
    }
}

/// The fewest digits of a phone number.
const LEAST_DIGITS: usize = 7;

/// The most digits of a phone number, with the country code (ITU-T E.164).
const MOST_DIGITS: usize = 15;

/// Returns the personal data of these kinds in `text`, in the order of their places.
#[must_use]
pub fn detect(text: &str, kinds: &[Kind]) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    // The end of each find, by its beginning. A search in a list would be slow for very many finds.
    let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
    // All kinds are searched for, so that a card number is not taken for a phone number if only phone numbers are wanted.
    for kind in Kind::ALL {
        let found = match kind {
            Kind::Email => emails(text),
            Kind::Iban => ibans(text),
            Kind::Card => cards(text),
            Kind::Phone => phones(text),
        };
        for place in found {
            let before = taken.range(..place.end).next_back();
            if before.is_none_or(|(_, end)| *end <= place.start) {
                taken.insert(place.start, place.end);
                let own = text[place.clone()].to_owned();
                all.push(Found { kind, canonical: canonical(kind, &own), text: own, place });
            }
        }
    }
    all.retain(|found| kinds.contains(&found.kind));
    all.sort_by_key(|found| found.place.start);
    all
}

/// Returns the form in which two spellings of the same data are equal.
fn canonical(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Email => text.to_lowercase(),
        Kind::Iban => text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect(),
        Kind::Card => text.chars().filter(char::is_ascii_digit).collect(),
        Kind::Phone => {
            // A trunk prefix in parentheses, `(0)`, is not dialled in calls from abroad.
            let digits: String = text.replace("(0)", "").chars().filter(char::is_ascii_digit).collect();
            digits.strip_prefix("00").map_or(digits.clone(), str::to_owned)
        }
    }
}

/// Returns the places of all matches.
fn places(pattern: Option<&Regex>, text: &str) -> Vec<Range<usize>> {
    pattern.map_or(Vec::new(), |pattern| pattern.find_iter(text).map(|found| found.range()).collect())
}

/// Returns whether a character is part of a word, in a script with spaces between words. Chinese, Japanese and Thai have no
/// spaces, and Korean adds particles to the end of a name.
fn is_in_words(c: char) -> bool {
    const WITHOUT_SPACES: [std::ops::RangeInclusive<char>; 6] = [
        '\u{e00}'..='\u{eff}',
        '\u{1000}'..='\u{11ff}',
        '\u{1780}'..='\u{17ff}',
        '\u{2e80}'..='\u{d7ff}',
        '\u{f900}'..='\u{faff}',
        '\u{20000}'..='\u{3ffff}',
    ];
    c.is_alphanumeric() && !WITHOUT_SPACES.iter().any(|range| range.contains(&c))
}

/// Returns whether a word continues before the beginning or after the end of a place.
pub(super) fn is_cut_out_of_a_word(text: &str, place: &Range<usize>) -> bool {
    let joins = |a: Option<char>, b: Option<char>| a.is_some_and(is_in_words) && b.is_some_and(is_in_words);
    let (before, own, behind) = (&text[..place.start], &text[place.clone()], &text[place.end..]);
    joins(before.chars().next_back(), own.chars().next()) || joins(own.chars().next_back(), behind.chars().next())
}

/// Returns the places of e-mail addresses.
fn emails(text: &str) -> Vec<Range<usize>> {
    // Only letters of scripts with spaces. In other scripts, the words around an address would be taken as parts of it.
    static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let letter = r"\p{Latin}\p{Cyrillic}\p{Greek}";
        let label = format!("[{letter}0-9](?:[{letter}0-9-]*[{letter}0-9])?");
        Regex::new(&format!(r"[{letter}0-9_%+-](?:[{letter}0-9._%+'-]*[{letter}0-9_%+-])?@(?:{label}\.)+[{letter}]{{2,24}}")).ok()
    });
    places(PATTERN.as_ref(), text)
}

/// The lengths of IBANs by country, from the registry of ISO 13616.
const IBAN_LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 \
    EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 \
    LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 \
    SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30";

/// Returns the length of a country's IBANs. None where the country has none.
fn iban_length(country: &str) -> Option<usize> {
    IBAN_LENGTHS.split_whitespace().find_map(|entry| entry.strip_prefix(country)?.parse().ok())
}

/// Returns the places of IBANs.
fn ibans(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    // Only ASCII. Without regard to case, Unicode would also match `ſ` and the Kelvin sign.
    for start in places(pattern!(r"(?i-u)\b[A-Z]{2}[0-9]{2}"), text) {
        let Some(length) = iban_length(&text[start.start..start.start + 2].to_ascii_uppercase()) else { continue };
        // Reads as many letters and digits as the country's IBANs have. Between two of them, one space or hyphen is allowed.
        let (mut compact, mut end, mut gap) = (String::new(), start.start, false);
        for (at, c) in text[start.start..].char_indices() {
            match c {
                c if c.is_ascii_alphanumeric() => {
                    compact.push(c.to_ascii_uppercase());
                    (end, gap) = (start.start + at + 1, false);
                }
                ' ' | '-' | '\u{a0}' | '\u{202f}' if !gap => gap = true,
                _ => break,
            }
            if compact.len() == length {
                break;
            }
        }
        let place = start.start..end;
        if compact.len() == length && !is_cut_out_of_a_word(text, &place) && iban_holds(&compact) {
            found.push(place);
        }
    }
    found
}

/// Returns whether the checksum of an IBAN holds (ISO 13616): with its first four characters at the end, and read as a number, it
/// is 1 modulo 97. `compact` must have no spaces.
#[must_use]
pub fn iban_holds(compact: &str) -> bool {
    let Some((head, tail)) = compact.split_at_checked(4) else { return false };
    let mut rest = 0u32;
    for c in tail.chars().chain(head.chars()) {
        let Some(value) = c.to_digit(36) else { return false };
        rest = (rest * if value > 9 { 100 } else { 10 } + value) % 97;
    }
    rest == 1
}

/// The fewest digits of a card number.
const LEAST_CARD_DIGITS: usize = 13;

/// Returns the places of card numbers: 13 to 19 digits, in groups or not, of which the first is 2 to 6.
fn cards(text: &str) -> Vec<Range<usize>> {
    let Some(pattern) = pattern!(r"[2-6][0-9]{3}(?:[ \u{a0}\u{202f}-]?[0-9]){9,15}") else { return Vec::new() };
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(whole) = pattern.find_at(text, from) {
        let mut place = whole.range();
        let digits = |place: &Range<usize>| canonical(Kind::Card, &text[place.clone()]);
        // A group of digits after a space may be a date, a security code, or another card. It is cut off until the checksum
        // holds.
        while !luhn_holds(&digits(&place)) {
            let Some(at) = text[place.clone()].rfind([' ', '\u{a0}', '\u{202f}', '-']) else { break };
            place.end = place.start + at;
        }
        let holds =
            digits(&place).len() >= LEAST_CARD_DIGITS && luhn_holds(&digits(&place)) && !is_cut_out_of_a_word(text, &place);
        from = if holds { place.end } else { whole.end() };
        if holds {
            found.push(place);
        }
    }
    found
}

/// Returns whether Luhn's checksum of the digits holds (ISO/IEC 7812). False for an empty text and for other characters.
#[must_use]
pub fn luhn_holds(digits: &str) -> bool {
    let mut sum = 0;
    for (place, c) in digits.chars().rev().enumerate() {
        let Some(digit) = c.to_digit(10) else { return false };
        let doubled = if place % 2 == 1 { 2 * digit } else { digit };
        sum += if doubled > 9 { doubled - 9 } else { doubled };
    }
    !digits.is_empty() && sum % 10 == 0
}

/// Returns the places of phone numbers.
fn phones(text: &str) -> Vec<Range<usize>> {
    const SEPARATORS: [char; 6] = [' ', '\u{a0}', '\u{202f}', '.', '/', '-'];
    static PATTERNS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let (gap, word) = (r"[ \u{a0}\u{202f}./-]", r"(?-u:\b)");
        let international = format!(r"(?:\+|{word}00)[1-9][0-9]{{0,14}}(?:{gap}{{0,2}}\(?[0-9]{{1,14}}\)?){{0,6}}");
        let north_american = format!(
            r"(?:{word}(?:1{gap})?[2-9][0-9]{{2}}{gap}|(?:{word}1{gap}?)?\([2-9][0-9]{{2}}\){gap}?)[0-9]{{3}}{gap}[0-9]{{4}}{word}"
        );
        let national = format!(r"(?:{word}0[1-9][0-9]{{0,12}}|\(0[1-9][0-9]{{0,5}}\))(?:{gap}{{0,2}}[0-9]{{2,12}}){{0,4}}{word}");
        Regex::new(&format!("{international}|{north_american}|{national}")).ok()
    });
    let mut found: Vec<Range<usize>> = Vec::new();
    for mut place in places(PATTERNS.as_ref(), text) {
        let digits = |place: &Range<usize>| canonical(Kind::Phone, &text[place.clone()]).len();
        // The last groups of digits may be another number. They are cut off until the number is short enough.
        while digits(&place) > MOST_DIGITS {
            match text[place.clone()].rfind(|c: char| !c.is_ascii_digit() && c != ')') {
                Some(at) if at > 0 => place.end = place.start + at,
                _ => break,
            }
        }
        let number = text[place.clone()].trim_end_matches(|c: char| !c.is_ascii_digit());
        place.end = place.start + number.len();
        let is_date = pattern!(r"^[0-9]{1,2}[./-][0-9]{1,2}[./-](?:[0-9]{4}|[0-9]{2})(?:$|[^0-9])")
            .is_some_and(|date| date.is_match(number));
        // If a group of digits stands before it, it is the end of a longer number, unless that group ends another phone number.
        let before = text[..place.start].trim_end_matches(SEPARATORS);
        // The mark of a list at the beginning of a line, like "1. ", is not such a group.
        let above = before.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_marked = text[before.len()..place.start] == *". " && before.len() - above.len() <= 2;
        let is_listed = is_marked && (above.is_empty() || above.ends_with('\n'));
        let goes_on = !is_listed
            && before.ends_with(|c: char| c.is_ascii_digit())
            && place.start > before.len()
            && found.last().is_none_or(|last| last.end != before.len())
            && !number.starts_with('+');
        let is_long_enough = (LEAST_DIGITS..=MOST_DIGITS).contains(&digits(&place));
        if is_long_enough && !is_date && !goes_on && !is_cut_out_of_a_word(text, &place) {
            found.push(place);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<(Kind, String)> {
        detect(text, &Kind::ALL).into_iter().map(|found| (found.kind, found.text)).collect()
    }

    #[test]
    fn each_kind_is_found_as_it_is_written() {
        for (text, kind, wanted) in [
            ("write to Anna.Müller+x@mail.example.org.", Kind::Email, "Anna.Müller+x@mail.example.org"),
            ("(o'neil@exämple.de)", Kind::Email, "o'neil@exämple.de"),
            ("IBAN: DE89 3704 0044 0532 0130 00 PLEASE", Kind::Iban, "DE89 3704 0044 0532 0130 00"),
            ("gb82west12345698765432.", Kind::Iban, "gb82west12345698765432"),
            ("card 4111 1111 1111 1111, please", Kind::Card, "4111 1111 1111 1111"),
            ("5500-0000-0000-0004", Kind::Card, "5500-0000-0000-0004"),
            ("amex 378282246310005", Kind::Card, "378282246310005"),
            ("call +49 (0)30 901820 now", Kind::Phone, "+49 (0)30 901820"),
            ("call 0049-171-2345678.", Kind::Phone, "0049-171-2345678"),
            ("(555) 123-4567", Kind::Phone, "(555) 123-4567"),
            ("at 212-555-0187!", Kind::Phone, "212-555-0187"),
            ("Tel. 0171/2345678", Kind::Phone, "0171/2345678"),
            ("01 23 45 67 89", Kind::Phone, "01 23 45 67 89"),
            ("电话+8613812345678。", Kind::Phone, "+8613812345678"),
            ("'anna@example.org'", Kind::Email, "anna@example.org"),
            ("4111 1111 1111 1111 123", Kind::Card, "4111 1111 1111 1111"),
            ("4111 1111 1111 1111 12/26", Kind::Card, "4111 1111 1111 1111"),
            ("1-800-555-0199", Kind::Phone, "1-800-555-0199"),
            ("1 (212) 555-0187", Kind::Phone, "1 (212) 555-0187"),
            ("call:\n2. 212-555-0187", Kind::Phone, "212-555-0187"),
        ] {
            assert_eq!(found(text), [(kind, wanted.to_owned())], "{text}");
        }
    }

    #[test]
    fn texts_that_only_resemble_personal_data_are_not_found() {
        for text in [
            "DE88 3704 0044 0532 0130 00",
            "ZZ89370400440532013000",
            "4111 1111 1111 1112",
            "on 01.02.2024 or 03/04/24",
            "2024-05-12 10:30",
            "order 12345678",
            "room 0815",
            "a@b",
            "@home.example",
            "version 1.2.3.4",
            "price 1,234,567.89",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn letters_that_equal_ascii_without_regard_to_case_break_nothing() {
        for text in ["m\u{212a}12", "a\u{17f}12", "\u{212a}\u{17f}12"] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn two_cards_in_a_row_are_two() {
        assert_eq!(found("4111 1111 1111 1111 5500 0000 0000 0004").len(), 2);
    }

    #[test]
    fn two_numbers_in_a_row_are_two() {
        let both = found("+1 212 555 0187 and +49 30 901820");
        assert_eq!(both.len(), 2, "{both:?}");
        assert_eq!(found("212-555-0187 212-555-0188").len(), 2);
    }

    #[test]
    fn spellings_of_one_number_are_the_same() {
        let one = |text: &str| detect(text, &Kind::ALL).remove(0);
        assert!(one("+49 30 901820").is_same(&one("030 901820")));
        assert!(one("+49 (0)30 901820").is_same(&one("+49 30 901820")));
        assert!(one("+1 (212) 555-0187").is_same(&one("212-555-0187")));
        assert!(!one("+1 212 555 0187").is_same(&one("+1 212 555 0188")));
        assert!(one("DE89 3704 0044 0532 0130 00").is_same(&one("de89370400440532013000")));
        assert!(one("A@Example.org").is_same(&one("a@example.org")));
    }

    /// Returns a card number: the digits, and the last digit with which the checksum holds.
    fn card(digits: &str) -> String {
        (0..10).map(|last| format!("{digits}{last}")).find(|card| luhn_holds(card)).unwrap()
    }

    proptest! {
        /// Exactly one last digit fits. A number with one wrong digit does not fit.
        #[test]
        fn luhn_finds_every_wrong_digit(digits in "[3-5][0-9]{11,17}", at in 0usize..12, by in 1u32..10) {
            let card = card(&digits);
            prop_assert_eq!((0..10).filter(|last| luhn_holds(&format!("{digits}{last}"))).count(), 1);
            let text = format!("my card: {card}.");
            prop_assert_eq!(found(&text), vec![(Kind::Card, card.clone())]);
            let wrong: String = card.chars().enumerate().map(|(place, c)| match place == at {
                true => char::from_digit((c.to_digit(10).unwrap() + by) % 10, 10).unwrap(),
                false => c,
            }).collect();
            prop_assert!(!luhn_holds(&wrong));
        }

        /// One pair of check digits fits; a wrong digit or two swapped ones are found.
        #[test]
        fn mod_97_finds_every_wrong_digit_and_every_swap(account in "[0-9]{18}", at in 0usize..17, by in 1u32..10) {
            let fits: Vec<String> = (2..=98).map(|check| format!("DE{check:02}{account}")).filter(|iban| iban_holds(iban)).collect();
            prop_assert_eq!(fits.len(), 1);
            let iban = &fits[0];
            prop_assert_eq!(found(&format!("konto {iban}, danke")), vec![(Kind::Iban, iban.clone())]);
            let mut digits: Vec<char> = iban.chars().collect();
            digits.swap(4 + at, 5 + at);
            if digits[4 + at] != digits[5 + at] {
                prop_assert!(!iban_holds(&digits.iter().collect::<String>()));
            }
            let mut digits: Vec<char> = iban.chars().collect();
            digits[4 + at] = char::from_digit((digits[4 + at].to_digit(10).unwrap() + by) % 10, 10).unwrap();
            prop_assert!(!iban_holds(&digits.iter().collect::<String>()));
        }

        /// In any text, the finds have places within it, and none overlaps another.
        #[test]
        fn any_text_can_be_searched(text in "(\\PC|[0-9@. +()-]|é|电|DE89){0,60}") {
            let all = detect(&text, &Kind::ALL);
            for found in &all {
                prop_assert_eq!(&text[found.place.clone()], &found.text);
            }
            for pair in all.windows(2) {
                prop_assert!(pair[0].place.end <= pair[1].place.start);
            }
        }
    }

    /// Each text is a megabyte for which a search with backtracking would be slow.
    #[test]
    fn hostile_texts_take_linear_time() {
        for unit in ["a.", "0 ", "1-", "DE89 ", "+1", "a@a.", "(0)", "a@a.de ", "+4930901820 ", "4111111111111111 "] {
            let started = std::time::Instant::now();
            let found = detect(&unit.repeat((1 << 20) / unit.len()), &Kind::ALL);
            assert!(started.elapsed().as_secs() < 60, "{unit}: {}", found.len());
        }
    }
}
