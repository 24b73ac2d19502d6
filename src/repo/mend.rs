//! Mends a repository: what damaged archives still hold goes into a pack, and they are moved aside.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use crate::model::{ContentId, Error, ErrorKind, Result, SnapshotId, Time};
use crate::repo::archive::{Archive, Purpose};
use crate::repo::catalog;
use crate::repo::check;
use crate::repo::folder::fresh_id;
use crate::repo::gone;
use crate::repo::holdings::Holdings;
use crate::repo::index::What;
use crate::repo::info::Info;
use crate::repo::needs::Need;
use crate::repo::pack::{Gone, Pack};
use crate::repo::place::WHOLE;
use crate::repo::salvage::{self, Salvage};
use crate::repo::store::Repo;

/// The folder for what is damaged.
pub const ASIDE: &str = "damaged";

/// What is damaged, and what is known of it.
pub struct Damage {
    /// Archives that are not whole.
    pub archives: Vec<SnapshotId>,
    /// What they still hold.
    pub salvaged: Vec<Salvage>,
    /// Snapshots that no whole archive speaks for, with what was known of them.
    pub lost: Vec<Info>,
    /// Snapshots that were removed, which no whole pack says.
    pub gone: Vec<Gone>,
    /// Packs whose place others took, which no whole pack says.
    pub replaced: Vec<SnapshotId>,
}

impl Repo {
    /// Finds out what is damaged. From now on damaged archives count as if they were gone.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] when an archive is of a later format or may not be read: that is not damage.
    pub fn survey(&self) -> Result<Damage> {
        let ids = self.living_archives()?;
        let checked: Vec<_> = ids.par_iter().map(|id| check::archive(self, *id)).collect();
        if let Some(alive) = checked.iter().find(|c| c.alive) {
            let message = alive.damage.clone().unwrap_or_default();
            let path = self.archive_path(alive.id);
            return Err(Error::at(
                ErrorKind::Refused,
                path.as_os_str().as_bytes(),
                message,
            ));
        }
        let damaged = checked.into_iter().filter(|c| c.damage.is_some());
        let archives: Vec<SnapshotId> = damaged.map(|c| c.id).collect();
        let salvaged: Result<Vec<Salvage>> = archives.iter().map(|id| self.salvage(*id)).collect();
        let mut salvaged = salvaged?;
        // A damaged pack may be all that says that these were pruned or forgotten: that holds nevertheless.
        let dead = self.leftovers()?;
        self.ignore(&archives);
        self.ignore(&dead);
        self.refresh_catalog()?;
        let mut removed: BTreeMap<SnapshotId, Gone> = BTreeMap::new();
        let told = salvaged.iter().filter_map(|s| s.what.as_ref());
        let told = told.flat_map(What::gone).cloned();
        for one in self.lost_gone()?.into_iter().chain(told) {
            if !self.tells(one.gone)? {
                removed.insert(one.gone, one);
            }
        }
        let lost = self.untold(&salvaged)?;
        let said = self.ask(|c| gone::dead(&c.db))?;
        let unsaid = |id: &&SnapshotId| !said.contains(*id) && !removed.contains_key(*id);
        let replaced = dead.iter().filter(unsaid).copied().collect();
        if !archives.is_empty() {
            // What snapshots need of them lay in the pack too.
            salvaged.extend(dead.iter().filter_map(|id| self.salvage(*id).ok()));
        }
        Ok(Damage {
            archives,
            lost,
            gone: removed.into_values().collect(),
            replaced,
            salvaged,
        })
    }

    /// Whether a whole archive says what became of a snapshot.
    fn tells(&self, id: SnapshotId) -> Result<bool> {
        Ok(self.find(id)?.is_some() || self.gone(id)?.is_some())
    }

    /// Snapshots that no whole archive speaks for; what damaged ones say of themselves counts most.
    fn untold(&self, salvaged: &[Salvage]) -> Result<Vec<Info>> {
        let mut lost: BTreeMap<SnapshotId, Info> = BTreeMap::new();
        let told = salvaged.iter().flat_map(Salvage::told).cloned();
        for info in self.lost()?.into_iter().chain(told) {
            if !self.tells(info.id)? {
                lost.insert(info.id, info);
            }
        }
        Ok(lost.into_values().collect())
    }

    /// Makes the catalog anew, but remembers what it knew of what is lost.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn refresh_catalog(&self) -> Result<()> {
        // What is not there any more is remembered when it is noticed; only then is the rest thrown away.
        self.catch_up()?;
        let known = self.ask(|c| crate::repo::lost::known(&c.db))?;
        self.remake_catalog()?;
        self.change_catalog(|tx| crate::repo::lost::remember(tx, &known))
    }

    /// Moves archives to the folder [`ASIDE`].
    ///
    /// # Errors
    /// When they cannot be moved.
    pub fn set_aside(&self, ids: &[SnapshotId]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let folder = self.aside()?;
        for id in ids {
            let from = self.archive_path(*id);
            let cannot = |e| Error::io("cannot move aside", from.as_os_str().as_bytes(), e);
            let mut to = folder.join(format!("{id}.zip"));
            let mut n = 0;
            while to.exists() {
                n += 1;
                to = folder.join(format!("{id}.{n}.zip"));
            }
            fs::rename(&from, &to).map_err(cannot)?;
        }
        let cannot = |e| Error::io("cannot write", folder.as_os_str().as_bytes(), e);
        File::open(&folder)
            .and_then(|f| f.sync_all())
            .map_err(cannot)?;
        self.folder().sync_all().map_err(cannot)
    }

    fn aside(&self) -> Result<PathBuf> {
        let folder = self.path().join(ASIDE);
        let mut private = fs::DirBuilder::new();
        private.recursive(true).mode(0o700);
        private
            .create(&folder)
            .map_err(|e| Error::io("cannot make", folder.as_os_str().as_bytes(), e))?;
        Ok(folder)
    }

    /// Replaces damaged lines of the log; where they began, in bytes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn mend_lines(&self) -> Result<Vec<u64>> {
        let name = self.ask(|c| catalog::meta_of::<String>(&c.db, "repository"))?;
        let fresh = || fresh_id().map_err(|e| Error::io("cannot read", "/dev/urandom", e));
        let name = name.map_or_else(fresh, Ok)?;
        let lines = self.log().read(0)?;
        if lines.damaged.is_empty() && self.log().repository()?.is_some() {
            return Ok(Vec::new());
        }
        self.mend_log(&self.aside()?, &name)
    }

    /// An archive for what is saved.
    pub fn new_pack(&self) -> Archive {
        let time = Time::now();
        let about = format!(
            "What was saved of damaged archives at {}, by fsync {}.",
            time.rfc3339(),
            env!("CARGO_PKG_VERSION")
        );
        let purpose = Purpose {
            full: false,
            backup: None,
            folder: ".fsync".into(),
            time,
            about,
        };
        Archive::new(self, purpose)
    }
}

/// A large content that must be cut anew to be saved.
pub type Large = ContentId;

/// Copies what a snapshot needs into `pack`, unless a whole archive has it. Gives what is to be cut first.
///
/// # Errors
/// When it cannot be read or written.
pub fn save(pack: &Archive, holdings: &Holdings<'_>, need: &Need) -> Result<Option<Large>> {
    match need {
        Need::Node(id) => copy(pack, holdings, "tree", ContentId(id.0))?,
        Need::Content(id) if holdings.is_safe(&id.0) => {}
        Need::Content(id) => match holdings.size(&id.0) {
            Some(size) if size > WHOLE => return Ok(Some(*id)),
            _ => copy(pack, holdings, "content", *id)?,
        },
        Need::Chunks { list, chunks, .. } => {
            copy(pack, holdings, "chunks", *list)?;
            for chunk in chunks.iter().filter(|c| !holdings.is_safe(&c.id.0)) {
                pack.loose_chunk(chunk.id, &read(holdings, chunk.id)?)?;
            }
        }
    }
    Ok(None)
}

fn read(holdings: &Holdings<'_>, id: ContentId) -> Result<Vec<u8>> {
    let lost = || Error::new(ErrorKind::Damaged, format!("{id} cannot be read any more"));
    holdings.bytes(&id.0).ok_or_else(lost)
}

fn copy(pack: &Archive, holdings: &Holdings<'_>, kind: &str, id: ContentId) -> Result<()> {
    match holdings.is_safe(&id.0) {
        true => Ok(()),
        false => pack.inner(kind, id, &read(holdings, id)?),
    }
}

/// A large content as a file of its own.
///
/// # Errors
/// When it cannot be read or written.
pub fn unpack(repo: &Repo, holdings: &Holdings<'_>, id: ContentId) -> Result<File> {
    let lost = || Error::new(ErrorKind::Damaged, format!("{id} cannot be read any more"));
    let (salvage, place) = holdings.saved(&id.0).ok_or_else(lost)?;
    let mut file = repo.temporary()?;
    std::io::copy(&mut salvage.stream(&id.0, &place), file.as_file_mut())
        .map_err(|e| Error::io("cannot unpack", &salvage.name, e))?;
    // The name goes when the handle of the temporary does; the file stays as long as this one.
    let path = file.path().to_path_buf();
    File::open(&path).map_err(|e| Error::io("cannot open", path.as_os_str().as_bytes(), e))
}

/// What an archive holds that was only made to be taken apart; `None` for one that holds nothing.
///
/// # Errors
/// When it cannot be finished.
pub fn take_apart(scratch: &Archive) -> Result<Option<Salvage>> {
    if scratch.is_empty() {
        return Ok(None);
    }
    let nothing = Pack {
        time: Time::now(),
        kept: Vec::new(),
        gone: Vec::new(),
        replaced: Vec::new(),
    };
    let (file, index) = scratch.finish(&What::Pack(nothing))?;
    let path = file.path().to_path_buf();
    let name = path.as_os_str().as_bytes();
    let handle = File::open(&path).map_err(|e| Error::io("cannot open", name, e))?;
    Ok(Some(salvage::salvage(
        Arc::new(handle.into()),
        index.id,
        name,
    )))
}
