//! Connections to the fsync on another machine: through the porcelain that has one already, or through an ssh of its own.
//!
//! `$FSYNC_RSH` is the command that reaches the other machine, `ssh` without it; its words are separated by blanks. It is given
//! `-p PORT` if the address has one, the machine, and `$FSYNC_SERVE`, the command there, `fsync serve` without it. Nothing else
//! passes through a shell: directories are named on the connection.
//!
//! The porcelain has one connection for the whole run, and a socket for each machine in the folder that `$FSYNC_LINKS` names.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Address, Error, ErrorKind, Result};
use crate::tree::far::greet;
use crate::tree::far::link::{Accept, Link, Side};
use crate::tree::far::trunk::{self, Trunk};

/// The variable that names the folder of sockets.
pub const SOCKETS: &str = "FSYNC_LINKS";
/// The variable with the command that reaches another machine.
const RSH: &str = "FSYNC_RSH";
/// The variable with the command there.
const SERVE: &str = "FSYNC_SERVE";

/// Connections, one for each machine.
#[derive(Default)]
pub struct Links(Mutex<HashMap<String, Arc<Link>>>);

impl Links {
    /// The connection to the machine of `address`.
    ///
    /// # Errors
    /// When it cannot be reached, or what is there is no fsync that speaks as this one.
    pub fn to(&self, address: &Address) -> Result<Arc<Link>> {
        let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let machine = address.machine();
        if let Some(link) = links.get(&machine) {
            return Ok(link.clone());
        }
        let link = match socket(&machine) {
            Some(path) => through(&path)?,
            None => start(address, Arc::new(|_, _| {}))?.link,
        };
        links.insert(machine, link.clone());
        Ok(link)
    }
}

/// The socket of the porcelain's connection to a machine, if it has one.
fn socket(machine: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os(SOCKETS)?);
    let path = folder.join(socket_name(machine));
    path.symlink_metadata().is_ok().then_some(path)
}

/// What the socket for a machine is called: a file name, whatever the machine's is.
pub fn socket_name(machine: &str) -> String {
    format!("{}.link", hex::encode(machine))
}

fn through(path: &Path) -> Result<Arc<Link>> {
    let name = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
    let cannot = |e| Error::io("cannot speak to the fsync that started this", name, e);
    let stream = UnixStream::connect(path).map_err(cannot)?;
    let read = stream.try_clone().map_err(cannot)?;
    Ok(trunk::start(Side::Near, read, stream, Arc::new(|_, _| {})).1)
}

/// A connection and the program that makes it.
pub struct Started {
    /// The connection, for other programs.
    pub trunk: Arc<Trunk>,
    /// The conversations of this one.
    pub link: Arc<Link>,
    /// The program.
    pub child: Child,
}

/// Starts the program that reaches the machine of `address`, and the fsync there; `accept` is told of what that opens.
///
/// # Errors
/// As [`Links::to`].
pub fn start(address: &Address, accept: Arc<Accept>) -> Result<Started> {
    let machine = address.machine();
    if address.host.is_empty() {
        let message = "names a directory on the machine that started this fsync, and none did";
        return Err(Error::at(ErrorKind::Usage, address.url(), message));
    }
    let mut command = command(address);
    let program = command.get_program().to_os_string();
    let failed = |e| {
        Error::io(
            "cannot be run",
            std::os::unix::ffi::OsStrExt::as_bytes(&*program),
            e,
        )
    };
    let mut child = command.spawn().map_err(failed)?;
    let (Some(mut write), Some(mut read)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Error::new(ErrorKind::Failed, "a pipe is missing"));
    };
    trunk::widen(&write);
    trunk::widen(&read);
    // A program that ended by now is heard of below.
    let _ = greet::say(&mut write);
    match greet::hear(&mut read) {
        Ok(Some(())) => {}
        Ok(None) => {
            drop(write);
            return Err(silent(&machine, &mut child));
        }
        Err(e) => {
            let _ = child.kill();
            let _ = child.wait();
            return Err(Error::at(e.kind(), machine, e.cause()));
        }
    }
    let (trunk, link) = trunk::start(Side::Near, read, write, accept);
    Ok(Started { trunk, link, child })
}

fn command(address: &Address) -> Command {
    let words = |name: &str, usual: &str| -> Vec<String> {
        let set = std::env::var(name)
            .ok()
            .filter(|text| !text.trim().is_empty());
        let text = set.unwrap_or_else(|| usual.into());
        text.split_whitespace().map(String::from).collect()
    };
    let rsh = words(RSH, "ssh");
    let mut command = Command::new(&rsh[0]);
    command.args(&rsh[1..]);
    if let Some(port) = address.port {
        command.args(["-p", &port.to_string()]);
    }
    command.arg(OsString::from(&address.host));
    command.args(words(SERVE, "fsync serve"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// The program ended without a word on the connection; it may have said why on standard error.
fn silent(machine: &str, child: &mut Child) -> Error {
    let why = match child.wait().ok().and_then(|status| status.code()) {
        Some(127) => {
            "there is no fsync on its PATH; FSYNC_SERVE='/path/to/fsync serve' says where it is"
                .into()
        }
        Some(255) => "cannot be reached; what ssh says stands above".into(),
        Some(code) => format!("the program that reaches it ended with {code}"),
        None => "the program that reaches it was killed".into(),
    };
    Error::at(ErrorKind::Failed, machine, why)
}
