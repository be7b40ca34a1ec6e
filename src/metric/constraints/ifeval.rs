//! The kinds of constraints of IFEval (arXiv 2311.07911).

use regex::Regex;

use super::arguments::Arguments;
use super::bounds::{Count, Keyword, keyword};
use super::ifbench::sentence_count;
use super::rule::{Reader, Rule, Verdict, at_least, counted, plain, told};
use super::{checks, languages};
use crate::data::listed;

/// Returns a rule on a number of things that are counted.
fn amount(given: &Arguments<'_>, keys: [&str; 2], what: &'static str, of: fn(&str) -> usize) -> Result<Rule, String> {
    let count = given.count(keys[0], keys[1])?;
    Ok(Rule::new(format!("{count} {what}"), move |text| {
        let found = of(text);
        counted(count.holds(found), found, what)
    }))
}

/// Returns a verdict on how often something occurs.
fn occurs(count: Count, found: usize) -> Verdict {
    told(count.holds(found), || format!("it occurs {found} times"))
}

/// Returns the texts of keywords, for a message.
fn texts<'a>(words: impl IntoIterator<Item = &'a Keyword>) -> String {
    listed(words.into_iter().map(|word| &word.text))
}

/// Reads the code of a language that can be recognized.
pub(super) fn language_code(given: &Arguments<'_>) -> Result<String, String> {
    let code = given.text("language")?;
    if languages::is_language(&code) {
        Ok(code)
    } else {
        Err(given.bad("language", "the ISO 639-1 code of a language that can be told"))
    }
}

/// Returns what is asked of the language.
pub(super) fn asks_language(code: &str) -> String {
    format!("the whole answer is in the language `{code}`")
}

/// Returns the rule that a text is JSON.
pub(super) fn json() -> Rule {
    Rule::new("the whole answer is JSON", |text| plain(checks::is_json(text)))
}

/// Returns the last words of a text.
fn end_of(text: &str) -> String {
    let end: Vec<&str> = text.split_whitespace().rev().take(6).collect();
    end.into_iter().rev().collect::<Vec<_>>().join(" ")
}

/// The kinds of IFEval.
pub(super) const KINDS: &[(&str, Reader)] = &[
    ("keywords:existence", |given| {
        let words = given.keywords("keywords")?;
        Ok(Rule::new(format!("the text has {}", texts(&words)), move |text| {
            let missing: Vec<&Keyword> = words.iter().filter(|word| !word.pattern.is_match(text)).collect();
            told(missing.is_empty(), || format!("missing: {}", texts(missing)))
        }))
    }),
    ("keywords:frequency", |given| {
        let (word, count) = (keyword(given.text("keyword")?)?, given.count("relation", "frequency")?);
        let asks = format!("`{}` occurs {count} times", word.text);
        Ok(Rule::new(asks, move |text| occurs(count, word.pattern.find_iter(text).count())))
    }),
    ("keywords:forbidden_words", |given| {
        let words = given.keywords("forbidden_words")?;
        Ok(Rule::new(format!("the text has none of {}", texts(&words)), move |text| {
            let there: Vec<&Keyword> = words.iter().filter(|word| checks::occurs_as_word(&word.pattern, text)).collect();
            told(there.is_empty(), || format!("it has {}", texts(there)))
        }))
    }),
    ("keywords:letter_frequency", |given| {
        let letter = given.text("letter")?.trim().to_lowercase().chars().next();
        let letter = letter.ok_or_else(|| given.bad("letter", "a letter"))?;
        let count = given.count("let_relation", "let_frequency")?;
        let asks = format!("the letter `{letter}` occurs {count} times");
        Ok(Rule::new(asks, move |text| occurs(count, checks::letters(text, letter))))
    }),
    ("language:response_language", |given| {
        let code = language_code(given)?;
        Ok(Rule::new(asks_language(&code), move |text| plain(languages::is_in_language(text, &code))))
    }),
    ("length_constraints:number_sentences", |given| amount(given, ["relation", "num_sentences"], "sentences", sentence_count)),
    ("length_constraints:number_paragraphs", |given| {
        let number = given.number("num_paragraphs")?;
        Ok(Rule::new(format!("{number} paragraphs, with `***` between them"), move |text| match checks::paragraphs(text) {
            Some(found) => counted(found == number, found, "paragraphs"),
            None => Err(None),
        }))
    }),
    ("length_constraints:number_words", |given| amount(given, ["relation", "num_words"], "words", checks::words)),
    ("length_constraints:nth_paragraph_first_word", |given| {
        let (paragraphs, nth) = (given.number("num_paragraphs")?, given.number("nth_paragraph")?);
        let word = given.text("first_word")?.to_lowercase();
        let asks =
            format!("{paragraphs} paragraphs, with a blank line between them, the one numbered {nth} beginning with `{word}`");
        Ok(Rule::new(asks, move |text| plain(checks::paragraph_begins(text, paragraphs, nth, &word))))
    }),
    ("detectable_content:number_placeholders", |given| {
        let least = given.number("num_placeholders")?;
        let asks = format!("at least {least} placeholders in square brackets, like `[name]`");
        Ok(Rule::new(asks, move |text| at_least(least, checks::placeholders(text), "placeholders")))
    }),
    ("detectable_content:postscript", |given| {
        let marker = given.text("postscript_marker")?;
        let pattern = match marker.trim() {
            "P.P.S" => r"p\.\s?p\.\s?s".to_owned(),
            "P.S." => r"p\.\s?s\.".to_owned(),
            other => other.to_lowercase(),
        };
        let pattern = keyword(pattern)?.pattern;
        Ok(Rule::new(format!("a postscript that begins with `{marker}`"), move |text| plain(pattern.is_match(text))))
    }),
    ("detectable_format:number_bullet_lists", |given| {
        let number = given.number("num_bullets")?;
        let asks = format!("exactly {number} bullet points, lines that begin with `* `");
        Ok(Rule::new(asks, move |text| {
            let found = checks::bullets(text);
            counted(found == number, found, "bullet points")
        }))
    }),
    ("detectable_format:constrained_response", |_| {
        let asks = format!("one of the answers {}", listed(checks::ONE_OF_THREE));
        Ok(Rule::new(asks, |text| plain(checks::ONE_OF_THREE.iter().any(|answer| text.contains(answer)))))
    }),
    ("detectable_format:number_highlighted_sections", |given| {
        let least = given.number("num_highlights")?;
        let asks = format!("at least {least} parts highlighted with asterisks, like `*this*`");
        Ok(Rule::new(asks, move |text| at_least(least, checks::highlights(text), "highlighted parts")))
    }),
    ("detectable_format:multiple_sections", |given| {
        let splitter = given.text("section_spliter")?;
        let build = |splitter: &str| Regex::new(&format!(r"\s?{splitter}\s?\d+\s?"));
        let pattern = build(&splitter).or_else(|_| build(&regex::escape(&splitter))).map_err(|e| e.to_string())?;
        let least = given.number("num_sections")?;
        let asks = format!("at least {least} sections, each headed by `{splitter}` and its number");
        Ok(Rule::new(asks, move |text| at_least(least, pattern.find_iter(text).count(), "sections")))
    }),
    ("detectable_format:json_format", |_| Ok(json())),
    ("detectable_format:title", |_| {
        Ok(Rule::new("a title in double angular brackets, like `<<title>>`", |text| plain(checks::has_title(text))))
    }),
    ("combination:two_responses", |_| {
        Ok(Rule::new("two different answers, with `******` between them", |text| plain(checks::two_responses(text))))
    }),
    ("combination:repeat_prompt", |given| {
        let prompt = given.text("prompt_to_repeat")?.trim().to_lowercase();
        let asks = "the request is repeated first, word for word";
        Ok(Rule::new(asks, move |text| plain(text.trim().to_lowercase().starts_with(&prompt))))
    }),
    ("startend:end_checker", |given| {
        let phrase = given.text("end_phrase")?.trim().to_owned();
        let asks = format!("the answer ends with exactly `{phrase}`");
        let phrase = phrase.to_lowercase();
        Ok(Rule::new(asks, move |text| {
            let holds = text.trim().trim_matches('"').to_lowercase().ends_with(&phrase);
            told(holds, || format!("it ends with `{}`", end_of(text)))
        }))
    }),
    ("startend:quotation", |_| {
        Ok(Rule::new("the whole answer stands in double quotation marks", |text| {
            let text = text.trim();
            plain(text.chars().count() > 1 && text.starts_with('"') && text.ends_with('"'))
        }))
    }),
    ("change_case:capital_word_frequency", |given| {
        let what = "words all in capital letters";
        let count = given.count("capital_relation", "capital_frequency")?;
        Ok(Rule::new(format!("{count} {what}"), move |text| {
            let found = checks::capital_words(text);
            counted(count.holds(found), found, "words in capital letters")
        }))
    }),
    ("change_case:english_capital", |_| Ok(Rule::new("all letters are capitals", |text| plain(checks::is_upper(text))))),
    ("change_case:english_lowercase", |_| Ok(Rule::new("all letters are lower case", |text| plain(checks::is_lower(text))))),
    ("punctuation:no_comma", |_| {
        Ok(Rule::new("no commas", |text| counted(!text.contains(','), text.matches(',').count(), "commas")))
    }),
];
