//! Whether the machine slept: then one clock went on and the other did not.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// How far apart two readings may be that were taken one after the other.
const SLACK_MS: i64 = 1000;

/// How much longer the machine has been there than awake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asleep(i64);

impl Asleep {
    /// As of now.
    pub fn now() -> Self {
        Self::of(
            clock_gettime(ClockId::Monotonic),
            clock_gettime(ClockId::Boottime),
        )
    }

    fn of(awake: Timespec, there: Timespec) -> Self {
        let ms = |t: Timespec| t.tv_sec * 1000 + t.tv_nsec / 1_000_000;
        Asleep(ms(there) - ms(awake))
    }

    /// Whether it slept between `earlier` and this.
    pub fn since(self, earlier: Asleep) -> bool {
        self.0 - earlier.0 > SLACK_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_sleep_and_time_is_not() {
        let at = |awake: i64, there: i64| {
            let spec = |ms: i64| Timespec {
                tv_sec: ms / 1000,
                tv_nsec: ms % 1000 * 1_000_000,
            };
            Asleep::of(spec(awake), spec(there))
        };
        let before = at(10_000, 15_000);
        assert!(!at(990_000, 995_900).since(before));
        assert!(at(11_000, 19_000).since(before));
        assert!(!Asleep::now().since(Asleep::now()));
    }
}
