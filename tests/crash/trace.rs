//! What strace(1) prints (`-f -y -xx -ttt`), as calls with their arguments. With `-xx` texts and paths are hex, so no
//! byte of theirs can be taken for punctuation.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Output};

/// All calls that change a file system, make that durable, or say which file is meant. A leading `?` is for those
/// that not every machine (or strace) has.
const CALLS: &str = "?open,openat,openat2,?creat,write,pwrite64,writev,?pwritev,?pwritev2,?truncate,ftruncate,fallocate,\
     ?copy_file_range,?sendfile,?splice,ioctl,?rename,renameat,renameat2,?link,linkat,?unlink,unlinkat,?rmdir,?symlink,\
     symlinkat,?mkdir,mkdirat,?mknod,mknodat,?chmod,fchmod,fchmodat,?fchmodat2,?chown,fchown,fchownat,?lchown,utimensat,\
     ?utimes,?utime,?futimesat,setxattr,lsetxattr,fsetxattr,removexattr,lremovexattr,fremovexattr,fsync,fdatasync,sync,\
     syncfs,sync_file_range,mmap,lseek";

/// An argument.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Arg {
    /// A text, verbatim.
    Text(Vec<u8>),
    /// A descriptor, and the path of what it is open on.
    Handle(i64, Vec<u8>),
    /// Anything else, as it was printed.
    Word(String),
}

impl Arg {
    /// As a number; -1 of what is none.
    pub fn number(&self) -> i64 {
        match self {
            Arg::Handle(n, _) => *n,
            Arg::Word(word) => match word.strip_prefix('0') {
                Some(octal) if !octal.is_empty() && !octal.starts_with('x') => {
                    i64::from_str_radix(octal, 8).unwrap_or(-1)
                }
                _ => word.parse().unwrap_or(-1),
            },
            Arg::Text(_) => -1,
        }
    }

    /// Whether a set of flags holds one.
    pub fn has(&self, flag: &str) -> bool {
        matches!(self, Arg::Word(word) if word.split(['|', '=', ',', '{', '}']).any(|w| w.trim() == flag))
    }

    /// As bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Arg::Text(text) => text,
            _ => panic!("no text: {self:?}"),
        }
    }
}

/// A call that succeeded.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who called.
    pub thread: u32,
    /// When it was called.
    pub time: (i64, i64),
    pub name: String,
    pub args: Vec<Arg>,
    /// What it returned.
    pub result: Arg,
}

impl Call {
    /// In a line, for people.
    pub fn brief(&self) -> String {
        let one = |arg: &Arg| match arg {
            Arg::Text(text) => format!("\"{}\"", text[..text.len().min(60)].escape_ascii()),
            Arg::Handle(fd, path) => format!("{fd}<{}>", path.escape_ascii()),
            Arg::Word(word) => word.clone(),
        };
        let args: Vec<String> = self.args.iter().map(one).collect();
        format!("{}({})", self.name, args.join(", "))
    }
}

/// Runs a shell line under strace in a sandbox; its output, and the calls in the order in which they ended.
pub fn record(mut shell: Command, line: &str, to: &Path) -> (Output, Vec<Call>) {
    let given = std::mem::replace(&mut shell, Command::new("strace"));
    if let Some(dir) = given.get_current_dir() {
        shell.current_dir(dir);
    }
    let kept = given.get_envs().filter_map(|(k, v)| Some((k, v?)));
    shell.env_clear().envs(kept).env("RAYON_NUM_THREADS", "1");
    let select = format!("trace={CALLS}");
    let most = "100000000";
    shell.args(["-f", "-y", "-xx", "-ttt", "-s", most, "--seccomp-bpf"]);
    shell.args(["-e", "signal=none", "-e", &select, "-o"]);
    let out = shell.arg(to).args(["sh", "-c", line]).output();
    let out = out.expect("strace runs");
    let text = std::fs::read_to_string(to).expect("a trace");
    (out, parse(&text))
}

/// The calls of a trace that succeeded.
pub fn parse(text: &str) -> Vec<Call> {
    let mut begun: HashMap<u32, (String, (i64, i64))> = HashMap::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let mut words = line.splitn(3, char::is_whitespace);
        let thread: u32 = words.next().and_then(|w| w.parse().ok()).expect("a thread");
        let rest = words.next().into_iter().chain(words.next());
        let rest = rest.collect::<Vec<_>>().join(" ");
        let (time, rest) = rest.trim_start().split_once(' ').expect("a time");
        let (time, rest) = (moment(time), rest.trim_start());
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(start) = rest.strip_suffix("<unfinished ...>") {
            begun.insert(thread, (start.trim_end().to_string(), time));
        } else if let Some(end) = rest.strip_prefix("<... ") {
            let (start, time) = begun.remove(&thread).expect("its beginning");
            let (_, end) = end.split_once("resumed>").expect("an end");
            calls.extend(call(thread, time, &format!("{start}{end}")));
        } else {
            calls.extend(call(thread, time, rest));
        }
    }
    calls
}

fn moment(text: &str) -> (i64, i64) {
    let (secs, micros) = text.split_once('.').expect("a fraction");
    let micros: i64 = micros.parse().expect("microseconds");
    (secs.parse().expect("seconds"), micros * 1000)
}

/// One call; `None` when it failed, or its end was never seen.
fn call(thread: u32, time: (i64, i64), text: &str) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let end = rest.rfind(") ")?;
    let result = rest[end + 1..].trim_start().strip_prefix('=')?.trim_start();
    if result.starts_with('-') || result.starts_with('?') {
        return None;
    }
    let result = result.split(" (").next().unwrap_or(result);
    Some(Call {
        thread,
        time,
        name: name.to_string(),
        args: split(&rest[..end]).into_iter().map(arg).collect(),
        result: arg(result),
    })
}

/// At the commas that are in no brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '[' | '{' | '(' => depth += 1,
            ']' | '}' | ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    if !text[from..].trim().is_empty() {
        parts.push(text[from..].trim());
    }
    parts
}

fn arg(text: &str) -> Arg {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('"') {
        let (inside, more) = rest.split_once('"').expect("a closed text");
        assert!(!more.starts_with("..."), "a text was cut");
        return Arg::Text(unhex(inside));
    }
    match text.split_once('<') {
        Some((fd, path)) if fd == "AT_FDCWD" || fd.bytes().all(|b| b.is_ascii_digit()) => {
            let path = path.split('>').next().unwrap_or_default();
            Arg::Handle(fd.parse().unwrap_or(-100), unhex(path))
        }
        _ => Arg::Word(text.to_string()),
    }
}

/// `\x2f\x64…`; anything else verbatim, such as `pipe:[7]`.
pub fn unhex(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4);
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        match rest.strip_prefix(b"\\x").and_then(|r| r.get(..2)) {
            Some(digits) => {
                let digits = std::str::from_utf8(digits).expect("hex");
                out.push(u8::from_str_radix(digits, 16).expect("hex"));
                rest = &rest[4..];
            }
            None => {
                out.push(*first);
                rest = more;
            }
        }
    }
    out
}

#[test]
fn a_trace_is_read() {
    let text = r#"7  1795410144.913412 openat(AT_FDCWD<\x2f\x64>, "\x61", O_WRONLY|O_CREAT, 0644) = 3<\x2f\x64\x2f\x61>
8  1795410144.913413 fsync(4<\x2f\x65> <unfinished ...>
7  1795410144.913414 unlink("\x62") = -1 ENOENT (No such file or directory)
7  1795410144.913415 write(3<\x2f\x64\x2f\x61>, "\x00\x2c\x22", 3) = 3
8  1795410144.913416 <... fsync resumed>)  = 0
7  1795410144.913417 utimensat(3<\x2f\x64>, NULL, [UTIME_OMIT, {tv_sec=1, tv_nsec=2} /* 1970 */], 0) = 0
7  1795410144.913418 +++ exited with 0 +++
"#;
    let calls = parse(text);
    let names: Vec<&str> = calls.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["openat", "write", "fsync", "utimensat"]);
    assert_eq!(calls[0].result, Arg::Handle(3, b"/d/a".to_vec()));
    assert!(calls[0].args[2].has("O_CREAT") && !calls[0].args[2].has("O_CREA"));
    assert_eq!(calls[0].args[3].number(), 0o644);
    assert_eq!(calls[1].args[1].bytes(), b"\0,\"");
    assert_eq!(
        (calls[2].thread, calls[2].time),
        (8, (1795410144, 913413000))
    );
    assert_eq!(calls[3].args.len(), 4);
}
