//! The metric `code`: runs the tests of an example on the code in an answer.
//!
//! The code may be hostile, so it runs in [`crate::sandbox`]. The score is the share of the tests that pass. The feedback has the
//! error with the lines of the code that it went through, the assertion that failed with the expected and the actual value, and,
//! for a test that takes too long, the lines where the time went.
//!
//! The code shares the interpreter with its tests. It cannot leave the sandbox. Its score does not rise if it prints, exits or
//! kills its interpreter, nor by a value that claims to be equal to everything if the test is one comparison. But code that
//! searches the interpreter's memory for the harness can forge its own verdict. `docs/code.md` lists what else it can do.

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

/// The most processes and threads that a program may have.
const TASKS: u64 = 256;

/// Runs the tests of an example on the code in an answer.
#[derive(Debug)]
pub struct Code {
    settings: CodeSettings,
    /// The sandbox and the interpreter. They are looked for on the first use.
    ready: OnceLock<Result<Ready, MetricError>>,
}

/// The sandbox and the interpreter that were found on this machine.
#[derive(Debug, Clone)]
struct Ready {
    sandbox: Sandbox,
    /// The interpreter. None where a command runs the code.
    python: Option<Python>,
}

/// Returns a description of this machine's sandbox.
///
/// # Errors
/// [`SandboxError`] where there is none; it names what is missing.
pub fn sandbox_available() -> Result<String, SandboxError> {
    Sandbox::find().map(|sandbox| sandbox.means().to_owned())
}

impl Code {
    /// Creates the metric. The sandbox and the interpreter are not looked for yet.
    #[must_use]
    pub fn new(settings: CodeSettings) -> Self {
        Self { settings, ready: OnceLock::new() }
    }

    /// Creates the metric with a sandbox that was found already. Programs use it that have the `gepard` executable in another
    /// place.
    ///
    /// # Errors
    /// [`MetricError::Other`] where the interpreter cannot be used.
    pub fn with_sandbox(settings: CodeSettings, sandbox: Sandbox) -> Result<Self, MetricError> {
        let ready = Ready { sandbox, python: python_of(&settings)? };
        Ok(Self { settings, ready: OnceLock::from(Ok(ready)) })
    }

    /// Returns the sandbox and the interpreter. The first call looks for them.
    fn ready(&self) -> Result<&Ready, MetricError> {
        let look = || {
            let sandbox = if self.settings.without_sandbox { Ok(Sandbox::none()) } else { Sandbox::find() };
            let advice = "generated code is not run without one, unless the task file says `unsafe = true` under [metric]";
            let sandbox = sandbox.map_err(|e| MetricError::Other(format!("{e}; {advice}")))?;
            Ok(Ready { sandbox, python: python_of(&self.settings)? })
        };
        self.ready.get_or_init(look).as_ref().map_err(Clone::clone)
    }

    /// Returns the limits for a program that runs these tests.
    fn limits(&self, tests: &[String]) -> Limits {
        let CodeSettings { timeout, memory, prints, disk, .. } = self.settings;
        let tests = match (&self.settings.language, tests) {
            // Each statement of a single text may be a test. A line end or a semicolon ends a statement.
            (Language::Python { .. }, [text]) => text.matches(['\n', ';']).count() + 1,
            _ => tests.len(),
        };
        // The harness limits each test. This limit is for code that escapes the harness.
        let cpu = (timeout * (tests as f64 + 2.0)).ceil() as u64 + 5;
        // The harness writes its messages to the same output as the code.
        let output = (prints << 10) + (64 << 10) + 2048 * tests as u64;
        Limits { memory: memory << 20, cpu, output, disk: disk << 20, tasks: TASKS }
    }

    /// Returns a field of an example as lines of code. Empty where `field` is None, and where the example lacks it or has null.
    fn text_of(example: &Example, field: Option<&String>) -> String {
        let Some(value) = field.and_then(|field| example.fields.get(field)) else { return String::new() };
        match value {
            Value::Array(lines) => lines.iter().map(to_text).collect::<Vec<_>>().join("\n"),
            Value::Null => String::new(),
            other => to_text(other),
        }
    }
}

/// Finds the interpreter of the settings. None where a command runs the code.
fn python_of(settings: &CodeSettings) -> Result<Option<Python>, MetricError> {
    match &settings.language {
        Language::Python { python } => Python::find(python).map(Some).map_err(MetricError::Other),
        Language::Command { .. } => Ok(None),
    }
}

/// Returns the names, in lower case, that an answer may give to the language of a code block.
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

    fn label_fields(&self) -> Vec<String> {
        vec![self.settings.field.clone()]
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
        // The tests may need a block that was not run.
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
