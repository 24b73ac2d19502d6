//! What fits at the cursor.

use std::path::Path;

use clap::{Arg, Command};

use crate::cli::option::Common;
use crate::cli::search::PREFIX;
use crate::cli::shape::repeats;
use crate::model::quote::is_hidden;
use crate::porcelain::arguments::Global;
use crate::porcelain::complete::past::Past;
use crate::porcelain::complete::spot::{Before, Spot, Wanted, home};
use crate::porcelain::complete::{folder, program};
use crate::porcelain::dispatch::PLUMBING;
use crate::porcelain::session::Session;

/// Something that fits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Offer {
    /// The whole word.
    pub text: String,
    /// A few words about it.
    pub about: String,
}

impl Offer {
    /// With a few words; `None` when it could not be told from something else on a terminal.
    pub fn new(text: impl Into<String>, about: impl Into<String>) -> Option<Self> {
        let (text, about) = (text.into(), about.into());
        let about = if about.chars().any(is_hidden) {
            String::new()
        } else {
            about
        };
        let safe = !text.is_empty() && !text.chars().any(is_hidden);
        safe.then_some(Offer { text, about })
    }
}

/// What the shell itself is to add.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Native {
    /// Nothing.
    #[default]
    Nothing,
    /// Directories.
    Directories,
    /// Files.
    Files,
}

/// All that fits.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reply {
    /// What the shell adds.
    pub native: Native,
    /// What we know of.
    pub offers: Vec<Offer>,
}

/// What fits at `spot`; nothing when the options before it lead nowhere.
pub fn reply(spot: &Spot) -> Reply {
    let Ok(session) = Session::new(global(&spot.before)) else {
        return Reply::default();
    };
    let ask = Ask {
        spot,
        session,
        word: spot.word.to_str().unwrap_or_default(),
    };
    let mut reply = match &spot.wanted {
        // Of a word that is no text, the shell may know more.
        _ if spot.word.to_str().is_none() => native(Native::Files),
        Wanted::Option => offers(options(&spot.command, &spot.before)),
        Wanted::Value(arg) => ask.value(arg),
        Wanted::Command(arg) => {
            let mut reply = arg.as_ref().map(|arg| ask.value(arg)).unwrap_or_default();
            reply.offers.splice(0..0, ask.commands(&spot.command));
            reply
        }
        Wanted::Foreign => native(Native::Files),
        Wanted::Nothing => Reply::default(),
    };
    let prefix = spot.prefix.to_str().unwrap_or_default();
    reply
        .offers
        .iter_mut()
        .for_each(|o| o.text.insert_str(0, prefix));
    reply
}

fn offers(offers: Vec<Offer>) -> Reply {
    let native = Native::Nothing;
    Reply { native, offers }
}

fn native(native: Native) -> Reply {
    let offers = Vec::new();
    Reply { native, offers }
}

/// The options that every program takes, as they stand before the cursor.
fn global(before: &Before) -> Global {
    let set = |name: &str| {
        let mut all = before.variables.iter().rev();
        all.find(|(n, _)| n == name).map(|(_, value)| home(value))
    };
    Global {
        common: Common {
            directory: before.path("directory"),
            repo: before.path("repo").or_else(|| set("FSYNC_REPO")),
            quiet: true,
            ..Common::default()
        },
        exec_path: before
            .path("exec_path")
            .or_else(|| set(crate::cli::search::VARIABLE)),
        ..Global::default()
    }
}

/// Options that may still be given. One that has a long name is known by that.
fn options(command: &Command, before: &Before) -> Vec<Offer> {
    let all = command
        .get_arguments()
        .filter(|arg| !arg.is_positional() && !arg.is_hide_set());
    let given = |arg: &Arg| before.options.iter().any(|id| arg.get_id() == id.as_str());
    all.filter(|arg| repeats(arg) || !given(arg))
        .filter_map(|arg| {
            let name = match (arg.get_long(), arg.get_short()) {
                (Some(long), _) => format!("--{long}"),
                (None, short) => format!("-{}", short?),
            };
            Offer::new(
                name,
                arg.get_help().map(ToString::to_string).unwrap_or_default(),
            )
        })
        .collect()
}

/// What is asked.
struct Ask<'s> {
    spot: &'s Spot,
    session: Session,
    word: &'s str,
}

impl Ask<'_> {
    fn commands(&self, command: &Command) -> Vec<Offer> {
        let known = command.get_subcommands().filter(|c| !c.is_hide_set());
        let about = |c: &Command| c.get_about().map(ToString::to_string).unwrap_or_default();
        let mut all: Vec<_> = known
            .filter_map(|c| Offer::new(c.get_name(), about(c)))
            .collect();
        if command.get_name() == "fsync" {
            let names = self.session.search().names().into_iter();
            let names = names.filter(|n| {
                !PLUMBING.contains(&n.as_str()) && command.find_subcommand(n).is_none()
            });
            all.extend(names.filter_map(|n| Offer::new(&n, format!("{PREFIX}{n}"))));
        }
        all
    }

    fn value(&self, arg: &Arg) -> Reply {
        let possible = arg.get_possible_values();
        if !possible.is_empty() {
            let about = |v: &clap::builder::PossibleValue| v.get_help().map(ToString::to_string);
            let all = possible.iter().filter(|v| !v.is_hide_set());
            return offers(
                all.filter_map(|v| Offer::new(v.get_name(), about(v).unwrap_or_default()))
                    .collect(),
            );
        }
        let names = arg.get_value_names().unwrap_or_default();
        let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        match names[..] {
            ["DIR" | "NEWDIR" | "OTHER" | "DST" | "SRC"] => self.folders(true),
            ["SRC", "DST"] => self.trees(),
            ["TAG"] => offers(self.past(|past| past.tags())),
            ["PATTERN"] if arg.get_id() == "keep_tag" => offers(self.past(|past| past.tags())),
            ["SNAPSHOT"] => offers(self.past(|past| past.snapshots(self.word))),
            ["PATH"] => self.paths(),
            ["COMMAND"] => offers(
                program("fsync")
                    .map(|c| self.commands(&c))
                    .unwrap_or_default(),
            ),
            ["FILE" | "PATTERN"] => self.folders(false),
            _ => match arg.get_value_hint() {
                clap::ValueHint::DirPath => self.folders(true),
                clap::ValueHint::AnyPath | clap::ValueHint::FilePath => self.folders(false),
                _ => Reply::default(),
            },
        }
    }

    /// Directories, or files too. The shell knows better what can be meant, but nothing of `-C` and `-dDIR`.
    fn folders(&self, only_directories: bool) -> Reply {
        let prefix = self.spot.prefix.to_str().unwrap_or_default();
        let attached = !prefix.is_empty() && !prefix.ends_with('=');
        match (self.spot.before.value("directory"), only_directories) {
            (None, true) if !attached => native(Native::Directories),
            (None, false) if !attached => native(Native::Files),
            _ => offers(folder::list(Path::new(""), self.word, only_directories)),
        }
    }

    /// Directories and snapshots.
    fn trees(&self) -> Reply {
        let begins = |start: &str| self.word.starts_with(start);
        let past = self.word.contains('@') || begins("snap:");
        if !past && (self.word.contains('/') || begins("~") || begins("$")) {
            return self.folders(true);
        }
        let mut all = match past {
            true => Vec::new(),
            false => folder::list(Path::new(""), self.word, true),
        };
        all.extend(self.past(|past| past.snapshots(self.word)));
        offers(all)
    }

    /// Paths in the snapshot that was named, or in the directory.
    fn paths(&self) -> Reply {
        let before = &self.spot.before;
        let position = |id: &str| {
            let mut all = self.spot.command.get_positionals();
            let at = all.position(|arg| arg.get_id() == id)?;
            before.arguments.get(at)
        };
        let inside =
            position("snapshot").filter(|_| self.spot.command.get_name() != "fsync-revert");
        if let Some(snapshot) = inside {
            return offers(self.past(|past| past.paths(snapshot, self.word)));
        }
        let dir = before
            .path("dir")
            .or_else(|| position("dir").map(|d| home(d)));
        let here = || (self.spot.command.get_name() == "forget").then(|| ".".into());
        let list = |dir: std::path::PathBuf| folder::list(&dir, self.word, false);
        offers(dir.or_else(here).map(list).unwrap_or_default())
    }

    /// Something out of the repository, if that can be looked at.
    fn past(&self, what: impl Fn(&Past) -> crate::model::Result<Vec<Offer>>) -> Vec<Offer> {
        let mut positionals = self.spot.command.get_positionals();
        let position = positionals.position(|arg| arg.get_id() == "dir");
        let argument = position.and_then(|at| self.spot.before.arguments.get(at));
        let dir = self
            .spot
            .before
            .path("dir")
            .or_else(|| argument.map(|d| home(d)));
        let past = Past::open(&self.session, dir);
        past.and_then(|past| what(&past)).unwrap_or_default()
    }
}
