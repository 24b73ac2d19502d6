//! The guards with the options that lift them, for every program that stands before a change.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::cli::ask;
use crate::cli::option::GuardArgs;
use crate::cli::place::{Place, Places};
use crate::cli::store::folder;
use crate::model::{Change, Error, ErrorKind, RelPath, Result, Status};
use crate::ops::guard;
use crate::repo::Operation;
use crate::tree::Tree;

/// A plan that is about to be performed.
pub struct Guarded<'a> {
    /// Where its roots are opened.
    pub places: &'a Places,
    /// Its sources.
    pub sources: &'a [Place],
    /// Its destination, absolute, links resolved.
    pub destination: &'a Path,
    /// Its changes; those that delete or replace are enough.
    pub changes: &'a [Change],
    /// What is allowed.
    pub allowed: &'a GuardArgs,
}

impl Guarded<'_> {
    fn directories(&self) -> Vec<&Path> {
        self.sources.iter().filter_map(Place::path).collect()
    }

    /// The guards that nothing lifts: overlapping roots, a root inside the repository, a missing source.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`].
    pub fn check_roots(&self) -> Result<()> {
        if guard::absolute(self.destination)? != self.destination {
            let name = self.destination.as_os_str().as_bytes();
            let message = "is reached through a symbolic link by now; make the plan again";
            return Err(Error::at(ErrorKind::Refused, name, message));
        }
        let directories = self.directories();
        let real: Result<Vec<PathBuf>> = directories.iter().map(|d| guard::absolute(d)).collect();
        let real = real?;
        let real: Vec<&Path> = real.iter().map(PathBuf::as_path).collect();
        guard::roots(
            &real,
            self.destination,
            Some(&folder(self.places.repository())),
        )?;
        self.check_repository()?;
        match directories.iter().find(|d| !d.is_dir()) {
            Some(missing) => {
                let name = missing.as_os_str().as_bytes();
                Err(Error::at(ErrorKind::Refused, name, "the source is missing"))
            }
            None => Ok(()),
        }
    }

    /// A repository inside the destination is never part of a plan, nor does it move with what holds it.
    fn check_repository(&self) -> Result<()> {
        let Ok(repository) = folder(self.places.repository()).canonicalize() else {
            return Ok(());
        };
        let Ok(inside) = repository.strip_prefix(self.destination) else {
            return Ok(());
        };
        let Ok(inside) = RelPath::parse(inside.as_os_str().as_bytes()) else {
            return Ok(());
        };
        let hit = self.changes.iter().find(|c| {
            let from = c.from.as_deref().map(|(from, _)| from);
            c.path.is_within(&inside)
                || from.is_some_and(|f| f.is_within(&inside) || inside.is_within(f))
        });
        match hit {
            Some(change) => Err(Error::at(
                ErrorKind::Refused,
                change.path.as_bytes(),
                "the plan would change the repository",
            )),
            None => Ok(()),
        }
    }

    /// The guards that an option lifts; the destination may be missing.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`], naming the option.
    pub fn check(&self) -> Result<()> {
        if !self.destination.exists() {
            guard::parent(self.destination, self.allowed.parents)?;
        }
        if !self.allowed.allow_root {
            guard::home(self.changes, self.destination, &homes())?;
        }
        if !self.allowed.allow_unmounted {
            let operations = self.operations()?;
            let before = |source: &Path| was_mounted(&operations, source);
            guard::unmounted(&self.directories(), &before)?;
        }
        if !self.allowed.allow_empty_source {
            let trees: Result<Vec<Box<dyn Tree>>> =
                self.sources.iter().map(|s| self.places.open(s)).collect();
            let trees = trees?;
            let trees: Vec<&dyn Tree> = trees.iter().map(Box::as_ref).collect();
            let first = self
                .sources
                .first()
                .and_then(Place::path)
                .unwrap_or(self.destination);
            guard::empty_source(self.changes, &trees, first.as_os_str().as_bytes())?;
        }
        guard::deletions(self.changes, self.destination, self.allowed.max_delete)?;
        ask::deletions(self.allowed.ask, self.destination, deleted(self.changes))
    }

    /// What was done to the destination before, as far as there is a repository that knows.
    fn operations(&self) -> Result<Vec<Operation>> {
        match self.places.repo() {
            Ok(repo) => repo.operations(self.destination),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }
}

/// The paths that changes delete.
pub fn deleted(changes: &[Change]) -> impl Iterator<Item = &RelPath> + Clone {
    let deleted = changes.iter().filter(|c| c.status == Status::Deleted);
    deleted.map(|c| &c.path)
}

/// Whether a source was a mount point when it was last used.
fn was_mounted(operations: &[Operation], source: &Path) -> bool {
    let wanted = crate::repo::directory_at(source);
    let mut sources = operations
        .iter()
        .flat_map(|operation| &operation.begun.sources);
    sources
        .find(|s| s.path == wanted)
        .is_some_and(|s| s.mounted)
}

/// The home directories of people: `$HOME`, and those of root and of accounts from 1000 up in /etc/passwd.
pub fn homes() -> Vec<PathBuf> {
    let mut homes: Vec<PathBuf> = std::env::var_os("HOME")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    for line in accounts.lines() {
        let mut fields = line.split(':').skip(2);
        let uid = fields.next().and_then(|u| u.parse::<u32>().ok());
        let home = fields.nth(2).map(PathBuf::from);
        if let (Some(0 | 1000..65534), Some(home)) = (uid, home) {
            homes.push(home);
        }
    }
    homes.retain(|home| home.is_absolute() && home != Path::new("/"));
    homes
}
