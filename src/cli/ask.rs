//! Asks a person before something that is not easily seen again.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Write, stderr, stdin};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::cli::human::number;
use crate::cli::progress::aside;
use crate::cli::talk::shown;
use crate::model::quote::quote;
use crate::model::{Error, ErrorKind, RelPath, Result};

/// How many deletions nobody is asked about, unless something else is said.
pub const HANDFUL: u64 = 10;

/// How many names a question shows.
const NAMED: usize = 3;

/// Whether there is somebody to ask: a person at a terminal who typed the command.
pub fn is_anybody_there() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

/// Asks whether to delete so many entries, when they are more than `most`; without a terminal nobody is asked.
///
/// # Errors
/// [`ErrorKind::Refused`] unless the answer is yes.
pub fn deletions<'p>(
    most: Option<u64>,
    directory: &Path,
    paths: impl Iterator<Item = &'p RelPath> + Clone,
) -> Result<()> {
    let count = paths.clone().count() as u64;
    if most.is_none_or(|most| count <= most) {
        return Ok(());
    }
    let Ok(terminal) = File::options().read(true).write(true).open("/dev/tty") else {
        return Ok(());
    };
    let names: Vec<String> = paths.take(NAMED).map(ToString::to_string).collect();
    let name = quote(directory.as_os_str().as_bytes());
    let question = format!(
        "{name}: {} entries will be deleted ({}, ...). Go on? [y/N] ",
        number(count),
        names.join(", ")
    );
    match aside(|| answer(&terminal, &question)) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::at(
            ErrorKind::Refused,
            directory.as_os_str().as_bytes(),
            "not confirmed; nothing was changed (--yes does it without a question)",
        )),
        Err(e) => Err(Error::io("cannot ask at", "/dev/tty", e)),
    }
}

fn answer(mut terminal: &File, question: &str) -> std::io::Result<bool> {
    terminal.write_all(shown(question).as_bytes())?;
    let mut line = Vec::new();
    BufReader::new(terminal).read_until(b'\n', &mut line)?;
    let word = String::from_utf8_lossy(&line).trim().to_lowercase();
    Ok(word == "y" || word == "yes")
}
