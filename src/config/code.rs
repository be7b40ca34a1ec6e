//! `[metric] kind = "code"`

use std::path::{Path, PathBuf};

use super::named::{Named, choice};
use super::section::Section;
use crate::metric::{CodeSettings, Language, Passing};

impl Named for Passing {
    const NAMES: &'static [(&'static str, Self)] = &[("share", Self::Share), ("all", Self::All)];
}

/// Seconds of computing for a test: what tests of small functions never take, and what is still worth waiting for.
const TIMEOUT: f64 = 3.0;
/// Megabytes of memory.
const MEMORY: u64 = 1024;
/// Kilobytes to print.
const PRINTS: u64 = 256;
/// Megabytes to write.
const DISK: u64 = 32;

pub(super) fn read(section: &Section<'_>, base: &Path, output: String) -> CodeSettings {
    let from_base = |path: String| if path.contains('/') { base.join(path).to_string_lossy().into_owned() } else { path };
    CodeSettings {
        output,
        field: section.required_text("field"),
        setup: section.text("setup"),
        entry: section.text("entry"),
        language: read_language(section, from_base),
        score: choice(section, "score", Passing::Share),
        timeout: section.number("timeout", 0.1..=3600.0).unwrap_or(TIMEOUT),
        memory: section.integer("memory", 64..=1 << 20).unwrap_or(MEMORY),
        prints: section.integer("prints", 1..=1 << 20).unwrap_or(PRINTS),
        disk: section.integer("disk", 1..=1 << 20).unwrap_or(DISK),
        read: section.texts("read").unwrap_or_default().into_iter().map(|path| base.join(PathBuf::from(path))).collect(),
        without_sandbox: section.flag("unsafe").unwrap_or(false),
    }
}

fn read_language(section: &Section<'_>, from_base: impl Fn(String) -> String) -> Language {
    if let Some(other) = section.text("language").filter(|language| language != "python") {
        let message =
            format!("there is no language `{other}` but `python`; of others, `command` names a program that runs the code");
        section.problem("language", message);
    }
    if !section.has("command") {
        for key in ["build", "file", "test_file"].into_iter().filter(|key| section.has(key)) {
            section.problem(key, "goes with `command` only");
        }
        // Known all the same: it was told what is wrong with them.
        let _ = (section.texts("command"), section.texts("build"), section.text("file"), section.text("test_file"));
        return Language::Python { python: section.text("python").map_or_else(|| "python3".into(), from_base) };
    }
    for key in ["language", "python", "entry"].into_iter().filter(|key| section.has(key)) {
        section.problem(key, "goes with Python, not with `command`");
    }
    let _ = section.text("python");
    let command = section.texts("command").unwrap_or_default();
    let build = section.texts("build").unwrap_or_default();
    if command.first().is_none_or(|program| program.is_empty()) {
        section.problem("command", "must be a program and its arguments, like [\"node\", \"code.js\"]");
    }
    if section.has("build") && build.first().is_none_or(|program| program.is_empty()) {
        section.problem("build", "must be a program and its arguments, like [\"cc\", \"code.c\", \"-o\", \"code\"]");
    }
    let name = |key: &'static str, default: &str| {
        let name = section.text(key).unwrap_or_else(|| default.to_owned());
        if name.is_empty() || name.contains('/') || name == "." || name == ".." {
            section.problem(key, "must be the name of a file in the scratch folder");
        }
        name
    };
    Language::Command { command, build, file: name("file", "code"), test_file: name("test_file", "test") }
}
