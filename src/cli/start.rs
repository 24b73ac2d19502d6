//! How every program begins and ends: arguments, limits, threads, one line for an error, the exit code.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use rustix::fs::Mode;
use rustix::process::{Resource, getrlimit, setrlimit, umask};

use crate::cli::memory;
use crate::cli::option::Common;
use crate::cli::screen::write;
use crate::cli::shape;
use crate::cli::talk::{Talk, shown};
use crate::cli::thread;
use crate::model::{Error, ErrorKind, Exit};
use crate::tree::ground;

/// The variable that names a directory which roots may not lie outside of.
pub const GROUND: &str = "FSYNC_GROUND";

/// A program: its parsed arguments know how to run.
pub trait Program: Parser {
    /// Its name, as its messages begin.
    const NAME: &'static str;

    /// The options that every program takes.
    fn common(&self) -> &Common;

    /// How much it talks, from its own arguments.
    fn talk(&self) -> Talk {
        self.common().talk(Self::NAME)
    }

    /// Runs it.
    ///
    /// # Errors
    /// Whatever ends the run; [`start`] prints it and turns it into the exit code.
    fn run(self) -> anyhow::Result<Exit>;
}

/// Runs a program from the process's arguments. The whole of every `main`.
pub fn start<P: Program>() -> ExitCode {
    prepare(P::NAME);
    if std::env::args_os().skip(1).eq([shape::ASK]) {
        let told = shape::tell(P::command());
        let written = std::io::stdout().lock().write_all(told.as_bytes());
        return ExitCode::from(written.map_or(Exit::Failed, |()| Exit::Done).code());
    }
    let program: P = match parse(P::NAME) {
        Ok(program) => program,
        Err(exit) => return ExitCode::from(exit.code()),
    };
    thread::start();
    let talk = program.talk();
    let shown = program.common().show_progress(P::NAME);
    let exit = program.run();
    drop(shown);
    let exit = exit.unwrap_or_else(|error| report(talk, &error));
    ExitCode::from(exit.code())
}

/// Makes the process ready for what may go wrong.
pub fn prepare(name: &'static str) {
    // The first one counts.
    let _ = memory::NAME.set(name);
    tell_panics(name);
    raise_file_limit();
    outlive_size_limit();
    keep_what_is_made();
    keep_to_ground(name);
}

/// Keeps to the directory that `fsync serve --restrict` has named, whatever the arguments are.
fn keep_to_ground(name: &'static str) {
    let Some(dir) = std::env::var_os(GROUND) else {
        return;
    };
    if let Err(error) = ground::keep_to(Path::new(&dir)) {
        Talk::new(name, false, false).error(&error.to_string());
        std::process::exit(Exit::Failed.code().into());
    }
}

/// Parses the process's arguments. Help that cannot be printed is an error like any other. What is wrong with them is
/// said without what a terminal would obey: clap quotes arguments as they are.
///
/// # Errors
/// What the run comes to when it ends here.
pub fn parse<P: Parser>(name: &'static str) -> Result<P, Exit> {
    P::try_parse().map_err(|error| {
        if error.use_stderr() {
            let text = error.render().to_string();
            match one_line(&text) {
                Some(line) => Talk::new(name, false, false).error(&line),
                // Help, for who typed no arguments at all.
                None => {
                    let lines: String = text.lines().map(|line| shown(line) + "\n").collect();
                    write(lines.as_bytes());
                }
            }
            return Exit::Usage;
        }
        let printed = error.print().and_then(|()| std::io::stdout().flush());
        match printed {
            Ok(()) => Exit::Done,
            Err(e) => {
                let error = Error::io("cannot write", "standard output", e);
                let error = error.as_kind(ErrorKind::Stdout);
                report(Talk::new(name, false, false), &error.into())
            }
        }
    })
}

/// What clap finds wrong with arguments, as one line with the next step; `None` for what is no error.
fn one_line(text: &str) -> Option<String> {
    let (what, usage) = text
        .strip_prefix("error: ")?
        .split_once("\n\nUsage: ")
        .unwrap_or_else(|| {
            let end = text.find("\n\nFor more information").unwrap_or(text.len());
            (&text["error: ".len()..end], "")
        });
    let mut line = String::new();
    for part in what.split("\n\n") {
        let words: Vec<&str> = part.split_whitespace().collect();
        let words = words.join(" ");
        line += match words.strip_prefix("tip: ") {
            Some(_) => "; ",
            None if line.is_empty() => "",
            None => ", ",
        };
        line += words.strip_prefix("tip: ").unwrap_or(&words);
    }
    let is_name = |word: &&str| !word.starts_with(['-', '[', '<']);
    let command: Vec<&str> = usage.split_whitespace().take_while(is_name).collect();
    if !command.is_empty() {
        line += &format!("; \"{} --help\" says more", command.join(" "));
    }
    Some(line)
}

/// Prints the one line of an error and says which code it deserves.
pub fn report(talk: Talk, error: &anyhow::Error) -> Exit {
    let known = error.downcast_ref::<Error>();
    let closed_pipe = known.is_some_and(|e| {
        e.kind() == ErrorKind::Stdout && e.errno() == Some(rustix::io::Errno::PIPE.raw_os_error())
    });
    if closed_pipe {
        return Exit::Done;
    }
    talk.error(&format!("{error:#}"));
    known.map_or(Exit::Failed, |e| e.kind().into())
}

/// A fault of ours is one line too. Where panics abort, it is exit code 9, as of anything internal.
fn tell_panics(name: &'static str) {
    std::panic::set_hook(Box::new(move |info| {
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let what = text.unwrap_or("no reason given");
        // What a thread needs before it begins, the standard library asks the system for, and panics without it.
        if what.starts_with("failed to allocate an alternative stack") {
            memory::run_out();
        }
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let talk = Talk::new(name, false, false);
        talk.error(&format!(
            "internal error: panicked at {place}: {what}; please report it"
        ));
        if cfg!(panic = "abort") {
            signal_hook::low_level::exit(Exit::Failed.code().into());
        }
    }));
}

/// A mask that takes the owner's own bits away would close to us what we have just made.
fn keep_what_is_made() {
    let mask = umask(Mode::RWXU);
    umask(mask - Mode::RWXU);
}

/// Walking keeps a handle for each open directory; the soft limit (1,024) is for programs that use select(2).
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // A refusal leaves the limit as it was, which is enough for all but very deep trees.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// A file that would exceed the process's limit is an error of that file (EFBIG), and no reason to be killed
/// with a temporary left behind.
fn outlive_size_limit() {
    let noticed = std::sync::Arc::default();
    // Where the handler is refused the signal kills, as it would any program.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, noticed);
}
