//! When what failed is tried again, and what of that is news.

use std::time::{Duration, Instant};

use crate::round::Ended;

/// The longest wait before what failed is tried again.
const LONGEST: Duration = Duration::from_secs(60);

/// How it has gone lately.
#[derive(Default, Debug)]
pub struct Retry {
    failures: u32,
    at: Option<Instant>,
    code: u8,
    complaint: Option<Vec<u8>>,
}

impl Retry {
    /// Whether the last round failed.
    pub fn is_on(&self) -> bool {
        self.failures > 0
    }

    /// Not before.
    pub fn at(&self) -> Option<Instant> {
        self.at
    }

    /// A round has failed: how long to wait, and whether that is news. The same complaint again is none; what the first
    /// one said to people directly is not known, so that its code counts.
    pub fn failed(&mut self, ended: &Ended, now: Instant) -> (Duration, bool) {
        let same = self.is_on() && self.code == ended.code;
        let known = self.complaint.is_none() || self.complaint == ended.complaint;
        self.code = ended.code;
        self.complaint.clone_from(&ended.complaint);
        let wait = Duration::from_secs(1 << self.failures.min(6)).min(LONGEST);
        self.failures += 1;
        self.at = Some(now + wait);
        (wait, !(same && known))
    }

    /// A round has not failed; whether that is news.
    pub fn worked(&mut self) -> bool {
        std::mem::take(self).is_on()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(code: u8, complaint: Option<&str>) -> Ended {
        Ended {
            code,
            said: Vec::new(),
            complaint: complaint.map(|text| text.as_bytes().to_vec()),
        }
    }

    #[test]
    fn waits_longer_each_time_and_says_what_is_new() {
        let (mut retry, now) = (Retry::default(), Instant::now());
        let mut failed = |code, complaint| {
            let (wait, news) = retry.failed(&ended(code, complaint), now);
            (wait.as_secs(), news)
        };
        assert_eq!(failed(9, None), (1, true));
        assert_eq!(failed(9, Some("no room")), (2, false));
        assert_eq!(failed(9, Some("no room")), (4, false));
        assert_eq!(failed(9, Some("no disk")), (8, true));
        assert_eq!(failed(7, Some("busy")), (16, true));
        assert_eq!(failed(7, Some("busy")).0, 32);
        assert_eq!(failed(7, Some("busy")), (60, false));
        assert_eq!(failed(7, Some("busy")), (60, false));
        assert!(retry.at().is_some() && retry.worked());
        assert!(retry.at().is_none() && !retry.worked());
    }
}
