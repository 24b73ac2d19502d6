//! The side of fsync in a dialogue, for tests.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a program answers to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Made,
    Exists,
    None,
    Done,
    Size(u64),
    Data(Vec<u8>),
    Keys(Vec<(u64, String)>),
    Failed(String, String),
}

impl Answer {
    /// The word of a failure.
    #[track_caller]
    pub fn word(&self) -> &str {
        match self {
            Answer::Failed(word, text) => {
                assert!(!text.is_empty());
                word
            }
            other => panic!("that did not fail: {other:?}"),
        }
    }

    #[track_caller]
    pub fn keys(self) -> Vec<(u64, String)> {
        match self {
            Answer::Keys(keys) => keys,
            other => panic!("those are no keys: {other:?}"),
        }
    }

    #[track_caller]
    pub fn data(self) -> Vec<u8> {
        match self {
            Answer::Data(data) => data,
            other => panic!("that is no data: {other:?}"),
        }
    }
}

/// Where a store is, and the program that reaches it.
#[derive(Clone, Debug)]
pub struct Place {
    pub program: PathBuf,
    /// The address; each check has a folder of its own below it.
    pub address: String,
    /// An address below which nothing can be.
    pub missing: String,
    pub environment: Vec<(String, String)>,
    /// The directory that is the store, where it is one.
    pub directory: Option<PathBuf>,
}

/// An answer that will come.
pub struct Coming(Receiver<Answer>);

impl Coming {
    #[track_caller]
    pub fn get(self) -> Answer {
        self.0.recv_timeout(PATIENCE).expect("there is no answer")
    }
}

type Waiting = Arc<Mutex<HashMap<u64, Sender<Answer>>>>;

struct Side {
    input: Option<ChildStdin>,
    last: u64,
}

/// A program at work.
pub struct Dialogue {
    child: Child,
    side: Mutex<Side>,
    waiting: Waiting,
    reader: Option<JoinHandle<()>>,
}

/// A line without its end; `None` at the end.
fn line(output: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    output.read_line(&mut line).expect("answers are text");
    match line.pop() {
        None => None,
        Some('\n') => Some(line),
        Some(_) => panic!("a line is cut short: {line}"),
    }
}

fn parse(text: &str, output: &mut impl BufRead) -> (u64, Answer) {
    let words: Vec<&str> = text.split(' ').collect();
    let answer = match words[1..] {
        ["made"] => Answer::Made,
        ["exists"] => Answer::Exists,
        ["none"] => Answer::None,
        ["done"] => Answer::Done,
        ["size", bytes] => Answer::Size(bytes.parse().unwrap()),
        ["data", length] => {
            let mut data = vec![0; length.parse().unwrap()];
            output.read_exact(&mut data).unwrap();
            Answer::Data(data)
        }
        ["keys", count] => {
            let count: usize = count.parse().unwrap();
            let keys = (0..count).map(|_| {
                let line = line(output).unwrap();
                let (size, key) = line.split_once(' ').unwrap();
                (size.parse().unwrap(), key.to_string())
            });
            Answer::Keys(keys.collect())
        }
        ["failed", word, _, ..] => {
            let all = [
                "denied", "missing", "broken", "full", "bad", "unable", "other",
            ];
            assert!(all.contains(&word), "{text}");
            Answer::Failed(word.to_string(), words[3..].join(" "))
        }
        _ => panic!("that is no answer: {text}"),
    };
    (words[0].parse().unwrap(), answer)
}

fn read(mut output: BufReader<ChildStdout>, waiting: &Waiting) {
    while let Some(text) = line(&mut output) {
        let (id, answer) = parse(&text, &mut output);
        let sender = waiting.lock().unwrap().remove(&id);
        let sender = sender.unwrap_or_else(|| panic!("nobody has asked: {text}"));
        // Who asked need not wait for it.
        let _ = sender.send(answer);
    }
    // Whoever still waits is told that nothing comes.
    waiting.lock().unwrap().clear();
}

impl Place {
    /// The program, not started.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", "/nonexistent")
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The address of a folder of its own.
    pub fn below(&self, folder: &str) -> String {
        if let Some(directory) = &self.directory {
            std::fs::create_dir_all(directory.join(folder)).unwrap();
        }
        format!("{}/{folder}", self.address)
    }

    /// Greets it with the address of a folder of its own.
    #[track_caller]
    pub fn open(&self, folder: &str) -> Dialogue {
        self.greet(&self.below(folder))
    }

    #[track_caller]
    pub fn greet(&self, address: &str) -> Dialogue {
        let mut child = self.command().stderr(Stdio::inherit()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        writeln!(input, "fsync-store 1 {address}").unwrap();
        assert_eq!(line(&mut output).unwrap(), "fsync-store 1");
        let waiting = Waiting::default();
        let theirs = waiting.clone();
        Dialogue {
            child,
            side: Mutex::new(Side {
                input: Some(input),
                last: 0,
            }),
            waiting,
            reader: Some(std::thread::spawn(move || read(output, &theirs))),
        }
    }

    /// Says something to a new program, and nothing more: all that it prints, and its code.
    #[track_caller]
    pub fn says(&self, input: &[u8]) -> (String, String, i32) {
        let mut child = self.command().spawn().unwrap();
        // It may have ended before it has read all.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
            output.status.code().unwrap_or(-1),
        )
    }
}

impl Dialogue {
    fn side(&self) -> MutexGuard<'_, Side> {
        self.side.lock().unwrap()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks, and does not wait.
    #[track_caller]
    pub fn ask(&self, words: &str, bytes: &[u8]) -> Coming {
        self.ask_in_pieces(words, [bytes])
    }

    /// Asks with bytes that come in pieces.
    #[track_caller]
    pub fn ask_in_pieces<B: AsRef<[u8]>>(
        &self,
        words: &str,
        pieces: impl IntoIterator<Item = B>,
    ) -> Coming {
        let (sender, receiver) = channel();
        let mut side = self.side();
        side.last += 1;
        self.waiting.lock().unwrap().insert(side.last, sender);
        let line = format!("{} {words}\n", side.last);
        let input = side.input.as_mut().unwrap();
        input.write_all(line.as_bytes()).expect("it reads no more");
        for piece in pieces {
            input.write_all(piece.as_ref()).expect("it reads no more");
        }
        input.flush().unwrap();
        Coming(receiver)
    }

    #[track_caller]
    pub fn say(&self, words: &str) -> Answer {
        self.ask(words, b"").get()
    }

    #[track_caller]
    pub fn put(&self, key: &str, bytes: &[u8]) -> Answer {
        self.ask(&format!("put {} {key}", bytes.len()), bytes).get()
    }

    #[track_caller]
    pub fn get(&self, from: u64, length: u64, key: &str) -> Answer {
        self.say(&format!("get {from} {length} {key}"))
    }

    /// The keys behind one that begin with a prefix, page for page.
    #[track_caller]
    pub fn all(&self, prefix: &str) -> Vec<(u64, String)> {
        let (mut all, mut after) = (Vec::new(), "-".to_string());
        loop {
            let page = self.say(&format!("list {after} {prefix}")).keys();
            assert!(page.len() <= 1000);
            let Some((_, last)) = page.last() else {
                return all;
            };
            after = last.clone();
            all.extend(page);
        }
    }

    /// Waits until it ends of itself; its code.
    #[track_caller]
    pub fn wait(mut self) -> i32 {
        self.reader
            .take()
            .unwrap()
            .join()
            .expect("an answer is odd");
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    /// Says nothing more; its code.
    #[track_caller]
    pub fn end(self) -> i32 {
        self.side().input.take();
        self.wait()
    }
}

impl Drop for Dialogue {
    /// Ends it as fsync would, and if it does not end, otherwise.
    fn drop(&mut self) {
        if let Ok(mut side) = self.side.lock() {
            side.input.take();
        }
        for _ in 0..1000 {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes that do not compress, the same each time for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let words = (0..length.div_ceil(8)).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(length).collect()
}

/// Where a file of the tests is.
pub fn test_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}
