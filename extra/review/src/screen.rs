//! The terminal. It is taken as it is needed and given back whatever happens: at the end, on signals, while the program is
//! stopped, and when it fails.

use std::fs::File;
use std::io::{self, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use fsync::cli::colour;
use fsync::cli::stop::heeded;
use fsync::model::{Error, ErrorKind, Exit, Result};
use ratatui::Terminal;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use ratatui::crossterm::{queue, style};
use rustix::process::{Signal, getpgrp, getsid, kill_current_process_group};
use rustix::termios::{QueueSelector, tcflush};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::{emulate_default_handler, exit};

use crate::desk::{Answer, Desk};
use crate::device::Device;
use crate::keys::Keys;
use crate::view;

/// How often it is looked whether something else than a key has come.
const TICK: Duration = Duration::from_millis(100);
/// For how long somebody who draws is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether the terminal is to be ours while we run.
static WANTED: AtomicBool = AtomicBool::new(false);
/// Whether it is.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether all of it must be drawn again.
static AGAIN: AtomicBool = AtomicBool::new(false);
/// Held by whoever draws.
static DRAWING: Mutex<()> = Mutex::new(());

/// The terminal while it is ours.
pub struct Screen {
    terminal: Terminal<Device>,
    keys: Keys,
    colour: bool,
}

fn device() -> io::Result<File> {
    File::options().read(true).write(true).open("/dev/tty")
}

/// Takes the terminal.
fn take() -> io::Result<()> {
    // What it was changed to while we were stopped is not what it is to be in the end.
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut out = device()?;
    queue!(out, EnterAlternateScreen, Hide)?;
    out.flush()
}

/// Gives it back, if it is ours. Nobody is left to be told that it is gone.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    if let Ok(mut out) = device() {
        let _ = queue!(out, style::ResetColor, LeaveAlternateScreen, Show);
        let _ = out.flush();
    }
    let _ = disable_raw_mode();
}

/// Waits until nobody draws, but not for ever.
fn quiet() -> Option<MutexGuard<'static, ()>> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        match DRAWING.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(guard)) => return Some(guard.into_inner()),
            Err(TryLockError::WouldBlock) => thread::sleep(TICK / 10),
        }
    }
    None
}

/// A fault of ours is seen on a terminal that is as it was.
fn outlive_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        give_back();
        before(info);
        exit(Exit::Failed.code().into());
    }));
}

/// Heeds signals on a thread of its own, so that they are heeded whatever else goes on.
fn heed() -> Result<()> {
    let wanted = heeded(&[SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP]);
    let wanted = wanted.into_iter().chain([SIGCONT]);
    let refused = |e| Error::refused("cannot handle signals", e);
    let gone_on = Arc::new(AtomicBool::new(false));
    flag::register(SIGCONT, Arc::clone(&gone_on)).map_err(refused)?;
    let mut signals = Signals::new(wanted).map_err(refused)?;
    let work = move || {
        for signal in signals.forever() {
            let _guard = quiet();
            match signal {
                SIGCONT => take_again(),
                SIGTSTP => {
                    gone_on.store(false, Ordering::SeqCst);
                    give_back();
                    // Who gives back a terminal that the shell has already is stopped by that.
                    if !gone_on.load(Ordering::SeqCst) {
                        let _ = emulate_default_handler(SIGTSTP);
                    }
                }
                signal => {
                    give_back();
                    let _ = emulate_default_handler(signal);
                }
            }
        }
    };
    let thread = thread::Builder::new().spawn(work);
    thread
        .map(drop)
        .map_err(|e| Error::refused("cannot start a thread", e))
}

/// Takes the terminal when the job goes on, if it is wanted still.
fn take_again() {
    if WANTED.load(Ordering::SeqCst) {
        // Whoever went on in between may have set it otherwise.
        let _ = disable_raw_mode();
        let _ = take();
        AGAIN.store(true, Ordering::SeqCst);
    }
}

/// Stops the whole job, as the key does where the terminal sees it, until it goes on; not where nobody could let it. The
/// terminal is given back first: the shell takes it as soon as the first of the job has stopped.
fn stop_job() {
    if !getsid(None).is_ok_and(|session| session != getpgrp()) {
        return;
    }
    let guard = quiet();
    give_back();
    drop(guard);
    let _ = kill_current_process_group(Signal::TSTP);
    while !AGAIN.load(Ordering::SeqCst) {
        thread::sleep(TICK / 10);
    }
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] when there is none, or none that can be drawn on.
    pub fn open() -> Result<Self> {
        let refused = |why: &str| {
            let message = format!("{why}, so nobody can choose; nothing was passed on");
            Error::new(ErrorKind::Refused, message)
        };
        let input = device().map_err(|_| refused("there is no terminal"))?;
        if std::env::var_os("TERM").is_none_or(|t| t.is_empty() || t == "dumb") {
            return Err(refused("the terminal (TERM) cannot move its cursor"));
        }
        let failed = |e: io::Error| Error::io("cannot use the terminal", "/dev/tty", e);
        let colour = colour::wanted(&input);
        style::force_color_output(colour);
        let backend = Device::new(device().map_err(failed)?);
        outlive_panics();
        heed()?;
        WANTED.store(true, Ordering::SeqCst);
        let made = take().and_then(|()| Terminal::new(backend));
        let mut terminal = made.inspect_err(|_| give_back()).map_err(failed)?;
        let cleared = terminal.clear();
        cleared.inspect_err(|_| give_back()).map_err(failed)?;
        // What was typed before anything was seen decides nothing: an Enter too many is soon pressed.
        let _ = tcflush(&input, QueueSelector::IFlush);
        Ok(Screen {
            terminal,
            keys: Keys::new(input),
            colour,
        })
    }

    /// Whether it is to be coloured.
    pub fn colour(&self) -> bool {
        self.colour
    }

    /// Shows the desk, and hands it keys, until there is an answer.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn run(&mut self, desk: &mut Desk<'_>) -> Result<Answer> {
        let gone = |e: io::Error| Error::io("cannot use the terminal", "/dev/tty", e);
        let mut seen = (0, 0);
        let mut draw = true;
        loop {
            let again = AGAIN.swap(false, Ordering::SeqCst);
            let now = size().map_err(gone)?;
            if draw || again || now != seen {
                self.draw(desk, again).map_err(gone)?;
                seen = now;
            }
            draw = desk.hear();
            for key in self.keys.wait(TICK).map_err(gone)? {
                draw = true;
                if is_stop(&key) {
                    stop_job();
                } else if let Some(answer) = desk.key(key) {
                    return Ok(answer);
                }
            }
        }
    }

    fn draw(&mut self, desk: &mut Desk<'_>, again: bool) -> io::Result<()> {
        let _guard = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
        if !TAKEN.load(Ordering::SeqCst) {
            return Ok(());
        }
        if again {
            self.terminal.clear()?;
        }
        self.terminal.draw(|frame| view::draw(frame, desk))?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        WANTED.store(false, Ordering::SeqCst);
        let _guard = quiet();
        give_back();
    }
}

fn is_stop(key: &KeyEvent) -> bool {
    key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char('z' | 'Z'))
}
