//! Which snapshots of a directory a policy keeps.
//!
//! Rules are held against the snapshots' own times and their order; the clock of the machine that prunes says
//! nothing. The order is the log's. Where the times do not follow it (a clock was wrong for a while), the fewest
//! that stand in its way are passed over: such a snapshot counts as made when the next one was. Hours, days, weeks
//! (from Monday), months and years are those of UTC, so that the same snapshots stay wherever it is done.

use std::collections::BTreeSet;

use jiff::{Span, Timestamp, tz::TimeZone};

use crate::model::Time;

/// A span of time in which one snapshot is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Period {
    /// An hour.
    Hourly,
    /// A day.
    Daily,
    /// A week, from Monday.
    Weekly,
    /// A month.
    Monthly,
    /// A year.
    Yearly,
}

impl Period {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Period::Hourly => "hourly",
            Period::Daily => "daily",
            Period::Weekly => "weekly",
            Period::Monthly => "monthly",
            Period::Yearly => "yearly",
        }
    }

    /// Which of its kind a time lies in.
    fn number(self, time: Time) -> (i64, i64) {
        let hour = time.secs.div_euclid(3600);
        let day = hour.div_euclid(24);
        let date = Timestamp::from_second(time.secs)
            .map(|t| TimeZone::UTC.to_datetime(t).date())
            .unwrap_or_default();
        match self {
            Period::Hourly => (hour, 0),
            Period::Daily => (day, 0),
            // 1970-01-01 was a Thursday.
            Period::Weekly => ((day + 3).div_euclid(7), 0),
            Period::Monthly => (date.year().into(), date.month().into()),
            Period::Yearly => (date.year().into(), 0),
        }
    }
}

/// What to keep. Whatever one rule keeps is kept.
#[derive(Clone, Default, Debug)]
pub struct Policy {
    /// That many of the newest.
    pub last: Option<usize>,
    /// The newest of each of that many periods.
    pub periods: Vec<(Period, usize)>,
    /// All that are at most so much older than the newest.
    pub within: Option<Span>,
    /// Those with a tag that one of the patterns matches.
    pub tags: Vec<String>,
}

/// A snapshot as the rules see it.
#[derive(Clone, Default, Debug)]
pub struct Candidate {
    /// When it was made.
    pub time: Time,
    /// The tags that name it.
    pub tags: Vec<String>,
}

/// A word for each rule that keeps a snapshot; none: it may go.
pub type Reasons = BTreeSet<&'static str>;

impl Policy {
    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.last.is_none()
            && self.periods.is_empty()
            && self.within.is_none()
            && self.tags.is_empty()
    }

    /// Why each of a directory's snapshots is kept. They are given in their order, the oldest first.
    pub fn apply(&self, all: &[Candidate]) -> Vec<Reasons> {
        let times = settled(&all.iter().map(|c| c.time).collect::<Vec<_>>());
        let mut reasons = vec![Reasons::new(); all.len()];
        let newest = || (0..all.len()).rev();
        for at in newest().take(self.last.unwrap_or(0)) {
            reasons[at].insert("last");
        }
        for (period, most) in &self.periods {
            let mut left = *most;
            let mut before = None;
            for at in newest() {
                let number = Some(period.number(times[at]));
                if left > 0 && number != before {
                    reasons[at].insert(period.word());
                    left -= 1;
                }
                before = number;
            }
        }
        if let (Some(span), Some(newest)) = (&self.within, times.last()) {
            let first = earlier(*newest, span);
            for at in (0..all.len()).filter(|at| times[*at] >= first) {
                reasons[at].insert("within");
            }
        }
        let tagged = |c: &Candidate| {
            let mut tags = c.tags.iter();
            tags.any(|tag| self.tags.iter().any(|p| matches(p, tag)))
        };
        for at in (0..all.len()).filter(|at| tagged(&all[*at])) {
            reasons[at].insert("tag");
        }
        reasons
    }
}

/// A time, a span earlier; as early as can be where that is beyond all calendars.
fn earlier(time: Time, span: &Span) -> Time {
    let first = Timestamp::new(time.secs, time.nanos as i32)
        .ok()
        .and_then(|t| t.to_zoned(TimeZone::UTC).checked_sub(*span).ok())
        .map(|t| t.timestamp());
    match first {
        Some(t) => Time::new(t.as_second(), t.subsec_nanosecond().unsigned_abs()),
        None => Time::new(i64::MIN, 0),
    }
}

/// Times that follow their order: a longest row of them that does stays, each other is the next of the row, or the
/// last one behind it.
fn settled(times: &[Time]) -> Vec<Time> {
    // The ends of the best rows of every length, and before each time the one that precedes it in its row.
    let mut ends: Vec<usize> = Vec::new();
    let mut before = vec![None; times.len()];
    for at in 0..times.len() {
        let length = ends.partition_point(|end| times[*end] <= times[at]);
        before[at] = length.checked_sub(1).map(|l| ends[l]);
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut in_row = vec![false; times.len()];
    let mut at = ends.last().copied();
    while let Some(n) = at {
        in_row[n] = true;
        at = before[n];
    }
    let mut settled = times.to_vec();
    let mut next = ends.last().map(|end| times[*end]);
    for at in (0..times.len()).rev() {
        match in_row[at] {
            true => next = Some(times[at]),
            false => settled[at] = next.unwrap_or(times[at]),
        }
    }
    settled
}

/// Whether a pattern matches all of a tag: `*` stands for any characters, `?` for one.
fn matches(pattern: &str, tag: &str) -> bool {
    let (pattern, tag): (Vec<char>, Vec<char>) = (pattern.chars().collect(), tag.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last star does not fit.
    let mut star = None;
    while t < tag.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == tag[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else {
                    return false;
                };
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Reads `30d`, `12h` or `1y2m`: years, months, weeks, days and hours.
///
/// # Errors
/// What is wrong with it.
pub fn parse_span(text: &str) -> Result<Span, String> {
    let bad = || "not numbers with units, such as 30d, 12h or 1y2m (y, m, w, d, h)".to_string();
    let mut span = Span::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let n: i64 = rest[..end].parse().map_err(|_| bad())?;
        let unit = rest[end..].chars().next().ok_or_else(bad)?;
        span = match unit {
            'y' => span.try_years(n),
            'm' => span.try_months(n),
            'w' => span.try_weeks(n),
            'd' => span.try_days(n),
            'h' => span.try_hours(n),
            _ => return Err(bad()),
        }
        .map_err(|e| e.to_string())?;
        rest = &rest[end + unit.len_utf8()..];
    }
    match text.is_empty() {
        true => Err(bad()),
        false => Ok(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn at(secs: i64) -> Candidate {
        Candidate {
            time: Time::new(secs, 0),
            tags: Vec::new(),
        }
    }

    fn kept(policy: &Policy, times: &[i64]) -> Vec<usize> {
        let all: Vec<Candidate> = times.iter().map(|t| at(*t)).collect();
        let reasons = policy.apply(&all);
        (0..all.len()).filter(|n| !reasons[*n].is_empty()).collect()
    }

    #[test]
    fn the_newest_of_each_period_stays() {
        let every_six_hours: Vec<i64> = (0..40).map(|n| n * DAY / 4).collect();
        let daily = |most| Policy {
            periods: vec![(Period::Daily, most)],
            ..Policy::default()
        };
        assert_eq!(kept(&daily(3), &every_six_hours), [31, 35, 39]);
        assert_eq!(kept(&daily(99), &every_six_hours).len(), 10);
        let weekly = Policy {
            periods: vec![(Period::Weekly, 2)],
            ..Policy::default()
        };
        // The first Monday after 1970-01-01 is the 5th.
        assert_eq!(kept(&weekly, &[0, 3 * DAY, 4 * DAY, 5 * DAY]), [1, 3]);
        let last = Policy {
            last: Some(2),
            periods: vec![(Period::Yearly, 1)],
            ..Policy::default()
        };
        assert_eq!(kept(&last, &[0, 1, 2]), [1, 2]);
        let monthly = Policy {
            periods: vec![(Period::Monthly, 2)],
            ..Policy::default()
        };
        assert_eq!(kept(&monthly, &[0, 30 * DAY, 31 * DAY, 58 * DAY]), [1, 3]);
    }

    #[test]
    fn within_counts_from_the_newest() {
        let policy = Policy {
            within: Some(parse_span("1m2d").unwrap()),
            ..Policy::default()
        };
        // 1970-03-03 less a month and two days is 1970-02-01.
        assert_eq!(
            kept(&policy, &[0, 31 * DAY - 1, 31 * DAY, 61 * DAY]),
            [2, 3]
        );
    }

    #[test]
    fn a_wrong_clock_counts_for_nothing() {
        let t = |secs: &[i64]| -> Vec<i64> {
            let times: Vec<Time> = secs.iter().map(|s| Time::new(*s, 0)).collect();
            settled(&times).iter().map(|t| t.secs).collect()
        };
        assert_eq!(t(&[1, 2, 99, 3, 4]), [1, 2, 3, 3, 4]);
        assert_eq!(t(&[50, 51, 0, 52, 53]), [50, 51, 52, 52, 53]);
        assert_eq!(t(&[50, 51, 0]), [50, 51, 51]);
        assert_eq!(t(&[5, 5, 5]), [5, 5, 5]);
        assert_eq!(t(&[]), [0; 0]);
    }

    #[test]
    fn tags_match_as_a_whole() {
        for (pattern, tag) in [
            ("v*", "v1"),
            ("*", ""),
            ("a?c", "a\u{e4}c"),
            ("*-*-end", "a-b-end-end"),
            ("v1", "v1"),
        ] {
            assert!(matches(pattern, tag), "{pattern} {tag}");
        }
        for (pattern, tag) in [("v", "v1"), ("?", ""), ("a*b", "abc"), ("", "x")] {
            assert!(!matches(pattern, tag), "{pattern} {tag}");
        }
    }

    #[test]
    fn reads_spans() {
        assert!(parse_span("12h").is_ok() && parse_span("1y2m3w4d").is_ok());
        for bad in ["", "30", "d", "1x", "-1d", "1 d", "99999999999y"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }
}
