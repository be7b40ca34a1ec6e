//! The memory that this process has taken.

/// Returns the most bytes of main memory that this process had at one time, pages of mapped model files included. None where the system
/// does not tell: it is read from Linux's `/proc`.
pub(super) fn peak() -> Option<u64> {
    kilobytes(&std::fs::read_to_string("/proc/self/status").ok()?).map(|kilobytes| kilobytes * 1024)
}

/// Returns the number of kilobytes in the line `VmHWM` of a process's status.
fn kilobytes(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status() {
        assert_eq!(kilobytes("VmPeak:\t 900 kB\nVmHWM:\t    5124 kB\nVmRSS:\t 1 kB\n"), Some(5124));
        assert_eq!(kilobytes("VmRSS: 1 kB"), None);
        assert!(!cfg!(target_os = "linux") || peak().is_some_and(|bytes| bytes > 1_000_000));
    }
}
