//! `gepard judge-lines`: judges answers that another program writes to stdin, one line of JSON for each.

use std::io::{self, BufRead, Write};

use clap::Args;
use gepard::hooks::Hooks;
use gepard::run::weights::{AnswerJudge, GivenAnswer};

use super::error::CliError;
use super::split::SplitName;
use super::subject::{Subject, SubjectArguments};
use super::terminal::print_notes;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    subject: SubjectArguments,
    /// The rows that are answered.
    #[arg(long, value_enum, default_value_t = SplitName::Train)]
    split: SplitName,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), CliError> {
    let Subject { plan, candidate, .. } = arguments.subject.read()?;
    let judge = AnswerJudge::open(&plan, &candidate, arguments.split.into(), &mut Hooks::listening(print_notes))?;
    for (index, line) in io::stdin().lock().lines().enumerate() {
        let wrong = |cause: String| CliError::Usage(format!("line {} of stdin: {cause}", index + 1));
        let line = line.map_err(|cause| wrong(format!("it cannot be read: {cause}")))?;
        let given: GivenAnswer =
            serde_json::from_str(&line).map_err(|cause| wrong(format!("it is no {{\"id\": …, \"answer\": …}}: {cause}")))?;
        let judgement = judge.judge(&given)?;
        let answer = serde_json::to_string(&judgement).map_err(|cause| CliError::Output(cause.into()))?;
        // The other program waits for this line before it writes the next.
        writeln!(out, "{answer}").and_then(|()| out.flush()).map_err(CliError::Output)?;
    }
    Ok(())
}
