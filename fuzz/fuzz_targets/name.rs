//! Small words that people type: spans, times, names of snapshots, tags, listed paths, ids.

#![no_main]

use fsync::model::listed::tidy;
use fsync::model::{RelPath, SnapshotId, Time};
use fsync::repo::policy::{Candidate, Period, Policy, parse_span};
use fsync::repo::resolve::{directory_in, parse_time};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(path) = tidy(data) {
        assert_eq!(RelPath::parse(path.as_bytes()).as_ref(), Ok(&path));
        assert_eq!(tidy(path.as_bytes()), Ok(path));
    }
    if let Some(dir) = directory_in(data) {
        assert!(data.starts_with(dir) && data[dir.len()] == b'@');
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(id) = text.parse::<SnapshotId>() {
        assert_eq!(id.to_string(), text);
    }
    if let Some(time) = parse_time(text) {
        assert!(time.nanos < 1_000_000_000);
        time.rfc3339();
    }
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let times: Vec<i64> = lines.clone().filter_map(|l| l.parse().ok()).collect();
    let policy = Policy {
        last: Some(1),
        periods: vec![(Period::Daily, 2), (Period::Weekly, 2), (Period::Monthly, 2), (Period::Yearly, 2)],
        within: parse_span(first).ok(),
        tags: vec![first.into()],
    };
    let tags: Vec<String> = lines.map(String::from).collect();
    let all: Vec<Candidate> = times
        .iter()
        .map(|secs| Candidate { time: Time::new(*secs, 0), tags: tags.clone() })
        .collect();
    let reasons = policy.apply(&all);
    assert_eq!(reasons.len(), all.len());
    assert!(reasons.last().is_none_or(|newest| newest.contains("last")));
});
