//! Which names belong to a run: include and exclude rules with gitignore's semantics.
//!
//! The matching is the `ignore` crate's [`Gitignore`]; this module adds the order of the rules and
//! remembers where each one came from, so that a `skip` record can name it.

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::model::error::{Error, ErrorKind, Result};
use crate::model::path::RelPath;

/// One rule and where it came from.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Rule {
    /// A line of a gitignore file: `*.o`, `/target/`, `!keep`.
    pub pattern: String,
    /// `--exclude`, `--include`, or the name of the file that held it.
    pub origin: String,
    /// The line in that file, from 1; 0 on the command line.
    #[serde(default)]
    pub line: u32,
}

/// A rule that holds for one source alone.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct SourceRule {
    /// Which source, from 0.
    pub source: u32,
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
}

/// A compiled list of rules. As in a gitignore file the last rule that matches decides, and nothing
/// below an excluded directory can be included again.
#[derive(Clone, Debug)]
pub struct Filter {
    rules: Vec<Rule>,
    matcher: Gitignore,
}

impl Default for Filter {
    fn default() -> Self {
        Filter {
            rules: Vec::new(),
            matcher: Gitignore::empty(),
        }
    }
}

impl Filter {
    /// Compiles rules in order.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`], naming the pattern that is no glob.
    pub fn new(rules: Vec<Rule>) -> Result<Self> {
        if rules.is_empty() {
            return Ok(Self::default());
        }
        let mut builder = GitignoreBuilder::new("/");
        for (at, rule) in rules.iter().enumerate() {
            // The matcher gives back the origin of the glob that decided; ours is the rule's index.
            builder
                .add_line(Some(at.to_string().into()), &translated(&rule.pattern))
                .map_err(|e| bad_pattern(rule, &e))?;
        }
        let matcher = builder.build().map_err(|e| {
            Error::new(
                ErrorKind::Usage,
                format!("the rules cannot be compiled: {e}"),
            )
        })?;
        Ok(Filter { rules, matcher })
    }

    /// The rules as given, for the record.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether there are no rules, so that nothing needs to be asked.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rule that excludes this entry, its parents being included.
    pub fn excludes(&self, path: &RelPath, is_dir: bool) -> Option<&Rule> {
        if self.rules.is_empty() || path.is_root() {
            return None;
        }
        let os = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(path.as_bytes());
        match self.matcher.matched(os, is_dir) {
            Match::Ignore(glob) => glob
                .from()
                .and_then(|at| at.to_str())
                .and_then(|at| at.parse::<usize>().ok())
                .and_then(|at| self.rules.get(at)),
            _ => None,
        }
    }

    /// The same for a path out of nowhere, whose parents may be excluded.
    pub fn excludes_within(&self, path: &RelPath, is_dir: bool) -> Option<&Rule> {
        if self.rules.is_empty() {
            return None;
        }
        let mut at = RelPath::root();
        let depth = path.depth();
        for (level, name) in path.components().enumerate() {
            at = at.join(name);
            if let Some(rule) = self.excludes(&at, is_dir || level + 1 < depth) {
                return Some(rule);
            }
        }
        None
    }
}

/// The pattern that matches one directory and nothing else, by its path from the root.
pub fn only_directory(path: &str) -> String {
    let mut pattern = String::from("/");
    for c in path.chars() {
        if matches!(c, '\\' | '*' | '?' | '[') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern + "/"
}

/// A pattern as the matcher wants it: git takes braces as they are, and knows names of classes; the matcher would take
/// braces for alternatives, and knows none. So braces are escaped, but for those in a class, where nothing is special, and
/// those that are escaped already; and `[:alpha:]` in a class becomes what it stands for. A backslash that is escaped becomes
/// a class of its own: before a slash or a blank at the end the matcher would take it for what escapes that.
fn translated(pattern: &str) -> String {
    let pattern = trimmed(pattern);
    let mut out = String::with_capacity(pattern.len());
    let (mut escaped, mut class) = (false, false);
    // The matcher would trim a tab too, which to git is part of the name.
    let (mut rest, tab) = match pattern.strip_suffix('\t') {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    while let Some(c) = rest.chars().next() {
        if class && let Some((range, after)) = named_class(rest) {
            out.push_str(range);
            rest = after;
            continue;
        }
        if class && let Some((range, after)) = split_range(rest, out.ends_with('[')) {
            out.push_str(&range);
            rest = after;
            continue;
        }
        if matches!(c, '{' | '}') && !escaped && !class {
            out.push('\\');
        }
        if c == '\\' && escaped && !class {
            out.pop();
            out.push_str("[\\]");
            escaped = false;
            rest = &rest[c.len_utf8()..];
            continue;
        }
        class = match c {
            '[' if !escaped => true,
            ']' if !escaped => false,
            _ => class,
        };
        escaped = c == '\\' && !escaped;
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    if tab {
        if escaped {
            out.pop();
        }
        out.push_str("[\t]");
    }
    out
}

/// Without the spaces at its end that no backslash protects, as git reads a line.
fn trimmed(pattern: &str) -> &str {
    let mut end = 0;
    let mut escaped = false;
    for (at, c) in pattern.char_indices() {
        if c != ' ' || escaped {
            end = at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    &pattern[..end]
}

/// A range at the beginning of `text` that holds the slash, without it: the matcher would forget such a range as a whole.
/// `first` in its class, an exclamation mark is no part of a range.
fn split_range(text: &str, first: bool) -> Option<(String, &str)> {
    let mut chars = text.chars();
    let (from, dash, to) = (chars.next()?, chars.next()?, chars.next()?);
    let negates = first && matches!(from, '!' | '^');
    if dash != '-' || to == ']' || negates || !(from..=to).contains(&'/') {
        return None;
    }
    let below = (from < '/').then(|| format!("{from}-."));
    let above = (to > '/').then(|| format!("0-{to}"));
    let range = below.unwrap_or_default() + &above.unwrap_or_default();
    Some((range, chars.as_str()))
}

/// What a class at the beginning of `text` stands for, by its name, and what follows it.
fn named_class(text: &str) -> Option<(&'static str, &str)> {
    let (name, after) = text.strip_prefix("[:")?.split_once(":]")?;
    let range = match name {
        "alnum" => "A-Za-z0-9",
        "alpha" => "A-Za-z",
        "blank" => " \t",
        "cntrl" => "\x01-\x1f\x7f",
        "digit" => "0-9",
        // An exclamation mark in front would turn the class round.
        "graph" => "\"-.0-~!",
        "lower" => "a-z",
        "print" => " -.0-~",
        "punct" => ":-@!-.[-`{-~",
        "space" => " \t-\r",
        "upper" => "A-Z",
        "xdigit" => "0-9A-Fa-f",
        _ => return None,
    };
    Some((range, after))
}

fn bad_pattern(rule: &Rule, error: &ignore::Error) -> Error {
    let place = match rule.line {
        0 => rule.origin.clone(),
        line => format!("{}, line {line}", rule.origin),
    };
    Error::at(
        ErrorKind::Usage,
        &rule.pattern,
        format!("not a pattern ({place}): {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(patterns: &[&str]) -> Filter {
        let rule = |p: &&str| Rule {
            pattern: p.to_string(),
            origin: "--exclude".into(),
            line: 0,
        };
        Filter::new(patterns.iter().map(rule).collect()).unwrap()
    }

    fn out(f: &Filter, path: &str, is_dir: bool) -> bool {
        f.excludes_within(&RelPath::parse(path.as_bytes()).unwrap(), is_dir)
            .is_some()
    }

    #[test]
    fn follows_gitignore() {
        let f = filter(&["*.o", "/top", "build/", "a/**/z", "!keep.o"]);
        assert!(out(&f, "x/y.o", false));
        assert!(!out(&f, "x/keep.o", false));
        assert!(out(&f, "top", false) && !out(&f, "x/top", false));
        assert!(out(&f, "x/build/deep", false) && !out(&f, "x/build", false));
        assert!(out(&f, "a/b/c/z", false));
    }

    #[test]
    fn one_directory_is_no_pattern() {
        for name in ["a/b", "*", "[x]", "a\\b ", "!{x,y}", "# ?", "[[\\", "\\\\ "] {
            let rule = Rule {
                pattern: only_directory(name),
                origin: String::new(),
                line: 0,
            };
            let filter = Filter::new(vec![rule]).unwrap();
            let path = |s: &str| RelPath::parse(s.as_bytes()).unwrap();
            assert!(filter.excludes(&path(name), true).is_some(), "{name}");
            assert!(filter.excludes(&path(name), false).is_none(), "{name}");
            let deeper = path(&format!("x/{name}"));
            assert!(filter.excludes(&deeper, true).is_none(), "{name}");
            assert!(filter.excludes(&path("x"), true).is_none(), "{name}");
        }
    }

    #[test]
    fn an_escaped_backslash_escapes_nothing() {
        let f = filter(&["a\\\\/", "b\\\\ "]);
        assert!(out(&f, "a\\", true) && !out(&f, "a", true));
        assert!(out(&f, "b\\", false) && !out(&f, "b\\ ", false));
    }

    #[test]
    fn braces_are_braces() {
        let f = filter(&["{a,b}", "x\\{y", "[{]z"]);
        assert!(out(&f, "{a,b}", false) && !out(&f, "a", false));
        assert!(out(&f, "x{y", false) && out(&f, "{z", false));
    }

    #[test]
    fn classes_have_names() {
        let f = filter(&["[[:alpha:]]1", "[^[:digit:]]2", "x[[:punct:]]"]);
        assert!(out(&f, "a1", false) && !out(&f, "11", false));
        assert!(out(&f, "a2", false) && !out(&f, "12", false));
        assert!(out(&f, "x]", false) && out(&f, "x{", false) && !out(&f, "xx", false));
        assert!(out(&f, "x.", false) && out(&f, "x!", false));
    }

    #[test]
    fn ranges_may_hold_the_slash() {
        let f = filter(&["a[+-9]", "b[!+-9]", "c[!-0]"]);
        assert!(out(&f, "a.", false) && out(&f, "a5", false) && !out(&f, "ax", false));
        assert!(!out(&f, "b.", false) && out(&f, "bx", false));
        assert!(out(&f, "cx", false) && !out(&f, "c-", false));
    }

    #[test]
    fn spaces_at_the_end_count_when_they_are_protected() {
        let f = filter(&["a   ", "b\\   ", "c\\\\ ", "d\\ \\ "]);
        assert!(out(&f, "a", false) && !out(&f, "a   ", false));
        assert!(out(&f, "b ", false) && !out(&f, "b", false));
        assert!(out(&f, "c\\", false) && out(&f, "d  ", false));
    }

    #[test]
    fn names_the_rule() {
        let f = filter(&["*.o", "*.a"]);
        let rule = f.excludes(&RelPath::parse(b"lib.a").unwrap(), false);
        assert_eq!(rule.unwrap().pattern, "*.a");
    }

    #[test]
    fn refuses_a_broken_glob() {
        let rule = Rule {
            pattern: "[z-a]".into(),
            origin: "rules".into(),
            line: 3,
        };
        let error = Filter::new(vec![rule]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("rules, line 3"));
    }
}
