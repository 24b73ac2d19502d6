//! Takes in a zip file that is not ours, after [`crate::ops::survey`] has looked it over: contents go into an archive, and
//! what was said of them into the manifest.

use std::fs::File;
use std::io::Read;

use zip::read::ZipArchive;

use crate::model::{Entry, Error, Kind, RelPath, Result};
use crate::ops::content::{self, Fault};
use crate::ops::import::{Desk, Imported, Taken};
use crate::ops::special::Special;
use crate::ops::survey::{LONGEST, Survey};
use crate::repo::archive::Archive;
use crate::repo::info::Counts;
use crate::repo::manifest::{self, Child};

/// A directory whose entries are being taken in.
struct Open {
    path: RelPath,
    child: Child,
    children: Vec<Child>,
}

/// Reads everything that was surveyed, and makes it a snapshot.
///
/// # Errors
/// As [`crate::ops::import::import`].
pub(super) fn record(
    desk: &Desk<'_>,
    zip: &mut ZipArchive<File>,
    survey: Survey,
) -> Result<Imported> {
    let entries = survey.items.len() as u64;
    desk.check_room(survey.bytes, survey.largest, entries)?;
    let top = survey.items.keys().filter(|p| p.depth() == 1);
    let archive = desk.archive(top.map(RelPath::name));
    let mut counts = Counts::default();
    let mut open: Vec<Open> = Vec::new();
    for (path, item) in survey.items {
        while open.len() > 1 && open.last().is_some_and(|dir| !path.is_within(&dir.path)) {
            close(&archive, &mut open)?;
        }
        let mut child = Child::new(Entry::new(
            if path.is_root() { b"" } else { path.name() },
            item.state,
        ));
        if let Some(index) = item.index {
            read(desk, &archive, zip, index, &path, &mut child)?;
        }
        let state = &child.entry.state;
        if !path.is_root() {
            counts.enter(state.kind, state.size);
            archive.shape(&path, state)?;
        }
        match (child.entry.is_dir(), open.last_mut()) {
            (true, _) => open.push(Open {
                path,
                child,
                children: Vec::new(),
            }),
            (false, Some(dir)) => dir.children.push(child),
            (false, None) => {}
        }
    }
    while open.len() > 1 {
        close(&archive, &mut open)?;
    }
    let mut root = open
        .pop()
        .ok_or_else(|| desk.zip.bad("its root is not a directory"))?;
    root.child.entry.node = Some(archive.node(&manifest::directory(&root.children))?);
    let taken = Taken {
        tree: archive.node(&manifest::tree(&root.child, None))?,
        counts,
        rules: Vec::new(),
        unstable: Vec::new(),
        unreadable: Vec::new(),
        forgotten: Vec::new(),
        skipped: survey.skipped,
        special: Special::default(),
    };
    desk.commit(archive, taken)
}

/// Ends the directory that was begun last.
fn close(archive: &Archive, open: &mut Vec<Open>) -> Result<()> {
    if let Some(mut dir) = open.pop() {
        dir.child.entry.node = Some(archive.node(&manifest::directory(&dir.children))?);
        if let Some(above) = open.last_mut() {
            above.children.push(dir.child);
        }
    }
    Ok(())
}

/// Reads what an entry holds.
fn read(
    desk: &Desk<'_>,
    archive: &Archive,
    zip: &mut ZipArchive<File>,
    index: usize,
    path: &RelPath,
    child: &mut Child,
) -> Result<()> {
    let raw = path.as_bytes();
    let lies = || {
        desk.zip
            .bad_entry(raw, "does not inflate to the length that it says")
    };
    let fault = |e: Fault| -> Error {
        match e {
            Fault::Read(e) => desk.zip.unread(Some(raw), e),
            Fault::Length => lies(),
            Fault::Ours(error) => error,
        }
    };
    let mut entry = zip.by_index(index).map_err(|e| desk.zip.fault(e))?;
    match child.entry.state.kind {
        Kind::File => {
            let done = content::add(archive, path, &child.entry.state, &mut entry);
            let (id, chunks) = done.map_err(fault)?;
            child.entry.content = Some(id);
            child.chunks = chunks;
        }
        Kind::Symlink => {
            let (size, mut target) = (entry.size(), Vec::new());
            let read = entry.by_ref().take(LONGEST + 1).read_to_end(&mut target);
            read.map_err(|e| fault(Fault::Read(e)))?;
            if target.len() as u64 != size {
                return Err(lies());
            }
            if target.contains(&0) {
                let why = "is a symbolic link with an impossible target";
                return Err(desk.zip.bad_entry(raw, why));
            }
            child.entry.state.target = Some(target.into_boxed_slice());
        }
        _ => {}
    }
    Ok(())
}
