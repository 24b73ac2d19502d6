//! What the kernel asks, answered.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fsync::cli::Talk;
use fsync::model::quote::quote;
use fsync::model::{
    ContentId, Entry, Error, ErrorKind, Kind, RelPath, Result, State, Time, Xattrs,
};
use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus,
    ReplyEmpty, ReplyEntry, ReplyLseek, ReplyOpen, ReplyXattr, Request,
};

use crate::body::Body;
use crate::node::{Table, Top, What};
use crate::shelf::Shelf;
use crate::stock::{Item, LATEST, Stock, View};

/// How long the kernel may believe what is in a snapshot: that never changes.
const LONG: Duration = Duration::from_secs(3600);
/// How long what is there depends on the repository.
const NOW: Duration = Duration::ZERO;
/// How many different errors are said.
const SAID: usize = 1000;
/// The size of a block, as most file systems have it.
const BLOCK: u64 = 4096;

/// The file system.
pub struct Show {
    shelf: Arc<Shelf>,
    table: Table,
    handles: Mutex<HashMap<u64, Handle>>,
    next: AtomicU64,
    said: Mutex<HashSet<String>>,
    owner: (u32, u32),
    talk: Talk,
}

/// What is open.
enum Handle {
    Listing(Arc<Vec<Line>>),
    File(Arc<Body>, Option<ContentId>),
}

/// One line of a listing.
struct Line {
    name: Vec<u8>,
    what: What,
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Show {
    /// What is on the shelf.
    pub fn new(shelf: Arc<Shelf>, talk: Talk) -> Self {
        let owner = (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        );
        Show {
            shelf,
            table: Table::default(),
            handles: Mutex::default(),
            next: AtomicU64::new(1),
            said: Mutex::default(),
            owner,
            talk,
        }
    }

    /// What `name` is in `parent`.
    fn child(&self, parent: &What, name: &[u8]) -> Result<Option<What>> {
        match parent {
            What::Root => Ok(View::ALL
                .into_iter()
                .find(|view| view.name() == name)
                .map(What::View)),
            What::View(view) if self.stands_in_folders(*view) => {
                let stock = self.shelf.stock()?;
                let known = stock.folders().any(|folder| folder == name);
                Ok(known.then(|| What::Folder(*view, name.to_vec())))
            }
            What::View(view) => self.top(&*self.shelf.stock()?, *view, b"", name),
            What::Folder(view, folder) => self.top(&*self.shelf.stock()?, *view, folder, name),
            What::Latest(_) => Ok(None),
            What::Entry(top, path, entry) if entry.is_dir() => {
                let found = self.shelf.dir(top.id, path)?.entry(name)?;
                Ok(found.map(|entry| below(top, path, entry)))
            }
            What::Entry(..) => Ok(None),
        }
    }

    fn stands_in_folders(&self, view: View) -> bool {
        view != View::Id && self.shelf.has_folders()
    }

    /// A snapshot in a view, or the link among the times.
    fn top(&self, stock: &Stock, view: View, folder: &[u8], name: &[u8]) -> Result<Option<What>> {
        if view == View::Time && name == LATEST && stock.latest(folder).is_some() {
            return Ok(Some(What::Latest(folder.to_vec())));
        }
        let item = stock.items(view, folder).and_then(|items| items.get(name));
        item.map(|item| self.snapshot(*item, view, folder, name))
            .transpose()
    }

    fn snapshot(&self, item: Item, view: View, folder: &[u8], name: &[u8]) -> Result<What> {
        let (entry, entries) = self.shelf.root(item.id)?;
        let top = Top {
            view,
            folder: folder.to_vec(),
            name: name.to_vec(),
            id: item.id,
            entries,
            known: AtomicU64::new(0),
        };
        Ok(What::Entry(Arc::new(top), RelPath::root(), Arc::new(entry)))
    }

    /// All that is in a directory.
    fn list(&self, what: &What) -> Result<Vec<Line>> {
        let line = |name: &[u8], what| Line {
            name: name.to_vec(),
            what,
        };
        match what {
            What::Root => Ok(View::ALL.map(|v| line(v.name(), What::View(v))).into()),
            What::View(view) if self.stands_in_folders(*view) => {
                let stock = self.shelf.stock()?;
                let folders = stock.folders();
                Ok(folders
                    .map(|f| line(f, What::Folder(*view, f.to_vec())))
                    .collect())
            }
            What::View(view) => self.snapshots(*view, b""),
            What::Folder(view, folder) => self.snapshots(*view, folder),
            What::Latest(_) => Ok(Vec::new()),
            What::Entry(top, path, _) => {
                let list = self.shelf.list(top.id, path)?;
                let line = |entry: Entry| Line {
                    name: entry.name.to_vec(),
                    what: below(top, path, entry),
                };
                Ok(list.into_iter().map(line).collect())
            }
        }
    }

    /// The snapshots of a folder. One that is damaged is named, and left out; the others are shown.
    fn snapshots(&self, view: View, folder: &[u8]) -> Result<Vec<Line>> {
        let stock = self.shelf.stock()?;
        let mut lines = Vec::new();
        for (name, item) in stock.items(view, folder).into_iter().flatten() {
            match self.snapshot(*item, view, folder, name) {
                Ok(what) => lines.push(Line {
                    name: name.clone(),
                    what,
                }),
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => drop(self.failed(None, &e)),
            }
        }
        if view == View::Time && stock.latest(folder).is_some() {
            lines.push(Line {
                name: LATEST.to_vec(),
                what: What::Latest(folder.to_vec()),
            });
        }
        Ok(lines)
    }

    /// How it is shown.
    fn attributes(&self, number: u64, what: &What) -> Result<FileAttr> {
        let own = |kind, mode, target: Option<Box<[u8]>>, mtime| {
            let (uid, gid) = self.owner;
            let state = State {
                kind,
                mode,
                uid,
                gid,
                size: 0,
                mtime,
                rdev: 0,
                target,
                inode: None,
            };
            Entry::new(b"", state)
        };
        match what {
            What::Entry(top, _, entry) => {
                let links = self.shelf.links(top.id, entry)?;
                Ok(attributes(number, entry, links))
            }
            What::Latest(folder) => {
                let stock = self.shelf.stock()?;
                let target = stock.latest(folder).unwrap_or(b".").into();
                let entry = own(Kind::Symlink, 0o777, Some(target), stock.newest());
                Ok(attributes(number, &entry, 1))
            }
            What::Root | What::View(_) | What::Folder(..) => {
                let mtime = self.shelf.stock()?.newest();
                Ok(attributes(
                    number,
                    &own(Kind::Directory, 0o555, None, mtime),
                    2,
                ))
            }
        }
    }

    fn xattrs(&self, number: INodeNo) -> Result<Xattrs> {
        match self.table.get(number.0)? {
            What::Entry(top, path, entry) => {
                let parent = path.parent().unwrap_or_else(RelPath::root);
                self.shelf.dir(top.id, &parent)?.xattrs(&entry)
            }
            _ => Ok(Xattrs::new()),
        }
    }

    fn target(&self, what: &What) -> Result<Box<[u8]>> {
        match what {
            What::Latest(folder) => {
                let stock = self.shelf.stock()?;
                Ok(stock.latest(folder).unwrap_or(b".").into())
            }
            What::Entry(_, _, entry) => Ok(entry.state.target.clone().unwrap_or_default()),
            _ => Ok(Box::default()),
        }
    }

    /// The checked bytes of a file; those that are open already are shared.
    fn body(&self, what: &What) -> Result<(Arc<Body>, Option<ContentId>)> {
        let What::Entry(top, path, entry) = what else {
            return Err(Error::new(ErrorKind::Usage, "is no file"));
        };
        let shared = hold(&self.handles)
            .values()
            .find_map(|handle| match handle {
                Handle::File(body, id) if id.is_some() && *id == entry.content => {
                    Some(body.clone())
                }
                _ => None,
            });
        if let Some(body) = shared {
            return Ok((body, entry.content));
        }
        let parent = path.parent().unwrap_or_else(RelPath::root);
        let contents = self.shelf.dir(top.id, &parent)?.open_file(entry)?;
        let body = Body::read(contents, entry.state.size, entry.sparse, path.as_bytes())?;
        Ok((Arc::new(body), entry.content))
    }

    fn keep(&self, handle: Handle) -> FileHandle {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        hold(&self.handles).insert(number, handle);
        FileHandle(number)
    }

    fn listing(&self, handle: FileHandle) -> std::result::Result<Arc<Vec<Line>>, Errno> {
        match hold(&self.handles).get(&handle.0) {
            Some(Handle::Listing(lines)) => Ok(lines.clone()),
            _ => Err(Errno::EBADF),
        }
    }

    fn file(&self, handle: FileHandle) -> std::result::Result<Arc<Body>, Errno> {
        match hold(&self.handles).get(&handle.0) {
            Some(Handle::File(body, _)) => Ok(body.clone()),
            _ => Err(Errno::EBADF),
        }
    }

    /// Says what went wrong, once, and what the kernel is told.
    fn failed(&self, what: Option<&What>, error: &Error) -> Errno {
        let errno = match (error.kind(), error.errno()) {
            (ErrorKind::Damaged, _) => Errno::EIO,
            (_, Some(number)) => Errno::from_i32(number),
            (ErrorKind::NotFound, None) => Errno::ENOENT,
            (ErrorKind::Busy, None) => Errno::EBUSY,
            _ => Errno::EIO,
        };
        let place = match what {
            Some(What::Entry(top, path, _)) => {
                let path = quote(path.as_bytes());
                format!("{path} of snapshot {}: {}", top.id, error.cause())
            }
            _ => error.to_string(),
        };
        let mut said = hold(&self.said);
        if said.len() < SAID && said.insert(place.clone()) {
            self.talk.error(&place);
        }
        errno
    }

    fn entry_of(
        &self,
        parent: INodeNo,
        name: &OsStr,
    ) -> std::result::Result<(What, FileAttr), Errno> {
        let above = self
            .table
            .get(parent.0)
            .map_err(|e| self.failed(None, &e))?;
        let told = |e: Error| self.failed(Some(&above), &e);
        let found = self.child(&above, name.as_bytes()).map_err(told)?;
        let what = found.ok_or(Errno::ENOENT)?;
        let number = self.table.learn(&what).map_err(told)?;
        let attributes = self.attributes(number, &what).map_err(|e| {
            self.table.forget(number, 1);
            self.failed(Some(&what), &e)
        })?;
        Ok((what, attributes))
    }
}

fn below(top: &Arc<Top>, path: &RelPath, entry: Entry) -> What {
    What::Entry(top.clone(), path.join(&entry.name), Arc::new(entry))
}

/// How long the kernel may believe that the name leads there.
fn lasts(what: &What) -> Duration {
    match what {
        What::Entry(_, path, _) if !path.is_root() => LONG,
        _ => NOW,
    }
}

fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::File => FileType::RegularFile,
        Kind::Directory => FileType::Directory,
        Kind::Symlink => FileType::Symlink,
        Kind::Fifo => FileType::NamedPipe,
        Kind::Socket => FileType::Socket,
        Kind::CharDevice => FileType::CharDevice,
        Kind::BlockDevice => FileType::BlockDevice,
    }
}

/// What is behind a number that the kernel reads a directory's type of.
fn kind_of(what: &What) -> Kind {
    match what {
        What::Entry(_, _, entry) => entry.state.kind,
        What::Latest(_) => Kind::Symlink,
        _ => Kind::Directory,
    }
}

fn moment(time: Time) -> SystemTime {
    let nanos = Duration::from_nanos(u64::from(time.nanos));
    let whole = Duration::from_secs(time.secs.unsigned_abs());
    let second = match time.secs < 0 {
        true => UNIX_EPOCH.checked_sub(whole),
        false => UNIX_EPOCH.checked_add(whole),
    };
    second
        .and_then(|s| s.checked_add(nanos))
        .unwrap_or(UNIX_EPOCH)
}

fn attributes(number: u64, entry: &Entry, links: u32) -> FileAttr {
    let state = &entry.state;
    let size = state.target.as_ref().map_or(state.size, |t| t.len() as u64);
    let blocks = match state.kind {
        // Fewer than its bytes would take, which is how cp(1) and others tell that there are holes.
        Kind::File if entry.sparse => (state.size / 512).saturating_sub(BLOCK / 512),
        Kind::File => state.size.div_ceil(BLOCK).saturating_mul(BLOCK / 512),
        _ => 0,
    };
    let mtime = moment(state.mtime);
    FileAttr {
        ino: INodeNo(number),
        size,
        blocks,
        atime: mtime,
        mtime,
        ctime: mtime,
        crtime: mtime,
        kind: file_type(state.kind),
        perm: (state.mode & 0o7777) as u16,
        nlink: links,
        uid: state.uid,
        gid: state.gid,
        rdev: device(state.rdev),
        blksize: BLOCK as u32,
        flags: 0,
    }
}

/// A device number as the kernel's protocol packs it.
fn device(rdev: u64) -> u32 {
    let (major, minor) = (rustix::fs::major(rdev), rustix::fs::minor(rdev));
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

fn give(reply: ReplyXattr, size: u32, bytes: &[u8]) {
    match size {
        0 => reply.size(bytes.len() as u32),
        _ if bytes.len() > size as usize => reply.error(Errno::ERANGE),
        _ => reply.data(bytes),
    }
}

impl Filesystem for Show {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        for wish in [
            InitFlags::FUSE_DO_READDIRPLUS,
            InitFlags::FUSE_READDIRPLUS_AUTO,
            InitFlags::FUSE_PARALLEL_DIROPS,
            InitFlags::FUSE_CACHE_SYMLINKS,
        ] {
            // An older kernel does without.
            let _ = config.add_capabilities(wish);
        }
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.entry_of(parent, name) {
            Ok((what, attributes)) => {
                let lasts = lasts(&what);
                reply.entry_with_ttls(&lasts, &lasts, &attributes, Generation(0));
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn forget(&self, _: &Request, ino: INodeNo, nlookup: u64) {
        self.table.forget(ino.0, nlookup);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let what = self.table.get(ino.0);
        let found = what.and_then(|what| Ok((lasts(&what), self.attributes(ino.0, &what)?)));
        match found {
            Ok((lasts, attributes)) => reply.attr(&lasts, &attributes),
            Err(e) => reply.error(self.failed(None, &e)),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        let what = self.table.get(ino.0);
        match what.and_then(|what| self.target(&what)) {
            Ok(target) => reply.data(&target),
            Err(e) => reply.error(self.failed(None, &e)),
        }
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let what = match self.table.get(ino.0) {
            Ok(what) => what,
            Err(e) => return reply.error(self.failed(None, &e)),
        };
        match self.body(&what) {
            Ok((body, id)) => {
                let handle = self.keep(Handle::File(body, id));
                reply.opened(handle, FopenFlags::FOPEN_KEEP_CACHE);
            }
            Err(e) => reply.error(self.failed(Some(&what), &e)),
        }
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        fh: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = self.file(fh).and_then(|body| {
            let bytes = body.at(offset, size as usize);
            bytes.map_err(|e| Errno::from_i32(e.raw_os_error().unwrap_or(0)))
        });
        match read {
            Ok(bytes) => reply.data(&bytes),
            Err(errno) => reply.error(errno),
        }
    }

    fn lseek(
        &self,
        _: &Request,
        _: INodeNo,
        fh: FileHandle,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        // The kernel asks for nothing but data (3) and holes (4).
        let sought = self.file(fh).and_then(|body| {
            let from = u64::try_from(offset).map_err(|_| Errno::ENXIO)?;
            let sought = body.seek(from, whence == 3);
            sought.map_err(|e| Errno::from_i32(e.raw_os_error().unwrap_or(0)))
        });
        match sought {
            Ok(to) => reply.offset(i64::try_from(to).unwrap_or(i64::MAX)),
            Err(errno) => reply.error(errno),
        }
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        fh: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        hold(&self.handles).remove(&fh.0);
        reply.ok();
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let what = match self.table.get(ino.0) {
            Ok(what) => what,
            Err(e) => return reply.error(self.failed(None, &e)),
        };
        match self.list(&what) {
            Ok(lines) => {
                let handle = self.keep(Handle::Listing(Arc::new(lines)));
                reply.opened(handle, FopenFlags::empty());
            }
            Err(e) => reply.error(self.failed(Some(&what), &e)),
        }
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let lines = match self.listing(fh) {
            Ok(lines) => lines,
            Err(errno) => return reply.error(errno),
        };
        let first = usize::try_from(offset).unwrap_or(usize::MAX);
        let dots = [".", ".."].into_iter().enumerate().skip(first);
        for (at, dot) in dots {
            if reply.add(ino, at as u64 + 1, FileType::Directory, dot) {
                return reply.ok();
            }
        }
        for (at, line) in lines.iter().enumerate().skip(first.saturating_sub(2)) {
            let number = INodeNo(line.what.number());
            let kind = file_type(kind_of(&line.what));
            if reply.add(number, at as u64 + 3, kind, OsStr::from_bytes(&line.name)) {
                break;
            }
        }
        reply.ok();
    }

    fn readdirplus(
        &self,
        _: &Request,
        ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let lines = match self.listing(fh) {
            Ok(lines) => lines,
            Err(errno) => return reply.error(errno),
        };
        let first = usize::try_from(offset).unwrap_or(usize::MAX);
        let here = match self
            .table
            .get(ino.0)
            .and_then(|w| self.attributes(ino.0, &w))
        {
            Ok(here) => here,
            Err(e) => return reply.error(self.failed(None, &e)),
        };
        for (at, dot) in [".", ".."].into_iter().enumerate().skip(first) {
            if reply.add(ino, at as u64 + 1, dot, &NOW, &here, Generation(0)) {
                return reply.ok();
            }
        }
        for (at, line) in lines.iter().enumerate().skip(first.saturating_sub(2)) {
            let told = |e: Error| self.failed(Some(&line.what), &e);
            let number = match self.table.learn(&line.what) {
                Ok(number) => number,
                Err(e) => return reply.error(told(e)),
            };
            let attributes = match self.attributes(number, &line.what) {
                Ok(attributes) => attributes,
                Err(e) => {
                    self.table.forget(number, 1);
                    told(e);
                    continue;
                }
            };
            let name = OsStr::from_bytes(&line.name);
            let lasts = lasts(&line.what);
            let full = reply.add(
                INodeNo(number),
                at as u64 + 3,
                name,
                &lasts,
                &attributes,
                Generation(0),
            );
            if full {
                self.table.forget(number, 1);
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, _: INodeNo, fh: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        hold(&self.handles).remove(&fh.0);
        reply.ok();
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        match self.xattrs(ino) {
            Ok(all) => match all.iter().find(|(n, _)| n == name.as_bytes()) {
                Some((_, value)) => give(reply, size, value),
                None => reply.error(Errno::ENODATA),
            },
            Err(e) => reply.error(self.failed(None, &e)),
        }
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        match self.xattrs(ino) {
            Ok(all) => {
                let mut names = Vec::new();
                for (name, _) in all {
                    names.extend(name);
                    names.push(0);
                }
                give(reply, size, &names);
            }
            Err(e) => reply.error(self.failed(None, &e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_and_times_are_packed_as_the_kernel_has_them() {
        assert_eq!(device(rustix::fs::makedev(1, 3)), 0x103);
        assert_eq!(device(rustix::fs::makedev(8, 0x12345)), 0x1230_0845);
        let before = moment(Time::new(-2, 5));
        let distance = UNIX_EPOCH.duration_since(before).unwrap();
        assert_eq!(distance, Duration::new(1, 999_999_995));
    }
}
