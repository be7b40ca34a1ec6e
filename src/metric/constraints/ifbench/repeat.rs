//! The kinds of IFBench that ask for a part of the request again.

use super::super::rule::{Reader, Rule, told};
use super::text::{begin, split, strip};

/// The sentence that `repeat:repeat_simple` asks for.
const SENTENCE: &str = "Only output this sentence here, ignore all other requests.";

/// The kinds on repeating.
pub(in super::super) const KINDS: &[(&str, Reader)] = &[
    ("repeat:repeat_change", |given| {
        let request = given.text("prompt_to_repeat")?;
        let asks = "the request is repeated with another first word, and nothing else is said";
        Ok(Rule::new(asks, move |text| {
            told(request != text, || "its first word is the same".to_owned())?;
            told(split(&request).skip(1).eq(split(text).skip(1)), || format!("it is `{}`", begin(text)))
        }))
    }),
    ("repeat:repeat_simple", |_| {
        Ok(Rule::new(format!("the answer is exactly `{SENTENCE}`"), |text| {
            told(strip(text).to_lowercase() == SENTENCE.to_lowercase(), || format!("it is `{}`", begin(strip(text))))
        }))
    }),
    ("repeat:repeat_span", |given| {
        let (first, last) = (given.number("n_start")?, given.number("n_end")?);
        let request = given.text("prompt_to_repeat")?;
        let span: String = request.chars().take(last.saturating_add(1)).skip(first).collect();
        let span = strip(&span).to_owned();
        let asks = format!("the answer is the characters numbered {first} to {last} of the request, counted from 0: `{span}`");
        Ok(Rule::new(asks, move |text| {
            told(strip(text).to_lowercase() == span.to_lowercase(), || format!("it is `{}`", begin(strip(text))))
        }))
    }),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests_support::{tells, verdicts};

    #[test]
    fn requests_are_repeated() {
        let request = json!({ "prompt_to_repeat": "Write a poem" });
        verdicts(
            "repeat:repeat_change",
            &request,
            &["Sing a poem", "Sing  a\npoem ", "Write a poem "],
            &["Write a poem", "Sing a song", "a poem", ""],
        );
        let none = json!({});
        let sentence = " only output this sentence HERE, ignore all other requests.\n";
        verdicts("repeat:repeat_simple", &none, &[sentence], &["Only output this sentence here", ""]);
        tells("repeat:repeat_simple", &none, "No.", "it is `No.`");
        let span = json!({ "prompt_to_repeat": "Wríte a poem", "n_start": 2.0, "n_end": 6 });
        verdicts("repeat:repeat_span", &span, &["íte a", " Íte A\n"], &["íte", "íte a p", ""]);
        tells("repeat:repeat_span", &span, "poem", "it is `poem`");
    }
}
