//! The connections of a run, for the programs that it starts: a socket for each machine, in a folder of the user's own. What
//! they say there goes on over the one connection to that machine.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use tempfile::TempDir;

use crate::cli::connect::socket_name;
use crate::model::{Error, Result};
use crate::tree::far::trunk::Trunk;

/// The folder of sockets. Dropping it takes it away.
pub struct Relay(TempDir);

impl Relay {
    /// An empty one.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new() -> Result<Self> {
        let made = tempfile::Builder::new().prefix("fsync-").tempdir();
        made.map(Relay)
            .map_err(|e| Error::refused("cannot make a folder for sockets", e))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// From now on programs reach `machine` over `trunk`.
    ///
    /// # Errors
    /// When there can be no such socket.
    pub fn add(&self, machine: &str, trunk: Arc<Trunk>) -> Result<()> {
        let path = self.path().join(socket_name(machine));
        let cannot = |e| Error::io("cannot make a socket", path.as_os_str().as_bytes(), e);
        let listener = UnixListener::bind(&path).map_err(cannot)?;
        let listen = move || {
            for stream in listener.incoming().flatten() {
                trunk.pass(stream);
            }
        };
        let started = thread::Builder::new().spawn(listen);
        started
            .map(drop)
            .map_err(|e| Error::refused("cannot start a thread", e))
    }
}
