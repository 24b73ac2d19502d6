//! What an argument names: a directory, or a snapshot.

use std::cell::OnceCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::cli::connect::Links;
use crate::cli::option::Common;
use crate::cli::trust::location;
use crate::model::{Address, Error, ErrorKind, Result, SnapshotId};
use crate::ops::guard::absolute;
use crate::protocol::Root;
use crate::repo::Repo;
use crate::repo::resolve::directory_in;
use crate::tree::Tree;
use crate::tree::far::{Far, Wish};
use crate::tree::local::{Local, identity};

/// A place that a tree comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// A directory, absolute, which may not be there yet.
    Directory(PathBuf),
    /// A snapshot in the repository.
    Snapshot(SnapshotId),
    /// A directory or a snapshot on another machine.
    Far(Address),
}

/// Opens places, and the repository only when one needs it.
pub struct Places {
    repository: PathBuf,
    here: PathBuf,
    repo: OnceCell<Repo>,
    wish: Option<Wish>,
    links: Links,
}

impl Places {
    /// With the repository that the options name; it need not exist.
    ///
    /// # Errors
    /// When there is no place for one.
    pub fn new(common: &Common) -> Result<Self> {
        Ok(Places {
            repository: common.repository()?,
            here: PathBuf::from("."),
            repo: OnceCell::new(),
            wish: None,
            links: Links::default(),
        })
    }

    /// The same for who will list all of the trees that it opens.
    #[must_use]
    pub fn wishing(self, wish: Wish) -> Self {
        Places {
            wish: Some(wish),
            ..self
        }
    }

    /// The same, where `@` and tags are those of `dir` instead of the current directory.
    #[must_use]
    pub fn at(self, dir: Option<PathBuf>) -> Self {
        let here = dir.unwrap_or(self.here);
        Places { here, ..self }
    }

    /// The repository.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none.
    pub fn repo(&self) -> Result<&Repo> {
        if let Some(repo) = self.repo.get() {
            return Ok(repo);
        }
        let repo = Repo::open(location(&self.repository))?;
        Ok(self.repo.get_or_init(|| repo))
    }

    /// Where the repository is, or would be.
    pub fn repository(&self) -> &Path {
        &self.repository
    }

    /// What `argument` names. An existing directory, or whatever holds a slash, is a directory, but for
    /// `DIR@` and `DIR@{…}` of a directory that is there; `snap:` in front forces a snapshot. `missing` allows a directory
    /// that is not there yet. What is not there and looks like an address ([`Address`]) is one.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when it is neither.
    pub fn find(&self, argument: &OsStr, missing: bool) -> Result<Place> {
        let bytes = argument.as_bytes();
        let forced = bytes.strip_prefix(b"snap:");
        let path = Path::new(argument);
        let past = path.symlink_metadata().is_err() && is_past(bytes);
        if let Some(address) = far(argument)? {
            return Ok(Place::Far(address));
        }
        let slash = bytes.contains(&b'/') && !past;
        if forced.is_none() && (slash || path.is_dir()) {
            return Ok(Place::Directory(absolute(Path::new(argument))?));
        }
        let name = forced.unwrap_or(bytes);
        match self
            .repo()
            .and_then(|repo| repo.resolve(name, Some(&self.here)))
        {
            Ok(id) => Ok(Place::Snapshot(id)),
            Err(e) if past => Err(e),
            Err(e) if e.kind() == ErrorKind::NotFound && missing && forced.is_none() => {
                Ok(Place::Directory(absolute(Path::new(argument))?))
            }
            Err(e) if e.kind() == ErrorKind::NotFound && forced.is_none() => Err(Error::at(
                ErrorKind::NotFound,
                bytes,
                "is neither a directory nor a snapshot",
            )),
            Err(e) => Err(e),
        }
    }

    /// Opens a place; a directory without the repository, should that lie inside.
    ///
    /// # Errors
    /// When it is not there or cannot be opened.
    pub fn open(&self, place: &Place) -> Result<Box<dyn Tree>> {
        match place {
            Place::Directory(path) => Ok(Box::new(self.local(path)?)),
            Place::Snapshot(id) => Ok(Box::new(self.repo()?.tree(*id)?)),
            Place::Far(address) => {
                let link = self.links.to(address)?;
                let far = Far::open(link, &address.path, self.wish.clone());
                let there = |e: Error| Error::at(e.kind(), address.url(), e.cause());
                far.map(|far| Box::new(far) as Box<dyn Tree>).map_err(there)
            }
        }
    }

    /// Opens a directory without the repository.
    ///
    /// # Errors
    /// As [`Local::open`].
    pub fn local(&self, path: &Path) -> Result<Local> {
        Ok(Local::open(path)?.hide(identity(&self.repository)))
    }
}

/// The address that an argument is: what looks like one, and is no name of something here.
///
/// # Errors
/// [`ErrorKind::Usage`] for one that cannot be.
pub fn far(argument: &OsStr) -> Result<Option<Address>> {
    match Address::is_like(argument.as_bytes()) && Path::new(argument).symlink_metadata().is_err() {
        true => Address::parse(argument.as_bytes()),
        false => Ok(None),
    }
}

/// What is said of a destination on another machine: a program there changes it.
pub fn elsewhere() -> Error {
    let message = "the destination is on another machine; \"fsync cp SRC HOST:DIR\" has the fsync there change it";
    Error::new(ErrorKind::Refused, message)
}

/// Whether it names a state of a directory that is there.
fn is_past(argument: &[u8]) -> bool {
    let dir = directory_in(argument).filter(|dir| !dir.is_empty());
    dir.is_some_and(|dir| Path::new(OsStr::from_bytes(dir)).is_dir())
}

impl Place {
    /// As it stands in a header.
    pub fn root(&self) -> Root {
        match self {
            Place::Directory(path) => Root::Directory(Box::from(path.as_os_str().as_bytes())),
            Place::Snapshot(id) => Root::Snapshot(*id),
            Place::Far(address) => Root::Far(address.clone()),
        }
    }

    /// From a header.
    pub fn of(root: &Root) -> Self {
        match root {
            Root::Directory(path) => Place::Directory(PathBuf::from(OsStr::from_bytes(path))),
            Root::Snapshot(id) => Place::Snapshot(*id),
            Root::Far(address) => Place::Far(address.clone()),
        }
    }

    /// The path, of a directory.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Place::Directory(path) => Some(path),
            Place::Snapshot(_) | Place::Far(_) => None,
        }
    }
}
