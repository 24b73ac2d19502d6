//! Filter rules: lines before the first empty one are patterns, those after it are paths. Whoever excludes a directory
//! excludes what is below it, a rule that excludes is one of those given, and a pattern that is written for one
//! directory matches that one alone.

#![no_main]

use fsync::model::filter::only_directory;
use fsync::model::{Filter, RelPath, Rule};
use libfuzzer_sys::fuzz_target;

fn rule(pattern: &str) -> Rule {
    Rule { pattern: pattern.into(), origin: "--exclude".into(), line: 0 }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (patterns, paths) = text.split_once("\n\n").unwrap_or((text, "a/b\nb"));
    let rules: Vec<Rule> = patterns.lines().map(rule).collect();
    let paths: Vec<RelPath> = paths.lines().filter_map(|p| RelPath::parse(p.as_bytes()).ok()).collect();
    if let Ok(filter) = Filter::new(rules.clone()) {
        assert_eq!(filter.rules(), rules);
        for path in &paths {
            for is_dir in [false, true] {
                if let Some(found) = filter.excludes_within(path, is_dir) {
                    assert!(rules.contains(found));
                    // A file of that name says nothing of a directory of that name.
                    let below = filter.excludes_within(&path.join(b"below"), false);
                    assert!(!is_dir || below.is_some());
                }
            }
        }
    }
    for path in paths.iter().filter(|p| !p.is_root()) {
        let Ok(name) = std::str::from_utf8(path.as_bytes()) else { continue };
        let only = Filter::new(vec![rule(&only_directory(name))]).expect("a pattern");
        for other in &paths {
            let is_it = other == path;
            assert_eq!(only.excludes(other, true).is_some(), is_it, "{path} {other}");
            assert!(only.excludes(other, false).is_none(), "{path} {other}");
        }
    }
});
