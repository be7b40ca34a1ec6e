//! The metric `privacy`: how much personal data is leaked, and how good the answer is.
//!
//! The score is that of PUPA ([arXiv 2410.17127](https://arxiv.org/abs/2410.17127)) as the GEPA paper uses it: (quality + 1 − leakage) / 2.
//! Leakage is the share of an example's personal data that occurs in the searched text. Quality and privacy are objectives and stand
//! separately in the feedback. The personal data of an example is listed in a field, or detected in its fields.

mod detect;

use self::detect::is_cut_out_of_a_word;
pub use detect::{Found, Kind, detect, iban_holds, luhn_holds};

use std::collections::BTreeMap;

use serde_json::Value;

use super::author::is_call;
use super::contract::{Grader, Metric};
use super::error::MetricError;
use super::judgement::Judgement;
use super::normalize::shorten;
use super::sum::prefix_judges;
use crate::data::{Example, to_text};
use crate::engine::{Completion, Request};
use crate::program::{Rollout, Step};

/// The text that is searched for personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Searched {
    /// An output of the program.
    Output(String),
    /// All inputs of all calls of a module.
    SentTo(String),
}

/// Scores leakage, and quality where the task has a metric for it.
pub struct Privacy {
    /// The text that is searched.
    pub searched: Searched,
    /// The example's field with its personal data: a list of texts, or one text with `||` between them, as in PUPA. None if nothing is
    /// listed.
    pub listed: Option<String>,
    /// The example's fields in which personal data is detected.
    pub fields: Vec<String>,
    /// The kinds of personal data that are detected there.
    pub detected: Vec<Kind>,
    /// The metric of the answer's quality, and the outputs that make up the answer. None if only leakage counts.
    pub quality: Option<(Box<dyn Metric>, Vec<String>)>,
}

/// A piece of personal data of an example.
#[derive(Debug, Clone)]
enum Datum {
    /// A listed text: its form for comparison, and its form in feedback.
    Listed { compared: String, shown: String },
    /// A detected number or address, which can be written in several ways.
    Detected(Found),
}

impl Datum {
    fn words(&self) -> String {
        match self {
            Self::Listed { shown, .. } => format!("`{}`", shorten(shown, MOST_QUOTED)),
            Self::Detected(found) => format!("{} `{}`", found.kind.words(), shorten(&found.text, MOST_QUOTED)),
        }
    }

    fn occurs_in(&self, text: &Text) -> bool {
        match self {
            Self::Listed { compared, .. } => text.contains(compared),
            Self::Detected(found) => text.found.iter().any(|other| other.is_same(found)) || text.contains(&compared(&found.text)),
        }
    }
}

/// The most characters of a piece of personal data that feedback quotes.
const MOST_QUOTED: usize = 80;

/// A text that is searched: its form for comparison, and the personal data detected in it.
struct Text {
    compared: String,
    found: Vec<Found>,
}

impl Text {
    fn new(text: &str) -> Self {
        Self { compared: compared(text), found: detect(text, &Kind::ALL) }
    }

    /// Returns whether `part` occurs in it, not as a part of a word.
    fn contains(&self, part: &str) -> bool {
        let mut places = self.compared.match_indices(part).map(|(at, part)| at..at + part.len());
        !part.is_empty() && places.any(|place| !is_cut_out_of_a_word(&self.compared, &place))
    }
}

/// Returns the form in which texts are compared: lower case, single spaces, and one form of the small sigma.
fn compared(text: &str) -> String {
    text.to_lowercase().replace('ς', "σ").split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Privacy {
    /// Returns the personal data of an example, each piece once.
    fn data(&self, example: &Example) -> Result<Vec<Datum>, MetricError> {
        let bad = |cause: String| MetricError::example(example, cause);
        let mut data: Vec<Datum> = Vec::new();
        let mut add = |datum: Datum| {
            let is_known = data.iter().any(|known| match (known, &datum) {
                (Datum::Listed { compared, .. }, Datum::Listed { compared: other, .. }) => compared == other,
                (Datum::Detected(found), Datum::Detected(other)) => found.is_same(other),
                _ => false,
            });
            if !is_known {
                data.push(datum);
            }
        };
        if let Some(field) = &self.listed {
            let listed: Vec<String> = match example.fields.get(field) {
                None => return Err(bad(format!("it has no field `{field}`"))),
                Some(Value::Null) => Vec::new(),
                Some(Value::String(text)) => text.split("||").map(str::to_owned).collect(),
                Some(Value::Array(items)) if !items.iter().any(|item| item.is_object() || item.is_array()) => {
                    items.iter().map(to_text).collect()
                }
                Some(other) => {
                    return Err(bad(format!("`{field}` must be a list of texts, not {}", shorten(&other.to_string(), 60))));
                }
            };
            for text in listed.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
                // A number or address may be written in another way in the searched text.
                let mut whole = detect(text, &Kind::ALL);
                whole.retain(|found| found.text == text);
                add(whole
                    .pop()
                    .map_or_else(|| Datum::Listed { compared: compared(text), shown: text.to_owned() }, Datum::Detected));
            }
        }
        for text in self.fields.iter().filter_map(|field| example.text(field)) {
            detect(&text, &self.detected).into_iter().map(Datum::Detected).for_each(&mut add);
        }
        Ok(data)
    }

    /// Returns the searched texts, each with the module that wrote it. None for a field of the example.
    fn texts<'a>(&self, rollout: &'a Rollout) -> Vec<(Option<&'a str>, Text)> {
        match &self.searched {
            Searched::Output(name) => {
                let wrote = rollout.last_step_with(name).and_then(|step| Some((step, step.outputs.get(name)?)));
                wrote.map(|(step, text)| (Some(step.module.as_str()), Text::new(text))).into_iter().collect()
            }
            Searched::SentTo(module) => {
                let mut texts = Vec::new();
                for (place, step) in rollout.steps.iter().enumerate().filter(|(_, step)| step.module == *module) {
                    for (name, text) in &step.inputs {
                        let writer = rollout.steps[..place].iter().rfind(|before| before.outputs.contains_key(name));
                        texts.push((writer.map(|step| step.module.as_str()), Text::new(text)));
                    }
                }
                texts
            }
        }
    }

    fn place(&self) -> String {
        match &self.searched {
            Searched::Output(name) => format!("`{name}`"),
            Searched::SentTo(module) => format!("what `{module}` is sent"),
        }
    }
}

fn listed(data: &[&Datum]) -> String {
    data.iter().map(|datum| datum.words()).collect::<Vec<_>>().join(", ")
}

impl Metric for Privacy {
    fn required_fields(&self) -> Vec<String> {
        let quality = self.quality.iter().flat_map(|(metric, _)| metric.required_fields());
        self.listed.iter().cloned().chain(self.fields.iter().cloned()).chain(quality).collect()
    }

    fn answer_fields(&self) -> Vec<String> {
        self.quality.iter().flat_map(|(metric, _)| metric.answer_fields()).collect()
    }

    fn label_fields(&self) -> Vec<String> {
        self.quality.iter().flat_map(|(metric, _)| metric.label_fields()).collect()
    }

    fn prepare(&self) -> Result<(), MetricError> {
        self.quality.iter().try_for_each(|(metric, _)| metric.prepare())
    }

    fn check(&self, example: &Example) -> Result<(), MetricError> {
        self.data(example)?;
        self.quality.iter().try_for_each(|(metric, _)| metric.check(example))
    }

    fn requests(&self, example: &Example, rollout: &Rollout) -> Vec<Request> {
        self.quality.iter().flat_map(|(metric, _)| metric.requests(example, rollout)).collect()
    }

    fn questions(&self, example: &Example, rollout: &Rollout) -> usize {
        self.quality.iter().map(|(metric, _)| metric.questions(example, rollout)).sum()
    }

    fn again(&self, example: &Example, rollout: &Rollout) -> Vec<Request> {
        self.quality.iter().flat_map(|(metric, _)| metric.again(example, rollout)).collect()
    }

    fn judges(&self) -> Vec<(String, &dyn Grader)> {
        self.quality.iter().flat_map(|(metric, _)| prefix_judges("quality", metric.judges())).collect()
    }

    fn solution(&self, example: &Example) -> Option<String> {
        self.quality.as_ref().and_then(|(metric, _)| metric.solution(example))
    }

    fn judge(&self, example: &Example, rollout: &Rollout, answers: &[Completion]) -> Result<Judgement, MetricError> {
        let data = self.data(example)?;
        let texts = self.texts(rollout);
        let leaked: Vec<&Datum> = data.iter().filter(|datum| texts.iter().any(|(_, text)| datum.occurs_in(text))).collect();
        let leakage = if data.is_empty() { 0.0 } else { leaked.len() as f64 / data.len() as f64 };
        let privacy = 1.0 - leakage;
        let said = match (data.len(), leaked.as_slice()) {
            (0, _) => "there is no personal data to protect.".to_owned(),
            (all, []) => format!("none of the {all} pieces of personal data stands in {}.", self.place()),
            (all, leaked) => {
                let count = leaked.len();
                format!("{count} of {all} pieces of personal data stand in {} and must not: {}.", self.place(), listed(leaked))
            }
        };
        let mut judgement = Judgement::new(privacy, format!("Privacy {privacy:.2}: {said}"));
        let mut by_module: BTreeMap<&str, Vec<&Datum>> = BTreeMap::new();
        for datum in &leaked {
            for (writer, _) in texts.iter().filter(|(_, text)| datum.occurs_in(text)) {
                let of_module = by_module.entry(writer.unwrap_or_default()).or_default();
                if !of_module.iter().any(|known| std::ptr::eq(*known, *datum)) {
                    of_module.push(datum);
                }
            }
        }
        for (module, data) in by_module.into_iter().filter(|(module, _)| !module.is_empty()) {
            let words = format!("It wrote what leaks {}: leave it out, or put a placeholder in its place.", listed(&data));
            judgement.module_feedback.insert(module.to_owned(), words);
        }
        judgement.objectives.insert("privacy".into(), privacy);
        if let Some((metric, outputs)) = &self.quality {
            let quality = metric.judge(example, rollout, answers)?;
            judgement.score = f64::midpoint(quality.score, privacy).clamp(0.0, 1.0);
            judgement.closeness = quality.closeness.map(|closeness| f64::midpoint(closeness, privacy).clamp(0.0, 1.0));
            judgement.feedback = format!("Quality {:.2}: {}\n{}", quality.score, quality.feedback, judgement.feedback);
            // In a program with conditions, this module can differ between rollouts.
            let wrote = |step: &&Step| is_call(step) && outputs.iter().any(|output| step.outputs.contains_key(output));
            if let Some(step) = rollout.steps.iter().rfind(wrote) {
                judgement.add_module_feedback(
                    step.module.as_str(),
                    &format!("It wrote the answer, whose quality is {:.2}.", quality.score),
                );
            }
            quality.module_feedback.into_iter().for_each(|(module, words)| judgement.add_module_feedback(module, &words));
            judgement.objectives.insert("quality".into(), quality.score);
            judgement.objectives.extend(quality.objectives.into_iter().map(|(name, score)| (format!("quality.{name}"), score)));
        }
        Ok(judgement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests_support::example;
    use crate::metric::{Comparison, Text as Compare};
    use proptest::prelude::*;
    use serde_json::json;

    fn privacy(searched: Searched) -> Privacy {
        let quality: Box<dyn Metric> = Box::new(Compare::new(Comparison::Exact, "expected", "answer"));
        Privacy {
            searched,
            listed: Some("pii_units".into()),
            fields: vec!["query".into()],
            detected: Kind::ALL.to_vec(),
            quality: Some((quality, vec!["answer".into()])),
        }
    }

    fn step(module: &str, inputs: &[(&str, &str)], output: (&str, &str)) -> Step {
        let inputs = inputs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let outputs = [(output.0.to_owned(), output.1.to_owned())].into();
        Step { module: module.into(), inputs, answer: output.1.into(), outputs, ..Step::default() }
    }

    fn run(redacted: &str, answer: &str) -> Rollout {
        let steps = vec![
            step("redact", &[("query", "…")], ("request", redacted)),
            step("ask", &[("request", redacted)], ("reply", "sure")),
            step("respond", &[("reply", "sure")], ("answer", answer)),
        ];
        Rollout { steps, failure: None }
    }

    fn row() -> Example {
        example(&json!({
            "query": "I am Anna Schmidt, anna@example.org, +49 30 901820. Write for me.",
            "pii_units": ["Anna Schmidt", "Berlin", "anna@example.org"],
            "expected": "done",
        }))
    }

    #[test]
    fn quality_and_leakage_are_one_score_and_told_apart() {
        let leaky = run("A letter for ANNA\nschmidt, tel. 030/901820", "done");
        let verdict = privacy(Searched::Output("request".into())).judge(&row(), &leaky, &[]).unwrap();
        // Listed: a name, a place, an address; detected: a number. Two of four leak.
        assert_eq!((verdict.objectives["quality"], verdict.objectives["privacy"]), (1.0, 0.5));
        assert_eq!(verdict.score, 0.75);
        assert!(verdict.feedback.starts_with("Quality 1.00: "), "{}", verdict.feedback);
        let says = "Privacy 0.50: 2 of 4 pieces of personal data stand in `request` and must not: `Anna Schmidt`, the phone number \
                    `+49 30 901820`.";
        assert!(verdict.feedback.ends_with(says), "{}", verdict.feedback);
        assert!(verdict.module_feedback["redact"].contains("leaks `Anna Schmidt`"), "{verdict:?}");
        assert_eq!(verdict.module_feedback["respond"], "It wrote the answer, whose quality is 1.00.");
        assert!(!verdict.module_feedback.contains_key("ask"));
    }

    #[test]
    fn the_module_that_wrote_the_answer_in_this_run_is_told_its_quality() {
        let metric = privacy(Searched::Output("request".into()));
        let shown = Step { answer: String::new(), ..step("show", &[("answer", "done")], ("answer", "done.")) };
        let steps = vec![step("short", &[("query", "…")], ("answer", "done")), shown];
        let verdict = metric.judge(&row(), &Rollout { steps, failure: None }, &[]).unwrap();
        let told = &verdict.module_feedback;
        assert!(told["short"].starts_with("It wrote the answer, whose quality is 1.00."), "{verdict:?}");
        assert!(!told.contains_key("show") && !told.contains_key("respond"), "{verdict:?}");
    }

    #[test]
    fn what_a_module_is_sent_is_traced_to_who_wrote_it() {
        let metric = privacy(Searched::SentTo("ask".into()));
        let verdict = metric.judge(&row(), &run("for anna@EXAMPLE.org", "wrong"), &[]).unwrap();
        assert_eq!((verdict.objectives["quality"], verdict.objectives["privacy"], verdict.score), (0.0, 0.75, 0.375));
        assert!(verdict.feedback.contains("stand in what `ask` is sent"), "{}", verdict.feedback);
        assert!(verdict.module_feedback["redact"].contains("the e-mail address `anna@example.org`"), "{verdict:?}");
        let clean = metric.judge(&row(), &run("a letter for [NAME]", "done"), &[]).unwrap();
        assert_eq!(clean.score, 1.0);
        assert!(clean.feedback.contains("none of the 4 pieces of personal data stands in"), "{}", clean.feedback);
    }

    #[test]
    fn a_listed_text_counts_as_a_word_of_its_own() {
        for (text, part, occurs) in [
            ("a Berliner", "Berlin", false),
            ("in BERLIN!", "Berlin", true),
            ("straße von Öztürk-Meier", "ÖZTÜRK", true),
            ("给王芳写信", "王芳", true),
            ("김철수에게", "김철수", true),
            ("Xanna", "Anna", false),
            ("No. 12, call", "12", true),
            ("122", "12", false),
            ("", "x", false),
        ] {
            assert_eq!(Text::new(text).contains(&compared(part)), occurs, "{part} in {text}");
        }
    }

    #[test]
    fn lists_are_read_as_pupa_writes_them_and_others_are_refused() {
        let metric = privacy(Searched::Output("request".into()));
        let of = |units: Value| metric.data(&example(&json!({ "pii_units": units }))).map(|data| data.len());
        assert_eq!(of(json!("Anna||Berlin|| Anna")).unwrap(), 2);
        assert_eq!(of(json!(null)).unwrap(), 0);
        assert_eq!(of(json!([1234, ""])).unwrap(), 1);
        assert!(of(json!({ "a": 1 })).is_err() && of(json!([["a"]])).is_err());
        assert!(metric.check(&example(&json!({}))).is_err());
        let nobody = example(&json!({ "pii_units": [], "expected": "done" }));
        let verdict = metric.judge(&nobody, &run("x", "done"), &[]).unwrap();
        assert!(verdict.score == 1.0 && verdict.feedback.contains("no personal data"), "{verdict:?}");
    }

    proptest! {
        /// Whatever is listed is found wherever it stands between spaces, and the scores stay in their range.
        #[test]
        fn what_is_listed_and_stands_there_leaks(units in prop::collection::vec("\\PC{1,12}", 1..5), around in "\\PC{0,20}") {
            prop_assume!(units.iter().all(|unit| !compared(unit).is_empty()));
            let row = example(&json!({ "pii_units": units, "expected": "x" }));
            let text = format!("{around} {} {around}", units.join(" "));
            let verdict = privacy(Searched::Output("request".into())).judge(&row, &run(&text, "y"), &[]).unwrap();
            prop_assert_eq!(verdict.objectives["privacy"], 0.0, "{}", verdict.feedback);
            prop_assert_eq!(verdict.score, 0.0);
        }
    }
}
