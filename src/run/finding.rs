//! A finding: what stands in the way of a good run, in words.

use std::fmt;

use super::checks::ENOUGH_TRAINING;
use super::constant::Constant;
use crate::data::listed;
use crate::engine::schema::Keyword;
use crate::event::Lifecycle;
use crate::hooks::Hooks;
use crate::init::leak::Leak;

/// The score of a seed up to which it is next to nothing.
pub(super) const LOW: f64 = 0.1;

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
    /// A field that the program reads gives the right answer away.
    TellsAnswer {
        /// The field's name.
        field: String,
        /// The name of the field with the right answer.
        answer: String,
        /// How it gives the answer away.
        leak: Leak,
    },
    /// The prompts of some rows do not fit the context of their model.
    TooLong {
        /// The module's name.
        module: String,
        /// The model's name in the task file.
        model: String,
        /// The number of rows that are too long.
        rows: usize,
        /// The number of all rows.
        of: usize,
        /// The tokens of the context, for prompt and answer together.
        context: usize,
        /// A context that would hold the longest row.
        needed: usize,
    },
    /// An instruction has a placeholder that is not filled.
    Placeholder {
        /// The module's name.
        module: String,
        /// The placeholder as it stands in the instruction.
        placeholder: String,
        /// The module's inputs if it is the name of none of them. None if it is, and the layout fills no placeholders.
        inputs: Option<Vec<String>>,
    },
    /// A schema has keywords that are not enforced.
    NotEnforced {
        /// The module's name.
        module: String,
        /// The output with the schema.
        output: String,
        /// The keywords, with their places in the schema.
        keywords: Vec<Keyword>,
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
                "nothing scores: neither the seed nor the seed with {shown} demonstrations was right on any of {tried} examples. If \
                 the feedback shows no near miss, no prompt will help: fine-tuning or a larger model will"
            ),
            Self::SeedIsPoor { score, tried, shown: 0, .. } => write!(
                f,
                "the seed scores {score:.3} on {tried} examples: a reflector sees hardly a right answer. An instruction that says what an \
                 answer must be, or a larger model, is a better beginning"
            ),
            Self::SeedIsPoor { score, tried, shown, with } if *with > LOW => write!(
                f,
                "the seed scores {score:.3} on {tried} examples, with {shown} demonstrations it scores {with:.3}: keep `examples` \
                 among the operators"
            ),
            Self::SeedIsPoor { score, tried, shown, with } => write!(
                f,
                "the seed scores {score:.3} on {tried} examples, with {shown} demonstrations {with:.3}: a reflector sees hardly a right \
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
            Self::TellsAnswer { field, answer, leak } => write!(
                f,
                "the program reads `{field}` and is to write `{answer}`, but {leak}. If it is not there when the program is used, leave it \
                 out of `inputs`"
            ),
            Self::TooLong { module, model, rows, of, context, needed } => write!(
                f,
                "{rows} of {of} rows are too long for `{module}`: with the answer they exceed the context of {context} tokens, and would \
                 score 0. Set `context = {needed}` under [model.{model}], as far as the model was trained for it, or shorten the rows"
            ),
            Self::Placeholder { module, placeholder, inputs: None } => write!(
                f,
                "the placeholder `{placeholder}` in the instruction of `{module}` is sent as it stands, and the field is shown below the \
                 instruction: take the placeholder out, or set `placeholders = true` under [layout] to have it filled"
            ),
            Self::Placeholder { module, placeholder, inputs: Some(inputs) } => write!(
                f,
                "the placeholder `{placeholder}` in the instruction of `{module}` is sent as it stands: the module reads no such field, \
                 only {}",
                listed(inputs)
            ),
            Self::NotEnforced { module, output, keywords } => write!(
                f,
                "answers are not held to these keywords of the schema of `{output}` (`{module}`): {}. If they matter, ask for them in \
                 the instruction",
                keywords.iter().map(Keyword::to_string).collect::<Vec<_>>().join(", ")
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

/// Emits findings as notes, before time is spent.
pub(super) fn tell(findings: &[Finding], hooks: &mut Hooks<'_>) {
    for finding in findings {
        hooks.emit(&Lifecycle::Noted { note: finding.to_string() }.into());
    }
}
