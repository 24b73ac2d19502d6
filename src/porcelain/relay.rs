//! The connections of a run, for the programs that it starts: a socket for each machine, in a folder of the user's own. What
//! they say there goes on over the one connection to that machine.

use std::net::Shutdown;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use tempfile::TempDir;

use crate::cli::connect::socket_name;
use crate::model::{Error, Result};
use crate::tree::far::link::{Channel, Link, Side};

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

    /// From now on programs reach `machine` over `link`.
    ///
    /// # Errors
    /// When there can be no such socket.
    pub fn add(&self, machine: &str, link: Arc<Link>) -> Result<()> {
        let path = self.path().join(socket_name(machine));
        let cannot = |e| Error::io("cannot make a socket", path.as_os_str().as_bytes(), e);
        let listener = UnixListener::bind(&path).map_err(cannot)?;
        let listen = move || {
            for stream in listener.incoming().flatten() {
                serve(stream, link.clone());
            }
        };
        let started = thread::Builder::new().spawn(listen);
        started
            .map(drop)
            .map_err(|e| Error::refused("cannot start a thread", e))
    }
}

fn serve(stream: UnixStream, link: Arc<Link>) {
    let (Ok(read), Ok(end)) = (stream.try_clone(), stream.try_clone()) else {
        return;
    };
    let onward = link.clone();
    // Where the connection breaks, so does this one: whoever waits is told.
    let watch = move || {
        onward.wait();
        let _ = end.shutdown(Shutdown::Both);
    };
    let _ = thread::Builder::new().spawn(watch);
    let accept = move |channel: Channel, request: Vec<u8>| {
        // The program hears the end of its channel.
        if let Ok(onward) = link.open(&request) {
            join(&channel, &onward);
        }
    };
    Link::start(Side::Far, read, stream, Arc::new(accept));
}

/// Passes on what each side says, until both have ended.
fn join(one: &Channel, other: &Channel) {
    let pass = |from: &Channel, to: &Channel| {
        while let Ok(Some(bytes)) = from.hear() {
            if to.say(&bytes).is_err() {
                break;
            }
        }
        let _ = to.end();
    };
    thread::scope(|scope| {
        scope.spawn(|| pass(one, other));
        pass(other, one);
    });
}
