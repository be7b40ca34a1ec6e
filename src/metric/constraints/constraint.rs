//! One constraint: reading it, checking it, and describing it in words.

use std::cell::RefCell;

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::checks;
use crate::data::{listed, to_text};

/// How a count is compared with a number: the two relations of IFEval (arXiv 2311.07911).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    LessThan,
    AtLeast,
}

/// A number with which a count is compared.
#[derive(Debug, Clone, Copy)]
struct Count {
    relation: Relation,
    number: usize,
}

impl Count {
    /// Returns whether a count has the relation to the number.
    fn holds(self, found: usize) -> bool {
        match self.relation {
            Relation::LessThan => found < self.number,
            Relation::AtLeast => found >= self.number,
        }
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let relation = match self.relation {
            Relation::LessThan => "fewer than",
            Relation::AtLeast => "at least",
        };
        write!(f, "{relation} {}", self.number)
    }
}

/// A text that is searched for, and its pattern.
#[derive(Debug, Clone)]
struct Keyword {
    text: String,
    pattern: Regex,
}

/// A range of lengths, both ends included. None stands for no limit.
#[derive(Debug, Clone, Copy, Default)]
struct Range {
    least: Option<usize>,
    most: Option<usize>,
}

impl Range {
    /// Returns whether a length is in the range.
    fn holds(self, found: usize) -> bool {
        self.least.is_none_or(|least| found >= least) && self.most.is_none_or(|most| found <= most)
    }

    /// Returns the range in words. None where there is no limit.
    fn words(self, what: &str) -> Option<String> {
        match (self.least, self.most) {
            (None, None) => None,
            (Some(least), None) => Some(format!("at least {least} {what}")),
            (None, Some(most)) => Some(format!("at most {most} {what}")),
            (Some(least), Some(most)) => Some(format!("{least} to {most} {what}")),
        }
    }
}

/// A kind of constraint with its arguments.
#[derive(Debug, Clone)]
enum Check {
    Keywords(Vec<Keyword>),
    Frequency(Keyword, Count),
    Forbidden(Vec<Keyword>),
    Letters(char, Count),
    Language(String),
    PlainLanguage(String),
    Sentences(Count),
    Paragraphs(usize),
    Words(Count),
    ParagraphBegins { paragraphs: usize, nth: usize, word: String },
    Placeholders(usize),
    Postscript(Keyword),
    Bullets(usize),
    OneOfThree,
    Highlights(usize),
    Sections { splitter: String, pattern: Regex, least: usize },
    Json,
    Title,
    TwoResponses,
    Repeat(String),
    Ends(String),
    Quotation,
    CapitalWords(Count),
    Capitals,
    LowerCase,
    NoComma,
    Pattern(Regex),
    Length { words: Range, characters: Range, lines: Range },
    Contains(Vec<String>),
    Excludes(Vec<String>),
}

/// A condition on the form of an answer.
#[derive(Debug, Clone)]
pub struct Constraint {
    check: Check,
}

/// The arguments of one constraint. The errors name the kind and the argument.
struct Arguments<'a> {
    kind: &'a str,
    given: &'a Map<String, Value>,
    /// The keys that were read. After reading, these are all keys that the kind takes.
    asked: RefCell<Vec<String>>,
}

impl<'a> Arguments<'a> {
    fn new(kind: &'a str, given: &'a Map<String, Value>) -> Self {
        Self { kind, given, asked: RefCell::default() }
    }

    /// Returns an argument. None where it is not given.
    fn get(&self, key: &str) -> Option<&'a Value> {
        let mut asked = self.asked.borrow_mut();
        if !asked.iter().any(|known| known == key) {
            asked.push(key.to_owned());
        }
        self.given.get(key)
    }

    /// Returns an error for an argument that was not read, because the kind does not take it.
    fn finish(&self) -> Result<(), String> {
        let asked = self.asked.borrow();
        let Some(unknown) = self.given.keys().find(|key| !asked.contains(key)) else { return Ok(()) };
        let known = if asked.is_empty() { "nothing".to_owned() } else { listed(asked.iter()) };
        Err(format!("the constraint `{}` takes no `{unknown}`; it takes {known}", self.kind))
    }

    /// Returns the error for an argument that is missing or is not `wanted`.
    fn bad(&self, key: &str, wanted: &str) -> String {
        match self.given.get(key) {
            None => format!("the constraint `{}` lacks `{key}`", self.kind),
            Some(had) => format!("`{key}` of the constraint `{}` must be {wanted}, not {had}", self.kind),
        }
    }

    /// Reads a whole number.
    fn number(&self, key: &str) -> Result<usize, String> {
        let number = self.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        number.ok_or_else(|| self.bad(key, "a whole number"))
    }

    /// Reads a whole number that may be left out.
    fn limit(&self, key: &str) -> Result<Option<usize>, String> {
        if self.get(key).is_some() { self.number(key).map(Some) } else { Ok(None) }
    }

    /// Reads the range from `min_WHAT` to `max_WHAT`.
    fn range(&self, what: &str) -> Result<Range, String> {
        let range = Range { least: self.limit(&format!("min_{what}"))?, most: self.limit(&format!("max_{what}"))? };
        match (range.least, range.most) {
            (Some(least), Some(most)) if least > most => {
                Err(format!("`min_{what}` of the constraint `{}` is {least}, more than `max_{what}`, {most}", self.kind))
            }
            _ => Ok(range),
        }
    }

    /// Reads a text.
    fn text(&self, key: &str) -> Result<String, String> {
        self.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| self.bad(key, "text"))
    }

    /// Reads a list of texts that is not empty.
    fn texts(&self, key: &str) -> Result<Vec<String>, String> {
        let items = self.get(key).and_then(Value::as_array).filter(|items| !items.is_empty());
        items.map(|items| items.iter().map(to_text).collect()).ok_or_else(|| self.bad(key, "a list of texts"))
    }

    /// Reads a relation and a number under these keys.
    fn count(&self, relation: &str, number: &str) -> Result<Count, String> {
        let relation = match self.text(relation)?.as_str() {
            "less than" => Relation::LessThan,
            "at least" => Relation::AtLeast,
            _ => return Err(self.bad(relation, "\"less than\" or \"at least\"")),
        };
        Ok(Count { relation, number: self.number(number)? })
    }

    /// Reads a list of keywords that is not empty.
    fn keywords(&self, key: &str) -> Result<Vec<Keyword>, String> {
        self.texts(key)?.into_iter().map(keyword).collect()
    }
}

/// Compiles a keyword. As in the reference, it is a pattern without regard to case. If it is not a valid pattern, it is searched
/// for literally.
fn keyword(text: String) -> Result<Keyword, String> {
    let build = |source: &str| RegexBuilder::new(source).case_insensitive(true).build();
    let pattern = build(&text).or_else(|_| build(&regex::escape(&text))).map_err(|e| e.to_string())?;
    Ok(Keyword { text, pattern })
}

impl Constraint {
    /// The kinds that can be checked: those of IFEval, then gepard's own.
    pub const KINDS: [&str; 31] = [
        "keywords:existence",
        "keywords:frequency",
        "keywords:forbidden_words",
        "keywords:letter_frequency",
        "language:response_language",
        "length_constraints:number_sentences",
        "length_constraints:number_paragraphs",
        "length_constraints:number_words",
        "length_constraints:nth_paragraph_first_word",
        "detectable_content:number_placeholders",
        "detectable_content:postscript",
        "detectable_format:number_bullet_lists",
        "detectable_format:constrained_response",
        "detectable_format:number_highlighted_sections",
        "detectable_format:multiple_sections",
        "detectable_format:json_format",
        "detectable_format:title",
        "combination:two_responses",
        "combination:repeat_prompt",
        "startend:end_checker",
        "startend:quotation",
        "change_case:capital_word_frequency",
        "change_case:english_capital",
        "change_case:english_lowercase",
        "punctuation:no_comma",
        "regex",
        "length",
        "json",
        "contains",
        "excludes",
        "language",
    ];

    /// Reads a constraint of an example, with arguments as in IFEval's `kwargs`. Arguments that the kind does not take are
    /// ignored.
    ///
    /// # Errors
    /// What is wrong, with the name of the kind.
    pub fn read(kind: &str, arguments: &Map<String, Value>) -> Result<Self, String> {
        Self::from_arguments(&Arguments::new(kind, arguments))
    }

    /// Reads a constraint of a task file.
    ///
    /// # Errors
    /// What is wrong, with the name of the kind. An argument that the kind does not take is an error.
    pub fn read_written(kind: &str, arguments: &Map<String, Value>) -> Result<Self, String> {
        let given = Arguments::new(kind, arguments);
        let read = Self::from_arguments(&given)?;
        given.finish().map(|()| read)
    }

    /// Reads a constraint from its arguments.
    fn from_arguments(given: &Arguments<'_>) -> Result<Self, String> {
        let check = match given.kind {
            "keywords:existence" => Check::Keywords(given.keywords("keywords")?),
            "keywords:frequency" => Check::Frequency(keyword(given.text("keyword")?)?, given.count("relation", "frequency")?),
            "keywords:forbidden_words" => Check::Forbidden(given.keywords("forbidden_words")?),
            "keywords:letter_frequency" => {
                let letter = given.text("letter")?.trim().to_lowercase().chars().next();
                let letter = letter.ok_or_else(|| given.bad("letter", "a letter"))?;
                Check::Letters(letter, given.count("let_relation", "let_frequency")?)
            }
            "language:response_language" | "language" => {
                let code = given.text("language")?;
                if !checks::is_language(&code) {
                    return Err(given.bad("language", "the ISO 639-1 code of a language that can be told"));
                }
                // gepard's own kind accepts a text if its language is not recognized reliably.
                if given.kind == "language" { Check::PlainLanguage(code) } else { Check::Language(code) }
            }
            "length_constraints:number_sentences" => Check::Sentences(given.count("relation", "num_sentences")?),
            "length_constraints:number_paragraphs" => Check::Paragraphs(given.number("num_paragraphs")?),
            "length_constraints:number_words" => Check::Words(given.count("relation", "num_words")?),
            "length_constraints:nth_paragraph_first_word" => Check::ParagraphBegins {
                paragraphs: given.number("num_paragraphs")?,
                nth: given.number("nth_paragraph")?,
                word: given.text("first_word")?.to_lowercase(),
            },
            "detectable_content:number_placeholders" => Check::Placeholders(given.number("num_placeholders")?),
            "detectable_content:postscript" => {
                let text = given.text("postscript_marker")?;
                let pattern = match text.trim() {
                    "P.P.S" => r"p\.\s?p\.\s?s".to_owned(),
                    "P.S." => r"p\.\s?s\.".to_owned(),
                    other => other.to_lowercase(),
                };
                Check::Postscript(Keyword { text, ..keyword(pattern)? })
            }
            "detectable_format:number_bullet_lists" => Check::Bullets(given.number("num_bullets")?),
            "detectable_format:constrained_response" => Check::OneOfThree,
            "detectable_format:number_highlighted_sections" => Check::Highlights(given.number("num_highlights")?),
            "detectable_format:multiple_sections" => {
                let splitter = given.text("section_spliter")?;
                let build = |splitter: &str| Regex::new(&format!(r"\s?{splitter}\s?\d+\s?"));
                let pattern = build(&splitter).or_else(|_| build(&regex::escape(&splitter))).map_err(|e| e.to_string())?;
                Check::Sections { splitter, pattern, least: given.number("num_sections")? }
            }
            "detectable_format:json_format" | "json" => Check::Json,
            "detectable_format:title" => Check::Title,
            "combination:two_responses" => Check::TwoResponses,
            "combination:repeat_prompt" => Check::Repeat(given.text("prompt_to_repeat")?),
            "startend:end_checker" => Check::Ends(given.text("end_phrase")?.trim().to_owned()),
            "startend:quotation" => Check::Quotation,
            "change_case:capital_word_frequency" => Check::CapitalWords(given.count("capital_relation", "capital_frequency")?),
            "change_case:english_capital" => Check::Capitals,
            "change_case:english_lowercase" => Check::LowerCase,
            "punctuation:no_comma" => Check::NoComma,
            "regex" => {
                let pattern = given.text("pattern")?;
                Check::Pattern(Regex::new(&pattern).map_err(|e| format!("`pattern` of the constraint `regex`: {e}"))?)
            }
            "length" => {
                let (words, characters, lines) = (given.range("words")?, given.range("characters")?, given.range("lines")?);
                if [words, characters, lines].iter().all(|range| range.least.is_none() && range.most.is_none()) {
                    return Err("the constraint `length` lacks a limit, like `max_words`".into());
                }
                Check::Length { words, characters, lines }
            }
            "contains" => Check::Contains(given.texts("texts")?),
            "excludes" => Check::Excludes(given.texts("texts")?),
            other => {
                let near = Self::KINDS.iter().max_by(|a, b| strsim::jaro(other, a).total_cmp(&strsim::jaro(other, b)));
                return Err(format!("there is no constraint `{other}`; the nearest is `{}`", near.unwrap_or(&"")));
            }
        };
        Ok(Self { check })
    }

    /// Returns whether `text` meets the constraint.
    #[must_use]
    pub fn holds(&self, text: &str) -> bool {
        match &self.check {
            Check::Keywords(keywords) => keywords.iter().all(|keyword| keyword.pattern.is_match(text)),
            Check::Frequency(keyword, count) => count.holds(keyword.pattern.find_iter(text).count()),
            Check::Forbidden(words) => words.iter().all(|word| !checks::occurs_as_word(&word.pattern, text)),
            Check::Letters(letter, count) => count.holds(checks::letters(text, *letter)),
            Check::Language(code) => checks::is_in_language(text, code),
            Check::PlainLanguage(code) => checks::may_be_in_language(text, code),
            Check::Sentences(count) => count.holds(checks::sentences(text)),
            Check::Paragraphs(number) => checks::paragraphs(text) == Some(*number),
            Check::Words(count) => count.holds(checks::words(text)),
            Check::ParagraphBegins { paragraphs, nth, word } => checks::paragraph_begins(text, *paragraphs, *nth, word),
            Check::Placeholders(least) => checks::placeholders(text) >= *least,
            Check::Postscript(marker) => marker.pattern.is_match(text),
            Check::Bullets(number) => checks::bullets(text) == *number,
            Check::OneOfThree => checks::ONE_OF_THREE.iter().any(|answer| text.contains(answer)),
            Check::Highlights(least) => checks::highlights(text) >= *least,
            Check::Sections { pattern, least, .. } => pattern.find_iter(text).count() >= *least,
            Check::Json => checks::is_json(text),
            Check::Title => checks::has_title(text),
            Check::TwoResponses => checks::two_responses(text),
            Check::Repeat(prompt) => text.trim().to_lowercase().starts_with(&prompt.trim().to_lowercase()),
            Check::Ends(phrase) => text.trim().trim_matches('"').to_lowercase().ends_with(&phrase.to_lowercase()),
            Check::Quotation => {
                let text = text.trim();
                text.chars().count() > 1 && text.starts_with('"') && text.ends_with('"')
            }
            Check::CapitalWords(count) => count.holds(checks::capital_words(text)),
            Check::Capitals => checks::is_upper(text),
            Check::LowerCase => checks::is_lower(text),
            Check::NoComma => !text.contains(','),
            Check::Pattern(pattern) => pattern.is_match(text),
            Check::Length { words, characters, lines } => {
                words.holds(checks::words(text))
                    && characters.holds(text.chars().count())
                    && lines.holds(text.trim().lines().count())
            }
            Check::Contains(texts) => checks::count_of(texts, text) == texts.len(),
            Check::Excludes(texts) => checks::count_of(texts, text) == 0,
        }
    }

    /// Returns what the constraint asks for, in words.
    #[must_use]
    pub fn asks(&self) -> String {
        match &self.check {
            Check::Keywords(words) => format!("the text has {}", listed(words.iter().map(|word| &word.text))),
            Check::Frequency(word, count) => format!("`{}` occurs {count} times", word.text),
            Check::Forbidden(words) => format!("the text has none of {}", listed(words.iter().map(|word| &word.text))),
            Check::Letters(letter, count) => format!("the letter `{letter}` occurs {count} times"),
            Check::Language(code) | Check::PlainLanguage(code) => format!("the whole answer is in the language `{code}`"),
            Check::Sentences(count) => format!("{count} sentences"),
            Check::Paragraphs(number) => format!("{number} paragraphs, with `***` between them"),
            Check::Words(count) => format!("{count} words"),
            Check::ParagraphBegins { paragraphs, nth, word } => {
                format!("{paragraphs} paragraphs, with a blank line between them, the one numbered {nth} beginning with `{word}`")
            }
            Check::Placeholders(least) => format!("at least {least} placeholders in square brackets, like `[name]`"),
            Check::Postscript(marker) => format!("a postscript that begins with `{}`", marker.text),
            Check::Bullets(number) => format!("exactly {number} bullet points, lines that begin with `* `"),
            Check::OneOfThree => format!("one of the answers {}", listed(checks::ONE_OF_THREE)),
            Check::Highlights(least) => format!("at least {least} parts highlighted with asterisks, like `*this*`"),
            Check::Sections { splitter, least, .. } => {
                format!("at least {least} sections, each headed by `{splitter}` and its number")
            }
            Check::Json => "the whole answer is JSON".into(),
            Check::Title => "a title in double angular brackets, like `<<title>>`".into(),
            Check::TwoResponses => "two different answers, with `******` between them".into(),
            Check::Repeat(_) => "the request is repeated first, word for word".into(),
            Check::Ends(phrase) => format!("the answer ends with exactly `{phrase}`"),
            Check::Quotation => "the whole answer stands in double quotation marks".into(),
            Check::CapitalWords(count) => format!("{count} words all in capital letters"),
            Check::Capitals => "all letters are capitals".into(),
            Check::LowerCase => "all letters are lower case".into(),
            Check::NoComma => "no commas".into(),
            Check::Pattern(pattern) => format!("the pattern `{pattern}` is found"),
            Check::Length { words, characters, lines } => {
                let parts = [words.words("words"), characters.words("characters"), lines.words("lines")];
                parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
            }
            Check::Contains(texts) => format!("the text has {}", listed(texts)),
            Check::Excludes(texts) => format!("the text has none of {}", listed(texts)),
        }
    }

    /// Returns the number or the list that was found in `text`, in words. None for kinds without one.
    #[must_use]
    pub fn found(&self, text: &str) -> Option<String> {
        let has = |count: usize, what: &str| Some(format!("it has {count} {what}"));
        match &self.check {
            Check::Keywords(words) => {
                let missing = words.iter().filter(|word| !word.pattern.is_match(text));
                Some(format!("missing: {}", listed(missing.map(|word| &word.text))))
            }
            Check::Frequency(word, _) => Some(format!("it occurs {} times", word.pattern.find_iter(text).count())),
            Check::Forbidden(words) => {
                let there = words.iter().filter(|word| checks::occurs_as_word(&word.pattern, text));
                Some(format!("it has {}", listed(there.map(|word| &word.text))))
            }
            Check::Letters(letter, _) => Some(format!("it occurs {} times", checks::letters(text, *letter))),
            Check::Sentences(_) => has(checks::sentences(text), "sentences"),
            Check::Paragraphs(_) => has(checks::paragraphs(text)?, "paragraphs"),
            Check::Words(_) => has(checks::words(text), "words"),
            Check::Placeholders(_) => has(checks::placeholders(text), "placeholders"),
            Check::Bullets(_) => has(checks::bullets(text), "bullet points"),
            Check::Highlights(_) => has(checks::highlights(text), "highlighted parts"),
            Check::Sections { pattern, .. } => has(pattern.find_iter(text).count(), "sections"),
            Check::CapitalWords(_) => has(checks::capital_words(text), "words in capital letters"),
            Check::NoComma => has(text.matches(',').count(), "commas"),
            Check::Length { .. } => {
                let (words, characters, lines) = (checks::words(text), text.chars().count(), text.trim().lines().count());
                Some(format!("it has {words} words, {characters} characters, {lines} lines"))
            }
            Check::Ends(_) => {
                let end: Vec<&str> = text.split_whitespace().rev().take(6).collect();
                Some(format!("it ends with `{}`", end.into_iter().rev().collect::<Vec<_>>().join(" ")))
            }
            _ => None,
        }
    }
}
