//! Reads the keys of `kind = "code"`.

use std::path::PathBuf;

use super::metric_section::MetricSection;
use super::section::Section;
use crate::metric::{CodeSettings, Language, Passing};

/// The default of `timeout`: the seconds of computing time for a test. Tests of small functions take much less.
const DEFAULT_TIMEOUT: f64 = 3.0;
/// The default of `memory`, in megabytes.
const DEFAULT_MEMORY: u64 = 1024;
/// The default of `prints`, in kilobytes.
const DEFAULT_PRINTS: u64 = 256;
/// The default of `disk`, in megabytes.
const DEFAULT_DISK: u64 = 32;

pub(super) fn read(reader: &MetricSection<'_, '_>) -> CodeSettings {
    let (section, folder) = (reader.section, reader.scope.folder);
    let output = reader.output();
    // A program without a slash is searched for in PATH.
    let from_folder = |path: String| if path.contains('/') { folder.join(path).to_string_lossy().into_owned() } else { path };
    CodeSettings {
        output,
        field: section.required_text("field"),
        setup: section.text("setup"),
        entry: section.text("entry"),
        language: read_language(section, from_folder),
        score: section.choice("score").unwrap_or(Passing::Share),
        timeout: section.number("timeout", 0.1..=3600.0).unwrap_or(DEFAULT_TIMEOUT),
        memory: section.integer("memory", 64..=1 << 20).unwrap_or(DEFAULT_MEMORY),
        prints: section.integer("prints", 1..=1 << 20).unwrap_or(DEFAULT_PRINTS),
        disk: section.integer("disk", 1..=1 << 20).unwrap_or(DEFAULT_DISK),
        read: section.texts("read").unwrap_or_default().into_iter().map(|path| folder.join(PathBuf::from(path))).collect(),
        without_sandbox: section.flag("unsafe").unwrap_or(false),
    }
}

fn read_language(section: &Section<'_>, from_folder: impl Fn(String) -> String) -> Language {
    if let Some(other) = section.text("language").filter(|language| language != "python") {
        let message =
            format!("there is no language `{other}` but `python`; of others, `command` names a program that runs the code");
        section.problem("language", message);
    }
    if !section.has("command") {
        for key in ["build", "file", "test_file"].into_iter().filter(|key| section.has(key)) {
            section.problem(key, "goes with `command` only");
        }
        // These keys are read only to be known: the problem above is enough.
        let _ = (section.texts("command"), section.texts("build"), section.text("file"), section.text("test_file"));
        return Language::Python { python: section.text("python").map_or_else(|| "python3".into(), from_folder) };
    }
    for key in ["language", "python", "entry"].into_iter().filter(|key| section.has(key)) {
        section.problem(key, "goes with Python, not with `command`");
    }
    // Read only to be known, as above.
    let _ = section.text("python");
    let command = section.texts("command").unwrap_or_default();
    let build = section.texts("build").unwrap_or_default();
    if command.first().is_none_or(|program| program.is_empty()) {
        section.problem("command", "must be a program and its arguments, like [\"node\", \"code.js\"]");
    }
    if section.has("build") && build.first().is_none_or(|program| program.is_empty()) {
        section.problem("build", "must be a program and its arguments, like [\"cc\", \"code.c\", \"-o\", \"code\"]");
    }
    let file_name = |key: &'static str, default: &str| {
        let name = section.text(key).unwrap_or_else(|| default.to_owned());
        if name.is_empty() || name.contains('/') || name == "." || name == ".." {
            section.problem(key, "must be the name of a file in the scratch folder");
        }
        name
    };
    Language::Command { command, build, file: file_name("file", "code"), test_file: file_name("test_file", "test") }
}
