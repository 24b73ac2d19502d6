//! What the kernel asks, answered.

use std::ffi::OsStr;
use std::io::{self, ErrorKind::Unsupported};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Duration;

use fsync::model::quote::quote;
use fsync::model::{Error, ErrorKind};
use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus,
    ReplyEmpty, ReplyEntry, ReplyLseek, ReplyOpen, ReplyXattr, Request,
};

use crate::attribute;
use crate::body::Body;
use crate::handle::{Handle, Handles};
use crate::node::{Table, What};
use crate::scene::{self, Line, Scene};
use crate::voice::Voice;

/// How long the kernel may believe what is in a snapshot: that never changes.
const LONG: Duration = Duration::from_secs(3600);
/// How long what is there depends on the repository.
const NOW: Duration = Duration::ZERO;

/// What the kernel wants, or the number of an error.
type Answer<T> = Result<T, Errno>;

/// The file system.
pub struct Show {
    scene: Scene,
    table: Table,
    handles: Handles,
    voice: Arc<Voice>,
    allow_other: bool,
}

impl Show {
    /// Shows `scene`, with `allow_other` to everybody whom the modes and ACLs of its entries let.
    pub fn new(scene: Scene, allow_other: bool, voice: Arc<Voice>) -> Self {
        Show {
            scene,
            table: Table::default(),
            handles: Handles::default(),
            voice,
            allow_other,
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
        self.voice.error(match what {
            Some(What::Entry(top, path, _)) => {
                let path = quote(path.as_bytes());
                format!("{path} of snapshot {}: {}", top.id, error.cause())
            }
            _ => error.to_string(),
        });
        errno
    }

    /// What a number stands for, asked something.
    fn ask<T>(
        &self,
        ino: INodeNo,
        ask: impl FnOnce(&What) -> fsync::model::Result<T>,
    ) -> Answer<T> {
        let what = self.table.get(ino.0).map_err(|e| self.failed(None, &e))?;
        ask(&what).map_err(|e| self.failed(Some(&what), &e))
    }

    /// Makes `what` known to the kernel, which is to forget it again.
    fn learn(&self, what: &What) -> Answer<FileAttr> {
        let told = |e: Error| self.failed(Some(what), &e);
        let number = self.table.learn(what).map_err(told)?;
        self.scene.attributes(number, what).map_err(|e| {
            self.table.forget(number, 1);
            told(e)
        })
    }

    fn find(&self, parent: INodeNo, name: &OsStr) -> Answer<(What, FileAttr)> {
        let found = self.ask(parent, |above| self.scene.child(above, name.as_bytes()))?;
        let what = found.ok_or(Errno::ENOENT)?;
        let attributes = self.learn(&what)?;
        Ok((what, attributes))
    }

    /// The bytes of a file; those that are open already are shared.
    fn body(&self, what: &What) -> fsync::model::Result<Arc<Body>> {
        let shared = scene::content(what).and_then(|content| self.handles.shared(content));
        match shared {
            Some(body) => Ok(body),
            None => self.scene.body(what).map(Arc::new),
        }
    }

    /// Adds the lines from `first` on, as many as there is room for. What cannot be told of a line is told when it is
    /// the first one that is asked for.
    fn plus(
        &self,
        lines: &[Line],
        first: usize,
        reply: &mut ReplyDirectoryPlus,
        mut any: bool,
    ) -> Answer<()> {
        for (at, line) in lines.iter().enumerate().skip(first) {
            let attributes = match self.learn(&line.what) {
                Ok(attributes) => attributes,
                Err(_) if any => return Ok(()),
                Err(errno) => return Err(errno),
            };
            let (name, lasts) = (OsStr::from_bytes(&line.name), lasts(&line.what));
            let (ino, next) = (attributes.ino, at as u64 + 3);
            if reply.add(ino, next, name, &lasts, &attributes, Generation(0)) {
                self.table.forget(ino.0, 1);
                return Ok(());
            }
            any = true;
        }
        Ok(())
    }
}

/// How long the kernel may believe that the name leads there.
fn lasts(what: &What) -> Duration {
    match what {
        What::Entry(_, path, _) if !path.is_root() => LONG,
        _ => NOW,
    }
}

/// `.` and `..`, as far as they are asked for, and how many lines were asked for before.
fn dots(offset: u64) -> (impl Iterator<Item = (u64, &'static str)>, usize) {
    let first = usize::try_from(offset).unwrap_or(usize::MAX);
    let dots = [(1, "."), (2, "..")].into_iter().skip(first);
    (dots, first.saturating_sub(2))
}

fn system(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_i32)
}

fn give(reply: ReplyXattr, size: u32, answer: Answer<Vec<u8>>) {
    match answer {
        Ok(bytes) if size == 0 => reply.size(bytes.len() as u32),
        Ok(bytes) if bytes.len() > size as usize => reply.error(Errno::ERANGE),
        Ok(bytes) => reply.data(&bytes),
        Err(errno) => reply.error(errno),
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
        if self.allow_other {
            // Of what has an ACL the mode is not all: its group bits are the mask, and may say more than the group has.
            let added = config.add_capabilities(InitFlags::FUSE_POSIX_ACL);
            added.map_err(|_| io::Error::from(Unsupported))?;
        }
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.find(parent, name) {
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
        let found = self.ask(ino, |what| {
            Ok((lasts(what), self.scene.attributes(ino.0, what)?))
        });
        match found {
            Ok((lasts, attributes)) => reply.attr(&lasts, &attributes),
            Err(errno) => reply.error(errno),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        match self.ask(ino, |what| self.scene.target(what)) {
            Ok(target) => reply.data(&target),
            Err(errno) => reply.error(errno),
        }
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let opened = self.ask(ino, |what| {
            Ok(Handle::File(self.body(what)?, scene::content(what)))
        });
        match opened {
            Ok(file) => reply.opened(self.handles.open(file), FopenFlags::FOPEN_KEEP_CACHE),
            Err(errno) => reply.error(errno),
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
        let body = self.handles.file(fh);
        let read = body.and_then(|body| body.at(offset, size as usize).map_err(|e| system(&e)));
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
        let sought = self.handles.file(fh).and_then(|body| {
            let from = u64::try_from(offset).map_err(|_| Errno::ENXIO)?;
            body.seek(from, whence == 3).map_err(|e| system(&e))
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
        self.handles.close(fh);
        reply.ok();
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.ask(ino, |what| self.scene.list(what)) {
            Ok(lines) => {
                let handle = self.handles.open(Handle::Listing(Arc::new(lines)));
                reply.opened(handle, FopenFlags::empty());
            }
            Err(errno) => reply.error(errno),
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
        let lines = match self.handles.listing(fh) {
            Ok(lines) => lines,
            Err(errno) => return reply.error(errno),
        };
        let (dots, first) = dots(offset);
        for (next, dot) in dots {
            if reply.add(ino, next, FileType::Directory, dot) {
                return reply.ok();
            }
        }
        for (at, line) in lines.iter().enumerate().skip(first) {
            let number = INodeNo(line.what.number());
            let kind = attribute::file_type(scene::kind(&line.what));
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
        let here = self.ask(ino, |what| self.scene.attributes(ino.0, what));
        let (lines, here) = match self
            .handles
            .listing(fh)
            .and_then(|lines| Ok((lines, here?)))
        {
            Ok(both) => both,
            Err(errno) => return reply.error(errno),
        };
        let (dots, first) = dots(offset);
        let mut any = false;
        for (next, dot) in dots {
            if reply.add(ino, next, dot, &NOW, &here, Generation(0)) {
                return reply.ok();
            }
            any = true;
        }
        match self.plus(&lines, first, &mut reply, any) {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(errno),
        }
    }

    fn releasedir(&self, _: &Request, _: INodeNo, fh: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.handles.close(fh);
        reply.ok();
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        let all = self.ask(ino, |what| self.scene.xattrs(what));
        let value = all.and_then(|all| {
            let mut all = all.into_iter();
            let found = all.find(|(n, _)| n[..] == *name.as_bytes());
            found.map(|(_, value)| value.to_vec()).ok_or(Errno::ENODATA)
        });
        give(reply, size, value);
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        let all = self.ask(ino, |what| self.scene.xattrs(what));
        let names = all.map(|all| {
            let mut names = Vec::new();
            for (name, _) in all {
                names.extend(name);
                names.push(0);
            }
            names
        });
        give(reply, size, names);
    }
}
