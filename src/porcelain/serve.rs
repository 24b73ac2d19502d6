//! `fsync serve`: the far end of a connection.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, stdin, stdout};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use clap::Args;

use crate::cli::connect::SOCKETS;
use crate::cli::desk::{Desk, May};
use crate::cli::start::GROUND;
use crate::model::{Error, ErrorKind, Exit, Result};
use crate::porcelain::leave::Leave;
use crate::porcelain::relay::Relay;
use crate::porcelain::session::Session;
use crate::tree::far::ask::Call;
use crate::tree::far::greet;
use crate::tree::far::link::{Channel, Side};
use crate::tree::far::talk::Mouth;
use crate::tree::far::trunk;
use crate::tree::far::wire::Out;
use crate::tree::ground;

/// Arguments of `fsync serve`.
#[derive(Args, Debug)]
pub struct Serve {
    /// Keep to what lies in DIR, whatever the other side asks for [default: all that this user may]
    ///
    /// Directories are seen from there. The commands that may run are cp, rv, snap, th and log, with options that name no files.
    #[arg(long, value_name = "DIR")]
    pub restrict: Option<PathBuf>,
    /// Change nothing: answer about directories, and run no command
    #[arg(long)]
    pub read_only: bool,
}

/// What all channels share.
struct Hall {
    desk: Desk,
    leave: Leave,
    /// Where what is started here reaches the machine that started this.
    relay: Relay,
    variables: Vec<(&'static str, OsString)>,
    running: Mutex<Running>,
}

/// The commands that run for the other side.
#[derive(Default)]
struct Running {
    ids: Vec<u32>,
    /// How many there are, with those that are being started.
    count: usize,
}

/// So many run at once: a connection is for one, and whoever wants to do harm must not start thousands.
const COMMANDS: usize = 8;

impl Serve {
    /// Runs it until the other side ends; the exit code.
    ///
    /// # Errors
    /// When the other side is no fsync.
    pub fn run(self, session: &Session) -> Result<u8> {
        let cannot = |e| Error::io("cannot write", "standard output", e);
        let own = |handle: std::os::fd::BorrowedFd<'_>| handle.try_clone_to_owned().map(File::from);
        let (mut from, mut to) = (
            own(stdin().as_fd()).map_err(cannot)?,
            own(stdout().as_fd()).map_err(cannot)?,
        );
        greet::say(&mut to).map_err(cannot)?;
        if greet::hear(&mut from)?.is_none() {
            let message =
                "nobody speaks on standard input; this is what ssh starts on another machine";
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let top = self.restrict.as_deref().map(Path::canonicalize);
        let name = self
            .restrict
            .as_deref()
            .unwrap_or(Path::new("."))
            .as_os_str();
        let top = top
            .transpose()
            .map_err(|e| Error::io("cannot open", name.as_bytes(), e))?;
        if let Some(top) = &top {
            let cannot = |e| Error::io("cannot enter", name.as_bytes(), e);
            std::env::set_current_dir(top).map_err(cannot)?;
            ground::keep_to(top)?;
        }
        let mut variables = session.variables();
        variables.extend(top.iter().map(|top| (GROUND, top.clone().into_os_string())));
        let may = top.clone().map_or(May::All, May::Inside);
        let hall = Arc::new(Hall {
            desk: Desk::new(session.global().common.clone(), may),
            leave: Leave {
                read_only: self.read_only,
                top,
            },
            relay: Relay::new()?,
            variables,
            running: Mutex::default(),
        });
        let guest = hall.clone();
        let accept = move |channel: Channel, request: Vec<u8>| guest.answer(channel, &request);
        trunk::widen(&from);
        trunk::widen(&to);
        let (trunk, link) = trunk::start(Side::Far, from, to, Arc::new(accept));
        hall.relay.add("", trunk)?;
        link.wait();
        hall.end();
        Ok(0)
    }
}

impl Hall {
    fn answer(&self, channel: Channel, request: &[u8]) {
        match Call::read(request) {
            Ok(Call::Tree(request)) => self.desk.answer(channel, request),
            Ok(Call::Run(args)) => {
                // Nobody is left to be told that nobody hears it.
                let _ = self.start(&channel, args);
            }
            Err(_) => {}
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more, unless there are too many.
    fn enter(&self) -> Result<()> {
        let mut running = self.running();
        if running.count >= COMMANDS {
            let message = "so many commands run for one connection that no more are started";
            return Err(Error::new(ErrorKind::Busy, message));
        }
        running.count += 1;
        Ok(())
    }

    fn start(&self, channel: &Channel, args: Vec<Vec<u8>>) -> Result<()> {
        let entered = self.enter();
        let is_in = entered.is_ok();
        let mut code = Out::default();
        let child = entered.and_then(|()| self.spawn(args));
        let said = self.attend(channel, child, &mut code);
        if is_in {
            self.running().count -= 1;
        }
        said?;
        Mouth::say_once(channel, &code.0)?;
        channel.end()
    }

    /// Says what a command says, and what it came to.
    fn attend(&self, channel: &Channel, child: Result<Child>, code: &mut Out) -> Result<()> {
        match child {
            Ok(child) => {
                let status = self.pass_on(channel, child);
                code.number(0).number(status.into());
            }
            Err(error) => {
                let mut said = Out::default();
                said.number(2).bytes(format!("fsync: {error}\n").as_bytes());
                Mouth::say_once(channel, &said.0)?;
                code.number(0)
                    .number(Exit::from(error.kind()).code().into());
            }
        }
        Ok(())
    }

    fn spawn(&self, args: Vec<Vec<u8>>) -> Result<Child> {
        self.leave.check(&args)?;
        let own = std::env::current_exe().map_err(|e| Error::refused("cannot find itself", e))?;
        Command::new(own)
            .args(args.into_iter().map(OsString::from_vec))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env(SOCKETS, self.relay.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| Error::refused("cannot be started", e))
    }

    /// Says what the program says, until it ends; its exit code.
    fn pass_on(&self, channel: &Channel, mut child: Child) -> u8 {
        self.running().ids.push(child.id());
        let (out, err) = (child.stdout.take(), child.stderr.take());
        thread::scope(|scope| {
            scope.spawn(|| say(channel, 1, out));
            say(channel, 2, err);
        });
        let status = child.wait();
        self.running().ids.retain(|id| *id != child.id());
        use std::os::unix::process::ExitStatusExt;
        match status {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => u8::try_from(code).unwrap_or(9),
                (None, signal) => 128 + u8::try_from(signal.unwrap_or(0)).unwrap_or(0),
            },
            Err(_) => 9,
        }
    }

    /// The other side is gone: what it started ends in good order, as on a closed terminal.
    fn end(&self) {
        for id in &self.running().ids {
            if let Some(pid) = i32::try_from(*id)
                .ok()
                .and_then(rustix::process::Pid::from_raw)
            {
                // One that has ended by itself needs no signal.
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::HUP);
            }
        }
    }
}

/// Says what comes out of a pipe, until its end.
fn say(channel: &Channel, number: u64, pipe: Option<impl Read>) {
    let Some(mut pipe) = pipe else {
        return;
    };
    let mut block = vec![0; 64 << 10];
    loop {
        match pipe.read(&mut block) {
            Ok(0) => return,
            Ok(n) => {
                let mut out = Out::default();
                out.number(number).bytes(&block[..n]);
                if Mouth::say_once(channel, &out.0).is_err() {
                    return;
                }
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
