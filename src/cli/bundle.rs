//! A bundle's plan, for the programs that make, print and perform it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::Permissions;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::cli::diff::records;
use crate::cli::place::{Place, Places};
use crate::cli::plan::{Given, Plan, read_all};
use crate::model::quote::quote;
use crate::model::{Change, ContentId, Counts, Error, ErrorKind, Problem, RelPath, Result, Time};
use crate::ops::bundle::{check, portable};
use crate::ops::diff::{Item, Plan as Items};
use crate::ops::guard;
use crate::ops::packing::pack;
use crate::ops::special::Special;
use crate::protocol::line::Line;
use crate::protocol::{Header, Root, Writer};
use crate::repo::archive::{Archive, Purpose, folder_beside};
use crate::repo::bundle::{About, Bundle, BundleTree, FORMAT, PLAN};
use crate::tree::Tree;

/// A bundle and its plan, of which nothing holds but here.
pub struct Bundled {
    bundle: Arc<Bundle>,
    plan: Plan,
}

/// Opens a bundle and reads its plan.
///
/// # Errors
/// [`ErrorKind::Usage`] for what can be none, [`ErrorKind::BadInput`] and [`ErrorKind::Damaged`] for what is none.
pub fn open(path: &Path) -> Result<Bundled> {
    if path.as_os_str() == "-" {
        let message =
            "a bundle is read at many places, so it cannot come through a pipe; name a file";
        return Err(Error::new(ErrorKind::Usage, message));
    }
    let bundle = Arc::new(Bundle::open(path)?);
    let mut plan = read_all(bundle.plan()?).map_err(|e| match e.kind() {
        ErrorKind::BadInput => {
            let message = format!("its plan: {}", e.cause());
            Error::at(ErrorKind::BadInput, bundle.name(), message)
        }
        _ => e,
    })?;
    plan.header.sources.clear();
    plan.snapshot = None;
    plan.changes = plan.changes.into_iter().map(portable).collect();
    Ok(Bundled { bundle, plan })
}

/// Refuses options that say how to compare, since with a bundle nothing is compared.
///
/// # Errors
/// [`ErrorKind::Usage`], naming the first.
pub fn refuse(given: &[Vec<OsString>]) -> Result<()> {
    match given.iter().flatten().next() {
        Some(option) => {
            let message = format!(
                "{} cannot be used with --bundle: a bundle was compared when it was made",
                option.to_string_lossy()
            );
            Err(Error::new(ErrorKind::Usage, message))
        }
        None => Ok(()),
    }
}

impl Bundled {
    /// Its plan as one for the only one of `roots`, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for more than one.
    pub fn shown(mut self, places: &Places, roots: &[OsString]) -> Result<(Header, Items)> {
        match roots {
            [] => {}
            [root] => self.plan.header.destination = places.find(root, true)?.root(),
            _ => return Err(one_root()),
        }
        Ok((self.plan.header.clone(), self.plan.into_items()))
    }

    /// The plan that is to be performed, its own or what is left of it in `given`, and where contents come from. All that
    /// it needs has been read.
    ///
    /// # Errors
    /// As [`check`]; [`ErrorKind::Usage`] without a destination, [`ErrorKind::Refused`] for another than the plan's.
    pub fn performed(
        mut self,
        given: Option<Given>,
        roots: Vec<Place>,
    ) -> Result<(Plan, BundleTree, Special)> {
        let mut roots = roots.into_iter();
        let root = roots.next();
        if roots.next().is_some() {
            return Err(one_root());
        }
        if let Some(Given::Plan(plan)) = given {
            let other = root.is_some_and(|root| root.root() != plan.header.destination);
            if other {
                let message = "the root given as argument is not the plan's";
                return Err(Error::new(ErrorKind::Refused, message));
            }
            self.plan = *plan;
            self.plan.changes = self.plan.changes.into_iter().map(portable).collect();
        } else {
            let root = root.ok_or_else(one_root)?;
            self.plan.header.destination = root.root();
            if let Some(Given::Lines(lines)) = given {
                self.pick(&lines)?;
            }
        }
        let tree = BundleTree::new(&self.bundle)?;
        let special = check(&self.bundle, &tree, &self.plan.changes)?;
        Ok((self.plan, tree, special))
    }

    /// Keeps those changes that lines name.
    fn pick(&mut self, lines: &[Line]) -> Result<()> {
        let changes = std::mem::take(&mut self.plan.changes);
        let mut known: HashMap<RelPath, Change> = changes
            .into_iter()
            .map(|change| (change.path.clone(), change))
            .collect();
        for line in lines {
            match known.remove(&line.path).filter(|c| c.status == line.status) {
                Some(change) => self.plan.changes.push(change),
                None => {
                    let (letter, path) = (line.status.letter(), quote(line.path.as_bytes()));
                    let message = format!("plans no {letter} of {path}");
                    return Err(self.bundle.bad(&message));
                }
            }
        }
        Ok(())
    }
}

fn one_root() -> Error {
    Error::new(
        ErrorKind::Usage,
        "with --bundle one directory is named: the destination",
    )
}

/// What came of making a bundle.
pub struct Made {
    /// The file, which has no name of its own yet.
    pub file: NamedTempFile,
    /// What it does.
    pub counts: Counts,
    /// What was left out, and why.
    pub left_out: Vec<Problem>,
    /// How many errors, and skips for cause, the comparison met.
    pub troubles: u64,
}

/// Makes a bundle of a plan, in `folder`; `empty` allows it to delete although there is nothing in its sources.
///
/// # Errors
/// [`ErrorKind::Refused`] by a guard; a source that cannot be opened; or when it cannot be written.
pub fn make(places: &Places, plan: Plan, folder: &Path, empty: bool) -> Result<Made> {
    let opened: Result<Vec<Box<dyn Tree>>> = plan
        .header
        .sources
        .iter()
        .map(|root| places.open(&Place::of(root)))
        .collect();
    let opened = opened?;
    let sources: Vec<&dyn Tree> = opened.iter().map(Box::as_ref).collect();
    if !empty {
        let shown = match plan.header.sources.first() {
            Some(Root::Directory(path)) => path.to_vec(),
            Some(Root::Snapshot(id)) => id.to_string().into_bytes(),
            Some(Root::Far(address)) => address.url(),
            None => Vec::new(),
        };
        guard::empty_source(&plan.changes, &sources, &shown)?;
    }
    let time = Time::now();
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy().into_owned();
    let archive = Archive::apart(folder, purpose(&plan, &host, time));
    let troubles = plan.troubles;
    let packed = pack(&sources, plan.changes, &archive)?;
    let mut counts = Counts::default();
    packed.changes.iter().for_each(|c| counts.add(c));
    let left_out = packed.left_out.clone();
    let mut items: Vec<Item> = packed.changes.into_iter().map(Item::Change).collect();
    items.extend(plan.remarks);
    items.extend(packed.left_out.into_iter().map(Item::Problem));
    items.sort_by(|a, b| a.path().cmp(b.path()));
    let mut text = Vec::new();
    let mut out = Writer::new(&mut text);
    records(&mut out, plan.header, &Items::new(items))?;
    out.flush()?;
    let about = About {
        fsync_bundle: FORMAT,
        folder: archive.folder().to_string(),
        plan: ContentId(Sha256::digest(&text).into()),
        tree: packed.tree,
        host,
        time,
    };
    archive.own(PLAN, Some(about.plan), &text)?;
    let comment = serde_json::to_vec(&about).unwrap_or_default();
    let (file, _) = archive.close(None, &comment)?;
    settle(&file)?;
    Ok(Made {
        file,
        counts,
        left_out,
        troubles,
    })
}

/// It holds contents of files whatever their modes, so it is its owner's alone.
fn settle(file: &NamedTempFile) -> Result<()> {
    let cannot = |e: io::Error| Error::io("cannot write", file.path().as_os_str().as_bytes(), e);
    let handle = file.as_file();
    handle
        .set_permissions(Permissions::from_mode(0o600))
        .map_err(cannot)?;
    handle.sync_all().map_err(cannot)
}

fn purpose(plan: &Plan, host: &str, time: Time) -> Purpose {
    let top = |name: &[u8]| {
        let tops = plan
            .changes
            .iter()
            .filter_map(|c| c.path.components().next());
        tops.into_iter().any(|top| top == name)
    };
    let folder = folder_beside(top);
    let of = match &plan.header.destination {
        Root::Directory(path) => quote(path),
        Root::Snapshot(id) => format!("snapshot {id}"),
        Root::Far(address) => quote(&address.url()),
    };
    let about = format!(
        "A plan for {of} and the contents that it needs, made on {} at {} by fsync {}. \
         \"fsync cp --bundle FILE DIR\" performs it. {folder}/{PLAN} is the plan; files are under their own names.",
        quote(host.as_bytes()),
        time.rfc3339(),
        env!("CARGO_PKG_VERSION")
    );
    Purpose {
        full: true,
        backup: None,
        folder,
        time,
        about,
    }
}
