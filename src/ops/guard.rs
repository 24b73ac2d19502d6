//! The guards: what is refused before anything changes, and which option lifts it (DESIGN section 6).

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::disk::mount::Mounts;
use crate::disk::root;
use crate::model::{Change, Error, ErrorKind, RelPath, Result, Status, name};
use crate::tree::Tree;
use crate::tree::cursor::Cursor;
use crate::tree::local::Local;

/// Up to so many deletions need no permission.
const FEW: u64 = 10;
/// More than so many hundredths of the destination's entries do.
const HALF: u64 = 50;

/// How much may be deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MaxDelete {
    /// That many entries.
    Count(u64),
    /// That many hundredths of the destination's entries.
    Percent(u64),
}

fn refused(path: &Path, message: impl Into<String>) -> Error {
    Error::at(ErrorKind::Refused, path.as_os_str().as_bytes(), message)
}

/// The absolute path of what may not be there yet, links resolved as far as there is something.
///
/// # Errors
/// When the working directory is gone.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    let here = std::path::absolute(path)
        .map_err(|e| Error::io("cannot be made absolute", path.as_os_str().as_bytes(), e))?;
    let mut rest = Vec::new();
    let mut at = here.as_path();
    loop {
        if let Ok(real) = at.canonicalize() {
            return Ok(rest.iter().rev().fold(real, |p, name| p.join(name)));
        }
        match (at.parent(), at.components().next_back()) {
            (Some(parent), Some(name)) => {
                rest.push(name.as_os_str().to_os_string());
                at = parent;
            }
            _ => return Ok(here),
        }
    }
}

/// Paths below a directory, as a user names them: relative to it, or absolute inside it.
///
/// # Errors
/// [`ErrorKind::Usage`] for one that is not inside.
pub fn inside(dir: &Path, named: &Path) -> Result<RelPath> {
    let bytes = named.as_os_str().as_bytes();
    let below = named.strip_prefix(dir).unwrap_or(named);
    let plain: PathBuf = below
        .components()
        .filter(|c| !matches!(c, std::path::Component::CurDir))
        .collect();
    let path = match plain.as_os_str().as_bytes() {
        b"" => Ok(RelPath::root()),
        path => RelPath::parse(path),
    };
    path.map_err(|e| {
        Error::at(
            ErrorKind::Usage,
            bytes,
            format!("is no path inside the directory: {e}"),
        )
    })
}

/// Refuses roots that are the same, nested or overlapping, also through links and bind mounts, and
/// roots inside the repository. Nothing lifts it. Paths are absolute, links resolved.
///
/// # Errors
/// [`ErrorKind::Refused`].
pub fn roots(sources: &[&Path], destination: &Path, repository: Option<&Path>) -> Result<()> {
    let mounts = Mounts::read();
    for source in sources {
        if mounts.overlap(source, destination) {
            let source = crate::model::quote::quote(source.as_os_str().as_bytes());
            let words = format!("the destination is, holds or lies inside the source {source}");
            return Err(refused(destination, words));
        }
    }
    let repository = repository.and_then(|r| r.canonicalize().ok());
    for root in sources.iter().copied().chain([destination]) {
        if repository.as_ref().is_some_and(|r| root.starts_with(r)) {
            return Err(refused(root, "lies inside the repository"));
        }
    }
    Ok(())
}

/// Refuses a destination whose parent is missing, unless `parents`.
///
/// # Errors
/// [`ErrorKind::Refused`], naming `--parents`.
pub fn parent(destination: &Path, parents: bool) -> Result<()> {
    let parent = destination.parent().unwrap_or(Path::new("/"));
    match parents || parent.is_dir() {
        true => Ok(()),
        false => Err(refused(
            destination,
            "its parent directory is missing; --parents makes it",
        )),
    }
}

/// Makes a missing destination: its last component, and what is above it with `parents`. Whether it was missing.
///
/// # Errors
/// [`ErrorKind::Refused`] as [`parent`], or the system's.
pub fn make_destination(destination: &Path, parents: bool) -> Result<bool> {
    if destination.is_dir() {
        return Ok(false);
    }
    parent(destination, parents)?;
    let missing = destination.ancestors().take_while(|path| !path.is_dir());
    let mut missing: Vec<&Path> = missing.collect();
    let made = missing
        .drain(..)
        .rev()
        .try_for_each(|path| match root::make(path) {
            // Somebody else makes it, too.
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other,
        });
    made.map(|()| true).map_err(|e| {
        Error::io(
            "cannot make the directory",
            destination.as_os_str().as_bytes(),
            e,
        )
    })
}

/// Refuses a plan that deletes over half of the destination's entries, and over ten, or more than `limit`.
///
/// # Errors
/// [`ErrorKind::Refused`], naming `--max-delete` and the count.
pub fn deletions(changes: &[Change], destination: &Path, limit: Option<MaxDelete>) -> Result<()> {
    let planned = changes.iter().filter(|c| c.status == Status::Deleted);
    if limit.is_none() && planned.clone().count() as u64 <= FEW {
        return Ok(());
    }
    // What is gone already, as when a plan is run again, is not deleted any more.
    let tree = match Local::open(destination) {
        Ok(tree) => tree,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    let mut cursor = Cursor::new(&tree);
    let count = planned
        .filter(|c| !matches!(cursor.entry(&c.path), Ok(None)))
        .count() as u64;
    let over = match limit {
        Some(MaxDelete::Count(max)) => (count > max).then(|| format!("{max} are allowed")),
        None if count <= FEW => None,
        Some(MaxDelete::Percent(_)) | None => {
            let percent = match limit {
                Some(MaxDelete::Percent(n)) => n,
                _ => HALF,
            };
            let all = entries(destination)?;
            (u128::from(count) * 100 > u128::from(all) * u128::from(percent))
                .then(|| format!("{percent}% of its {all} entries are allowed"))
        }
    };
    match over {
        Some(allowed) => Err(refused(
            destination,
            format!(
                "the plan deletes {count} entries, and {allowed}; --max-delete={count} permits it"
            ),
        )),
        None => Ok(()),
    }
}

/// How many entries a directory has. What cannot be listed below it is not counted, which allows less.
fn entries(directory: &Path) -> Result<u64> {
    let mut all = 0;
    for item in WalkDir::new(directory).min_depth(1) {
        match item {
            Ok(_) => all += 1,
            Err(e) if e.depth() == 0 => {
                let cause = e
                    .into_io_error()
                    .unwrap_or_else(|| std::io::ErrorKind::Other.into());
                return Err(Error::io(
                    "cannot list",
                    directory.as_os_str().as_bytes(),
                    cause,
                ));
            }
            Err(_) => {}
        }
    }
    Ok(all)
}

/// Refuses deletions when the source is empty. Of a plan without any, which is a bundle's, that was looked at when it was made.
///
/// # Errors
/// [`ErrorKind::Refused`], naming `--allow-empty-source`; or the source cannot be listed.
pub fn empty_source(changes: &[Change], sources: &[&dyn Tree], shown: &[u8]) -> Result<()> {
    if sources.is_empty() || !changes.iter().any(|c| c.status == Status::Deleted) {
        return Ok(());
    }
    for source in sources {
        let entries = source.open()?.list()?.entries;
        if entries.iter().any(|e| *e.name != *name::SYNC) {
            return Ok(());
        }
    }
    Err(Error::at(
        ErrorKind::Refused,
        shown,
        "the source is empty, and the plan deletes; --allow-empty-source permits it",
    ))
}

/// Refuses deletions in `/`, in a home directory, and in whatever holds one.
///
/// # Errors
/// [`ErrorKind::Refused`], naming `--allow-root`.
pub fn home(changes: &[Change], destination: &Path, homes: &[PathBuf]) -> Result<()> {
    let removes = |c: &Change| matches!(c.status, Status::Deleted | Status::TypeChanged);
    match changes.iter().any(removes) {
        true => home_at_all(destination, homes),
        false => Ok(()),
    }
}

/// Refuses `/`, a home directory, and whatever holds one.
///
/// # Errors
/// [`ErrorKind::Refused`], naming `--allow-root`.
pub fn home_at_all(destination: &Path, homes: &[PathBuf]) -> Result<()> {
    let held = homes.iter().find(|home| {
        let real = home.canonicalize();
        real.as_deref().unwrap_or(home).starts_with(destination)
    });
    let what = match held {
        _ if destination == Path::new("/") => "this is the root of the whole system",
        Some(home) if home == destination => "this is a home directory",
        Some(_) => "this is or holds a home directory",
        None => return Ok(()),
    };
    Err(refused(
        destination,
        format!("{what}; --allow-root permits it"),
    ))
}

/// Refuses a source that was a mount point at the last run and is none now: `before` says which were.
///
/// # Errors
/// [`ErrorKind::Refused`], naming `--allow-unmounted`.
pub fn unmounted(sources: &[&Path], before: &dyn Fn(&Path) -> bool) -> Result<()> {
    let mounts = Mounts::read();
    let gone = sources
        .iter()
        .find(|s| before(s) && !mounts.is_mount_point(s));
    match gone {
        Some(source) => Err(refused(
            source,
            "was a mount point at the last run and is none now; mount it, or --allow-unmounted permits it",
        )),
        None => Ok(()),
    }
}
/// Refuses a directory that holds anything.
///
/// # Errors
/// [`ErrorKind::Refused`].
pub fn empty(new: &Path) -> Result<()> {
    let name = new.as_os_str().as_bytes();
    match new.read_dir().map(|mut entries| entries.next()) {
        Ok(Some(Ok(_))) => {
            let message = "is not empty; a snapshot is written only where nothing is";
            Err(Error::at(ErrorKind::Refused, name, message))
        }
        Ok(Some(Err(e))) => Err(Error::io("cannot list", name, e)),
        Ok(None) | Err(_) => Ok(()),
    }
}
