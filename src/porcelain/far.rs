//! Trees on other machines: one connection to each for the whole run.
//!
//! A command runs where the directory is that it changes: the fsync there compares, records and changes, with its own
//! repository and settings, and asks this side for the sources that are here. A command that changes a directory here asks the
//! others for theirs.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::Child;
use std::sync::Arc;

use crate::cli::connect::{self, Started};
use crate::cli::desk::{Desk, May};
use crate::cli::{place, progress};
use crate::model::{Address, Error, ErrorKind, Result};
use crate::porcelain::dispatch;
use crate::porcelain::relay::Relay;
use crate::porcelain::session::Session;
use crate::protocol::progress::ProgressRecord;
use crate::tree::far::ask::Call;
use crate::tree::far::link::Channel;
use crate::tree::far::talk::Ear;
use crate::tree::far::wire::In;

/// Connections that programs of this run share. Dropping it ends them.
pub struct Reach {
    relay: Relay,
    links: Vec<Started>,
}

impl Reach {
    /// Connections to all machines that `paths` are on; `None` when all are here.
    ///
    /// # Errors
    /// When one cannot be reached.
    pub fn new(paths: &[OsString]) -> Result<Option<Reach>> {
        let mut reach: Option<Reach> = None;
        let mut machines = Vec::new();
        for path in paths {
            let Some(address) = place::far(path)? else {
                continue;
            };
            let machine = address.machine();
            if address.host.is_empty() || machines.contains(&machine) {
                continue;
            }
            if reach.is_none() {
                reach = Some(Reach {
                    relay: Relay::new()?,
                    links: Vec::new(),
                });
            }
            let started = connect::start(&address, Arc::new(|_, _| {}))?;
            if let Some(reach) = &mut reach {
                reach.relay.add(&machine, started.trunk.clone())?;
                reach.links.push(started);
            }
            machines.push(machine);
        }
        Ok(reach)
    }

    /// Where programs find them.
    pub fn folder(&self) -> &Path {
        self.relay.path()
    }
}

impl Drop for Reach {
    fn drop(&mut self) {
        for started in &mut self.links {
            leave(&started.link, &mut started.child);
        }
    }
}

/// Ends a connection, and waits for the program that made it.
fn leave(link: &crate::tree::far::link::Link, child: &mut Child) {
    link.close();
    // What it ended with was heard on the connection.
    let _ = child.wait();
}

/// Runs fsync with `args` where `address` is, which may ask for the trees of these names here; its exit code.
///
/// # Errors
/// When the machine cannot be reached, or the connection breaks.
pub fn run(
    session: &Session,
    address: &Address,
    args: Vec<OsString>,
    near: Vec<Vec<u8>>,
) -> Result<u8> {
    let mut all: Vec<OsString> = Vec::new();
    let common = &session.global().common;
    let said = [("--quiet", common.quiet), ("--verbose", common.verbose)];
    all.extend(
        said.iter()
            .filter(|(_, on)| *on)
            .map(|(name, _)| (*name).into()),
    );
    all.push("--progress=json".into());
    all.extend(args);
    session.trace(&shown(address, &all));
    let desk = Desk::new(common.clone(), May::Only(near));
    let accept = move |channel: Channel, request: Vec<u8>| {
        if let Ok(Call::Tree(request)) = Call::read(&request) {
            desk.answer(channel, request);
        }
    };
    let mut started = connect::start(address, Arc::new(accept))?;
    let call = Call::Run(all.into_iter().map(OsString::into_vec).collect());
    let channel = started.link.open(&call.write())?;
    let code = hear(session, &mut Ear::new(channel));
    leave(&started.link, &mut started.child);
    code.map_err(|e| Error::at(e.kind(), address.machine(), e.cause()))
}

/// The command that is run there, as somebody would type it.
fn shown(address: &Address, args: &[OsString]) -> String {
    let words: Vec<String> = args
        .iter()
        .map(|arg| crate::porcelain::shell::word(arg))
        .collect();
    format!("ssh {} fsync {}", address.machine(), words.join(" "))
}

/// Passes on what it says, until it ends; its exit code.
fn hear(session: &Session, ear: &mut Ear) -> Result<u8> {
    let mut line = Vec::new();
    loop {
        let message = ear.message()?;
        let mut from = In(&message);
        match from.number()? {
            0 => {
                session.talk.pass_on(&line);
                return Ok(u8::try_from(from.number()?).unwrap_or(9));
            }
            1 => {
                let mut out = std::io::stdout().lock();
                let written = out.write_all(from.bytes()?).and_then(|()| out.flush());
                written.map_err(|e| {
                    Error::io("cannot write", "standard output", e).as_kind(ErrorKind::Stdout)
                })?;
            }
            _ => said(session, &mut line, from.bytes()?),
        }
    }
}

/// A longer line, in bytes, is shown in parts.
const LINE: usize = 64 << 10;

/// Takes in what was said on standard error: whole lines are shown, those about progress drawn.
fn said(session: &Session, line: &mut Vec<u8>, bytes: &[u8]) {
    for part in bytes.split_inclusive(|b| *b == b'\n') {
        line.extend_from_slice(part);
        if line.last() != Some(&b'\n') && line.len() < LINE {
            continue;
        }
        match ProgressRecord::parse(line) {
            Some(record) => progress::of_stage(&record),
            None => session.talk.pass_on(line),
        }
        line.clear();
    }
}

/// Where a command runs that changes `directory`, if not here; what is on the same machine, seen from there; what is here, as it
/// asks this side for it.
///
/// # Errors
/// An address that cannot be, or a source on a third machine.
pub fn elsewhere(directory: &OsStr, sources: &[OsString]) -> Result<Option<Elsewhere>> {
    let Some(address) = place::far(directory)? else {
        return Ok(None);
    };
    let mut near = Vec::new();
    let mut paths = Vec::new();
    for source in sources {
        match place::far(source)? {
            None => {
                near.push(source.as_bytes().to_vec());
                let url = Address {
                    host: String::new(),
                    port: None,
                    path: Box::from(source.as_bytes()),
                };
                paths.push(OsString::from_vec(url.url()));
            }
            Some(other) if other.machine() == address.machine() => {
                paths.push(OsStr::from_bytes(&other.path).into());
            }
            Some(_) => {
                let message = "is on one other machine and the directory to change on another; run fsync on one of the two";
                return Err(Error::at(ErrorKind::Usage, source.as_bytes(), message));
            }
        }
    }
    paths.push(OsStr::from_bytes(&address.path).into());
    Ok(Some(Elsewhere {
        address,
        near,
        paths,
    }))
}

/// A command that runs on another machine.
pub struct Elsewhere {
    /// Where.
    pub address: Address,
    /// The trees here that it asks for.
    pub near: Vec<Vec<u8>>,
    /// Its sources and its directory, seen from there.
    pub paths: Vec<OsString>,
}

/// Runs the command that was typed where its directory is, if that is not here: with the words that were typed, but the
/// directory's own path in the place of its address.
///
/// # Errors
/// As [`run`].
pub fn about(session: &Session, directory: &OsStr) -> Result<Option<u8>> {
    let Some(there) = elsewhere(directory, &[])? else {
        return Ok(None);
    };
    let typed = directory.as_bytes();
    let own = &there.paths[0];
    let words = dispatch::words(std::env::args_os());
    let args = words.into_iter().map(|word| {
        // It may stand alone, or behind the name of its option.
        let option = word.as_bytes().strip_suffix(typed);
        match option.filter(|option| option.is_empty() || option.starts_with(b"-")) {
            Some(option) => [option, own.as_bytes()].concat(),
            None => word.into_vec(),
        }
    });
    let args = args.map(OsString::from_vec).collect();
    run(session, &there.address, args, there.near).map(Some)
}
