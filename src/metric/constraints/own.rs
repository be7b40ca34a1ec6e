//! gepard's own kinds of constraints.

use regex::Regex;

use super::rule::{Reader, Rule, plain, told};
use super::{checks, ifeval, languages};
use crate::data::listed;

/// gepard's own kinds.
pub(super) const KINDS: &[(&str, Reader)] = &[
    ("regex", |given| {
        let pattern = given.text("pattern")?;
        let pattern = Regex::new(&pattern).map_err(|e| format!("`pattern` of the constraint `regex`: {e}"))?;
        Ok(Rule::new(format!("the pattern `{pattern}` is found"), move |text| plain(pattern.is_match(text))))
    }),
    ("length", |given| {
        let (words, characters, lines) = (given.range("words")?, given.range("characters")?, given.range("lines")?);
        if [words, characters, lines].iter().all(|range| range.least.is_none() && range.most.is_none()) {
            return Err("the constraint `length` lacks a limit, like `max_words`".into());
        }
        let asks = [words.words("words"), characters.words("characters"), lines.words("lines")];
        let asks = asks.into_iter().flatten().collect::<Vec<_>>().join(", ");
        Ok(Rule::new(asks, move |text| {
            let found = (checks::words(text), text.chars().count(), text.trim().lines().count());
            told(words.holds(found.0) && characters.holds(found.1) && lines.holds(found.2), || {
                format!("it has {} words, {} characters, {} lines", found.0, found.1, found.2)
            })
        }))
    }),
    ("json", |_| Ok(ifeval::json())),
    ("contains", |given| {
        let texts = given.texts("texts")?;
        Ok(Rule::new(format!("the text has {}", listed(&texts)), move |text| {
            let lacking = checks::lacking(&texts, text);
            told(lacking.is_empty(), || format!("missing: {}", listed(lacking)))
        }))
    }),
    ("excludes", |given| {
        let texts = given.texts("texts")?;
        Ok(Rule::new(format!("the text has none of {}", listed(&texts)), move |text| {
            let lacking = checks::lacking(&texts, text);
            let there = texts.iter().filter(|wanted| !lacking.contains(wanted));
            told(lacking.len() == texts.len(), || format!("it has {}", listed(there)))
        }))
    }),
    ("language", |given| {
        let code = ifeval::language_code(given)?;
        Ok(Rule::new(ifeval::asks_language(&code), move |text| plain(languages::may_be_in_language(text, &code))))
    }),
];
