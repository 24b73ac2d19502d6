//! After a signal has ended a stage: what it left is swept, and people are told how things are and which way is back.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::cli::trust::location;
use crate::disk::Root;
use crate::disk::temporary::{sweep_below, sweep_root};
use crate::model::quote::quote;
use crate::model::{Result, SnapshotId};
use crate::ops::guard::absolute;
use crate::porcelain::session::Session;
use crate::porcelain::shell;
use crate::porcelain::verdict::Finish;
use crate::repo::Repo;
use crate::repo::log::DONE;

/// The snapshot of the state before what the last stage did; `None` when it did nothing, or the repository does not tell.
pub fn before(session: &Session, finish: &Finish, directory: &Path) -> Option<SnapshotId> {
    let pid = finish.ended.last()?.pid;
    let repo = Repo::open(location(&session.repository().ok()?)).ok()?;
    let operations = repo.operations(&absolute(directory).ok()?).ok()?;
    let newest = operations.first().filter(|o| o.begun.pid == pid)?;
    newest.begun.before
}

/// How far the last stage came, as the log has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Progress {
    /// It had not begun to change anything.
    None,
    /// It had begun.
    Some,
    /// It had ended its work.
    All,
}

/// Sweeps after stages of which a signal has ended one, and says how `directory` is; `None` when there was no signal, or
/// the repository does not tell.
pub fn after(session: &Session, finish: &Finish, directory: &Path) -> Option<String> {
    if finish.ended.iter().all(|e| e.signal().is_none()) {
        return None;
    }
    let progress = progress(session, finish, directory).ok();
    sweep(directory, progress == Some(Progress::None));
    let (command, dir) = session.advice(directory).ok()?;
    let back = format!("{command} rv -d {}", shell::word(dir.as_os_str()));
    Some(match progress? {
        Progress::None => "nothing was changed".into(),
        Progress::Some => format!("{back} takes back what was done"),
        Progress::All => format!("its work was over; {back} takes it back"),
    })
}

/// The same of a run that wrote nothing into the log.
pub fn without_journal(finish: &Finish, directory: &Path) -> Option<String> {
    let last = finish.ended.last()?;
    last.signal()?;
    sweep(directory, false);
    let name = quote(directory.as_os_str().as_bytes());
    Some(format!(
        "{name} may have changed, and there is no snapshot of its state before"
    ))
}

/// What the log says of the last stage; what lies in the repository's `tmp/` is swept on the way.
fn progress(session: &Session, finish: &Finish, directory: &Path) -> Result<Progress> {
    let repo = Repo::open(location(&session.repository()?))?;
    repo.sweep();
    let pid = finish.ended.last().map(|e| e.pid);
    let operations = repo.operations(&absolute(directory)?)?;
    let newest = operations.first().filter(|o| Some(o.begun.pid) == pid);
    Ok(match newest {
        None => Progress::None,
        Some(operation) => match &operation.finished {
            Some(finished) if finished.outcome == DONE => Progress::All,
            _ => Progress::Some,
        },
    })
}

/// Removes temporaries. What cannot be reached is left to the next run.
fn sweep(directory: &Path, only_root: bool) {
    if let Ok(root) = Root::open(directory) {
        match only_root {
            true => sweep_root(&root),
            false => sweep_below(&root),
        }
    }
}
