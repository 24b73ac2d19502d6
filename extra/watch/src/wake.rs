//! What wakes the loop: a signal, the end of a program, an event, the clock.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use fsync::cli::stop::heeded;
use fsync::model::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// What did.
#[derive(Clone, Copy, Default, Debug)]
pub struct Wake {
    /// A signal that asks for the end.
    pub asked: bool,
    /// The program of a round has ended.
    pub ended: bool,
    /// There are events.
    pub events: bool,
}

/// Readable when a signal asks for the end.
///
/// # Errors
/// When the system refuses the handlers.
pub fn listen() -> Result<UnixStream> {
    let cannot = |e| Error::io("cannot handle", "signals", e);
    let (read, write) = UnixStream::pair().map_err(cannot)?;
    read.set_nonblocking(true).map_err(cannot)?;
    for signal in heeded(&[SIGINT, SIGTERM, SIGHUP]) {
        let write = write.try_clone().map_err(cannot)?;
        signal_hook::low_level::pipe::register(signal, write).map_err(cannot)?;
    }
    Ok(read)
}

impl Wake {
    /// Waits for any of them, and no longer than `span`.
    ///
    /// # Errors
    /// The system's.
    pub fn wait(
        signals: &UnixStream,
        program: Option<BorrowedFd>,
        events: Option<BorrowedFd>,
        span: Duration,
    ) -> Result<Wake> {
        let mut fds = vec![PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)];
        let others = program.into_iter().chain(events);
        fds.extend(others.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        let span = Timespec {
            tv_sec: span.as_secs() as i64,
            tv_nsec: i64::from(span.subsec_nanos()),
        };
        match poll(&mut fds, Some(&span)) {
            Ok(_) => {
                let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
                let mut next = |there: bool| there && ready.next() == Some(true);
                Ok(Wake {
                    asked: next(true),
                    ended: next(program.is_some()),
                    events: next(events.is_some()),
                })
            }
            Err(Errno::INTR) => Ok(Wake::default()),
            Err(e) => Err(Error::refused("cannot wait for changes", e)),
        }
    }
}
