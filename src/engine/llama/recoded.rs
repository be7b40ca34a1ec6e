//! Recoded copies of model files: the same weights in a type for which this CPU has faster kernels.

use std::fs;
use std::path::{Path, PathBuf};

use super::backend::build_features;
use crate::engine::settings::{LoadProgress, OnLoadProgress, Preparation};
use crate::gguf::{self, Header, recode};

/// The folder of the copies, in the cache folder. Users may remove it at any time.
const FOLDER: &str = "recoded";

/// The CPU features with which a copy was measured to be faster than the file.
const FASTER_WITH: [&str; 2] = ["AMX_INT8", "AVX512_VNNI"];

/// Returns the recoded copy of a file, which is written if it does not exist.
///
/// It is None if the file is as fast as a copy would be, if `on_progress` breaks off, or if the copy cannot be written. In the last
/// case the file itself is loaded, and the fingerprint of the run has that.
pub(super) fn recoded_copy(
    model: &str,
    header: &Header,
    sha256: &str,
    cache_folder: &Path,
    on_progress: &mut OnLoadProgress<'_>,
) -> Option<PathBuf> {
    let features = build_features();
    if !recode::applies(header) || !FASTER_WITH.iter().any(|feature| features.contains(feature)) {
        return None;
    }
    let folder = cache_folder.join(FOLDER);
    let target = folder.join(format!("{sha256}.gguf"));
    // A copy is put in place as a whole. One that was truncated since is written again.
    if gguf::read(&target).is_ok_and(|copy| copy.tensor_count == header.tensor_count) {
        return Some(target);
    }
    let started = LoadProgress::Started { step: Preparation::Recoding, model, bytes: header.file_bytes };
    if on_progress(started).is_break() {
        return None;
    }
    fs::create_dir_all(&folder).ok()?;
    recode::write(header, &target, &mut || on_progress(LoadProgress::Running)).ok()?;
    Some(target)
}
