//! The kinds of IFBench on the format of an answer: brackets, quotation marks, lines, lists and marks.

use super::super::checks;
use super::super::rule::{Reader, Rule, at_least, first_fault, told};
use super::shapes;
use super::splitter::sentences;
use super::text::{begin, is_space, split, strip, strip_marks, without_marks};
use super::tokens::tokens;
use crate::data::listed;

/// The parts of the template of `format:output_template`.
const TEMPLATE: [&str; 3] = ["My Answer:", "My Conclusion:", "Future Outlook:"];

/// Returns the options that a text lists. They are separated by `/`, else by `or`, else by commas.
fn options(text: &str) -> Vec<String> {
    let separator = ["/", "or"].into_iter().find(|separator| text.contains(separator)).unwrap_or(",");
    text.split(separator).map(|option| strip(option).to_owned()).collect()
}

/// Returns whether a word of a title begins with a small letter. Words in mixed case pass, as in the reference.
fn is_small(word: &str) -> bool {
    let Some(first) = word.chars().next().filter(|c| c.is_alphabetic()) else { return false };
    let rest = &word[first.len_utf8()..];
    first.is_lowercase() && (rest.is_empty() || checks::is_upper(rest) || checks::is_lower(rest))
}

/// The kinds on format.
pub(in super::super) const KINDS: &[(&str, Reader)] = &[
    ("format:parentheses", |_| {
        let asks = "brackets within brackets, closed in order, at least 5 deep: `(`, `[` or `{`";
        Ok(Rule::new(asks, shapes::deep_brackets))
    }),
    ("format:quotes", |_| {
        let asks = "quotations within quotations, at least 3 deep, in `\"` and `'` by turns";
        Ok(Rule::new(asks, shapes::deep_quotes))
    }),
    ("format:options", |given| {
        let text = given.text("options")?;
        let options = options(&text);
        // Letters of a choice must be given exactly.
        let exact = pattern!(r"^[^\p{L}\p{N}_]*[aA][^\p{L}\p{N}_]*[bB][^\p{L}\p{N}_]*[cC]").is_some_and(|p| p.is_match(&text));
        let asks = format!("the answer is one of {} and nothing else", listed(&options));
        Ok(Rule::new(asks, move |text| {
            let is_option = |option: &String| {
                if exact { option == text } else { strip_marks(option).to_lowercase() == strip_marks(text).to_lowercase() }
            };
            told(options.iter().any(is_option), || format!("it is `{}`", begin(text)))
        }))
    }),
    ("format:newline", |_| {
        Ok(Rule::new("each word stands on a line of its own", |text| {
            let text = without_marks(text);
            let text = strip(&text);
            let (lines, words) = (text.split('\n').filter(|line| !line.is_empty()).count(), split(text).count());
            told(lines == words, || format!("it has {words} words on {lines} lines"))
        }))
    }),
    ("format:emoji", |_| {
        Ok(Rule::new("each sentence ends with an emoji", |text| {
            let sentences = sentences(text);
            first_fault(sentences.iter().enumerate(), |(at, sentence)| {
                let next = sentences.get(at + 1).copied();
                (!shapes::ends_with_emoji(sentence, next)).then(|| format!("the sentence `{sentence}` does not"))
            })
        }))
    }),
    ("format:line_indent", |_| {
        Ok(Rule::new("each line is indented by more blanks than the line before", |text| {
            let lines = shapes::lines_with_text(text);
            let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
            first_fault(lines.iter().zip(lines.iter().skip(1)), |(line, next)| {
                let (before, after) = (indent(line), indent(next));
                (after <= before).then(|| format!("after {before} blanks, a line has {after}: `{}`", begin(strip(next))))
            })
        }))
    }),
    ("format:quote_unquote", |_| {
        Ok(Rule::new("after each quotation comes an explanation without quotation marks", |text| {
            let (adjoining, at_end) = shapes::bare_quotations(text);
            told(!adjoining, || "two quotation marks stand together".to_owned())?;
            told(!at_end, || "it ends with a quotation".to_owned())
        }))
    }),
    ("format:list", |given| {
        let separator = given.text("sep")?;
        Ok(Rule::new(format!("a list with `{separator}` in place of bullet points, for at least 2 items"), move |text| {
            at_least(2, text.matches(&separator).count(), &format!("`{separator}`"))
        }))
    }),
    ("format:thesis", |_| {
        let asks = "each section begins with a statement in italics, like `<i>statement</i>`, and goes on after it";
        Ok(Rule::new(asks, shapes::thesis))
    }),
    ("format:sub-bullets", |_| {
        Ok(Rule::new("bullet points with `*`, each with a bullet point with `-` below it", |text| {
            first_fault(text.split('*').skip(1), |bullet| {
                (!bullet.contains('-')).then(|| format!("no `-` follows `*{}`", begin(bullet.trim_end())))
            })
        }))
    }),
    ("format:no_bullets_bullets", |_| {
        let asks = "at least two sentences that end with a point, and after them at least two bullet points with `*` and no more";
        Ok(Rule::new(asks, shapes::sentences_then_bullets))
    }),
    ("format:title_case", |_| {
        Ok(Rule::new("each word begins with a capital letter", |text| {
            first_fault(tokens(text), |word| is_small(&word).then(|| format!("`{word}` does not")))
        }))
    }),
    ("format:output_template", |_| {
        let asks = format!("the parts {}, each with its text", listed(TEMPLATE));
        Ok(Rule::new(asks, |text| {
            let missing: Vec<&str> = TEMPLATE.into_iter().filter(|part| !text.contains(part)).collect();
            told(missing.is_empty(), || format!("missing: {}", listed(missing)))
        }))
    }),
    ("format:no_whitespace", |_| {
        Ok(Rule::new("no white space", |text| {
            let found = text.chars().filter(|c| is_space(*c)).count();
            told(found == 0, || format!("it has {found} characters of white space"))
        }))
    }),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests_support::{tells, verdicts};

    #[test]
    fn options_are_answered() {
        let words = json!({ "options": "yes/no/maybe" });
        verdicts("format:options", &words, &["Yes.", " no ", "\"maybe\"!"], &["yes, no", "yes\n", "", "sure"]);
        tells("format:options", &words, "Sure", "it is `Sure`");
        verdicts(
            "format:options",
            &json!({ "options": "I know or I don't know" }),
            &["i know", "I don't know."],
            &["know", "I dont know"],
        );
        verdicts("format:options", &json!({ "options": "a), b), c), d)" }), &["a)", "d)"], &["a", "A)", "a) ", ""]);
    }

    #[test]
    fn lines_and_lists_are_checked() {
        let none = json!({});
        verdicts("format:newline", &none, &["a\nb.\n\n-\nc", "a", ""], &["a b", "a\n \nb"]);
        tells("format:newline", &none, "a b\nc", "it has 3 words on 2 lines");
        verdicts("format:line_indent", &none, &["a\n b\n\n   c", "a"], &["a\nb", " a\nb", "a\n\tb"]);
        tells("format:line_indent", &none, "a\n  b\n c", "after 2 blanks, a line has 1: `c`");
        verdicts("format:list", &json!({ "sep": "!?!?" }), &["!?!? a !?!? b", "!?!?!?!?"], &["!?!?!?", "", "a"]);
        verdicts("format:sub-bullets", &none, &["* a\n - b\n* c-d", "no bullets"], &["* a\n* b - c", "**a** - b"]);
        tells("format:sub-bullets", &none, "* a\n* b - c", "no `-` follows `* a`");
    }

    #[test]
    fn words_and_parts_are_checked() {
        let none = json!({});
        verdicts("format:title_case", &none, &["The Big-Cat's Eye, USA 3rd iPhone", "", "A \"B\""], &["The cat", "a", "tHE"]);
        tells("format:title_case", &none, "The cat", "`cat` does not");
        verdicts("format:output_template", &none, &["My Answer: a My Conclusion: b Future Outlook: c"], &["My answer: a", ""]);
        tells("format:output_template", &none, "My Answer: a Future Outlook: b", "missing: `My Conclusion:`");
        verdicts("format:no_whitespace", &none, &["a-b", ""], &["a b", "a\n", "a\u{a0}b", "a\u{1f}b"]);
        tells("format:no_whitespace", &none, "a b\n", "it has 2 characters of white space");
    }
}
