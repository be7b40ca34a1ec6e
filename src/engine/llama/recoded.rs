//! A copy of the weights in the type that this CPU is fastest with, beside the models.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::gguf::{self, Header, recode};
use crate::models;

/// The folder of the copies, in the folder of the models. It can be removed at any time.
const FOLDER: &str = "recoded";

/// What a CPU has for which the copy was measured to be faster.
const FASTER_WITH: [&str; 2] = ["AMX_INT8", "AVX512_VNNI"];

/// The copy of a file, made where it is missing; None where the file is as fast, or the copy cannot be written: then the
/// file itself is loaded, and the fingerprint of the run says so. `writes` is called with `true` before one is written, and with
/// `false` meanwhile, and can break that off.
pub(super) fn copy(header: &Header, sha256: &str, writes: &mut dyn FnMut(bool) -> ControlFlow<()>) -> Option<PathBuf> {
    let features = super::build_features();
    if !recode::applies(header) || !FASTER_WITH.iter().any(|feature| features.contains(feature)) {
        return None;
    }
    let folder = models::cache_dir().ok()?.join(FOLDER);
    let target = folder.join(format!("{sha256}.gguf"));
    // It appears whole or not at all; one that was shortened since is made again.
    if gguf::read(&target).is_ok_and(|copy| copy.tensor_count == header.tensor_count) {
        return Some(target);
    }
    if writes(true).is_break() {
        return None;
    }
    fs::create_dir_all(&folder).ok()?;
    recode::write(header, &target, &mut || writes(false)).ok()?;
    Some(target)
}
