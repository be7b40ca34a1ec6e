//! How much slower this machine is at the moment than the one on which time limits of tests were chosen.

use std::process::Command;
use std::sync::OnceLock;

/// Seconds that CPython 3.11 takes for a million additions in a loop on an idle Xeon at 2.1 GHz, for which the limits were chosen.
const REFERENCE: f64 = 0.08;

/// How many times longer gepard itself may take if it was built without optimization.
pub const UNOPTIMIZED: f64 = if cfg!(debug_assertions) { 20.0 } else { 1.0 };

/// Returns the factor by which time limits of tests are multiplied: this machine's time for the reference loop by the reference, the
/// best of three, at least 1. It is measured once in a process.
pub fn slowness() -> f64 {
    static MEASURED: OnceLock<f64> = OnceLock::new();
    *MEASURED.get_or_init(|| {
        let script = "import time\nbest = 9e9\nfor _ in range(3):\n    start = time.perf_counter()\n    total = 0\n    \
                      for n in range(1000000): total += n\n    best = min(best, time.perf_counter() - start)\nprint(best)";
        let output = Command::new("python3").args(["-c", script]).output().unwrap();
        let seconds: f64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        (seconds / REFERENCE).max(1.0)
    })
}
