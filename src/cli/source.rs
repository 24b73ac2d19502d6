//! Filters that hold for one source alone, as options.

use std::ffi::OsString;

use clap::Args;

use crate::model::{Error, ErrorKind, Filter, Result, Rule};

/// Options that choose what a single source supplies.
#[derive(Args, Clone, Debug, Default)]
pub struct SourceFilterArgs {
    /// Leave out what matches PATTERN of source N alone (1 is the first); what the destination has of it stays [default: none]
    ///
    /// What it leaves out counts as not supplied by that source; another source may have it. At the destination nothing
    /// that matches is deleted, not even with --delete-excluded, and whatever kind it is there.
    #[arg(long, value_name = "N:PATTERN", value_parser = parse, help_heading = "Filters")]
    pub source_exclude: Vec<Numbered>,
    /// Keep what matches PATTERN of source N although a --source-exclude leaves it out [default: none]
    #[arg(long, value_name = "N:PATTERN", value_parser = parse, help_heading = "Filters")]
    pub source_include: Vec<Numbered>,
}

/// A pattern and the source that it is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Numbered {
    /// The source, from 1.
    pub source: usize,
    /// The pattern.
    pub pattern: String,
}

fn parse(text: &str) -> Result<Numbered, String> {
    let (number, pattern) = text
        .split_once(':')
        .ok_or("not N:PATTERN, such as 1:*.o for the first source")?;
    let source = number.parse().ok().filter(|n| *n > 0);
    let source = source.ok_or("what stands before the colon is no number of a source, from 1")?;
    if pattern.is_empty() {
        return Err("the pattern is empty".into());
    }
    Ok(Numbered {
        source,
        pattern: pattern.into(),
    })
}

impl SourceFilterArgs {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.source_exclude.is_empty() && self.source_include.is_empty()
    }

    /// Refuses numbers that none of `count` sources has.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`].
    pub fn check(&self, count: usize) -> Result<()> {
        let mut all = self.source_exclude.iter().chain(&self.source_include);
        match all.find(|n| n.source > count) {
            Some(n) => {
                let sources = if count == 1 { "source" } else { "sources" };
                let message = format!(
                    "there is no source {} for the pattern {:?}: {count} {sources} given",
                    n.source, n.pattern
                );
                Err(Error::new(ErrorKind::Usage, message))
            }
            None => Ok(()),
        }
    }

    /// The filter of each of `count` sources: its excludes, then its includes, so that the latter win.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: a number that no source has, or a pattern that is none.
    pub fn filters(&self, count: usize) -> Result<Vec<Filter>> {
        self.check(count)?;
        let lists = [
            (&self.source_exclude, "--source-exclude", ""),
            (&self.source_include, "--source-include", "!"),
        ];
        let rules = |number: usize| -> Vec<Rule> {
            let of = |list: &(&Vec<Numbered>, &str, &str)| -> Vec<Rule> {
                let own = list.0.iter().filter(|n| n.source == number);
                own.map(|n| Rule {
                    pattern: format!("{}{}", list.2, n.pattern),
                    origin: list.1.into(),
                    line: 0,
                })
                .collect()
            };
            lists.iter().flat_map(of).collect()
        };
        (1..=count).map(|n| Filter::new(rules(n))).collect()
    }

    /// The same as arguments.
    pub fn to_args(&self) -> Vec<OsString> {
        let arg = |name: &str, n: &Numbered| format!("{name}={}:{}", n.source, n.pattern).into();
        let excludes = self.source_exclude.iter();
        let includes = self.source_include.iter();
        excludes
            .map(|n| arg("--source-exclude", n))
            .chain(includes.map(|n| arg("--source-include", n)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RelPath;

    #[test]
    fn reads_numbers_and_patterns() {
        let n = parse("2:a:b").unwrap();
        assert_eq!((n.source, n.pattern.as_str()), (2, "a:b"));
        for bad in ["*.o", "0:x", "x:y", "1:", ":x", "-1:x"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_source_has_its_own_filter() {
        let args = SourceFilterArgs {
            source_exclude: vec![parse("2:*.o").unwrap()],
            source_include: vec![parse("2:keep.o").unwrap()],
        };
        let filters = args.filters(2).unwrap();
        let out = |at: usize, path: &[u8]| {
            let path = RelPath::parse(path).unwrap();
            filters[at].excludes(&path, false).is_some()
        };
        assert!(!out(0, b"a.o") && out(1, b"a.o") && !out(1, b"keep.o"));
        assert_eq!(args.filters(1).unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(
            args.to_args(),
            ["--source-exclude=2:*.o", "--source-include=2:keep.o"]
        );
    }
}
