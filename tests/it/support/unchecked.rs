//! What cannot be checked here is said: on standard error, and in the file that `GEPARD_NOT_CHECKED` names (`scripts/test` shows
//! it), since a test runner keeps to itself what a test says that passes.

#![allow(dead_code, clippy::unwrap_used, clippy::print_stderr)]

use std::io::Write as _;

pub fn not_checked(what: &str) {
    let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
    eprintln!("NOT CHECKED: {what}");
    if let Some(path) = std::env::var_os("GEPARD_NOT_CHECKED") {
        let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
        file.write_all(format!("{what}\n").as_bytes()).unwrap();
    }
}
