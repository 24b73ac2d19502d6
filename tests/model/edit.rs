//! What people do to their files meanwhile: shell commands, so that a failure can be typed again.

use crate::dice::Dice;
use crate::state::{Name, Node, ROOT, State, within};

const NAMES: [&[u8]; 11] = [
    b"f",
    b"g",
    b"h",
    b"d",
    b"e",
    b"k.o",
    b"skip",
    b"b b",
    b"-n",
    b"\xff\xe9",
    b"new\nline",
];
const TIMES: [&str; 5] = [
    "1000000000.000000001",
    "1000000000.5",
    "1300000000",
    "-86400.25",
    "1600000000.123456789",
];
const FILE_MODES: [&str; 5] = ["644", "600", "755", "4755", "400"];
const DIRECTORY_MODES: [&str; 4] = ["755", "700", "2775", "1777"];

/// More names than this, and things are rather removed.
const CROWD: usize = 36;

/// In quotes, for a shell.
pub fn quote(bytes: &[u8]) -> Vec<u8> {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"/._-@=+:,%~{}".contains(b);
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return bytes.to_vec();
    }
    let mut out = vec![b'\''];
    for b in bytes {
        match b {
            b'\'' => out.extend(b"'\\''"),
            b => out.push(*b),
        }
    }
    out.push(b'\'');
    out
}

/// Makes up edits of one directory.
pub struct Editor<'a> {
    pub dice: &'a mut Dice,
    /// Its name in the sandbox.
    pub dir: &'a str,
    pub state: &'a State,
    /// Owners can be given away and devices be made.
    pub root: bool,
}

impl Editor<'_> {
    /// A few edits that fit what is there now, as one script.
    pub fn edits(&mut self) -> Vec<u8> {
        loop {
            let script = self.edit();
            if !script.is_empty() {
                return script;
            }
        }
    }

    fn at(&self, name: &[u8]) -> Vec<u8> {
        let mut path = self.dir.as_bytes().to_vec();
        if name != ROOT {
            path.push(b'/');
            path.extend(name);
        }
        quote(&path)
    }

    fn some(&mut self, fits: impl Fn(&Node) -> bool) -> Option<Name> {
        let state = self.state;
        let all: Vec<&Name> = state
            .names
            .keys()
            .filter(|n| n.as_slice() != ROOT && fits(&state.nodes[&state.names[*n]]))
            .collect();
        self.dice.pick(&all).cloned()
    }

    fn file(&mut self) -> Option<Name> {
        self.some(|n| n.kind == "file")
    }

    /// A name that may be taken or not, in a directory that is there.
    fn place(&mut self) -> Name {
        let dirs: Vec<Name> = self
            .state
            .names
            .keys()
            .filter(|n| self.state.is_dir(n) && n.iter().filter(|b| **b == b'/').count() < 3)
            .cloned()
            .collect();
        let top = match self.dice.once_in(2) {
            true => ROOT.to_vec(),
            false => self.dice.pick(&dirs).unwrap_or_else(|| ROOT.to_vec()),
        };
        let name = self.dice.one(&NAMES);
        match top.as_slice() {
            ROOT => name.to_vec(),
            top => [top, b"/", name].concat(),
        }
    }

    /// A script: words are text, `{}` a path in quotes.
    fn say(&self, text: &str, paths: &[&[u8]]) -> Vec<u8> {
        let mut parts = text.split("{}");
        let mut out = parts.next().unwrap_or_default().as_bytes().to_vec();
        for (part, path) in parts.zip(paths) {
            out.extend(self.at(path));
            out.extend(part.as_bytes());
        }
        out
    }

    /// Sets a time that others have too, most times.
    fn time(&mut self, path: &[u8]) -> Vec<u8> {
        match self.dice.once_in(4) {
            true => Vec::new(),
            false => {
                let time = self.dice.one(&TIMES);
                self.say(&format!("; touch -h -d @{time} {{}}"), &[path])
            }
        }
    }

    fn fill(&mut self) -> String {
        let letter = self.dice.one(&["p", "q", "r"]);
        match self.dice.below(12) {
            0 => ":".into(),
            1..=2 => format!("printf {letter}"),
            3..=8 => format!("printf {letter}{letter}{letter}{letter}{letter}"),
            9..=10 => format!("printf '%0300d' 7 | tr 07 {letter}x"),
            _ => format!("printf '%05000d' 7 | tr 07 {letter}x"),
        }
    }

    fn edit(&mut self) -> Vec<u8> {
        if self.state.names.len() > CROWD {
            return self.take_away();
        }
        match self.dice.below(40) {
            0..=9 => self.write(),
            10..=11 => self.grow(),
            12..=13 => self.same_size_same_time(),
            14..=16 => self.metadata(),
            17..=18 => {
                let path = self.place();
                let target = self.dice.one(&["f", "../x", "nowhere/at all", "d"]);
                let mut out = self.say(
                    &format!("rm -rf {{}}; ln -s '{target}' {{}}"),
                    &[&path, &path],
                );
                out.extend(self.time(&path));
                out
            }
            19..=22 => self.hard_link(),
            23..=25 => self.take_away(),
            26..=28 => self.rename(),
            29..=30 => self.swap(),
            31..=34 => self.directory(),
            35 => self.special(),
            36..=37 => self.attribute(),
            38 => self.sparse(),
            _ => self.large(),
        }
    }

    fn write(&mut self) -> Vec<u8> {
        let path = match (self.dice.once_in(2), self.file()) {
            (true, Some(path)) => path,
            _ => self.place(),
        };
        let free = self.state.get(&path).is_none_or(|n| n.kind == "file");
        let clear = if free { "" } else { "rm -rf {1}; " };
        let text = format!("{clear}{} > {{1}}", self.fill()).replace("{1}", "{}");
        let count = text.matches("{}").count();
        let mut out = self.say(&text, &vec![path.as_slice(); count]);
        out.extend(self.time(&path));
        out
    }

    fn grow(&mut self) -> Vec<u8> {
        let Some(path) = self.file() else {
            return Vec::new();
        };
        match self.dice.below(3) {
            0 => self.say("printf z >> {}", &[&path]),
            1 => {
                let size = self.dice.below(8);
                self.say(&format!("truncate -s {size} {{}}"), &[&path])
            }
            _ => {
                let size = self.state.get(&path).map_or(0, |n| n.size) + 5000;
                self.say(&format!("truncate -s {size} {{}}"), &[&path])
            }
        }
    }

    /// What only the change time gives away.
    fn same_size_same_time(&mut self) -> Vec<u8> {
        let Some(path) = self.some(|n| n.kind == "file" && (1..2000).contains(&n.size)) else {
            return Vec::new();
        };
        let node = self.state.get(&path).expect("it").clone();
        let letter = self.dice.one(&["s", "t", "u"]);
        let (size, time) = (node.size, stamp(node.mtime));
        let text = format!("printf '%0{size}d' 0 | tr 0 {letter} > {{}}; touch -d @{time} {{}}");
        self.say(&text, &[&path, &path])
    }

    fn metadata(&mut self) -> Vec<u8> {
        let Some(path) = self.some(|n| n.kind != "symlink") else {
            return Vec::new();
        };
        let path = if self.dice.once_in(6) {
            ROOT.to_vec()
        } else {
            path
        };
        match self.dice.below(if self.root { 4 } else { 3 }) {
            0 => {
                let time = self.dice.one(&TIMES);
                self.say(&format!("touch -d @{time} {{}}"), &[&path])
            }
            1 => self.say("touch {}", &[&path]),
            2 => {
                let mode = match self.state.is_dir(&path) {
                    true => self.dice.one(&DIRECTORY_MODES),
                    false => self.dice.one(&FILE_MODES),
                };
                self.say(&format!("chmod {mode} {{}}"), &[&path])
            }
            _ => {
                let owner = self.dice.one(&["0:0", "1234:4321", "1:0"]);
                self.say(&format!("chown -h {owner} {{}}"), &[&path])
            }
        }
    }

    fn hard_link(&mut self) -> Vec<u8> {
        let Some(first) = self.some(|n| !matches!(n.kind, "directory")) else {
            return Vec::new();
        };
        let path = self.place();
        let same = self.state.names.get(&path) == self.state.names.get(&first);
        match same || self.state.is_dir(&path) {
            true => Vec::new(),
            false => self.say("ln -PTf {} {}", &[&first, &path]),
        }
    }

    fn take_away(&mut self) -> Vec<u8> {
        let only_files = self.dice.once_in(2) && self.state.names.len() <= CROWD;
        match self.some(|n| !only_files || n.kind != "directory") {
            Some(path) => self.say("rm -rf {}", &[&path]),
            None => Vec::new(),
        }
    }

    fn rename(&mut self) -> Vec<u8> {
        let (Some(from), to) = (self.some(|_| true), self.place()) else {
            return Vec::new();
        };
        let nested = within(&to, &from) || within(&from, &to);
        // Of two names of one file, mv takes one away.
        match nested || self.state.names.get(&to) == self.state.names.get(&from) {
            true => Vec::new(),
            false => self.say("rm -rf {}; mv -T {} {}", &[&to, &from, &to]),
        }
    }

    /// Two names change places, whatever they are.
    fn swap(&mut self) -> Vec<u8> {
        let (Some(a), Some(b)) = (self.some(|_| true), self.some(|_| true)) else {
            return Vec::new();
        };
        match within(&a, &b) || within(&b, &a) {
            true => Vec::new(),
            false => self.say(
                "mv -T {} swap; mv -T {} {}; mv -T swap {}",
                &[&a, &b, &a, &b],
            ),
        }
    }

    fn directory(&mut self) -> Vec<u8> {
        let path = self.place();
        if self.state.is_dir(&path) {
            return Vec::new();
        }
        let mut out = self.say("rm -rf {}; mkdir {}", &[&path, &path]);
        if self.dice.once_in(2) {
            let name = self.dice.one(&NAMES);
            let inner = [path.as_slice(), b"/", name].concat();
            let text = format!("; {} > {{}}", self.fill());
            out.extend(self.say(&text, &[&inner]));
            out.extend(self.time(&inner));
        }
        out.extend(self.time(&path));
        out
    }

    fn special(&mut self) -> Vec<u8> {
        let path = self.place();
        let make = match self.root && self.dice.once_in(2) {
            true => format!("mknod {{}} c 1 {}", 3 + self.dice.below(2)),
            false => "mkfifo {}".to_string(),
        };
        let mut out = self.say(&format!("rm -rf {{}}; {make}"), &[&path, &path]);
        out.extend(self.time(&path));
        out
    }

    fn attribute(&mut self) -> Vec<u8> {
        let Some(path) = self.some(|n| matches!(n.kind, "file" | "directory")) else {
            return Vec::new();
        };
        let named = |key: &str, n: &Node| n.xattrs.contains_key(key.as_bytes());
        let node = self.state.get(&path).expect("it");
        match self.dice.below(4) {
            0 if named("user.a", node) => self.say("setfattr -x user.a {}", &[&path]),
            0 | 1 => {
                let value = self.dice.one(&["0x00ff", "0x6161"]);
                self.say(&format!("setfattr -n user.a -v {value} {{}}"), &[&path])
            }
            2 => self.say("setfacl -m u:1234:r-x {}", &[&path]),
            _ => self.say("setfacl -b {}", &[&path]),
        }
    }

    fn sparse(&mut self) -> Vec<u8> {
        let path = self.place();
        let text = "rm -rf {}; truncate -s 70000 {}; printf data | dd of={} bs=1 seek=30000 conv=notrunc status=none";
        let mut out = self.say(text, &[&path, &path, &path]);
        out.extend(self.time(&path));
        out
    }

    /// One that is cut into chunks; it stays, and grows.
    fn large(&mut self) -> Vec<u8> {
        match self.some(|n| n.size > 8 << 20) {
            Some(path) => self.say("echo more >> {}", &[&path]),
            None if self.dice.once_in(8) => {
                let path = self.place();
                self.say("rm -rf {}; seq 1 1200000 > {}", &[&path, &path])
            }
            None => Vec::new(),
        }
    }
}

/// A time, as touch(1) reads it.
fn stamp((secs, nanos): (i64, i64)) -> String {
    match (secs < 0, nanos) {
        (true, 1..) => format!("-{}.{:09}", -(secs + 1), 1_000_000_000 - nanos),
        _ => format!("{secs}.{nanos:09}"),
    }
}
