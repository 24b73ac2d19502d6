//! What one side asks the other of a tree, and how.
//!
//! Each request is a channel of its own; the answer is what is said on it. Directories are named by their paths, so that the
//! other side remembers nothing between requests but the open trees.

use crate::model::RelPath;
use crate::tree::far::delta::Cut;
use crate::tree::far::wire::{In, Malformed, Out};

/// More patterns are not said: whoever has more has everything walked.
pub const PATTERNS: usize = 1000;

/// A request about a tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// What the root is: its entry, its device, what its file system keeps.
    Root,
    /// Every directory from the root down, in the order of paths.
    Walk {
        /// What is below a directory that these leave out is not walked; lines of a gitignore file.
        patterns: Vec<String>,
        /// Extended attributes are said, too.
        xattrs: bool,
    },
    /// A directory's entries.
    List(RelPath),
    /// Some names in a directory.
    Find(RelPath, Vec<Box<[u8]>>),
    /// The extended attributes of an entry.
    Xattrs(RelPath),
    /// A file's bytes: its entry, the bytes, and whether it held still.
    Read(RelPath),
    /// A file's bytes, as far as they are not in the pieces that are named then ([`super::delta`]).
    Like(RelPath, Cut),
    /// The digest of a file's bytes.
    Digest(RelPath),
    /// The digests of files, in this order.
    Digests(Vec<RelPath>),
    /// Entries in this order, each with its extended attributes, and of short files the bytes.
    Ahead(Vec<RelPath>),
}

/// What a channel is opened for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
    /// A request about a tree.
    Tree(Request),
    /// The fsync there runs with these arguments. What it says comes in messages, each with a number in front: 1 standard output, 2
    /// standard error, 0 the exit code at the end.
    Run(Vec<Vec<u8>>),
}

impl Call {
    /// As bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Out::default();
        match self {
            Call::Tree(request) => {
                out.number(0);
                out.0.extend_from_slice(&request.write());
            }
            Call::Run(args) => {
                out.number(1).list(args, |out, arg| {
                    out.bytes(arg);
                });
            }
        }
        out.0
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = In(bytes);
        match from.number()? {
            0 => Request::read(from.0).map(Call::Tree),
            1 => {
                let args = from.list(|from| from.bytes().map(<[u8]>::to_vec))?;
                from.end()?;
                Ok(Call::Run(args))
            }
            _ => Err(Malformed),
        }
    }
}

/// A request: of which tree, and what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The tree, as its user named it.
    pub tree: Box<[u8]>,
    /// What is asked.
    pub ask: Ask,
}

impl Request {
    /// As bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Out::default();
        out.bytes(&self.tree);
        let path = |out: &mut Out, path: &RelPath| {
            out.bytes(path.as_bytes());
        };
        match &self.ask {
            Ask::Root => {
                out.number(0);
            }
            Ask::Walk { patterns, xattrs } => {
                out.number(1).list(patterns, |out, pattern| {
                    out.bytes(pattern.as_bytes());
                });
                out.number((*xattrs).into());
            }
            Ask::List(dir) => path(out.number(2), dir),
            Ask::Find(dir, names) => {
                path(out.number(3), dir);
                out.list(names, |out, name| {
                    out.bytes(name);
                });
            }
            Ask::Xattrs(entry) => path(out.number(4), entry),
            Ask::Read(file) => path(out.number(5), file),
            Ask::Digest(file) => path(out.number(6), file),
            Ask::Like(file, cut) => {
                path(out.number(8), file);
                out.number(cut.number());
            }
            Ask::Ahead(paths) => {
                out.number(7).list(paths, path);
            }
            Ask::Digests(paths) => {
                out.number(9).list(paths, path);
            }
        }
        out.0
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = In(bytes);
        let tree = Box::from(from.bytes()?);
        let ask = match from.number()? {
            0 => Ask::Root,
            1 => {
                let patterns = from.list(In::text)?;
                if patterns.len() > PATTERNS {
                    return Err(Malformed);
                }
                Ask::Walk {
                    patterns,
                    xattrs: from.truth()?,
                }
            }
            2 => Ask::List(from.path()?),
            3 => Ask::Find(from.path()?, from.list(|from| from.name().map(Box::from))?),
            4 => Ask::Xattrs(from.path()?),
            5 => Ask::Read(from.path()?),
            6 => Ask::Digest(from.path()?),
            7 => Ask::Ahead(from.list(In::path)?),
            8 => Ask::Like(from.path()?, Cut::from_number(from.number()?)?),
            9 => Ask::Digests(from.list(In::path)?),
            _ => return Err(Malformed),
        };
        from.end()?;
        Ok(Request { tree, ask })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_understood() {
        let path = |text: &str| RelPath::parse(text.as_bytes()).unwrap();
        for ask in [
            Ask::Root,
            Ask::Walk {
                patterns: vec!["*.o".into(), "!a".into()],
                xattrs: true,
            },
            Ask::List(path(".")),
            Ask::Find(path("a/b"), vec![Box::from(&b"c"[..])]),
            Ask::Xattrs(path("a")),
            Ask::Read(path("a")),
            Ask::Digest(path("a")),
            Ask::Like(path("a"), Cut::of(1 << 40)),
            Ask::Ahead(vec![path("a"), path("b/c")]),
            Ask::Digests(vec![path("a"), path("b/c")]),
        ] {
            let request = Request {
                tree: Box::from(&b"/x"[..]),
                ask,
            };
            let bytes = request.write();
            assert_eq!(Request::read(&bytes).unwrap(), request);
            assert!(Request::read(&bytes[..bytes.len() - 1]).is_err());
        }
        let run = Call::Run(vec![b"cp".to_vec(), b"a b".to_vec()]);
        assert_eq!(Call::read(&run.write()).unwrap(), run);
        let mut out = Out::default();
        out.bytes(b"/x").number(5).bytes(b"../y");
        assert!(Request::read(&out.0).is_err());
    }
}
