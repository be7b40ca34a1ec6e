//! Reads `[data]`.

use std::path::{Path, PathBuf};

use super::section::Section;
use crate::config::data::DataPlan;

pub(super) fn read(root: &Section<'_>, folder: &Path) -> DataPlan {
    let Some(section) = root.table("data") else {
        root.problem("data", "is missing; give the training examples: [data] train = \"train.jsonl\"");
        return DataPlan { train: PathBuf::new(), val: None, test: None, allow_overlap: false, skip_unlabelled: false };
    };
    let train = section.path("train", folder).unwrap_or_default();
    if !section.has("train") {
        section.problem("train", "is missing");
    }
    let plan = DataPlan {
        train,
        val: section.path("val", folder),
        test: section.path("test", folder),
        allow_overlap: section.flag("allow_overlap").unwrap_or(false),
        skip_unlabelled: section.flag("skip_unlabelled").unwrap_or(false),
    };
    section.report_unknown_keys();
    plan
}
