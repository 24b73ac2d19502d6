//! `fsync help`.

use std::ffi::OsString;
use std::io::Write;

use clap::{Args, CommandFactory};

use crate::model::{Error, ErrorKind, Result};
use crate::porcelain::arguments::Fsync;
use crate::porcelain::dispatch::{self, PLUMBING};
use crate::porcelain::session::Session;

/// Arguments of `fsync help`.
#[derive(Args, Debug)]
pub struct Help {
    /// The command
    #[arg(value_name = "COMMAND")]
    pub command: Option<OsString>,
}

impl Help {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// When there is no such command.
    pub fn run(self, session: &Session) -> Result<u8> {
        let mut fsync = Fsync::command();
        fsync.build();
        let Some(name) = self.command else {
            return print(&mut fsync);
        };
        let own = name.to_str().filter(|name| !PLUMBING.contains(name));
        if let Some(command) = own.and_then(|name| fsync.find_subcommand_mut(name)) {
            return print(command);
        }
        dispatch::become_program(session, &name, &["--help".into()]).map(|never| match never {})
    }
}

fn print(command: &mut clap::Command) -> Result<u8> {
    let text = command.render_long_help().to_string();
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map(|()| 0)
        .map_err(|e| Error::io("cannot write", "standard output", e).as_kind(ErrorKind::Stdout))
}
