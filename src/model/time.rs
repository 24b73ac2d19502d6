//! Points in time as file systems keep them.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01 UTC (negative before) and nanoseconds (0 to 999,999,999) after them, as in statx(2).
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Time {
    /// Whole seconds.
    pub secs: i64,
    /// Nanoseconds within the second.
    pub nanos: u32,
}

impl Time {
    /// A time; `nanos` below a thousand million.
    pub fn new(secs: i64, nanos: u32) -> Self {
        Time { secs, nanos }
    }

    /// The wall clock now.
    pub fn now() -> Self {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map(|d| Time::new(d.as_secs() as i64, d.subsec_nanos()))
            .unwrap_or_default()
    }

    /// The distance between two times in nanoseconds.
    pub fn distance_ns(self, other: Time) -> u128 {
        let ns = |t: Time| i128::from(t.secs) * 1_000_000_000 + i128::from(t.nanos);
        ns(self).abs_diff(ns(other))
    }

    /// RFC 3339 in the local time zone, to the second: `2026-11-22T19:32:46+01:00`.
    pub fn rfc3339(self) -> String {
        match jiff::Timestamp::new(self.secs, self.nanos as i32) {
            Ok(t) => t
                .to_zoned(jiff::tz::TimeZone::system())
                .strftime("%Y-%m-%dT%H:%M:%S%:z")
                .to_string(),
            Err(_) => format!("@{}", self.secs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_distance_across_zero() {
        assert_eq!(Time::new(-1, 999_999_999).distance_ns(Time::new(0, 1)), 2);
        assert_eq!(Time::new(5, 0).distance_ns(Time::new(5, 0)), 0);
    }
}
