//! `fsync ls`: what a snapshot holds.

use std::ffi::OsString;
use std::io::Stdout;
use std::vec::IntoIter;

use clap::Args;

use crate::cli::Talk;
use crate::cli::table::{Column, Table};
use crate::model::quote::quote_if_odd;
use crate::model::{Entry, Exit, Kind, RelPath, Result, State};
use crate::porcelain::history::json;
use crate::porcelain::named::{Named, missing, path_in};
use crate::porcelain::session::Session;
use crate::protocol::Writer;
use crate::protocol::listing::EntryRecord;
use crate::tree::cursor::Cursor;
use crate::tree::{Dir, Tree};

/// Arguments of `fsync ls`.
#[derive(Args, Debug)]
pub struct Ls {
    /// List what is in directories too, all the way down
    #[arg(short, long)]
    pub recursive: bool,
    /// Print mode, owner and group, size in bytes, time, path, and the target of a symbolic link, separated by tabs
    #[arg(short, long)]
    pub long: bool,
    /// End lines in NUL and print names verbatim; with --long, a target follows its path as a field of its own
    #[arg(short = 'z', long = "null", conflicts_with = "json")]
    pub null: bool,
    /// Print JSON, one object a line
    #[arg(long, conflicts_with = "long")]
    pub json: bool,
    /// The snapshot.
    #[command(flatten)]
    pub named: Named,
    /// What to list: a directory's entries, or a single entry [default: the whole tree's]
    #[arg(value_name = "PATH")]
    pub path: Option<OsString>,
}

/// Mode, owner and group, size, time, path, target.
const COLUMNS: [Column; 6] = [
    Column::Text,
    Column::Text,
    Column::Size,
    Column::Time,
    Column::Text,
    Column::Text,
];

/// Where the lines go: in columns, where people look at long ones.
struct Lines {
    out: Writer<Stdout>,
    table: Table,
}

/// A directory being listed.
struct Level {
    path: RelPath,
    dir: Box<dyn Dir>,
    rest: IntoIter<Entry>,
}

impl Ls {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// When there is no such snapshot or path, or the part of the manifest that it needs is damaged.
    pub fn run(self, session: &Session) -> Result<u8> {
        let path = match &self.path {
            Some(path) => path_in(path)?,
            None => RelPath::root(),
        };
        let (repo, id) = self.named.open(session)?;
        let tree = repo.tree(id)?;
        let mut out = Lines {
            out: Writer::new(std::io::stdout()),
            table: Table::new(&COLUMNS),
        };
        let mut cursor = Cursor::new(&tree);
        let exit = match cursor.place(&path)? {
            None => return Err(missing(&path, id)),
            Some(_) if path.is_root() => self.below(path, tree.open()?, session.talk, &mut out)?,
            Some((dir, entry)) if entry.is_dir() => {
                let dir = dir.open_dir(&entry)?;
                self.below(path, dir, session.talk, &mut out)?
            }
            Some((_, entry)) => {
                self.print(&path, &entry, &mut out)?;
                Exit::Done
            }
        };
        let Lines { mut out, table } = out;
        table.end(&mut out).map(|()| exit.code())
    }

    /// Lists a directory. What cannot be read is said, and the rest goes on.
    fn below(&self, path: RelPath, dir: Box<dyn Dir>, talk: Talk, out: &mut Lines) -> Result<Exit> {
        let mut exit = Exit::Done;
        let rest = dir.list()?.entries.into_iter();
        let mut levels = vec![Level { path, dir, rest }];
        while let Some(level) = levels.last_mut() {
            let Some(entry) = level.rest.next() else {
                levels.pop();
                continue;
            };
            let path = level.path.join(&entry.name);
            self.print(&path, &entry, out)?;
            if !self.recursive || !entry.is_dir() {
                continue;
            }
            let opened = level.dir.open_dir(&entry);
            match opened.and_then(|dir| dir.list().map(|listing| (dir, listing))) {
                Ok((dir, listing)) => levels.push(Level {
                    path,
                    dir,
                    rest: listing.entries.into_iter(),
                }),
                Err(error) => {
                    talk.error(&format!("{path}: {}", error.cause()));
                    let code = match Exit::from(error.kind()) {
                        Exit::Damaged => Exit::Damaged,
                        _ => Exit::Partial,
                    };
                    exit = exit.max(code);
                }
            }
        }
        Ok(exit)
    }

    fn print(&self, path: &RelPath, entry: &Entry, lines: &mut Lines) -> Result<()> {
        let Lines { out, table } = lines;
        if self.json {
            return out.raw(&json(&EntryRecord::new(path, entry))?);
        }
        let mut line = match self.long {
            true => details(&entry.state).into_bytes(),
            false => Vec::new(),
        };
        let mut name = path.as_bytes().to_vec();
        if entry.is_dir() {
            name.push(b'/');
        }
        let (end, between) = if self.null { (0, 0) } else { (b'\n', b'\t') };
        let shown = |name: &[u8]| match self.null {
            true => name.to_vec(),
            false => quote_if_odd(name),
        };
        line.extend(shown(&name));
        if let Some(target) = entry.state.target.as_deref().filter(|_| self.long) {
            line.push(between);
            line.extend(shown(target));
        }
        line.push(end);
        match self.long && !self.null {
            true => table.line(out, &line),
            false => out.raw(&line),
        }
    }
}

/// What `--long` prints in front of the path.
fn details(state: &State) -> String {
    let size = match state.kind {
        Kind::File => state.size.to_string(),
        Kind::CharDevice | Kind::BlockDevice => format!(
            "{},{}",
            rustix::fs::major(state.rdev),
            rustix::fs::minor(state.rdev)
        ),
        _ => "-".to_string(),
    };
    let (owner, time) = ((state.uid, state.gid), state.mtime.rfc3339());
    format!("{}\t{}:{}\t{size}\t{time}\t", mode(state), owner.0, owner.1)
}

/// Kind and permission bits as ls(1) prints them.
fn mode(state: &State) -> String {
    let kind = match state.kind {
        Kind::File => '-',
        Kind::Directory => 'd',
        Kind::Symlink => 'l',
        Kind::Fifo => 'p',
        Kind::Socket => 's',
        Kind::CharDevice => 'c',
        Kind::BlockDevice => 'b',
    };
    let mut text = String::from(kind);
    for (shift, bit, special) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = state.mode >> shift;
        text.push(if bits & 4 > 0 { 'r' } else { '-' });
        text.push(if bits & 2 > 0 { 'w' } else { '-' });
        text.push(match (bits & 1 > 0, state.mode & bit > 0) {
            (true, false) => 'x',
            (false, false) => '-',
            (true, true) => special,
            (false, true) => special.to_ascii_uppercase(),
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Time;

    #[test]
    fn modes_read_as_ls_prints_them() {
        let text = |kind, bits| {
            mode(&State {
                kind,
                mode: bits,
                uid: 0,
                gid: 0,
                size: 0,
                mtime: Time::new(0, 0),
                rdev: 0,
                target: None,
                inode: None,
            })
        };
        assert_eq!(text(Kind::File, 0o644), "-rw-r--r--");
        assert_eq!(text(Kind::Directory, 0o1777), "drwxrwxrwt");
        assert_eq!(text(Kind::File, 0o6744), "-rwsr-Sr--");
    }
}
