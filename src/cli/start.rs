//! How every program begins and ends: arguments, limits, one line for an error, the exit code.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::cli::talk::{Talk, shown};
use crate::model::{Error, ErrorKind, Exit};

/// A program: its parsed arguments know how to run.
pub trait Program: Parser {
    /// Its name, as its messages begin.
    const NAME: &'static str;

    /// How much it talks, from its own arguments.
    fn talk(&self) -> Talk;

    /// Runs it.
    ///
    /// # Errors
    /// Whatever ends the run; [`start`] prints it and turns it into the exit code.
    fn run(self) -> anyhow::Result<Exit>;
}

/// Runs a program from the process's arguments. The whole of every `main`.
pub fn start<P: Program>() -> ExitCode {
    raise_file_limit();
    outlive_size_limit();
    let program = parsed::<P>();
    let talk = program.talk();
    let exit = program.run().unwrap_or_else(|error| report(talk, &error));
    ExitCode::from(exit.code())
}

/// The process's arguments. What is wrong with them is said without what a terminal would obey: clap quotes arguments
/// as they are.
pub fn parsed<P: Parser>() -> P {
    P::try_parse().unwrap_or_else(|error| {
        if !error.use_stderr() {
            error.exit();
        }
        let text = error.render().to_string();
        let shown: String = text.lines().map(|line| shown(line) + "\n").collect();
        // Nobody is left to be told that stderr is closed.
        let _ = std::io::stderr().lock().write_all(shown.as_bytes());
        std::process::exit(i32::from(Exit::Usage.code()))
    })
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
