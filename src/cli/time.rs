//! Seconds, for people.

/// A duration with its units.
pub(super) fn duration(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Seconds until the budget is spent, at the pace so far; None where that cannot be said.
pub(super) fn left(spent: u64, elapsed: f64, most_rollouts: Option<u64>, most_seconds: Option<u64>) -> Option<f64> {
    let by_rollouts = most_rollouts.filter(|_| spent > 0);
    let by_rollouts = by_rollouts.map(|most| elapsed * most.saturating_sub(spent) as f64 / spent as f64);
    let by_time = most_seconds.map(|most| (most as f64 - elapsed).max(0.0));
    by_rollouts.into_iter().chain(by_time).reduce(f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration(59.4), "59 s");
        assert_eq!(duration(61.0), "1 min 01 s");
        assert_eq!(duration(7260.0), "2 h 01 min");
    }

    #[test]
    fn what_is_left_is_what_ends_first() {
        assert_eq!(left(0, 5.0, Some(100), None), None);
        assert_eq!(left(50, 60.0, Some(100), None), Some(60.0));
        assert_eq!(left(50, 60.0, Some(100), Some(90)), Some(30.0));
        assert_eq!(left(50, 100.0, None, Some(90)), Some(0.0));
    }
}
