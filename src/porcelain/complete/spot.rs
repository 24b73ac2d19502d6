//! What stands at the cursor, by the programs' own arguments.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use clap::{Arg, Command};

use crate::cli::search::PREFIX;
use crate::cli::shape::repeats;
use crate::porcelain::complete::program;
use crate::porcelain::dispatch::{BESIDE, PLUMBING};

/// What was typed before the cursor.
#[derive(Clone, Default)]
pub struct Before {
    /// Variables that are set for this command alone.
    pub variables: Vec<(String, OsString)>,
    /// Options with values, by their ids.
    pub values: Vec<(String, OsString)>,
    /// The ids of all options.
    pub options: Vec<String>,
    /// Arguments that are no options, those of the innermost command.
    pub arguments: Vec<OsString>,
    /// Whether `--` was among them: no option follows.
    pub closed: bool,
}

/// What stands at the cursor.
#[derive(Clone)]
pub enum Wanted {
    /// An option.
    Option,
    /// The value of an option or argument.
    Value(Box<Arg>),
    /// A command, or the value of an argument.
    Command(Option<Box<Arg>>),
    /// An argument of a program that is not ours.
    Foreign,
    /// Nothing more.
    Nothing,
}

/// The cursor's place.
pub struct Spot {
    /// The innermost command.
    pub command: Command,
    /// What was typed before.
    pub before: Before,
    /// What is wanted.
    pub wanted: Wanted,
    /// What of the word is no part of what is wanted: `--tag=`.
    pub prefix: OsString,
    /// The rest of the word.
    pub word: OsString,
}

impl Before {
    /// The last value of the option with that id.
    pub fn value(&self, id: &str) -> Option<&OsStr> {
        let mut values = self.values.iter().rev();
        values.find(|(of, _)| of == id).map(|(_, v)| v.as_os_str())
    }

    /// The last value as a path.
    pub fn path(&self, id: &str) -> Option<PathBuf> {
        self.value(id).map(home)
    }
}

/// A path whose `~` no shell has replaced.
pub fn home(word: &OsStr) -> PathBuf {
    let rest = match word.as_bytes() {
        b"~" => Some(&b""[..]),
        bytes => bytes.strip_prefix(b"~/"),
    };
    match (rest, std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(OsStr::from_bytes(rest)),
        _ => word.into(),
    }
}

/// Finds the place of the last word; `None` without a program of ours.
pub fn find(words: &[OsString]) -> Option<Spot> {
    let (last, words) = words.split_last()?;
    let set = words.iter().map_while(|word| assignment(word));
    let variables: Vec<_> = set.collect();
    let (name, words) = words.get(variables.len()..)?.split_first()?;
    let name = Path::new(name).file_name().unwrap_or(name).to_str();
    // An alias is somebody's name for fsync.
    let command = name.and_then(program).or_else(|| program("fsync"))?;
    let mut walk = Walk {
        command,
        before: Before {
            variables,
            ..Before::default()
        },
        open: None,
        foreign: false,
    };
    words.iter().for_each(|word| walk.pass(word));
    Some(walk.end(last))
}

/// `NAME=value` before a command.
fn assignment(word: &OsStr) -> Option<(String, OsString)> {
    let at = word.as_bytes().iter().position(|b| *b == b'=')?;
    let name = std::str::from_utf8(&word.as_bytes()[..at]).ok()?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let fits = !name.is_empty() && name.chars().all(is_name);
    let value = OsStr::from_bytes(&word.as_bytes()[at + 1..]);
    fits.then(|| (name.to_string(), value.to_owned()))
}

/// One word after another.
struct Walk {
    command: Command,
    before: Before,
    /// The option whose value comes next.
    open: Option<Arg>,
    foreign: bool,
}

impl Walk {
    fn pass(&mut self, word: &OsStr) {
        let bytes = word.as_bytes();
        if self.foreign {
        } else if let Some(arg) = self.open.take() {
            self.value(&arg, word);
        } else if self.before.closed {
            self.before.arguments.push(word.to_owned());
        } else if bytes == b"--" {
            self.before.closed = true;
        } else if let Some(long) = bytes.strip_prefix(b"--") {
            self.long(long);
        } else if bytes.len() > 1 && bytes[0] == b'-' {
            self.short(&bytes[1..]);
        } else if !self.descend(word) {
            self.before.arguments.push(word.to_owned());
        }
    }

    fn value(&mut self, arg: &Arg, value: &OsStr) {
        let entry = (arg.get_id().to_string(), value.to_owned());
        self.before.values.push(entry);
    }

    fn long(&mut self, text: &[u8]) {
        let mut parts = text.splitn(2, |b| *b == b'=');
        let name = parts.next().unwrap_or_default();
        let Some(arg) = named(&self.command, name) else {
            return;
        };
        self.before.options.push(arg.get_id().to_string());
        match parts.next() {
            Some(value) => self.value(&arg, OsStr::from_bytes(value)),
            None if needs(&arg) => self.open = Some(arg),
            None => {}
        }
    }

    /// Short options in one word, `-nt` or `-tTAG`. An option whose value is in the word, with what stands before that.
    fn short(&mut self, text: &[u8]) -> Option<(Arg, usize)> {
        for (at, c) in text.iter().enumerate() {
            let found = self.command.get_arguments().find(|arg| {
                let short = arg.get_short();
                short == Some(char::from(*c))
            });
            let arg = found?.clone();
            self.before.options.push(arg.get_id().to_string());
            if !needs(&arg) {
                continue;
            }
            let value = &text[at + 1..];
            if value.is_empty() {
                self.open = Some(arg);
                return None;
            }
            self.value(&arg, OsStr::from_bytes(value));
            return Some((arg, at + 1));
        }
        None
    }

    /// Goes on with the command of that name.
    fn descend(&mut self, word: &OsStr) -> bool {
        if !self.command.has_subcommands() || !self.before.arguments.is_empty() {
            return false;
        }
        let top = self.command.get_name() == "fsync";
        let name = word.to_str().unwrap_or_default();
        let next = match top && (PLUMBING.contains(&name) || BESIDE.contains(&name)) {
            true => program(&format!("{PREFIX}{name}")),
            false => self.command.find_subcommand(name).cloned(),
        };
        match next {
            Some(next) => self.command = next,
            None if top => self.foreign = true,
            None => return false,
        }
        true
    }

    fn end(mut self, word: &OsStr) -> Spot {
        let bytes = word.as_bytes();
        let mut at = 0;
        let wanted = if self.foreign {
            Wanted::Foreign
        } else if let Some(arg) = self.open.take() {
            Wanted::Value(Box::new(arg))
        } else if self.before.closed || !bytes.starts_with(b"-") {
            self.argument()
        } else if let Some(equal) = bytes.iter().position(|b| *b == b'=') {
            at = equal + 1;
            let arg = named(
                &self.command,
                bytes[..equal].strip_prefix(b"--").unwrap_or(b""),
            );
            arg.map_or(Wanted::Nothing, |arg| Wanted::Value(Box::new(arg)))
        } else if let (Some((arg, begin)), false) =
            (self.short_value(bytes), bytes.starts_with(b"--"))
        {
            at = begin + 1;
            Wanted::Value(Box::new(arg))
        } else {
            Wanted::Option
        };
        Spot {
            command: self.command,
            before: self.before,
            wanted,
            prefix: OsString::from_vec(bytes[..at].to_vec()),
            word: OsString::from_vec(bytes[at..].to_vec()),
        }
    }

    fn short_value(&mut self, word: &[u8]) -> Option<(Arg, usize)> {
        let was = self.before.clone();
        let found = self.short(&word[1..]);
        self.before = was;
        found
    }

    fn argument(&self) -> Wanted {
        let last = self.command.get_positionals().find(|a| a.is_last_set());
        let ordinary = || self.command.get_positionals().filter(|a| !a.is_last_set());
        let typed = self.before.arguments.len();
        let next = match (self.before.closed, last) {
            (true, Some(last)) => Some(last),
            _ => ordinary()
                .nth(typed)
                .or_else(|| ordinary().last().filter(|arg| repeats(arg))),
        };
        let next = next.cloned().map(Box::new);
        let commands = self.command.has_subcommands() && typed == 0 && !self.before.closed;
        match next {
            next if commands => Wanted::Command(next),
            Some(arg) => Wanted::Value(arg),
            None => Wanted::Nothing,
        }
    }
}

/// The option of that long name.
fn named(command: &Command, name: &[u8]) -> Option<Arg> {
    let name = std::str::from_utf8(name).ok()?;
    let mut all = command.get_arguments();
    all.find(|arg| arg.get_long() == Some(name)).cloned()
}

/// Whether a value must follow an option.
fn needs(arg: &Arg) -> bool {
    let least = arg.get_num_args().map_or(1, |range| range.min_values());
    arg.get_action().takes_values() && least > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: &str) -> String {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let spot = find(&words).unwrap();
        let wanted = match &spot.wanted {
            Wanted::Option => "option".to_string(),
            Wanted::Value(arg) => arg.get_id().to_string(),
            Wanted::Command(arg) => format!("command{}", arg.is_some()),
            Wanted::Foreign => "foreign".into(),
            Wanted::Nothing => "nothing".into(),
        };
        format!("{} {wanted}", spot.command.get_name())
    }

    #[test]
    fn finds_what_is_wanted() {
        for (line, wanted) in [
            ("fsync ", "fsync commandfalse"),
            ("/usr/bin/fsync c", "fsync commandfalse"),
            ("X=1 fsync ", "fsync commandfalse"),
            ("fsync -C x --repo=y rv -d ", "rv dir"),
            ("fsync rv --tag=f", "rv tag"),
            ("fsync rv -nt", "rv option"),
            ("fsync rv -ntf", "rv tag"),
            ("fsync rv -t x -", "rv option"),
            ("fsync rv -- a ", "rv paths"),
            ("fsync rv ", "rv nothing"),
            ("fsync cp a b c", "cp paths"),
            ("fsync show ", "show snapshot"),
            ("fsync show a ", "show nothing"),
            ("fsync ls -d x @ ", "ls path"),
            ("fsync diff ", "fsync-diff roots"),
            ("fsync-diff --json a ", "fsync-diff roots"),
            ("fsync diff --tr", "fsync-diff option"),
            ("fsync repo ", "repo commandfalse"),
            ("fsync repo copy ", "copy other"),
            ("fsync-tag ", "fsync-tag commandtrue"),
            ("fsync tag move ", "move tag"),
            ("fsync tag move x ", "move snapshot"),
            ("fsync verify --read-data ", "verify nothing"),
            ("fsync frobnicate -", "fsync foreign"),
            ("f rv -d ", "rv dir"),
        ] {
            assert_eq!(at(line), wanted, "{line}");
        }
    }

    #[test]
    fn keeps_what_was_typed_before() {
        let line = "FSYNC_REPO=r fsync -qC x rv -d y --repo=z -- ";
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let spot = find(&words).unwrap();
        let before = &spot.before;
        assert_eq!(before.value("directory"), Some("x".as_ref()));
        assert_eq!(before.value("dir"), Some("y".as_ref()));
        assert_eq!(before.value("repo"), Some("z".as_ref()));
        assert_eq!(before.variables, [("FSYNC_REPO".into(), "r".into())]);
        assert!(before.closed && before.options.contains(&"quiet".to_string()));
    }
}
