//! Commands whose arguments are another program's business: fsync's plumbing, and whatever `fsync-NAME`
//! is found, as git and cargo do it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use clap::{CommandFactory, Parser};

use crate::cli::place;
use crate::cli::search::PREFIX;
use crate::cli::start::report;
use crate::model::near;
use crate::model::{Error, ErrorKind, Result};
use crate::porcelain::NAME;
use crate::porcelain::arguments::{Fsync, Global};
use crate::porcelain::far;
use crate::porcelain::pipeline::Stage;
use crate::porcelain::session::Session;

/// The commands that are plumbing programs of fsync's own.
pub const PLUMBING: [&str; 5] = ["diff", "apply", "snap", "revert", "tag"];

/// The programs of this project that stand beside the core: each says itself what it takes ([`crate::cli::shape`]).
pub const BESIDE: [&str; 4] = ["graph", "mount", "review", "watch"];

/// The options before a command's name, and the rest unread.
#[derive(Parser)]
#[command(
    name = "fsync",
    disable_help_flag = true,
    disable_help_subcommand = true
)]
struct Front {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    word: Word,
}

#[derive(clap::Subcommand)]
enum Word {
    #[command(external_subcommand)]
    Any(Vec<OsString>),
}

/// Becomes the program that the command's name asks for. `None` when it is for [`Fsync`] to parse (or to
/// find fault with).
pub fn verbatim(args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let Front {
        global,
        word: Word::Any(words),
    } = Front::try_parse_from(args).ok()?;
    let (name, rest) = words.split_first()?;
    if built_in().iter().any(|b| name == b.as_str()) {
        return None;
    }
    let talk = global.common.talk(NAME);
    let failed = Session::new(global).and_then(|session| {
        let far = rest
            .iter()
            .find(|word| matches!(place::far(word), Ok(Some(_))));
        if let Some(directory) = far.filter(|_| name == "snap")
            && let Some(code) = far::about(&session, directory)?
        {
            return Ok(code);
        }
        become_program(&session, name, rest).map(|never| match never {})
    });
    match failed {
        Ok(code) => Some(ExitCode::from(code)),
        Err(error) => Some(ExitCode::from(report(talk, &error.into()).code())),
    }
}

/// The command's name and all words behind it, as they were given.
pub fn words(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    Front::try_parse_from(args).map_or_else(
        |_| Vec::new(),
        |front| match front.word {
            Word::Any(words) => words,
        },
    )
}

/// Becomes `fsync-NAME`; returns only if that fails.
///
/// # Errors
/// [`ErrorKind::Usage`] when there is no such program.
pub fn become_program(
    session: &Session,
    name: &OsStr,
    args: &[OsString],
) -> Result<std::convert::Infallible> {
    let mut stage = match name.to_str().filter(|name| PLUMBING.contains(name)) {
        Some(name) => session.stage(&format!("{PREFIX}{name}"))?,
        None => external(session, name)?,
    };
    stage.args.extend_from_slice(args);
    become_stage(session, &stage)
}

/// Becomes a stage's program; returns only if that fails.
///
/// # Errors
/// When the system refuses.
pub fn become_stage(session: &Session, stage: &Stage) -> Result<std::convert::Infallible> {
    session.trace(&stage.shown());
    let error = Command::new(&stage.program)
        .args(&stage.args)
        .envs(session.variables())
        .exec();
    Err(Error::io(
        "cannot run",
        stage.program.as_os_str().as_bytes(),
        error,
    ))
}

fn external(session: &Session, name: &OsStr) -> Result<Stage> {
    let mut full = OsString::from(PREFIX);
    full.push(name);
    let found = match name.as_bytes().contains(&b'/') {
        true => None,
        false => session.search().find(&full),
    };
    match found {
        // They take the options of every program.
        Some(_) if BESIDE.iter().any(|beside| name == *beside) => {
            session.stage(&full.to_string_lossy())
        }
        Some(program) => Ok(Stage {
            name: full.to_string_lossy().into_owned(),
            program,
            args: Vec::new(),
        }),
        None => Err(unknown(session, name)),
    }
}

fn unknown(session: &Session, name: &OsStr) -> Error {
    let mut names = session.search().names();
    names.extend(built_in().into_iter().filter(|name| !is_hidden(name)));
    names.extend(PLUMBING.map(String::from));
    let typed = name.to_string_lossy();
    let names = names.iter().map(String::as_str);
    let hint = near::hint(&typed, names, "\"fsync help\" lists the commands");
    Error::at(
        ErrorKind::Usage,
        name.as_bytes(),
        format!("no such command; {hint}"),
    )
}

/// Whether a command is not for people.
fn is_hidden(name: &str) -> bool {
    let fsync = Fsync::command();
    fsync
        .find_subcommand(name)
        .is_some_and(clap::Command::is_hide_set)
}

/// The names of the commands that are parsed here.
fn built_in() -> Vec<String> {
    let command = Fsync::command();
    let names = command.get_subcommands().map(|c| c.get_name().to_string());
    names.filter(|n| !PLUMBING.contains(&n.as_str())).collect()
}
