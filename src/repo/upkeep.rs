//! Keeps the catalog: opens it, brings it up to date, and makes it anew when it is not what it should be.
//!
//! Only a catalog that is no database, is of another schema, or holds what was not written there is thrown away. Where it
//! cannot be written (a read-only file system, a full disk), the repository can still be read: from
//! the catalog as it is, if that is up to date, else from one that is made in memory.
//!
//! Throwing it away and making it is done under an exclusive lock on `tmp/`, opening it under a shared one: so nobody
//! opens one that is half made, or removes what another has just made. Whoever has the old one open goes
//! on with it; SQLite leaves the files of the new one alone.

use std::collections::HashSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction};

use crate::disk::lock::{Lock, PATIENCE, lock};
use crate::model::{Error, ErrorKind, Result, SnapshotId};
use crate::repo::catalog::{Catalog, NewPlace, Place, failed, is_unusable, is_unwritable, words};
use crate::repo::enter;
use crate::repo::index::Index;
use crate::repo::news::{Fault, known_archives};
use crate::repo::plain;
use crate::repo::store::{Repo, TEMPORARY};
use crate::repo::sum;

/// The name of the catalog's file.
pub const CATALOG: &str = "catalog.db";
/// It and what SQLite puts beside it.
pub(super) const CATALOG_FILES: [&str; 3] = [CATALOG, "catalog.db-wal", "catalog.db-shm"];

/// Which file it is.
type Identity = Option<(u64, u64)>;

fn identity(path: &Path) -> Identity {
    fs::metadata(path).ok().map(|m| (m.dev(), m.ino()))
}

/// What stands where the catalog will be.
///
/// # Errors
/// When there is no memory.
pub(super) fn placeholder() -> Result<Catalog> {
    let db = Connection::open_in_memory().map_err(failed)?;
    Ok(Catalog { db })
}

impl Repo {
    fn catalog_path(&self) -> PathBuf {
        self.path().join(CATALOG)
    }

    /// Lets nobody throw the catalog away meanwhile; `exclusive`, nobody open it either. `None` where there can be no
    /// lock since nothing can be written.
    fn gate(&self, exclusive: bool) -> Result<Option<Lock>> {
        let path = self.path().join(TEMPORARY);
        match plain::folder(&path) {
            Ok(handle) => lock(&handle, exclusive, &path, PATIENCE).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Opens the catalog, for the first time, and brings it up to date.
    pub(super) fn open_catalog(&self) -> Result<()> {
        let path = self.catalog_path();
        let gate = self.gate(false)?;
        let file = identity(&path);
        let opened = Catalog::open(&path).and_then(|c| whole(c.as_ref()).map(|why| (c, why)));
        drop(gate);
        let mut catalog = self.catalog();
        match opened {
            Ok((Some(found), None)) => *catalog = found,
            Ok((_, why)) => {
                *catalog = self.made_again(file)?;
                match (file, why) {
                    (Some(_), Some(why)) => self.tell_healed(why),
                    (Some(_), None) => self.notice("the catalog was made again".into()),
                    (None, _) => {}
                }
            }
            Err(e) if is_unusable(&e) => {
                *catalog = self.made_again(file)?;
                self.tell_healed(&format!("could not be read ({})", words(&e)));
            }
            Err(_) if file.is_none() => *catalog = self.made_again(file)?,
            Err(e) if is_unwritable(&e) => *catalog = self.without_writing(e)?,
            Err(e) => return Err(failed(e)),
        }
        self.bring_up(&mut catalog)
    }

    pub(super) fn tell_healed(&self, why: &str) {
        let text = format!("the catalog {why} and was made again");
        self.notice(text.clone());
        self.add_healed(text);
    }

    /// A new catalog in the place of the file `bad`; what another process has made in its place meanwhile counts.
    fn made_again(&self, bad: Identity) -> Result<Catalog> {
        let path = self.catalog_path();
        if self.is_only_read() {
            let message =
                "cannot be read; the next command that opens the repository makes it again";
            return Err(Error::at(
                ErrorKind::Failed,
                path.as_os_str().as_bytes(),
                message,
            ));
        }
        let _gate = self.gate(true)?;
        let now = identity(&path);
        if now.is_some()
            && now != bad
            && let Ok(Some(found)) = Catalog::open(&path)
            && matches!(whole(Some(&found)), Ok(None))
        {
            return Ok(found);
        }
        for name in CATALOG_FILES {
            // What cannot be removed makes the next step fail, with the reason.
            let _ = fs::remove_file(self.path().join(name));
        }
        match Catalog::create(&path) {
            Ok(made) => Ok(made),
            Err(e) if is_unwritable(&e) || is_unusable(&e) => self.without_writing(e),
            Err(e) => Err(failed(e)),
        }
    }

    /// A catalog that is only read, where none can be written.
    ///
    /// # Errors
    /// When that is nothing but a file that is in the way.
    fn without_writing(&self, e: rusqlite::Error) -> Result<Catalog> {
        use rusqlite::ErrorCode::{DiskFull, SystemIoFailure};
        let full = matches!(e.sqlite_error_code(), Some(DiskFull | SystemIoFailure));
        let path = self.catalog_path();
        let denied = rustix::fs::accessat(
            self.folder(),
            ".",
            rustix::fs::Access::WRITE_OK,
            rustix::fs::AtFlags::empty(),
        )
        .is_err();
        if !full && !denied {
            let cause = fs::File::options().read(true).write(true).open(&path).err();
            let message =
                "cannot be opened; it is an index, and can be deleted when nobody uses it";
            if let Some(cause) = cause {
                return Err(Error::io(message, path.as_os_str().as_bytes(), cause));
            }
            return Err(Error::at(
                ErrorKind::Failed,
                path.as_os_str().as_bytes(),
                message,
            ));
        }
        match Catalog::open_read_only(&path) {
            Ok(Some(found)) if matches!(whole(Some(&found)), Ok(None)) => Ok(found),
            _ => self.in_memory(),
        }
    }

    fn in_memory(&self) -> Result<Catalog> {
        self.notice("the catalog cannot be written; this run makes one in memory".into());
        Catalog::in_memory().map_err(failed)
    }

    /// Enters what the folder and the log have and the catalog has not; makes it anew when it is not theirs.
    ///
    /// # Errors
    /// When the log cannot be read or the catalog not be written.
    pub(crate) fn catch_up(&self) -> Result<()> {
        self.bring_up(&mut self.catalog())
    }

    fn bring_up(&self, catalog: &mut Catalog) -> Result<()> {
        match self.enter_news(catalog) {
            Err(Fault::Sql(e)) if is_unusable(&e) => self.replace(catalog, &e),
            Err(Fault::Sql(e)) if is_unwritable(&e) => {
                *catalog = self.in_memory()?;
                self.enter_news(catalog).map_err(Fault::error)
            }
            other => other.map_err(Fault::error),
        }
    }

    /// Makes a catalog anew that turned out to be damaged.
    fn replace(&self, catalog: &mut Catalog, why: &rusqlite::Error) -> Result<()> {
        // Still open, so that no new file can be taken for it.
        let bad = identity(&self.catalog_path());
        *catalog = self.made_again(bad)?;
        self.tell_healed(&format!("was damaged ({})", words(why)));
        self.enter_news(catalog).map_err(Fault::error)
    }

    /// Whether the catalog does not know all that the archives' directories say; then it is made anew. To be asked
    /// before something is said to be lost.
    pub(super) fn doubt(&self) -> Result<bool> {
        for id in self.counted() {
            // One that cannot be read is damaged, whatever the catalog says.
            let Ok(index) = self.read_index(id) else {
                continue;
            };
            for (id, _) in &index.places {
                if !self.holds(id)? {
                    self.remake_catalog()?;
                    self.tell_healed("was damaged");
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Makes the catalog anew, whatever it is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn remake_catalog(&self) -> Result<()> {
        let mut catalog = self.catalog();
        *catalog = self.made_again(identity(&self.catalog_path()))?;
        self.enter_news(&mut catalog).map_err(Fault::error)
    }

    /// Asks the catalog something; one that proves to be damaged is made anew, and asked again.
    pub(crate) fn ask<T>(&self, question: impl Fn(&Catalog) -> rusqlite::Result<T>) -> Result<T> {
        let mut catalog = self.catalog();
        match question(&catalog) {
            Err(e) if is_unusable(&e) => {
                self.replace(&mut catalog, &e)?;
                question(&catalog).map_err(failed)
            }
            other => other.map_err(failed),
        }
    }

    /// Where everything lies, in no order.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub(crate) fn each_place(&self) -> Result<Vec<NewPlace>> {
        self.ask(Catalog::each_place)
    }

    /// The archives that the catalog knows.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub(crate) fn known_archives(&self) -> Result<HashSet<SnapshotId>> {
        self.ask(|c| known_archives(&c.db))
    }

    /// Where the catalog says that the bytes with that SHA-256 lie.
    pub(crate) fn find_place(&self, id: &[u8; 32]) -> Result<Option<Place>> {
        self.ask(|c| c.find_place(id))
    }

    /// Whether the repository holds the bytes with that SHA-256.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub(crate) fn holds(&self, id: &[u8; 32]) -> Result<bool> {
        self.ask(|c| c.holds(id))
    }

    /// Enters a committed archive, and whatever belongs into the same transaction.
    pub(crate) fn enter_archive(
        &self,
        index: &Index,
        more: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<()> {
        self.change_catalog(|tx| {
            enter::enter(tx, index)?;
            more(tx)
        })
    }

    /// Changes the catalog in one transaction. All that it says follows from archives and log (but for the stat cache, which may
    /// be lost): a damaged one is made anew from them.
    pub(crate) fn change_catalog(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<()> {
        let mut catalog = self.catalog();
        let done = catalog
            .begin()
            .and_then(|tx| change(&tx).and_then(|()| tx.commit()));
        match done {
            Err(e) if is_unusable(&e) => self.replace(&mut catalog, &e),
            // What it is made from is written already, which is what counts.
            Err(e) if is_unwritable(&e) => {
                *catalog = self.in_memory()?;
                self.enter_news(&mut catalog).map_err(Fault::error)
            }
            other => other.map_err(failed),
        }
    }
}

/// Why a catalog that opened is not to be used, if there is a reason; without one, `Ok(None)` for none at all.
fn whole(catalog: Option<&Catalog>) -> rusqlite::Result<Option<&'static str>> {
    match catalog {
        Some(catalog) if !sum::holds(&catalog.db)? => Ok(Some("was damaged")),
        _ => Ok(None),
    }
}
