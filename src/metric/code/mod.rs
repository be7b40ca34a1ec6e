//! `code`: runs the tests of an example on the code in an answer.
//!
//! The code is hostile until it has proved otherwise, and it never does: it runs in [`crate::sandbox`]. The score is the share of
//! the tests that pass. Its feedback has what a programmer would look at: the error with the lines that it went through, the
//! assertion that failed with the value that was expected and the one that came, and for a test that takes too long, the lines
//! where the time went.
//!
//! Code shares the interpreter with its tests. It cannot leave the sandbox, and printing, exiting or killing its interpreter gains
//! it nothing, nor does a value that claims to be equal to everything where a test is one comparison; but code that searches the
//! interpreter's memory for its judge can forge a verdict on itself. `docs/code.md` has more that it can.

mod command;
mod extract;
mod job;
mod python;
mod settings;
mod words;

pub use self::settings::{CodeSettings, Language, Passing};

use std::sync::OnceLock;

use serde_json::Value;

use self::job::Job;
use self::python::Python;
use super::contract::Metric;
use super::error::MetricError;
use super::judgement::Judgement;
use super::normalize::expected;
use crate::data::{Example, to_text};
use crate::engine::Completion;
use crate::program::Rollout;
use crate::sandbox::{Limits, Sandbox, SandboxError};

/// The most processes and threads of a program.
const TASKS: u64 = 256;

/// Runs the tests of examples.
#[derive(Debug)]
pub struct Code {
    settings: CodeSettings,
    ready: OnceLock<Result<Ready, MetricError>>,
}

/// What was found on this machine.
#[derive(Debug, Clone)]
struct Ready {
    sandbox: Sandbox,
    /// None where a command runs the code.
    python: Option<Python>,
}

/// The sandbox of this machine, in words.
///
/// # Errors
/// [`SandboxError`] with what is missing.
pub fn sandbox_available() -> Result<String, SandboxError> {
    Sandbox::find().map(|sandbox| sandbox.means().to_owned())
}

impl Code {
    /// Nothing is looked for yet.
    #[must_use]
    pub fn new(settings: CodeSettings) -> Self {
        Self { settings, ready: OnceLock::new() }
    }

    /// The same with a sandbox that was found already: for programs that have `gepard` elsewhere.
    ///
    /// # Errors
    /// [`MetricError::Other`] where there is no such interpreter.
    pub fn with_sandbox(settings: CodeSettings, sandbox: Sandbox) -> Result<Self, MetricError> {
        let ready = Ready { sandbox, python: python_of(&settings)? };
        Ok(Self { settings, ready: OnceLock::from(Ok(ready)) })
    }

    fn ready(&self) -> Result<&Ready, MetricError> {
        let look = || {
            let sandbox = if self.settings.without_sandbox { Ok(Sandbox::none()) } else { Sandbox::find() };
            let advice = "generated code is not run without one, unless the task file says `unsafe = true` under [metric]";
            let sandbox = sandbox.map_err(|e| MetricError::Other(format!("{e}; {advice}")))?;
            Ok(Ready { sandbox, python: python_of(&self.settings)? })
        };
        self.ready.get_or_init(look).as_ref().map_err(Clone::clone)
    }

    fn limits(&self, tests: &[String]) -> Limits {
        let CodeSettings { timeout, memory, prints, disk, .. } = self.settings;
        let tests = match (&self.settings.language, tests) {
            // Each statement of a single text may be a test, and stands in a line of its own or behind a semicolon.
            (Language::Python { .. }, [text]) => text.matches(['\n', ';']).count() + 1,
            _ => tests.len(),
        };
        // Each test is watched on its own; this is for who escapes the watch.
        let cpu = (timeout * (tests as f64 + 2.0)).ceil() as u64 + 5;
        // The verdicts of the harness go the same way as what is printed.
        let output = (prints << 10) + (64 << 10) + 2048 * tests as u64;
        Limits { memory: memory << 20, cpu, output, disk: disk << 20, tasks: TASKS }
    }

    /// An example's field as lines of code; empty where the task names none.
    fn text_of(example: &Example, field: Option<&String>) -> String {
        let Some(value) = field.and_then(|field| example.fields.get(field)) else { return String::new() };
        match value {
            Value::Array(lines) => lines.iter().map(to_text).collect::<Vec<_>>().join("\n"),
            Value::Null => String::new(),
            other => to_text(other),
        }
    }
}

fn python_of(settings: &CodeSettings) -> Result<Option<Python>, MetricError> {
    match &settings.language {
        Language::Python { python } => Python::find(python).map(Some).map_err(MetricError::Other),
        Language::Command { .. } => Ok(None),
    }
}

/// The names that a block of code goes by, in an answer.
fn tags(language: &Language) -> Vec<String> {
    match language {
        Language::Python { .. } => ["python", "py", "python3", "py3"].map(str::to_owned).into(),
        Language::Command { file, .. } => {
            let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
            let name = match ending {
                "rs" => "rust",
                "js" | "mjs" => "javascript",
                "ts" => "typescript",
                "rb" => "ruby",
                "hs" => "haskell",
                "sh" => "bash",
                "cpp" | "cc" => "c++",
                "cs" => "csharp",
                "kt" => "kotlin",
                "pl" => "perl",
                "py" => "python",
                "go" => "golang",
                other => other,
            };
            vec![ending.to_owned(), name.to_owned()]
        }
    }
}

impl Metric for Code {
    fn output(&self) -> Option<&str> {
        Some(&self.settings.output)
    }

    fn required_fields(&self) -> Vec<String> {
        let CodeSettings { field, setup, entry, .. } = &self.settings;
        std::iter::once(field).chain(setup).chain(entry).cloned().collect()
    }

    fn answer_fields(&self) -> Vec<String> {
        Vec::new()
    }

    fn prepare(&self) -> Result<(), MetricError> {
        self.ready().map(drop)
    }

    fn check(&self, example: &Example) -> Result<(), MetricError> {
        let tests = expected(example, &self.settings.field)?;
        if tests.iter().all(|test| test.trim().is_empty()) {
            return Err(MetricError::example(example, format!("`{}` holds no test", self.settings.field)));
        }
        Ok(())
    }

    fn judge(&self, example: &Example, rollout: &Rollout, _answers: &[Completion]) -> Result<Judgement, MetricError> {
        let settings = &self.settings;
        let tests = expected(example, &settings.field)?;
        let entry = Self::text_of(example, settings.entry.as_ref());
        let answer = rollout.output(&settings.output).unwrap_or_default();
        if answer.trim().is_empty() {
            return Ok(words::judgement(settings.score, &words::Report::refused("The answer holds no code.")));
        }
        let (code, blocks) = extract::code(answer, &tags(&settings.language), &format!("{}\n{entry}", tests.join("\n")));
        let ready = self.ready()?;
        let job = Job {
            code: &code,
            setup: Self::text_of(example, settings.setup.as_ref()),
            entry,
            tests: &tests,
            timeout: settings.timeout,
            prints: settings.prints,
            limits: self.limits(&tests),
            read: &settings.read,
        };
        let report = match (&settings.language, &ready.python) {
            (Language::Command { command, build, file, test_file }, _) => {
                let program = command::Program { command, build, file, test_file };
                program.run(&ready.sandbox, &job).map_err(|error| MetricError::Other(error.to_string()))?
            }
            (Language::Python { .. }, Some(python)) => python.run(&ready.sandbox, &job).map_err(|failure| match failure {
                python::Failure::Tests(cause) => MetricError::example(example, format!("`{}`: {cause}", settings.field)),
                python::Failure::Setup(cause) => {
                    let field = settings.setup.as_deref().unwrap_or("setup");
                    MetricError::example(example, format!("`{field}` does not run: {cause}"))
                }
                python::Failure::Other(cause) => MetricError::Other(cause),
            })?,
            (Language::Python { python }, None) => return Err(MetricError::Other(format!("`{python}` was not looked for"))),
        };
        let mut judgement = words::judgement(settings.score, &report);
        // What was left out may be what is missing.
        if blocks > 1 && judgement.closeness < Some(1.0) {
            judgement.feedback.push_str(&format!("\n(only one of {blocks} code blocks was run)"));
        }
        Ok(judgement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_assert_of_a_single_text_has_its_share_of_the_limits() {
        let settings = CodeSettings {
            output: "code".into(),
            field: "tests".into(),
            setup: None,
            entry: None,
            language: Language::Python { python: "python3".into() },
            score: Passing::Share,
            timeout: 3.0,
            memory: 512,
            prints: 64,
            disk: 8,
            read: Vec::new(),
            without_sandbox: false,
        };
        let metric = Code::new(settings);
        let limits = |tests: &[&str]| {
            let tests: Vec<String> = tests.iter().map(|&test| test.to_owned()).collect();
            let Limits { cpu, output, .. } = metric.limits(&tests);
            (cpu, output)
        };
        let several = limits(&["assert f(1)", "assert f(2)", "assert f(3)"]);
        assert_eq!(limits(&["assert f(1)\nassert f(2); assert f(3)"]), several);
        assert_eq!(several.0, 3 * (3 + 2) + 5);
        assert_eq!(limits(&["assert f(1)"]).0, 3 * (1 + 2) + 5);
    }
}
