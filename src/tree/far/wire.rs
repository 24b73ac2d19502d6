//! How entries and requests are written for the other side: numbers in as few bytes as they need (seven bits in each, the lowest
//! first), bytes behind their length. What comes is checked as anything from outside: names are one component each, nothing
//! is longer than what is left of the message.

use std::fmt;

use crate::model::{
    ContentId, Entry, Error, ErrorKind, Inode, Kind, Problem, RelPath, State, Time, Xattrs,
};
use crate::tree::Listing;

/// What came is not what it should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the other side said what cannot be understood")
    }
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Error::new(ErrorKind::BadInput, malformed.to_string())
    }
}

/// The kinds, by their numbers.
const KINDS: [Kind; 7] = [
    Kind::File,
    Kind::Directory,
    Kind::Symlink,
    Kind::Fifo,
    Kind::Socket,
    Kind::CharDevice,
    Kind::BlockDevice,
];
/// The kinds of errors that a reader can tell apart, by their numbers.
const ERRORS: [ErrorKind; 7] = [
    ErrorKind::Failed,
    ErrorKind::Usage,
    ErrorKind::Refused,
    ErrorKind::BadInput,
    ErrorKind::NotFound,
    ErrorKind::Busy,
    ErrorKind::Damaged,
];

/// A message that is being written.
#[derive(Default)]
pub struct Out(pub Vec<u8>);

/// A message that is being read.
pub struct In<'m>(pub &'m [u8]);

impl Out {
    /// A number.
    pub fn number(&mut self, mut n: u64) -> &mut Self {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
        self
    }

    /// Bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// Something that may be absent.
    pub fn option<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) -> &mut Self {
        self.number(value.is_some().into());
        if let Some(value) = value {
            put(self, value);
        }
        self
    }

    /// A list.
    pub fn list<T>(&mut self, list: &[T], mut put: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.number(list.len() as u64);
        list.iter().for_each(|item| put(self, item));
        self
    }

    fn time(&mut self, time: Time) -> &mut Self {
        // Sign in the lowest bit.
        let secs = (time.secs << 1) ^ (time.secs >> 63);
        self.number(secs as u64).number(time.nanos.into())
    }

    /// A state.
    pub fn state(&mut self, state: &State) -> &mut Self {
        let kind = KINDS.iter().position(|kind| *kind == state.kind);
        self.number(kind.unwrap_or_default() as u64)
            .number(state.mode.into())
            .number(state.uid.into())
            .number(state.gid.into())
            .number(state.size)
            .time(state.mtime)
            .number(state.rdev)
            .option(state.target.as_deref(), |out, target| {
                out.bytes(target);
            })
            .option(state.inode, |out, inode| {
                out.number(inode.dev).number(inode.ino).time(inode.ctime);
            })
    }

    /// An entry; which manifest node it has does not matter to the other side.
    pub fn entry(&mut self, entry: &Entry) -> &mut Self {
        let marks = [entry.mount, entry.sparse];
        let marks = marks
            .iter()
            .rev()
            .fold(0, |sum, mark| sum << 1 | u64::from(*mark));
        self.bytes(&entry.name)
            .state(&entry.state)
            .number(marks)
            .option(entry.links, |out, (dev, ino)| {
                out.number(dev).number(ino);
            })
            .option(entry.content, |out, id| {
                out.0.extend_from_slice(&id.0);
            })
    }

    /// A listing.
    pub fn listing(&mut self, listing: &Listing) -> &mut Self {
        self.list(&listing.entries, |out, entry| {
            out.entry(entry);
        });
        self.list(&listing.problems, |out, problem| {
            out.bytes(problem.path.as_bytes())
                .bytes(problem.operation.as_bytes())
                .bytes(problem.message.as_bytes());
        });
        self.number(listing.hides.into())
    }

    /// Extended attributes.
    pub fn pairs(&mut self, pairs: &[(Vec<u8>, Vec<u8>)]) -> &mut Self {
        self.list(pairs, |out, (name, value)| {
            out.bytes(name).bytes(value);
        })
    }

    /// An error.
    pub fn error(&mut self, error: &Error) -> &mut Self {
        let kind = ERRORS.iter().position(|kind| *kind == error.kind());
        self.number(kind.unwrap_or_default() as u64)
            .option(error.path(), |out, path| {
                out.bytes(path);
            })
            .bytes(error.cause().as_bytes())
    }

    /// What became of something.
    pub fn result<T>(
        &mut self,
        result: Result<T, Error>,
        put: impl FnOnce(&mut Self, T),
    ) -> &mut Self {
        match result {
            Ok(value) => {
                self.number(1);
                put(self, value);
            }
            Err(error) => {
                self.number(0).error(&error);
            }
        }
        self
    }
}

impl<'m> In<'m> {
    /// A number.
    ///
    /// # Errors
    /// [`Malformed`], as of all these.
    pub fn number(&mut self) -> Result<u64, Malformed> {
        let mut n = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Malformed)?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            n |= bits << shift;
            if byte & 0x80 == 0 {
                let fits = shift < 63 || bits < 2;
                return if fits { Ok(n) } else { Err(Malformed) };
            }
        }
        Err(Malformed)
    }

    fn small(&mut self) -> Result<u32, Malformed> {
        self.number()?.try_into().map_err(|_| Malformed)
    }

    /// Whether.
    pub fn truth(&mut self) -> Result<bool, Malformed> {
        match self.number()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    /// Bytes.
    pub fn bytes(&mut self) -> Result<&'m [u8], Malformed> {
        let length = usize::try_from(self.number()?).map_err(|_| Malformed)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// Something that may be absent.
    pub fn option<T>(
        &mut self,
        get: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        self.truth()?.then(|| get(self)).transpose()
    }

    /// A list. Its length is not believed before its items are there.
    pub fn list<T>(
        &mut self,
        mut get: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let length = self.number()?;
        let mut list = Vec::new();
        for _ in 0..length {
            list.push(get(self)?);
        }
        Ok(list)
    }

    /// That nothing more is there.
    pub fn end(&self) -> Result<(), Malformed> {
        self.0.is_empty().then_some(()).ok_or(Malformed)
    }

    fn time(&mut self) -> Result<Time, Malformed> {
        let secs = self.number()?;
        let nanos = self.small()?;
        let secs = (secs >> 1) as i64 ^ -((secs & 1) as i64);
        (nanos < 1_000_000_000)
            .then(|| Time::new(secs, nanos))
            .ok_or(Malformed)
    }

    /// A path below the root.
    pub fn path(&mut self) -> Result<RelPath, Malformed> {
        RelPath::parse(self.bytes()?).map_err(|_| Malformed)
    }

    /// The name of an entry: one component.
    pub fn name(&mut self) -> Result<&'m [u8], Malformed> {
        let name = self.bytes()?;
        let odd = name.is_empty()
            || matches!(name, b"." | b"..")
            || name.iter().any(|b| matches!(b, b'/' | 0));
        (!odd).then_some(name).ok_or(Malformed)
    }

    /// A state.
    pub fn state(&mut self) -> Result<State, Malformed> {
        let kind = *KINDS.get(self.small()? as usize).ok_or(Malformed)?;
        let mode = self.small()?;
        if mode > 0o7777 {
            return Err(Malformed);
        }
        Ok(State {
            kind,
            mode,
            uid: self.small()?,
            gid: self.small()?,
            size: self.number()?,
            mtime: self.time()?,
            rdev: self.number()?,
            target: self.option(|from| from.bytes().map(Box::from))?,
            inode: self.option(|from| {
                Ok(Inode {
                    dev: from.number()?,
                    ino: from.number()?,
                    ctime: from.time()?,
                })
            })?,
        })
    }

    /// An entry; only that of a root has no name.
    pub fn entry(&mut self, root: bool) -> Result<Entry, Malformed> {
        let name = match root {
            true => self
                .bytes()
                .and_then(|name| name.is_empty().then_some(name).ok_or(Malformed))?,
            false => self.name()?,
        };
        let mut entry = Entry::new(name, self.state()?);
        let marks = self.number()?;
        (entry.mount, entry.sparse) = (marks & 1 != 0, marks & 2 != 0);
        entry.links = self.option(|from| Ok((from.number()?, from.number()?)))?;
        entry.content = self.option(|from| {
            let (id, rest) = from.0.split_first_chunk().ok_or(Malformed)?;
            from.0 = rest;
            Ok(ContentId(*id))
        })?;
        let is_target = entry.state.kind == Kind::Symlink;
        (entry.state.target.is_some() == is_target)
            .then_some(entry)
            .ok_or(Malformed)
    }

    /// A listing, sorted, each name once.
    pub fn listing(&mut self) -> Result<Listing, Malformed> {
        let entries = self.list(|from| from.entry(false))?;
        if !entries.is_sorted_by(|a, b| a.name < b.name) {
            return Err(Malformed);
        }
        let problems = self.list(|from| {
            Ok(Problem {
                path: from.path()?,
                operation: from.text()?,
                message: from.text()?,
                damaged: false,
            })
        })?;
        Ok(Listing {
            entries,
            problems,
            skips: Vec::new(),
            hides: self.truth()?,
        })
    }

    /// Words.
    pub fn text(&mut self) -> Result<String, Malformed> {
        Ok(String::from_utf8_lossy(self.bytes()?).into_owned())
    }

    /// Extended attributes.
    pub fn pairs(&mut self) -> Result<Xattrs, Malformed> {
        self.list(|from| Ok((from.bytes()?.to_vec(), from.bytes()?.to_vec())))
    }

    /// An error.
    pub fn error(&mut self) -> Result<Error, Malformed> {
        let kind = *ERRORS.get(self.small()? as usize).ok_or(Malformed)?;
        let path = self.option(In::bytes)?;
        let message = self.text()?;
        Ok(match path {
            Some(path) => Error::at(kind, path, message),
            None => Error::new(kind, message),
        })
    }

    /// What became of something.
    pub fn result<T>(
        &mut self,
        get: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<T, Error> {
        match self.truth()? {
            true => Ok(get(self)?),
            false => Err(self.error()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(name: &[u8], kind: Kind, number: u64) -> Entry {
        let mut entry = Entry::new(
            name,
            State {
                kind,
                mode: (number % 0o10000) as u32,
                uid: number as u32,
                gid: 7,
                size: number,
                mtime: Time::new(number as i64, (number % 1_000_000_000) as u32),
                rdev: number / 3,
                target: (kind == Kind::Symlink).then(|| Box::from(&b"to\xff"[..])),
                inode: (number.is_multiple_of(2)).then_some(Inode {
                    dev: number,
                    ino: 2,
                    ctime: Time::new(-(number as i64 / 2), 1),
                }),
            },
        );
        entry.mount = number.is_multiple_of(3);
        entry.sparse = number.is_multiple_of(5);
        entry.links = (number.is_multiple_of(7)).then_some((number, 1));
        entry.content = (number.is_multiple_of(11)).then_some(ContentId([9; 32]));
        entry
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(numbers in prop::collection::btree_set(any::<u64>(), 0..40)) {
            let entries: Vec<Entry> = numbers
                .iter()
                .enumerate()
                .map(|(at, n)| entry(format!("{at:03}").as_bytes(), KINDS[*n as usize % 7], *n))
                .collect();
            let listing = Listing { entries, ..Listing::default() };
            let mut out = Out::default();
            out.listing(&listing);
            let mut from = In(&out.0);
            let read = from.listing().unwrap();
            from.end().unwrap();
            prop_assert_eq!(format!("{read:?}"), format!("{listing:?}"));
            let mut again = Out::default();
            again.listing(&read);
            prop_assert_eq!(again.0, out.0);
        }

        #[test]
        fn rubbish_is_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut from = In(&bytes);
            let _ = from.listing();
            let _ = In(&bytes).entry(true);
            let _ = In(&bytes).result(In::pairs);
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in [&b""[..], b".", b"..", b"a/b", b"/", b"a\0"] {
            let mut out = Out::default();
            out.entry(&Entry {
                name: Box::from(name),
                ..entry(b"x", Kind::File, 1)
            });
            assert_eq!(In(&out.0).entry(false).unwrap_err(), Malformed, "{name:?}");
        }
        let mut out = Out::default();
        let twice = [entry(b"a", Kind::File, 1), entry(b"a", Kind::File, 2)];
        out.listing(&Listing {
            entries: twice.into(),
            ..Listing::default()
        });
        assert!(In(&out.0).listing().is_err());
    }
}
