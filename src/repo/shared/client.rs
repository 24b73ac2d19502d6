//! The line protocol with a store's helper (`man/fsync-store.7`), from the side of whoever asks.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::quote::quote;
use crate::model::{Error, ErrorKind, Result};
use crate::repo::shared::{MOST, PAGE, Put, Store};

/// The version of the protocol.
const VERSION: u32 = 1;
/// No line is longer, in bytes.
const LONGEST: u64 = 8 << 10;

/// An answer.
enum Answer {
    Words(String),
    Data(Vec<u8>),
    Keys(Vec<(String, u64)>),
}

type Waiting = HashMap<u64, SyncSender<Answer>>;

struct State {
    next: u64,
    /// Who waits; `None`: nobody will be answered any more.
    waiting: Option<Waiting>,
}

/// A helper that answers.
pub struct Client {
    url: String,
    write: Mutex<Box<dyn Write + Send>>,
    state: Arc<Mutex<State>>,
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    /// Greets the helper behind two pipes.
    ///
    /// # Errors
    /// When it does not answer as it should, with what it says.
    pub fn greet(
        url: &str,
        read: impl Read + Send + 'static,
        mut write: impl Write + Send + 'static,
    ) -> Result<Client> {
        let mut read = BufReader::with_capacity(1 << 16, read);
        let hello = format!("fsync-store {VERSION} {url}\n");
        // One that ended by now is heard of below.
        let _ = write
            .write_all(hello.as_bytes())
            .and_then(|()| write.flush());
        let answer = line(&mut read).map_err(|e| Error::io("cannot be reached", url, e))?;
        let words = answer.split_once(' ');
        match (answer.as_str(), words) {
            ("", _) => {
                let message = "the program that reaches it ended without an answer";
                return Err(Error::at(ErrorKind::Failed, url, message));
            }
            (_, Some(("fsync-store", version))) if version.trim() == VERSION.to_string() => {}
            (_, Some(("failed", why))) => return Err(failure(url, why)),
            _ => {
                let said = quote(answer.as_bytes());
                let message = format!(
                    "the program that reaches it says {said}, and not fsync-store {VERSION}"
                );
                return Err(Error::at(ErrorKind::Failed, url, message));
            }
        }
        let state = Arc::new(Mutex::new(State {
            next: 1,
            waiting: Some(HashMap::new()),
        }));
        let shared = state.clone();
        let listen = move || {
            // Whatever it was: nobody is answered any more, and all who wait hear of it.
            let _ = listen(&mut read, &shared);
            hold(&shared).waiting = None;
        };
        let started = std::thread::Builder::new().spawn(listen);
        started.map_err(|e| Error::refused("cannot start a thread", e))?;
        Ok(Client {
            url: url.into(),
            write: Mutex::new(Box::new(write)),
            state,
        })
    }

    fn gone(&self) -> Error {
        let message = "the connection to it is gone; run this again";
        Error::at(ErrorKind::Failed, self.url.as_bytes(), message)
    }

    /// Begins to ask: what to say after the number, and `length` bytes of `body`.
    fn ask(&self, words: &str, body: &mut dyn Read, length: u64) -> Result<Answer> {
        let (give, answer): (_, Receiver<Answer>) = sync_channel(1);
        let number = {
            let mut state = hold(&self.state);
            let number = state.next;
            state.next += 1;
            let waiting = state.waiting.as_mut().ok_or_else(|| self.gone())?;
            waiting.insert(number, give);
            number
        };
        {
            let mut write = hold(&self.write);
            let said = write
                .write_all(format!("{number} {words}\n").as_bytes())
                .and_then(|()| io::copy(&mut body.take(length), &mut *write))
                .and_then(|sent| write.flush().map(|()| sent));
            match said {
                Ok(sent) if sent == length => {}
                // What it waits for will never come.
                Ok(_) => {
                    hold(&self.state).waiting = None;
                    let message = "what was to be stored is shorter than it was";
                    return Err(Error::at(ErrorKind::Failed, self.url.as_bytes(), message));
                }
                Err(_) => return Err(self.gone()),
            }
        }
        match answer.recv().map_err(|_| self.gone())? {
            Answer::Words(said) => match said.strip_prefix("failed ") {
                Some(why) => Err(failure(&self.url, why)),
                None => Ok(Answer::Words(said)),
            },
            other => Ok(other),
        }
    }

    fn odd<T>(&self) -> Result<T> {
        let message = "the program that reaches it answers something else than was asked";
        Err(Error::at(ErrorKind::Failed, self.url.as_bytes(), message))
    }
}

/// What a helper says went wrong: a word, and text.
fn failure(url: &str, why: &str) -> Error {
    let (word, text) = why.split_once(' ').unwrap_or((why, ""));
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let what = match word {
        "denied" => "the store refuses",
        "missing" => "there is no such store",
        "broken" => "the store cannot be reached",
        "full" => "the store is full",
        "unable" => "the store cannot do that",
        _ => "the store fails",
    };
    Error::at(ErrorKind::Failed, url, format!("{what}: {text}"))
}

/// The next line without its end; empty at the end.
fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut text = Vec::new();
    from.take(LONGEST).read_until(b'\n', &mut text)?;
    let cut = || io::Error::new(io::ErrorKind::InvalidData, "a line without an end");
    match text.pop() {
        None => Ok(String::new()),
        Some(b'\n') => String::from_utf8(text).map_err(|_| cut()),
        Some(_) => Err(cut()),
    }
}

/// Hands answers to who waits for them, until there are no more.
fn listen(from: &mut impl BufRead, state: &Mutex<State>) -> io::Result<()> {
    let odd = || io::Error::from(io::ErrorKind::InvalidData);
    loop {
        let text = line(from)?;
        if text.is_empty() {
            return Ok(());
        }
        let (number, words) = text.split_once(' ').ok_or_else(odd)?;
        let number: u64 = number.parse().map_err(|_| odd())?;
        let answer = match words.split_once(' ') {
            Some(("data", length)) => {
                let length: u64 = length.parse().map_err(|_| odd())?;
                if length > MOST {
                    return Err(odd());
                }
                let mut data = vec![0; length as usize];
                from.read_exact(&mut data)?;
                Answer::Data(data)
            }
            Some(("keys", count)) => {
                let count: usize = count.parse().map_err(|_| odd())?;
                if count > PAGE {
                    return Err(odd());
                }
                let keys = (0..count).map(|_| {
                    let text = line(from)?;
                    let (length, key) = text.split_once(' ').ok_or_else(odd)?;
                    Ok((key.to_string(), length.parse().map_err(|_| odd())?))
                });
                Answer::Keys(keys.collect::<io::Result<_>>()?)
            }
            _ => Answer::Words(words.to_string()),
        };
        let give = hold(state)
            .waiting
            .as_mut()
            .and_then(|waiting| waiting.remove(&number))
            .ok_or_else(odd)?;
        // Nobody may listen any more.
        let _ = give.send(answer);
    }
}

impl Store for Client {
    fn put(&self, key: &str, bytes: &mut dyn Read, length: u64) -> Result<Put> {
        match self.ask(&format!("put {length} {key}"), bytes, length)? {
            Answer::Words(said) if said == "made" => Ok(Put::Made),
            Answer::Words(said) if said == "exists" => Ok(Put::Exists),
            _ => self.odd(),
        }
    }

    fn get(&self, key: &str, from: u64, length: u64) -> Result<Option<Vec<u8>>> {
        let length = length.min(MOST);
        match self.ask(&format!("get {from} {length} {key}"), &mut io::empty(), 0)? {
            Answer::Data(data) if data.len() as u64 <= length => Ok(Some(data)),
            Answer::Words(said) if said == "none" => Ok(None),
            _ => self.odd(),
        }
    }

    fn list(&self, prefix: &str, after: &str) -> Result<Vec<(String, u64)>> {
        let word = |text: &str| {
            if text.is_empty() {
                "-".into()
            } else {
                text.to_string()
            }
        };
        let words = format!("list {} {}", word(after), word(prefix));
        match self.ask(&words, &mut io::empty(), 0)? {
            Answer::Keys(keys) => Ok(keys),
            _ => self.odd(),
        }
    }

    fn delete(&self, key: &str) -> Result<()> {
        match self.ask(&format!("delete {key}"), &mut io::empty(), 0)? {
            Answer::Words(said) if said == "done" => Ok(()),
            _ => self.odd(),
        }
    }
}
