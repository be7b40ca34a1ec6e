//! Reads `[engine]`.

use super::section::Section;
use crate::config::engine::EnginePlan;
use crate::engine::settings::Settings;

pub(super) fn read(root: &Section<'_>) -> EnginePlan {
    let section = root.table_or_empty("engine");
    let plan = EnginePlan {
        threads: section.integer("threads", 1..=1024),
        sequences: section.integer("sequences", 1..=253).unwrap_or(Settings::SEQUENCES),
        chunk: section.integer("chunk", 1..=4096),
        memory: section.integer("memory", 1..=100_000_000),
    };
    if plan.chunk.is_some_and(|chunk| chunk < plan.sequences) {
        section.problem("chunk", format!("must be at least `sequences`, {}: a batch holds a token of each", plan.sequences));
    }
    section.report_unknown_keys();
    plan
}
