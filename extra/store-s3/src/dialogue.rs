//! The dialogue of fsync-store(7): requests from standard input, answers to standard output, many in flight.

use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::address::Address;
use crate::input::{Cut, exactly, line, swallow};
use crate::key::{is_key, is_prefix};
use crate::large::{LARGE, Unfinished, Upload, part_of};
use crate::put::Made;
use crate::store::Store;
use crate::trouble::{Trouble, Word};

/// The version of the protocol.
const VERSION: u64 = 1;

/// The longest range.
const RANGE: u64 = 8 << 20;

/// How many requests are in flight, and how many KiB of objects are in memory for them.
const REQUESTS: u32 = 64;
const MEMORY: u32 = 64 << 10;

/// An answer on its way out, with what it holds until it is written.
struct Answer {
    line: String,
    bytes: Bytes,
    _held: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
}

/// A request, but for its number.
enum Request<'a> {
    Put(u64, &'a str),
    Get(u64, u64, &'a str),
    Size(&'a str),
    List(&'a str, &'a str),
    Delete(&'a str),
}

/// Decimal digits, at most 18.
fn number(word: &str) -> Option<u64> {
    let plain = !word.is_empty() && word.len() <= 18 && word.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| word.parse().ok()).flatten()
}

impl<'a> Request<'a> {
    fn parse(words: &[&'a str]) -> Result<Request<'a>, Trouble> {
        let bad = |why: &str| Trouble::new(Word::Bad, why);
        let key = |word: &'a str| {
            if is_key(word) {
                Ok(word)
            } else {
                Err(bad("that is no key"))
            }
        };
        let count = |word| number(word).ok_or_else(|| bad("that is no number"));
        match words {
            ["put", length, at] => Ok(Request::Put(count(length)?, key(at)?)),
            ["get", from, length, at] => match count(length)? {
                length if length > RANGE => Err(bad("a range is at most 8388608 long")),
                length => Ok(Request::Get(count(from)?, length, key(at)?)),
            },
            ["size", at] => Ok(Request::Size(key(at)?)),
            ["list", after, prefix] => {
                let after = if *after == "-" { "" } else { key(after)? };
                match *prefix {
                    "-" => Ok(Request::List(after, "")),
                    prefix if is_prefix(prefix) => Ok(Request::List(after, prefix)),
                    _ => Err(bad("no key begins like that")),
                }
            }
            ["delete", at] => Ok(Request::Delete(key(at)?)),
            _ => Err(bad("there is no such request, or it has other words")),
        }
    }

    /// What was tried, for a person.
    fn tried(&self, store: &Store) -> String {
        match self {
            Request::Put(_, key) => store.tried("put", key),
            Request::Get(_, _, key) | Request::Size(key) => store.tried("read", key),
            Request::List(_, prefix) => store.tried("list", prefix),
            Request::Delete(key) => store.tried("delete", key),
        }
    }
}

/// What an answer says, and the bytes behind it.
type Said = Result<(String, Bytes), Trouble>;

async fn answer(store: &Store, request: &Request<'_>, put: Bytes) -> Said {
    let plain = |line: &str| (line.to_string(), Bytes::new());
    let said = match request {
        Request::Put(_, key) => store.put(key, put).await.map(|made| plain(word(made))),
        Request::Get(from, length, key) => {
            store.get(*from, *length, key).await.map(|got| match got {
                Some(bytes) => (format!("data {}", bytes.len()), bytes),
                None => plain("none"),
            })
        }
        Request::Size(key) => store.look(key).await.map(|look| match look {
            Some(look) => plain(&format!("size {}", look.size)),
            None => plain("none"),
        }),
        Request::List(after, prefix) => store.list(after, prefix).await.map(|keys| {
            let lines: String = keys
                .iter()
                .map(|(size, key)| format!("{size} {key}\n"))
                .collect();
            (format!("keys {}", keys.len()), lines.into())
        }),
        Request::Delete(key) => store.delete(key).await.map(|()| plain("done")),
    };
    said.map_err(|trouble| trouble.of(&request.tried(store)))
}

fn word(made: Made) -> &'static str {
    match made {
        Made::Made => "made",
        Made::Exists => "exists",
    }
}

/// Writes answers as they come; ends when nobody can send one any more.
fn write(answers: &Receiver<Answer>) -> io::Result<()> {
    let mut output = io::BufWriter::with_capacity(64 << 10, io::stdout().lock());
    while let Ok(first) = answers.recv() {
        let mut next = Some(first);
        while let Some(answer) = next {
            writeln!(output, "{}", answer.line)?;
            output.write_all(&answer.bytes)?;
            drop(answer);
            next = answers.try_recv().ok();
        }
        output.flush()?;
    }
    Ok(())
}

/// One run of the program.
struct Dialogue {
    store: Arc<Store>,
    runtime: Handle,
    unfinished: Arc<Unfinished>,
    requests: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    answers: Sender<Answer>,
}

/// Understands the greeting: the store that is meant, or why there is none.
fn greeted(text: &str) -> Result<Store, Trouble> {
    match text.split(' ').collect::<Vec<_>>()[..] {
        ["fsync-store", version, address] if number(version).is_some_and(|v| v >= VERSION) => {
            Store::open(&Address::parse(address)?)
        }
        _ => Err(Trouble::new(
            Word::Bad,
            "that is no greeting that this program understands",
        )),
    }
}

/// Speaks until the end of the input. Whoever watches is told what to take back should it be stopped.
pub fn run(runtime: Handle, watch: impl FnOnce(Arc<Store>, Arc<Unfinished>)) -> Result<(), Cut> {
    let mut input = io::stdin().lock();
    let Some(first) = line(&mut input)? else {
        let why = "fsync starts this program for a repository on object storage; --help says more";
        return Err(Cut(why.into()));
    };
    let store = match greeted(&first) {
        Ok(store) => Arc::new(store),
        Err(trouble) => {
            println!("failed {trouble}");
            return Ok(());
        }
    };
    println!("fsync-store {VERSION}");
    let unfinished = Arc::new(Unfinished::default());
    watch(store.clone(), unfinished.clone());
    let (answers, written) = channel();
    let writer = thread::spawn(move || write(&written));
    let dialogue = Dialogue {
        store,
        runtime,
        unfinished,
        requests: Arc::new(Semaphore::new(REQUESTS as usize)),
        memory: Arc::new(Semaphore::new(MEMORY as usize)),
        answers,
    };
    let read = dialogue.read(&mut input);
    // When all are given back, all is answered.
    let _ = dialogue
        .runtime
        .block_on(dialogue.requests.acquire_many(REQUESTS));
    drop(dialogue);
    let wrote = writer.join();
    read?;
    match wrote.unwrap_or_else(|_| Err(io::Error::other("the writer failed"))) {
        // Whoever closes it wants no answers.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Cut(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

impl Dialogue {
    fn read(&self, input: &mut impl BufRead) -> Result<(), Cut> {
        while let Some(text) = line(input)? {
            let words: Vec<&str> = text.split(' ').collect();
            let Some(id) = number(words[0]) else {
                return Err(Cut("a line does not begin with a number".into()));
            };
            // Bytes come, whatever is wrong with the rest of the line.
            let length = match words[1..] {
                ["put"] => None,
                ["put", length, ..] => number(length),
                _ => Some(0),
            };
            let Some(length) = length else {
                return Err(Cut("a put does not say its length".into()));
            };
            let turn = self.permits(&self.requests, 1);
            match Request::parse(&words[1..]) {
                Ok(Request::Put(length, key)) if length >= LARGE => {
                    self.large(input, id, key, length, turn)?
                }
                Ok(Request::Put(length, _)) => {
                    let memory = self.room(length);
                    let bytes = exactly(input, length)?;
                    self.spawn(id, text, bytes, (turn, Some(memory)));
                }
                Ok(Request::Get(_, length, _)) => {
                    let memory = self.room(length);
                    self.spawn(id, text, Bytes::new(), (turn, Some(memory)));
                }
                Ok(_) => self.spawn(id, text, Bytes::new(), (turn, None)),
                Err(trouble) => {
                    swallow(input, length)?;
                    say(&self.answers, id, Err(trouble), (turn, None));
                }
            }
        }
        Ok(())
    }

    fn permits(&self, of: &Arc<Semaphore>, count: u32) -> OwnedSemaphorePermit {
        let permits = self.runtime.block_on(of.clone().acquire_many_owned(count));
        permits.expect("no semaphore is ever closed")
    }

    /// Memory for so many bytes, once others have given it back. What needs more than there is gets all.
    fn room(&self, bytes: u64) -> OwnedSemaphorePermit {
        let kib = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(MEMORY);
        self.permits(&self.memory, kib.clamp(1, MEMORY))
    }

    /// Does what a line says, which has been understood once, and answers.
    fn spawn(
        &self,
        id: u64,
        text: String,
        put: Bytes,
        held: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
    ) {
        let (store, answers) = (self.store.clone(), self.answers.clone());
        self.runtime.spawn(async move {
            let words: Vec<&str> = text.split(' ').collect();
            let said = match Request::parse(&words[1..]) {
                Ok(request) => answer(&store, &request, put).await,
                Err(trouble) => Err(trouble),
            };
            say(&answers, id, said, held);
        });
    }

    /// A large put: its parts are sent as they are read.
    fn large(
        &self,
        input: &mut impl BufRead,
        id: u64,
        key: &str,
        length: u64,
        turn: OwnedSemaphorePermit,
    ) -> Result<(), Cut> {
        let tried = self.store.tried("put", key);
        let answers = self.answers.clone();
        let tell = move |made: Result<Made, Trouble>| {
            let said = made.map(|made| (word(made).to_string(), Bytes::new()));
            let said = said.map_err(|trouble| trouble.of(&tried));
            say(&answers, id, said, (turn, None));
        };
        let begun = Upload::begin(self.store.clone(), self.unfinished.clone(), key, length);
        match self.runtime.block_on(begun) {
            Ok(Some(upload)) => {
                let upload = self.send(input, upload, length)?;
                let finish = async move { tell(upload.finish().await) };
                self.runtime.spawn(finish);
            }
            other => {
                swallow(input, length)?;
                tell(other.map(|_| Made::Exists));
            }
        }
        Ok(())
    }

    /// Sends what comes, part for part; takes it back when the input ends before.
    fn send(
        &self,
        input: &mut impl BufRead,
        mut upload: Upload,
        length: u64,
    ) -> Result<Upload, Cut> {
        let (part, mut left) = (part_of(length), length);
        let _inside = self.runtime.enter();
        while left > 0 {
            let size = left.min(part);
            let memory = self.room(size);
            match exactly(input, size) {
                Ok(bytes) => upload.send(bytes, memory),
                Err(cut) => {
                    self.runtime.block_on(upload.abort());
                    return Err(cut);
                }
            }
            left -= size;
        }
        Ok(upload)
    }
}

/// Hands an answer to the writer. When that has ended, nobody listens any more.
fn say(
    answers: &Sender<Answer>,
    id: u64,
    said: Said,
    held: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
) {
    let (line, bytes) = match said {
        Ok((line, bytes)) => (format!("{id} {line}"), bytes),
        Err(trouble) => (format!("{id} failed {trouble}"), Bytes::new()),
    };
    let _ = answers.send(Answer {
        line,
        bytes,
        _held: held,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits() {
        assert_eq!(number("007"), Some(7));
        assert_eq!(number(&"9".repeat(18)), Some(999_999_999_999_999_999));
        for odd in ["", "+1", "-1", "1_0", "0x1", "1e3", &"9".repeat(19)] {
            assert_eq!(number(odd), None, "{odd}");
        }
    }
}
