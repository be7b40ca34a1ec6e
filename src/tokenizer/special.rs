//! Recognizing the spellings of special tokens in a text, as llama.cpp does (`tokenizer_st_partition`).

use regex::Regex;

/// A part of a text: the spelling of a special token, or other text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fragment<'t> {
    /// The id of a special token.
    Special(u32),
    /// Text between special tokens, never empty.
    Text(&'t str),
}

/// The special tokens of a vocabulary.
#[derive(Debug)]
pub(super) struct SpecialTokens {
    /// Text and id of each token, longest first.
    tokens: Vec<(String, u32)>,
    /// A pattern that matches wherever any of the tokens occurs; `None` where there are no tokens.
    any: Option<Regex>,
}

/// An occurrence of a special token in a text.
struct Occurrence {
    start: usize,
    end: usize,
    id: u32,
}

impl SpecialTokens {
    /// Creates the matcher for tokens with these texts and ids.
    ///
    /// # Errors
    /// The regex crate's error where the tokens are too many for one pattern.
    pub(super) fn new(mut tokens: Vec<(String, u32)>) -> Result<Self, regex::Error> {
        tokens.sort_by(|one, other| other.0.len().cmp(&one.0.len()).then(one.1.cmp(&other.1)));
        let any = if tokens.is_empty() {
            None
        } else {
            let alternatives: Vec<String> = tokens.iter().map(|(text, _)| regex::escape(text)).collect();
            Some(Regex::new(&alternatives.join("|"))?)
        };
        Ok(Self { tokens, any })
    }

    /// Returns the texts of the tokens, longest first.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().map(|(text, _)| text.as_str())
    }

    /// Divides a text into special tokens and other text. A longer token is found before a shorter one wherever they overlap,
    /// and of two occurrences of one token that overlap, the first is found.
    pub(super) fn partition<'t>(&self, text: &'t str) -> Vec<Fragment<'t>> {
        if !self.any.as_ref().is_some_and(|any| any.is_match(text)) {
            return if text.is_empty() { Vec::new() } else { vec![Fragment::Text(text)] };
        }
        let mut found: Vec<Occurrence> = Vec::new();
        for (token, id) in &self.tokens {
            let mut from = 0;
            while let Some(start) = memchr::memmem::find(&text.as_bytes()[from..], token.as_bytes()).map(|at| from + at) {
                let end = start + token.len();
                let index = found.partition_point(|occurrence| occurrence.end <= start);
                if found.get(index).is_some_and(|next| next.start < end) {
                    from = start + 1;
                } else {
                    found.insert(index, Occurrence { start, end, id: *id });
                    from = end;
                }
            }
        }
        let mut fragments = Vec::new();
        let mut from = 0;
        for Occurrence { start, end, id } in found {
            if from < start {
                fragments.push(Fragment::Text(&text[from..start]));
            }
            fragments.push(Fragment::Special(id));
            from = end;
        }
        if from < text.len() {
            fragments.push(Fragment::Text(&text[from..]));
        }
        fragments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_tokens_are_found_first() {
        let tokens = ["<a>", "<a><b>", "b><c", "é"];
        let special = SpecialTokens::new(tokens.map(str::to_owned).into_iter().zip(0..).collect()).unwrap();
        use Fragment::{Special, Text};
        assert_eq!(special.partition("x<a>y<a><b><c>"), [Text("x"), Special(0), Text("y"), Special(1), Text("<c>")]);
        assert_eq!(special.partition("<a>b><cé"), [Special(0), Special(2), Special(3)]);
        assert_eq!(special.partition("plain"), [Text("plain")]);
        assert_eq!(special.partition(""), []);
    }
}
