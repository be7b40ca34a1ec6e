//! What is wrong with a task, told before an hour is spent on it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::EvalResult;
use super::checks::ENOUGH_TRAINING;
use super::constant::Constant;
use crate::data::Example;
use crate::data::split::Splits;
use crate::engine::{Ended, Shape};
use crate::evaluate::Verdict;
use crate::metric::Metric;
use crate::program::{Program, Rollout, Step};

/// Beyond this score, little is left to gain.
const HIGH: f64 = 0.95;

/// At most this score is next to nothing.
pub(super) const LOW: f64 = 0.1;

/// Failures that say all the same say nothing, from so many on.
const FAILURES: usize = 3;

/// Rows of a field that does not vary, from so many on.
const ROWS: usize = 4;

/// The half width of a 95% interval, in points, beyond which validation tells little.
const WIDE: f64 = 20.0;

/// How much of the seed's score a constant answer must reach to be told.
const NEARLY: f64 = 0.9;

/// Something about a task that stands in the way of a good run. Scores are means from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// The seed is right nearly everywhere.
    SeedIsGood {
        /// Its score.
        score: f64,
        /// Examples that it was tried on.
        tried: usize,
    },
    /// Neither the seed nor the seed with worked examples scored anything: the model may not be able to do the task.
    NothingScores {
        /// Examples that both were tried on.
        tried: usize,
        /// Worked examples that the second one had.
        shown: usize,
    },
    /// The seed scored next to nothing, and with worked examples it scored more, or still next to nothing.
    SeedIsPoor {
        /// Its score.
        score: f64,
        /// Examples that both were tried on.
        tried: usize,
        /// Worked examples that it had the second time; 0: there was no second time.
        shown: usize,
        /// Its score with them.
        with: f64,
    },
    /// Every failure has the same words: there is nothing to learn from.
    SameFeedback {
        /// The words.
        feedback: String,
        /// Failures with them.
        failures: usize,
    },
    /// The validation examples are too few to tell candidates apart.
    SmallValidation {
        /// How many there are.
        examples: usize,
        /// Half of the widest 95% interval of a score, in points of a hundred.
        points: f64,
    },
    /// Answers were cut off.
    Cut {
        /// The module.
        module: String,
        /// Calls that were.
        cut: usize,
        /// Of how many.
        of: usize,
        /// Its limit.
        max_tokens: u32,
    },
    /// No value that an output may have is right for rows.
    NeverAllowed {
        /// The output.
        output: String,
        /// What it may be.
        values: Vec<String>,
        /// What a row says that it should be.
        value: String,
        /// Training and validation rows for which none is right.
        rows: usize,
        /// Of how many.
        of: usize,
    },
    /// A field is the same in all training and validation rows.
    NeverVaries {
        /// The field.
        field: String,
        /// Its value.
        value: String,
        /// Whether it is what answers are compared with, rather than what the program reads.
        expected: bool,
    },
    /// An answer that reads nothing scores nearly as well as the seed, or better.
    ConstantAnswer {
        /// The answer and its score.
        constant: Constant,
        /// The seed's score on the examples that it was tried on.
        seed: f64,
    },
    /// More training examples than help.
    MuchTraining {
        /// How many there are.
        examples: usize,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SeedIsGood { score, tried } => write!(
                f,
                "the seed scores {score:.3} on {tried} examples already: little is left to gain; harder examples would show what is"
            ),
            Self::NothingScores { tried, shown } => write!(
                f,
                "nothing scores: neither the seed nor the seed with {shown} worked examples was right on any of {tried} examples. If \
                 the feedback shows no near miss, no prompt will save it: fine-tuning or a larger model will"
            ),
            Self::SeedIsPoor { score, tried, shown: 0, .. } => write!(
                f,
                "the seed scores {score:.3} on {tried} examples: a reflector sees hardly a right answer. An instruction that says what an \
                 answer must be, or a larger model, is a better beginning"
            ),
            Self::SeedIsPoor { score, tried, shown, with } if *with > LOW => write!(
                f,
                "the seed scores {score:.3} on {tried} examples, with {shown} worked examples it scores {with:.3}: keep `examples` \
                 among the operators"
            ),
            Self::SeedIsPoor { score, tried, shown, with } => write!(
                f,
                "the seed scores {score:.3} on {tried} examples, with {shown} worked examples {with:.3}: a reflector sees hardly a right \
                 answer. An instruction that says what an answer must be, or a larger model, is a better beginning"
            ),
            Self::SameFeedback { feedback, failures } => write!(
                f,
                "all {failures} failures have the same feedback, so a reflector learns nothing from them: \"{}\". A metric that tells \
                 what was expected helps most of all",
                shortened(feedback)
            ),
            Self::SmallValidation { examples, points } => write!(
                f,
                "{examples} validation examples are few: a score on them is sure to ±{points:.0} points, and smaller gains are luck; \
                 100 make it ±10"
            ),
            Self::Cut { module, cut, of, max_tokens } => write!(
                f,
                "`{module}`: {cut} of {of} answers were cut off at max_tokens = {max_tokens}; raise it, or ask for shorter answers"
            ),
            Self::NeverAllowed { output, values, value, rows, of } => write!(
                f,
                "`{output}` can only be one of \"{}\", and for {rows} of {of} rows none of them is right: one says \"{}\". \
                 Declare the values that the rows have",
                shortened(&values.join("\", \"")),
                shortened(value)
            ),
            Self::NeverVaries { field, value, expected: false } => {
                write!(f, "`{field}` is the same in every row, \"{}\": the module reads nothing from it", shortened(value))
            }
            Self::NeverVaries { field, value, expected: true } => write!(
                f,
                "`{field}` is the same in every row, \"{}\": a prompt that always says so is perfect and knows nothing",
                shortened(value)
            ),
            Self::ConstantAnswer { constant, seed } => {
                let said: Vec<String> =
                    constant.outputs.iter().map(|(output, value)| format!("{output} = {}", shortened(value))).collect();
                write!(
                    f,
                    "always answering {} scores {:.3} on validation, the seed {seed:.3} on the training examples that were tried: only what is above the constant is learned",
                    said.join(", "),
                    constant.score
                )
            }
            Self::MuchTraining { examples } => write!(
                f,
                "{examples} training examples; more than {ENOUGH_TRAINING} rarely help, as validation or test rows they would"
            ),
        }
    }
}

/// The beginning of a text, in a line.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 100;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// What the data says by itself.
pub(super) fn of_data(program: &Program, metric: &dyn Metric, splits: &Splits) -> Vec<Finding> {
    let mut findings = Vec::new();
    let examples = splits.val.len();
    // Of a score of one half, where the interval is widest.
    let points = 100.0 * 1.96 * 0.5 / (examples.max(1) as f64).sqrt();
    if points > WIDE {
        findings.push(Finding::SmallValidation { examples, points });
    }
    if splits.train.len() > ENOUGH_TRAINING {
        findings.push(Finding::MuchTraining { examples: splits.train.len() });
    }
    let required = metric.required_fields();
    findings.extend(never_allowed(program, metric, &required, splits));
    let read = program.reads.iter().map(|field| (field.clone(), false));
    // A metric may need other fields as well, like tests and the names in them: no answer is compared with these.
    let outputs = program.modules.iter().flat_map(|module| module.outputs.iter().map(move |output| module.label(output)));
    let labels: BTreeSet<&str> = outputs.collect();
    let compared = required.into_iter().filter(|field| labels.contains(field.as_str()));
    let mut fields: BTreeMap<String, bool> = compared.map(|field| (field, true)).collect();
    fields.extend(read);
    for (field, expected) in fields {
        let rows = splits.train.iter().chain(&splits.val);
        let values: BTreeSet<String> = rows.filter_map(|example| example.text(&field)).collect();
        if let (1, true, Some(value)) = (values.len(), splits.train.len() + examples >= ROWS, values.into_iter().next()) {
            findings.push(Finding::NeverVaries { field, value, expected });
        }
    }
    findings
}

/// Outputs with declared values, none of which is what the rows say.
fn never_allowed(program: &Program, metric: &dyn Metric, required: &[String], splits: &Splits) -> Vec<Finding> {
    let mut findings = Vec::new();
    for module in &program.modules {
        for (output, shape) in &module.shapes {
            let values = match shape {
                Shape::Values(values) => values.clone(),
                Shape::Flag => vec!["true".into(), "false".into()],
                _ => continue,
            };
            let label = module.label(output);
            if !required.iter().any(|field| field == label) {
                continue;
            }
            let rows = splits.train.iter().chain(&splits.val);
            let rows: Vec<(&Example, String)> = rows.filter_map(|row| Some((row, row.text(label)?))).collect();
            // The same text is right without asking the metric.
            let is_wrong = |(row, wanted): &&(&Example, String)| {
                !values.iter().any(|value| value.eq_ignore_ascii_case(wanted))
                    && !values.iter().any(|value| scores(metric, row, output, value))
            };
            let wrong: Vec<&(&Example, String)> = rows.iter().filter(is_wrong).collect();
            if let Some((_, value)) = wrong.first() {
                let (value, rows, of) = (value.clone(), wrong.len(), rows.len());
                findings.push(Finding::NeverAllowed { output: output.clone(), values, value, rows, of });
            }
        }
    }
    findings
}

/// Whether a value of an output is right for a row, or right in part; also where a model must be asked, or there is no verdict.
fn scores(metric: &dyn Metric, row: &Example, output: &str, value: &str) -> bool {
    let step = Step { outputs: [(output.to_owned(), value.to_owned())].into(), ..Step::default() };
    let rollout = Rollout { steps: vec![step], failure: None };
    metric.questions(row, &rollout) > 0 || !metric.judge(row, &rollout, &[]).is_ok_and(|verdict| verdict.score <= 0.0)
}

/// What the seed's rollouts say.
pub(super) fn of_seed(program: &Program, metric: &dyn Metric, seed: &EvalResult, constant: Option<&Constant>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let tried = seed.rollouts.len();
    let score = seed.mean();
    if let Some(score) = score.filter(|score| *score >= HIGH) {
        findings.push(Finding::SeedIsGood { score, tried });
    }
    for module in &program.modules {
        let calls = seed.rollouts.iter().flat_map(|scored| &scored.rollout.steps).filter(|step| step.module == module.name);
        let (mut cut, mut of) = (0, 0);
        for step in calls {
            of += 1;
            cut += usize::from(step.ended == Ended::Length);
        }
        if cut > 0 {
            findings.push(Finding::Cut { module: module.name.clone(), cut, of, max_tokens: module.max_tokens });
        }
    }
    findings.extend(same_feedback(program, metric, seed));
    if let (Some(constant), Some(score)) = (constant, score)
        && constant.score > 0.0
        && constant.score >= NEARLY * score
    {
        findings.push(Finding::ConstantAnswer { constant: constant.clone(), seed: score });
    }
    findings
}

/// What all failures are told, where it is the same though the rows do not all expect the same.
fn same_feedback(program: &Program, metric: &dyn Metric, seed: &EvalResult) -> Option<Finding> {
    let mut expected = metric.required_fields();
    expected.retain(|field| !program.reads.contains(field));
    let (mut wanted, mut told, mut failures) = (BTreeSet::new(), BTreeSet::new(), 0);
    for (row, scored) in seed.examples.iter().zip(&seed.rollouts) {
        if let Verdict::Judged(judgement) = &scored.verdict
            && judgement.score < 1.0
        {
            let of_modules: Vec<&str> = judgement.module_feedback.values().map(String::as_str).collect();
            told.insert(format!("{} {}", judgement.feedback, of_modules.join(" ")));
            wanted.insert(expected.iter().map(|field| row.text(field)).collect::<Vec<_>>());
            failures += 1;
        }
    }
    // The right answer of all of them is told in the same words.
    if failures < FAILURES || told.len() > 1 || (!expected.is_empty() && wanted.len() == 1) {
        return None;
    }
    told.first().map(|words| Finding::SameFeedback { feedback: words.trim().to_owned(), failures })
}
