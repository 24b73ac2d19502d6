//! Hooks: commands of the settings that run before and after a change, with the plan on standard input.
//!
//! A run with hooks is made in steps: the plan goes into a file that has no name, the first hook reads it, and only when
//! that has succeeded the rest of the pipeline does. Where a person chooses what of the plan is done, that comes first: a
//! hook sees what was chosen. Hooks run in the folder that holds the directory, not in the
//! directory: what lies in a tree must not be what a command finds first.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, ExitStatus, Stdio};

use crate::cli::setting::Key;
use crate::cli::store;
use crate::model::quote::quote_if_hidden;
use crate::model::{Error, ErrorKind, Exit, Result, SnapshotId};
use crate::ops::guard::absolute;
use crate::porcelain::aftermath;
use crate::porcelain::pipeline::Stage;
use crate::porcelain::session::Session;
use crate::porcelain::setting::Settings;
use crate::porcelain::shell;
use crate::porcelain::signal::Relay;
use crate::porcelain::verdict::Finish;
use crate::protocol::{Input, Record};

/// Set in a hook: which one it is.
const VARIABLE: &str = "FSYNC_HOOK";
/// Set in a hook: the directory that changes.
const DIRECTORY: &str = "FSYNC_DIR";

/// The hooks of a run.
struct Hooks<'s> {
    session: &'s Session,
    command: &'static str,
    directory: PathBuf,
    before: Option<&'s str>,
    after: Option<&'s str>,
}

/// A plan that waits in a file without a name.
struct Plan {
    file: File,
    changes: bool,
    /// It is not all that was planned.
    thinned: bool,
    code: u8,
}

/// The stages that make a plan.
pub struct Planner {
    /// The one that prints it.
    pub stage: Stage,
    /// The one in which a person chooses what of it is done.
    pub review: Option<Stage>,
}

/// A plan that was made.
pub struct Given {
    /// It, from its beginning.
    pub file: File,
    /// A person took something out of it.
    pub thinned: bool,
}

/// How work between hooks ended.
pub struct Worked {
    /// Its exit code.
    pub code: u8,
    /// The snapshot of the state before, as far as there is one.
    pub snapshot: Option<SnapshotId>,
}

/// Does `work` between the hooks that the settings name. `planner` makes the plan; `work` is given the
/// plan to read, or nothing where there are no hooks and nobody chooses, so that no plan was made. A plan of nothing runs no
/// hook.
///
/// # Errors
/// [`ErrorKind::Refused`] when the hook before fails, and whatever ends `work`.
pub fn around(
    (session, settings): (&Session, Settings<'_>),
    (command, directory): (&'static str, &Path),
    planner: Planner,
    work: impl FnOnce(Option<Given>) -> Result<Worked>,
) -> Result<Worked> {
    let mut hooks = Hooks {
        session,
        command,
        directory: absolute(directory)?,
        before: settings.hook(Key::HooksBefore),
        after: settings.hook(Key::HooksAfter),
    };
    if (hooks.before.is_some() || hooks.after.is_some()) && hooks.within_themselves() {
        (hooks.before, hooks.after) = (None, None);
    }
    if hooks.before.is_none() && hooks.after.is_none() && planner.review.is_none() {
        return work(None);
    }
    let planned = match (hooks.plan(None, planner.stage)?, planner.review) {
        (Ok(plan), Some(review)) if plan.changes => hooks.review(review, &plan)?,
        (planned, _) => planned,
    };
    let plan = match planned {
        Ok(plan) => plan,
        Err(code) => {
            return Ok(Worked {
                code,
                snapshot: None,
            });
        }
    };
    if plan.changes {
        hooks.run_before(&plan)?;
    }
    let thinned = plan.thinned;
    let given = plan.open().map(|file| Given { file, thinned });
    let worked = given.and_then(|given| work(Some(given)));
    let after = match plan.changes {
        true => hooks.run_after(&plan, &worked),
        false => Exit::Done.code(),
    };
    let mut worked = worked?;
    worked.code = worst(worst(worked.code, plan.code), after);
    Ok(worked)
}

/// How work ended whose last stage changes `directory`; the snapshot only where the settings have a use for it.
pub fn worked(
    (session, settings): (&Session, Settings<'_>),
    finish: &Finish,
    directory: &Path,
) -> Worked {
    let wanted = settings.prunes() || settings.hook(Key::HooksAfter).is_some();
    let before = || aftermath::before(session, finish, directory);
    Worked {
        code: finish.code(),
        snapshot: wanted.then(before).flatten(),
    }
}

/// The code of a run of which a part ended otherwise: only what went well can get worse.
fn worst(code: u8, part: u8) -> u8 {
    if code == Exit::Done.code() {
        part
    } else {
        code
    }
}

impl<'s> Hooks<'s> {
    /// Whether one of them has started this very run: it would never end.
    fn within_themselves(&self) -> bool {
        let same = std::env::var_os(DIRECTORY).is_some_and(|dir| dir == self.directory.as_os_str());
        let within = same && std::env::var_os(VARIABLE).is_some();
        if within {
            let message = "a hook of this directory changes it; hooks do not run for that";
            self.session.talk.detail(message);
        }
        within
    }

    /// Lets a person choose; the exit code when they leave.
    fn review(&self, review: Stage, planned: &Plan) -> Result<Result<Plan, u8>> {
        let mut plan = match self.plan(Some(planned.open()?), review)? {
            Ok(plan) => plan,
            Err(code) => return Ok(Err(code)),
        };
        let count = |plan: &Plan| changes(plan.open()?, u64::MAX);
        plan.thinned = count(&plan)? != count(planned)?;
        plan.code = planned.code;
        Ok(Ok(plan))
    }

    /// Lets a stage write the plan, or thin out the one that it reads; the exit code when it fails, which it has said itself.
    fn plan(&self, input: Option<File>, stage: Stage) -> Result<Result<Plan, u8>> {
        let lost = |e: std::io::Error| Error::io("cannot keep the plan", self.name(), e);
        let mut file = tempfile::tempfile().map_err(lost)?;
        let mut copy =
            |mut from: ChildStdout| std::io::copy(&mut from, &mut file).map(drop).map_err(lost);
        let finish = self.session.plan(input, stage, &mut copy)?;
        if finish.culprit().is_some() {
            finish.report(self.session.talk, Some("nothing was changed"));
            return Ok(Err(finish.code()));
        }
        file.flush().map_err(lost)?;
        let mut plan = Plan {
            file,
            changes: false,
            thinned: false,
            code: finish.code(),
        };
        plan.changes = changes(plan.open()?, 1)? > 0;
        Ok(Ok(plan))
    }

    fn name(&self) -> &[u8] {
        self.directory.as_os_str().as_bytes()
    }

    fn run_before(&self, plan: &Plan) -> Result<()> {
        let Some(command) = self.before else {
            return Ok(());
        };
        match self.run(("before", command), plan, &[]) {
            Ok(None) => Ok(()),
            Ok(Some(how)) => Err(self.failed(("before", command), &how)),
            Err(e) => Err(self.failed(("before", command), &e.to_string())),
        }
    }

    /// The exit code that it deserves.
    fn run_after(&self, plan: &Plan, worked: &Result<Worked>) -> u8 {
        let Some(command) = self.after else {
            return Exit::Done.code();
        };
        let (code, snapshot) = match worked {
            Ok(worked) => (worked.code, worked.snapshot),
            Err(e) => (Exit::from(e.kind()).code(), None),
        };
        let mut variables = vec![("FSYNC_EXIT", code.to_string())];
        variables.extend(snapshot.map(|id| ("FSYNC_SNAPSHOT", id.to_string())));
        let how = match self.run(("after", command), plan, &variables) {
            Ok(None) => return Exit::Done.code(),
            Ok(Some(how)) => how,
            Err(e) => e.to_string(),
        };
        let talk = self.session.talk;
        talk.error(&self.failed(("after", command), &how).to_string());
        Exit::Partial.code()
    }

    fn failed(&self, (when, command): (&str, &str), how: &str) -> Error {
        let rest = match when {
            "before" => "; nothing was changed",
            _ => "; what was done stays done",
        };
        let command = quote_if_hidden(command);
        let message = format!("the hook hooks.{when} ({command}) {how}{rest}");
        Error::at(ErrorKind::Refused, self.name(), message)
    }

    /// Runs one; how it failed, if it did.
    fn run(
        &self,
        (when, command): (&str, &str),
        plan: &Plan,
        more: &[(&'static str, String)],
    ) -> Result<Option<String>> {
        let refused = |e: std::io::Error| Error::refused("cannot be run", e);
        let folder = self.folder();
        let mut variables = self.variables(when)?;
        variables.extend(more.iter().map(|(name, value)| (*name, value.into())));
        self.trace(folder, &variables, command);
        // What it prints is talk: standard output is the command's.
        let talk = std::io::stderr().as_fd().try_clone_to_owned();
        let talk = talk.map_err(refused)?;
        let relay = Relay::new()?;
        let mut child = Command::new("/bin/sh")
            .arg("-c")
            .arg(command)
            .current_dir(folder)
            // Of an outer run.
            .env_remove("FSYNC_EXIT")
            .env_remove("FSYNC_SNAPSHOT")
            .envs(variables)
            .stdin(plan.open()?)
            .stdout(Stdio::from(talk))
            .spawn()
            .map_err(refused)?;
        relay.add(child.id());
        let status = child.wait();
        relay.remove(child.id());
        let how = words_of(status.map_err(refused)?);
        Ok(how.or_else(|| Some(format!("was interrupted by {}", relay.come()?))))
    }

    /// What its environment has.
    fn variables(&self, when: &str) -> Result<Vec<(&'static str, OsString)>> {
        let repository = self.session.repository()?;
        let repository = match store::is_far(&repository) {
            true => repository,
            false => absolute(&repository)?,
        };
        Ok(vec![
            (VARIABLE, when.into()),
            ("FSYNC_COMMAND", self.command.into()),
            (DIRECTORY, self.directory.clone().into()),
            ("FSYNC_REPO", repository.into()),
        ])
    }

    fn trace(&self, folder: &Path, variables: &[(&str, OsString)], command: &str) {
        let set = |(name, value): &(&str, OsString)| format!("{name}={} ", shell::word(value));
        let assigned: String = variables.iter().map(set).collect();
        let folder = shell::word(folder.as_os_str());
        let command = shell::word(command.as_ref());
        let line = format!("(cd {folder} && {assigned}sh -c {command}) <\"$plan\" >&2");
        self.session.trace(&line);
    }

    /// Where it runs: the folder that holds the directory, or the nearest one that is there.
    fn folder(&self) -> &Path {
        let mut above = self.directory.ancestors().skip(1);
        above.find(|dir| dir.is_dir()).unwrap_or(Path::new("/"))
    }
}

/// How something failed; `None`: it did not.
fn words_of(status: ExitStatus) -> Option<String> {
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(format!("failed with exit code {code}")),
        (None, Some(signal)) => {
            let word = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
            Some(format!("was ended by {word}"))
        }
        (None, None) => Some("failed".into()),
    }
}

impl Plan {
    /// The plan from its beginning, for one reader, who cannot write to it.
    fn open(&self) -> Result<File> {
        let again = File::open(format!("/proc/self/fd/{}", self.file.as_raw_fd()));
        again
            .or_else(|_| {
                // Without /proc it is shared; readers come one after the other.
                let mut same = self.file.try_clone()?;
                same.rewind().map(|()| same)
            })
            .map_err(|e| Error::refused("cannot read the plan", e))
    }
}

/// How many changes a plan holds, up to `most`. One that cannot be understood has no more: those who perform it say what is
/// wrong.
fn changes(plan: impl Read, most: u64) -> Result<u64> {
    let mut count = 0;
    let mut reader = match Input::open(plan) {
        Ok(Input::Records(reader)) => reader,
        _ => return Ok(count),
    };
    while count < most {
        match reader.next_record() {
            Ok(Some(Record::Change(_))) => count += 1,
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(e) if e.kind() == ErrorKind::BadInput => break,
            Err(e) => return Err(e),
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_went_well_gets_worse() {
        assert_eq!(worst(0, 3), 3);
        assert_eq!(worst(4, 3), 4);
        assert_eq!(worst(3, 0), 3);
    }

    #[test]
    fn failures_have_words() {
        let words = |raw| words_of(ExitStatus::from_raw(raw));
        assert_eq!(words(0), None);
        assert_eq!(words(7 << 8).unwrap(), "failed with exit code 7");
        assert_eq!(words(9).unwrap(), "was ended by SIGKILL");
    }

    #[test]
    fn a_plan_is_read_again_and_again_and_never_written() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"plan").unwrap();
        let plan = Plan {
            file,
            changes: true,
            thinned: false,
            code: 0,
        };
        for _ in 0..2 {
            let mut open = plan.open().unwrap();
            assert!(open.write_all(b"other").is_err());
            let mut text = String::new();
            open.read_to_string(&mut text).unwrap();
            assert_eq!(text, "plan");
        }
    }
}
