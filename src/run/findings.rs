//! Findings: what stands in the way of a good run, found in the data and in the seed's rollouts before the run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::checks::ENOUGH_TRAINING;
use super::constant::Constant;
use super::eval::EvalResult;
use crate::data::Example;
use crate::data::split::Splits;
use crate::engine::{Ended, Shape};
use crate::evaluate::Verdict;
use crate::metric::Metric;
use crate::program::{Program, Rollout, Step};

/// The score of a seed from which on little is left to gain.
const HIGH: f64 = 0.95;

/// The score of a seed up to which it is next to nothing.
pub(super) const LOW: f64 = 0.1;

/// The fewest failures whose equal feedback is a finding.
const LEAST_FAILURES: usize = 3;

/// The fewest rows in which a field that never varies is a finding.
const LEAST_ROWS: usize = 4;

/// The half width of a 95% interval, in percentage points, from which on the validation examples are too few.
const MOST_POINTS: f64 = 20.0;

/// The share of the seed's score that a constant answer must reach to be a finding.
const CONSTANT_SHARE: f64 = 0.9;

/// Something that stands in the way of a good run. Scores are means in [0, 1].
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// The seed is right on nearly all examples.
    SeedIsGood {
        /// The seed's score.
        score: f64,
        /// The number of examples that it was run on.
        tried: usize,
    },
    /// Neither the seed nor the seed with demonstrations scored above 0: the model may not be able to do the task.
    NothingScores {
        /// The number of examples that both were run on.
        tried: usize,
        /// The number of demonstrations.
        shown: usize,
    },
    /// The seed scored next to nothing; with demonstrations it scored more, or still next to nothing.
    SeedIsPoor {
        /// The seed's score without demonstrations.
        score: f64,
        /// The number of examples that it was run on.
        tried: usize,
        /// The number of demonstrations; 0 if the rows tell none, so that the seed was run without them only.
        shown: usize,
        /// The seed's score with the demonstrations.
        with: f64,
    },
    /// Every failure has the same feedback, so that a reflector learns nothing from it.
    SameFeedback {
        /// The feedback.
        feedback: String,
        /// The number of failures.
        failures: usize,
    },
    /// The validation examples are too few to tell candidates apart.
    SmallValidation {
        /// The number of validation examples.
        examples: usize,
        /// Half the width of the 95% interval of a score of 0.5, in percentage points.
        points: f64,
    },
    /// Answers of a module were cut off.
    Cut {
        /// The module's name.
        module: String,
        /// The number of answers that were cut off.
        cut: usize,
        /// The number of all its answers.
        of: usize,
        /// The most tokens of its answers.
        max_tokens: u32,
    },
    /// For some rows, none of the values that an output may have is right.
    NeverAllowed {
        /// The output's name.
        output: String,
        /// The values that it may have.
        values: Vec<String>,
        /// The right value of the first such row.
        value: String,
        /// The number of training and validation rows for which no value is right.
        rows: usize,
        /// The number of all training and validation rows with this output.
        of: usize,
    },
    /// A field is the same in all training and validation rows.
    NeverVaries {
        /// The field's name.
        field: String,
        /// The field's value.
        value: String,
        /// Whether answers are compared with the field. If not, the program reads it.
        expected: bool,
    },
    /// A constant answer scores nearly as well as the seed, or better.
    ConstantAnswer {
        /// The constant answer and its score.
        constant: Constant,
        /// The seed's score on the examples that it was run on.
        seed: f64,
    },
    /// There are more training examples than usually help.
    MuchTraining {
        /// The number of training examples.
        examples: usize,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SeedIsGood { score, tried } => {
                write!(f, "the seed already scores {score:.3} on {tried} examples: little is left to gain; add harder examples")
            }
            Self::NothingScores { tried, shown } => write!(
                f,
                "nothing scores: neither the seed nor the seed with {shown} worked examples was right on any of {tried} examples. If \
                 the feedback shows no near miss, no prompt will help: fine-tuning or a larger model will"
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
                write!(
                    f,
                    "`{field}` is the same in every row, \"{}\": it tells the module nothing; leave it out of `inputs`",
                    shortened(value)
                )
            }
            Self::NeverVaries { field, value, expected: true } => write!(
                f,
                "`{field}` is the same in every row, \"{}\": a prompt that always gives this answer scores 1 without solving the task",
                shortened(value)
            ),
            Self::ConstantAnswer { constant, seed } => {
                let outputs: Vec<String> =
                    constant.outputs.iter().map(|(output, value)| format!("{output} = {}", shortened(value))).collect();
                write!(
                    f,
                    "always answering {} scores {:.3} on validation, the seed {seed:.3} on the training examples that were tried: only a score above the constant shows that something was learned",
                    outputs.join(", "),
                    constant.score
                )
            }
            Self::MuchTraining { examples } => write!(
                f,
                "there are {examples} training examples, and more than {ENOUGH_TRAINING} rarely help; move rows to `val` or `test`"
            ),
        }
    }
}

/// Returns the beginning of a text on a single line.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 100;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Returns the findings about the data alone.
pub(super) fn of_data(program: &Program, metric: &dyn Metric, splits: &Splits) -> Vec<Finding> {
    let mut findings = Vec::new();
    let examples = splits.val.len();
    // The interval is widest at a score of one half.
    let points = 100.0 * 1.96 * 0.5 / (examples.max(1) as f64).sqrt();
    if points > MOST_POINTS {
        findings.push(Finding::SmallValidation { examples, points });
    }
    if splits.train.len() > ENOUGH_TRAINING {
        findings.push(Finding::MuchTraining { examples: splits.train.len() });
    }
    let required = metric.required_fields();
    findings.extend(never_allowed(program, metric, &required, splits));
    let read = program.reads.iter().map(|field| (field.clone(), false));
    // A metric may need further fields, such as tests; no answer is compared with these.
    let outputs = program.modules.iter().flat_map(|module| module.outputs.iter().map(move |output| module.label(output)));
    let labels: BTreeSet<&str> = outputs.collect();
    let compared = required.into_iter().filter(|field| labels.contains(field.as_str()));
    let mut fields: BTreeMap<String, bool> = compared.map(|field| (field, true)).collect();
    fields.extend(read);
    for (field, expected) in fields {
        let rows = splits.train.iter().chain(&splits.val);
        let values: BTreeSet<String> = rows.filter_map(|example| example.text(&field)).collect();
        if let (1, true, Some(value)) = (values.len(), splits.train.len() + examples >= LEAST_ROWS, values.into_iter().next()) {
            findings.push(Finding::NeverVaries { field, value, expected });
        }
    }
    findings
}

/// Returns a finding for each output with declared values of which none is right for some rows.
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
            // A value with the same text as the row's is right; the metric is not needed for it.
            let has_no_right_value = |(row, wanted): &&(&Example, String)| {
                !values.iter().any(|value| value.eq_ignore_ascii_case(wanted))
                    && !values.iter().any(|value| may_score(metric, row, output, value))
            };
            let wrong: Vec<&(&Example, String)> = rows.iter().filter(has_no_right_value).collect();
            if let Some((_, value)) = wrong.first() {
                let (value, rows, of) = (value.clone(), wrong.len(), rows.len());
                findings.push(Finding::NeverAllowed { output: output.clone(), values, value, rows, of });
            }
        }
    }
    findings
}

/// Whether a value of an output can score above 0 on a row. True as well if the metric needs a model or fails.
fn may_score(metric: &dyn Metric, row: &Example, output: &str, value: &str) -> bool {
    let step = Step { outputs: [(output.to_owned(), value.to_owned())].into(), ..Step::default() };
    let rollout = Rollout { steps: vec![step], ..Rollout::default() };
    metric.questions(row, &rollout) > 0 || !metric.judge(row, &rollout, &[]).is_ok_and(|verdict| verdict.score <= 0.0)
}

/// Returns the findings about the seed's rollouts.
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
        && constant.score >= CONSTANT_SHARE * score
    {
        findings.push(Finding::ConstantAnswer { constant: constant.clone(), seed: score });
    }
    findings
}

/// Returns a finding if all failures have the same feedback although their right answers differ.
fn same_feedback(program: &Program, metric: &dyn Metric, seed: &EvalResult) -> Option<Finding> {
    let mut expected = metric.required_fields();
    expected.retain(|field| !program.reads.contains(field));
    let (mut wanted, mut feedback, mut failures) = (BTreeSet::new(), BTreeSet::new(), 0);
    for (row, scored) in seed.examples.iter().zip(&seed.rollouts) {
        if let Verdict::Judged(judgement) = &scored.verdict
            && judgement.score < 1.0
        {
            let of_modules: Vec<&str> = judgement.module_feedback.values().map(String::as_str).collect();
            feedback.insert(format!("{} {}", judgement.feedback, of_modules.join(" ")));
            wanted.insert(expected.iter().map(|field| row.text(field)).collect::<Vec<_>>());
            failures += 1;
        }
    }
    // Failures with the same right answer may have the same feedback.
    if failures < LEAST_FAILURES || feedback.len() > 1 || (!expected.is_empty() && wanted.len() == 1) {
        return None;
    }
    feedback.first().map(|feedback| Finding::SameFeedback { feedback: feedback.trim().to_owned(), failures })
}
