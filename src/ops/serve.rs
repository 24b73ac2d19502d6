//! Answers what the other side of a connection asks of a tree ([`crate::tree::far`]).

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;

use crate::model::filter::Rule;
use crate::model::{
    ContentId, Entry, Error, ErrorKind, Filter, Kind, RelPath, Result, State, Xattrs,
};
use crate::ops::compare;
use crate::tree::attribute::xattrs_of;
use crate::tree::cursor::Cursor;
use crate::tree::far::ask::Ask;
use crate::tree::far::delta;
use crate::tree::far::link::Channel;
use crate::tree::far::talk::{Ear, Mouth};
use crate::tree::far::wire::Out;
use crate::tree::local::state_of_handle;
use crate::tree::{Contents, Dir, Listing, Tree};

/// Files up to this length, in bytes, are said before they are asked for; of longer ones perhaps only what differs.
const SHORT: u64 = delta::WORTH;
/// How much of a longer file is said at once.
const BLOCK: usize = 128 << 10;
/// So many bytes of extended attributes are said with a directory.
const ATTRIBUTES: usize = 16 << 20;
/// What is said of a file that does not hold still.
const TORN: &str = "changed while it was read";

/// Answers one question about `tree`.
///
/// # Errors
/// When nobody hears the answer. What is wrong with the tree is an answer.
pub fn answer(tree: &Result<Box<dyn Tree>>, ask: Ask, channel: Channel) -> Result<()> {
    let mut ear = Ear::new(channel);
    let seat = matches!(ask, Ask::Like(..)).then(delta::Seat::take);
    // Heard before anything is said: it is short.
    let known = match ask {
        Ask::Like(..) => delta::named(&mut ear)?,
        _ => HashMap::new(),
    };
    let channel = ear.channel();
    let mut mouth = Mouth::new(channel);
    match tree {
        Ok(tree) => match ask {
            Ask::Like(path, cut) => {
                let pieces = Pieces { cut, known };
                like(&mut Cursor::new(tree.as_ref()), &path, &pieces, &mut mouth)?;
            }
            ask => told(tree.as_ref(), ask, &mut mouth)?,
        },
        Err(error) => mouth.say(|out| {
            out.number(0).error(error);
        })?,
    }
    mouth.flush()?;
    drop(seat);
    channel.end()
}

fn told(tree: &dyn Tree, ask: Ask, mouth: &mut Mouth<'_>) -> Result<()> {
    let mut cursor = Cursor::new(tree);
    match ask {
        Ask::Root => root(tree, mouth),
        Ask::Walk { patterns, xattrs } => walk(tree, patterns, xattrs, mouth),
        Ask::List(path) => {
            let listing = directory(&mut cursor, &path).and_then(Dir::list);
            say_listing(mouth, listing)
        }
        Ask::Find(path, names) => {
            let names: Vec<&[u8]> = names.iter().map(AsRef::as_ref).collect();
            // What is no directory has nothing in it.
            let listing = match cursor.dir(&path) {
                Ok(Some(dir)) => dir.find(&names),
                Ok(None) => Ok(Listing::default()),
                Err(e) => Err(e),
            };
            say_listing(mouth, listing)
        }
        Ask::Xattrs(path) => {
            let xattrs = place(&mut cursor, &path).and_then(|(dir, entry)| dir.xattrs(&entry));
            mouth.say(|out| {
                out.result(xattrs, |out, xattrs| {
                    out.pairs(&xattrs);
                });
            })
        }
        Ask::Digest(path) => say_digest(&mut cursor, &path, mouth),
        Ask::Digests(paths) => paths
            .iter()
            .try_for_each(|path| say_digest(&mut cursor, path, mouth)),
        Ask::Read(path) | Ask::Like(path, _) => read(&mut cursor, &path, mouth),
        Ask::Ahead(paths) => paths.iter().try_for_each(|path| {
            let slot = slot(&mut cursor, path);
            mouth.say(|out| {
                out.result(slot, say_slot);
            })
        }),
    }
}

fn root(tree: &dyn Tree, mouth: &mut Mouth<'_>) -> Result<()> {
    let (medium, device) = (tree.medium(), tree.device(0));
    mouth.say(|out| {
        out.result(tree.root(), |out, entry| {
            out.entry(&entry)
                .option(device, |out, device| {
                    out.number(device);
                })
                .number(medium.modes.into())
                .number(medium.owners.into())
                .number(medium.both_times.into())
                .number(medium.tick_ns);
        });
    })
}

fn say_listing(mouth: &mut Mouth<'_>, listing: Result<Listing>) -> Result<()> {
    mouth.say(|out| {
        out.result(listing, |out, listing| {
            out.listing(&listing);
        });
    })
}

fn directory<'c>(cursor: &'c mut Cursor<'_>, path: &RelPath) -> Result<&'c dyn Dir> {
    let gone = || {
        Error::at(
            ErrorKind::Failed,
            path.as_bytes(),
            "is no directory any more",
        )
    };
    cursor.dir(path)?.ok_or_else(gone)
}

fn place<'c>(cursor: &'c mut Cursor<'_>, path: &RelPath) -> Result<(&'c dyn Dir, Entry)> {
    let gone = || Error::at(ErrorKind::Failed, path.as_bytes(), "is not there any more");
    let (dir, mut entry) = cursor.place(path)?.ok_or_else(gone)?;
    if path.is_root() {
        entry.name = Box::default();
    }
    Ok((dir, entry))
}

fn say_digest(cursor: &mut Cursor<'_>, path: &RelPath, mouth: &mut Mouth<'_>) -> Result<()> {
    let digest = place(cursor, path).and_then(|(dir, entry)| digest(dir, &entry));
    mouth.say(|out| {
        out.result(digest, |out, id| out.0.extend_from_slice(&id.0));
    })
}

fn digest(dir: &dyn Dir, entry: &Entry) -> Result<ContentId> {
    if entry.state.kind != Kind::File {
        return Err(Error::at(
            ErrorKind::Failed,
            &entry.name,
            "is no regular file any more",
        ));
    }
    compare::digest((dir, entry))
}

/// One directory after the other, as deep as it goes.
fn walk(tree: &dyn Tree, patterns: Vec<String>, xattrs: bool, mouth: &mut Mouth<'_>) -> Result<()> {
    let rule = |pattern| Rule {
        pattern,
        origin: String::new(),
        line: 0,
    };
    // A pattern that is none leaves nothing out.
    let filter = Filter::new(patterns.into_iter().map(rule).collect()).unwrap_or_default();
    let mut cursor = Cursor::new(tree);
    let mut waiting = match tree.root() {
        Ok(root) => vec![(RelPath::root(), root)],
        Err(_) => Vec::new(),
    };
    while let Some((path, own)) = waiting.pop() {
        let listed = directory(&mut cursor, &path).and_then(|dir| {
            let listing = dir.list()?;
            let xattrs = match xattrs {
                true => attributes(dir, own, &listing),
                false => Some(Vec::new()),
            };
            Ok((listing, xattrs))
        });
        if let Ok((listing, _)) = &listed {
            let below = listing.entries.iter().rev().filter(|entry| entry.is_dir());
            let below = below.map(|entry| (path.join(&entry.name), entry.clone()));
            waiting.extend(below.filter(|(path, _)| filter.excludes(path, true).is_none()));
        }
        // With more attributes than are said at once, it is asked for when somebody comes to it.
        let listed = match listed {
            Ok((_, None)) => continue,
            Ok((listing, Some(xattrs))) => Ok((listing, xattrs)),
            Err(e) => Err(e),
        };
        mouth.say(|out| {
            out.bytes(path.as_bytes());
            out.result(listed, |out, (listing, xattrs)| {
                out.listing(&listing);
                out.list(&xattrs, |out, (name, pairs)| {
                    out.bytes(name).pairs(pairs);
                });
            });
        })?;
    }
    Ok(())
}

/// The extended attributes of some entries.
type Attributes = Vec<(Box<[u8]>, Xattrs)>;

/// The extended attributes in a directory, its own under no name; only of those that have some. `None` when they are very long.
fn attributes(dir: &dyn Dir, own: Entry, listing: &Listing) -> Option<Attributes> {
    let name = Box::default();
    let own = Entry { name, ..own };
    let (mut found, mut length) = (Vec::new(), 0);
    for entry in [&own].into_iter().chain(&listing.entries) {
        // Those that cannot be read now are asked for by whoever needs them, and then there is an answer.
        let xattrs = dir.xattrs(entry).unwrap_or_default();
        length += xattrs
            .iter()
            .map(|pair| pair.0.len() + pair.1.len())
            .sum::<usize>();
        if length > ATTRIBUTES {
            return None;
        }
        if !xattrs.is_empty() {
            found.push((entry.name.clone(), xattrs));
        }
    }
    Some(found)
}

/// What is said of an entry beforehand.
type Slot = Option<(Entry, Xattrs, Option<Vec<u8>>)>;

fn slot(cursor: &mut Cursor<'_>, path: &RelPath) -> Result<Slot> {
    let Some((dir, mut entry)) = cursor.place(path)? else {
        return Ok(None);
    };
    if path.is_root() {
        entry.name = Box::default();
    }
    if entry.state.kind == Kind::File
        && entry.state.size <= SHORT
        && let Some((bytes, xattrs)) = short_file(dir, &entry)
    {
        return Ok(Some((entry, xattrs, Some(bytes))));
    }
    let xattrs = dir.xattrs(&entry).unwrap_or_default();
    Ok(Some((entry, xattrs, None)))
}

fn say_slot(out: &mut Out, slot: Slot) {
    out.option(slot, |out, (entry, xattrs, bytes)| {
        out.entry(&entry);
        out.pairs(&xattrs);
        out.option(bytes, |out, bytes| {
            out.bytes(&bytes);
        });
    });
}

/// The bytes of a short file that held still since its entry was made, and its extended attributes; otherwise whoever wants them
/// asks again.
fn short_file(dir: &dyn Dir, entry: &Entry) -> Option<(Vec<u8>, Xattrs)> {
    let mut contents = dir.open_file(entry).ok()?;
    let size = entry.state.size;
    let mut bytes = Vec::with_capacity(size as usize);
    // Not to the end: what it is afterwards tells whether it grew, which saves a call.
    (&mut contents).take(size).read_to_end(&mut bytes).ok()?;
    let xattrs = match &contents {
        Contents::Local(file) => xattrs_of(file).ok()?,
        Contents::Bytes(_) | Contents::Stream(_) => dir.xattrs(entry).ok()?,
    };
    let still = state(&contents).is_none_or(|state| state == entry.state);
    (still && bytes.len() as u64 == size).then_some((bytes, xattrs))
}

/// What an open file is now; of one in a snapshot nothing, for that never changes.
fn state(contents: &Contents) -> Option<State> {
    match contents {
        Contents::Local(file) => state_of_handle(File::as_fd(file)).ok(),
        Contents::Bytes(_) | Contents::Stream(_) => None,
    }
}

/// The pieces of the older file that the other side has.
struct Pieces {
    cut: delta::Cut,
    known: HashMap<[u8; 16], u64>,
}

/// Opens a file and says so, or why it cannot be; then there is nothing more to say.
fn open(
    cursor: &mut Cursor<'_>,
    path: &RelPath,
    mouth: &mut Mouth<'_>,
) -> Result<Option<Contents>> {
    match place(cursor, path).and_then(|(dir, entry)| dir.open_file(&entry)) {
        Ok(contents) => {
            mouth.say(|out| {
                out.number(1);
            })?;
            Ok(Some(contents))
        }
        Err(error) => {
            mouth.say(|out| {
                out.number(0).error(&error);
            })?;
            Ok(None)
        }
    }
}

/// A file as pieces and bytes: that it could be opened, those, an empty message, and its digest, if it held still.
fn like(
    cursor: &mut Cursor<'_>,
    path: &RelPath,
    pieces: &Pieces,
    mouth: &mut Mouth<'_>,
) -> Result<()> {
    let Some(mut contents) = open(cursor, path, mouth)? else {
        return Ok(());
    };
    let before = state(&contents);
    let said = delta::say(&mut contents, pieces.cut, &pieces.known, mouth)?;
    let end = match said {
        Ok(digest) if before == state(&contents) => Ok(digest),
        Ok(_) => Err(Error::at(ErrorKind::Failed, path.as_bytes(), TORN)),
        Err(e) => Err(Error::io("cannot read", path.as_bytes(), e)),
    };
    mouth.message(&[])?;
    mouth.say(|out| {
        out.result(end, |out, digest| {
            out.bytes(&digest);
        });
    })
}

/// A file's bytes: that it could be opened, parts, an empty one behind the last, and whether it held still.
fn read(cursor: &mut Cursor<'_>, path: &RelPath, mouth: &mut Mouth<'_>) -> Result<()> {
    let Some(mut contents) = open(cursor, path, mouth)? else {
        return Ok(());
    };
    let before = state(&contents);
    let mut block = vec![0; BLOCK];
    let end = loop {
        match contents.read(&mut block) {
            Ok(0) if before == state(&contents) => break Ok(()),
            Ok(0) => break Err(Error::at(ErrorKind::Failed, path.as_bytes(), TORN)),
            Ok(n) => mouth.message(&block[..n])?,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => break Err(Error::io("cannot read", path.as_bytes(), e)),
        }
    };
    mouth.message(&[])?;
    mouth.say(|out| {
        out.result(end, |_, ()| {});
    })
}
