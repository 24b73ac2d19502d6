//! The settings: their names, what they may be, and what they are when nobody says anything.

use std::path::{Path, PathBuf};

use crate::cli::store;
use crate::model::{Filter, Rule};
use crate::repo::policy::parse_span;

/// What may be set, in the order in which it is listed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Key {
    /// Where snapshots are kept.
    Repository,
    /// Patterns of what is left out of comparing.
    Exclude,
    /// What counts as a difference of contents.
    Compare,
    /// Whether what no source has is deleted.
    Delete,
    /// Whether snapshots hold the whole tree.
    Snapshots,
    /// The number of deletions above which a terminal is asked.
    Ask,
    /// Whether old snapshots are removed after a run.
    Prune,
    /// How many of the newest snapshots stay.
    KeepLast,
    /// Of how many hours one stays.
    KeepHourly,
    /// Of how many days.
    KeepDaily,
    /// Of how many weeks.
    KeepWeekly,
    /// Of how many months.
    KeepMonthly,
    /// Of how many years.
    KeepYearly,
    /// How old they may be before they go.
    KeepWithin,
    /// Patterns of tags that stay.
    KeepTag,
    /// A command before a run.
    HooksBefore,
    /// A command after it.
    HooksAfter,
}

/// Which form a value has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// A path from the root, or from the home directory.
    Path,
    /// Gitignore patterns.
    Patterns,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number.
    Number,
    /// A span of time; empty for none.
    Span,
    /// Any strings.
    List,
    /// A command line; empty for none.
    Command,
}

/// The longest command line, in bytes.
const LONGEST: usize = 64 << 10;
/// The longest string of any other kind.
const SHORT: usize = 4096;
/// The most strings in a list.
const MOST: usize = 1000;

impl Key {
    /// All of them.
    pub const ALL: [Key; 17] = [
        Key::Repository,
        Key::Exclude,
        Key::Compare,
        Key::Delete,
        Key::Snapshots,
        Key::Ask,
        Key::Prune,
        Key::KeepLast,
        Key::KeepHourly,
        Key::KeepDaily,
        Key::KeepWeekly,
        Key::KeepMonthly,
        Key::KeepYearly,
        Key::KeepWithin,
        Key::KeepTag,
        Key::HooksBefore,
        Key::HooksAfter,
    ];

    /// Its name, as in `keep.last`.
    pub fn name(self) -> &'static str {
        self.about().0
    }

    /// The key of that name.
    pub fn named(name: &str) -> Option<Key> {
        Key::ALL.into_iter().find(|key| key.name() == name)
    }

    /// What it is when nothing says so; empty: nothing. The repository's is where the user keeps data.
    pub fn default(self) -> &'static str {
        self.about().2
    }

    /// Whether it has any number of values.
    pub fn is_list(self) -> bool {
        matches!(self.about().1, Form::Patterns | Form::List)
    }

    fn about(self) -> (&'static str, Form, &'static str) {
        match self {
            Key::Repository => ("repository", Form::Path, ""),
            Key::Exclude => ("exclude", Form::Patterns, ""),
            Key::Compare => (
                "compare",
                Form::Word(&["quick", "checksum", "size-only"]),
                "quick",
            ),
            Key::Delete => ("delete", Form::Word(&["never", "always"]), "never"),
            Key::Snapshots => ("snapshots", Form::Word(&["thin", "full"]), "thin"),
            Key::Ask => ("ask", Form::Number, "10"),
            Key::Prune => ("prune", Form::Word(&["never", "auto"]), "never"),
            Key::KeepLast => ("keep.last", Form::Number, "0"),
            Key::KeepHourly => ("keep.hourly", Form::Number, "0"),
            Key::KeepDaily => ("keep.daily", Form::Number, "0"),
            Key::KeepWeekly => ("keep.weekly", Form::Number, "0"),
            Key::KeepMonthly => ("keep.monthly", Form::Number, "0"),
            Key::KeepYearly => ("keep.yearly", Form::Number, "0"),
            Key::KeepWithin => ("keep.within", Form::Span, ""),
            Key::KeepTag => ("keep.tag", Form::List, ""),
            Key::HooksBefore => ("hooks.before", Form::Command, ""),
            Key::HooksAfter => ("hooks.after", Form::Command, ""),
        }
    }

    /// Which type a value of it has, for people.
    pub fn wants(self) -> &'static str {
        match self.about().1 {
            Form::Patterns | Form::List => "a list of strings",
            Form::Number => "a whole number from 0",
            Form::Path | Form::Word(_) | Form::Span | Form::Command => "a string",
        }
    }

    /// The value that words of a command line say.
    ///
    /// # Errors
    /// Why they say none.
    pub fn read(self, words: &[String]) -> Result<Value, String> {
        let value = match (self.is_list(), words) {
            // How else could a list be made empty?
            (true, [word]) if word.is_empty() => Value::List(Vec::new()),
            (true, words) => Value::List(words.to_vec()),
            (false, [word]) if self.about().1 == Form::Number => {
                let number = word.parse().ok().filter(|n| i64::try_from(*n).is_ok());
                Value::Number(number.ok_or_else(|| format!("is {}", self.wants()))?)
            }
            (false, [word]) => Value::Text(word.clone()),
            (false, _) => return Err("has one value".into()),
        };
        self.check(&value)?;
        Ok(value)
    }

    /// Whether it may have that value.
    ///
    /// # Errors
    /// Why not, as the rest of a sentence that begins with its name.
    pub fn check(self, value: &Value) -> Result<(), String> {
        let form = self.about().1;
        match (form, value) {
            (Form::Patterns | Form::List, Value::List(list)) if list.len() > MOST => {
                return Err(format!("has more than {MOST} values"));
            }
            (Form::Patterns | Form::List, Value::List(list)) => {
                list.iter().try_for_each(|text| check_text(form, text))?;
            }
            (Form::Number, Value::Number(n)) => {
                let most = if self == Key::Ask {
                    u64::MAX
                } else {
                    u32::MAX.into()
                };
                if *n > most {
                    return Err(format!("is at most {most}"));
                }
            }
            (Form::Path | Form::Word(_) | Form::Span | Form::Command, Value::Text(text)) => {
                check_text(form, text)?;
            }
            _ => return Err(format!("is {}", self.wants())),
        }
        Ok(())
    }
}

fn check_text(form: Form, text: &str) -> Result<(), String> {
    let odd = |c: char| c.is_control() && !(form == Form::Command && matches!(c, '\n' | '\t'));
    let most = match form {
        Form::Command => LONGEST,
        _ => SHORT,
    };
    if text.len() > most {
        return Err(format!("is longer than {most} bytes"));
    }
    if text.chars().any(odd) {
        return Err("holds a control character".into());
    }
    match form {
        Form::Path if text.starts_with('/') || text.starts_with("~/") => Ok(()),
        Form::Path if store::is_far(Path::new(text)) => Ok(()),
        Form::Path => {
            Err("is neither a path from / nor one that begins with ~/, nor SCHEME://…".into())
        }
        Form::Word(words) if words.contains(&text) => Ok(()),
        Form::Word(words) => Err(format!("is one of {}", words.join(", "))),
        Form::Span if text.is_empty() => Ok(()),
        Form::Span => parse_span(text).map(drop).map_err(|e| format!("is {e}")),
        Form::Patterns | Form::List if text.is_empty() => Err("has an empty value".into()),
        Form::Patterns => pattern(text),
        Form::Number | Form::List | Form::Command => Ok(()),
    }
}

fn pattern(text: &str) -> Result<(), String> {
    let rule = Rule {
        pattern: text.into(),
        origin: "exclude".into(),
        line: 0,
    };
    match Filter::new(vec![rule]) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("has {text:?}, which is no pattern")),
    }
}

/// What a key is set to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A string.
    Text(String),
    /// A number.
    Number(u64),
    /// Strings.
    List(Vec<String>),
}

impl Value {
    /// As words: one for each value.
    pub fn words(&self) -> Vec<String> {
        match self {
            Value::Text(text) => vec![text.clone()],
            Value::Number(n) => vec![n.to_string()],
            Value::List(list) => list.clone(),
        }
    }

    /// The string, of one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, of one.
    pub fn number(&self) -> Option<u64> {
        match self {
            Value::Number(n) => Some(*n),
            _ => None,
        }
    }
}

/// A path of the settings, with the home directory for its `~`; `None` where there is none.
pub fn expand(text: &str) -> Option<PathBuf> {
    let Some(rest) = text.strip_prefix("~/") else {
        return Some(PathBuf::from(text));
    };
    let home = etcetera::home_dir().ok().filter(|home| home.is_absolute());
    home.map(|home| home.join(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_name_and_its_default_is_good() {
        for (at, key) in Key::ALL.into_iter().enumerate() {
            assert_eq!(Key::named(key.name()), Some(key));
            assert_eq!(key as usize, at);
            if !key.default().is_empty() {
                key.read(&[key.default().to_string()]).unwrap();
            }
        }
    }

    #[test]
    fn values_are_checked() {
        let read = |name: &str, words: &[&str]| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            Key::named(name).unwrap().read(&words)
        };
        for (name, good) in [
            ("repository", &["/a b"][..]),
            ("repository", &["~/x"]),
            ("exclude", &["*.o", "/target/"]),
            ("exclude", &[""]),
            ("compare", &["size-only"]),
            ("ask", &["0"]),
            ("keep.within", &["1y2m"]),
            ("keep.within", &[""]),
            ("hooks.before", &["one\n\ttwo"]),
        ] {
            assert!(read(name, good).is_ok(), "{name} {good:?}");
        }
        for (name, bad) in [
            ("repository", &["x"][..]),
            ("repository", &[""]),
            ("repository", &["/a\nb"]),
            ("exclude", &["a", ""]),
            ("exclude", &["[z-a]"]),
            ("compare", &["slow"]),
            ("compare", &["quick", "quick"]),
            ("ask", &["-1"]),
            ("ask", &["18446744073709551615"]),
            ("keep.last", &["4294967296"]),
            ("keep.within", &["soon"]),
            ("hooks.before", &["a\0b"]),
            ("hooks.after", &["\x1b[2J"]),
        ] {
            assert!(read(name, bad).is_err(), "{name} {bad:?}");
        }
    }
}
