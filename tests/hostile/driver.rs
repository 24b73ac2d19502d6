//! Runs programs and measures what they take; tells whether what they print is fit for a terminal.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::Sandbox;

/// What became of a command.
#[derive(Clone, Debug)]
pub struct Ran {
    /// What was run.
    pub line: String,
    /// The exit code; `None` when it took too long and was killed; negative for a signal.
    pub code: Option<i64>,
    pub out: Vec<u8>,
    pub err: Vec<u8>,
    /// The most memory that it (or one of its stages) held.
    pub rss: u64,
    pub seconds: f64,
}

/// Runs commands, each of which may take so many seconds.
pub fn drive(s: &Sandbox, cwd: &str, seconds: u64, lines: &[Vec<String>]) -> Vec<Ran> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile/drive.py");
    let mut child = s
        .plain("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut input = child.stdin.take().expect("its input");
    let jobs: Vec<u8> = lines
        .iter()
        .flat_map(|argv| {
            let job = json!({"argv": argv, "cwd": s.path(cwd), "seconds": seconds});
            format!("{job}\n").into_bytes()
        })
        .collect();
    let feeder = std::thread::spawn(move || input.write_all(&jobs));
    let told = child.wait_with_output().expect("its output");
    feeder.join().expect("a thread").expect("all jobs");
    assert!(told.status.success(), "the driver failed");
    let text = String::from_utf8(told.stdout).expect("JSON");
    let ran: Vec<Ran> = text.lines().zip(lines).map(|(t, l)| of(t, l)).collect();
    assert_eq!(ran.len(), lines.len(), "every command was run");
    ran
}

fn of(text: &str, line: &[String]) -> Ran {
    let value: Value = serde_json::from_str(text).expect("JSON");
    let bytes = |name: &str| -> Vec<u8> {
        let text = value[name].as_str().expect("text");
        text.chars().map(|c| c as u8).collect()
    };
    Ran {
        line: line.join(" "),
        code: value["code"].as_i64(),
        out: bytes("out"),
        err: bytes("err"),
        rss: value["rss_bytes"].as_u64().expect("a number"),
        seconds: value["seconds"].as_f64().expect("a number"),
    }
}

/// Words of a command line.
pub fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(String::from).collect()
}

impl Ran {
    /// Ended by itself, with a code of ours, within the memory; says nothing that a terminal would obey.
    #[track_caller]
    pub fn civil(&self, rss: u64) {
        assert_eq!(self.fault(rss), None);
    }

    /// What is wrong with how it went, if anything is.
    pub fn fault(&self, rss: u64) -> Option<String> {
        let said = String::from_utf8_lossy(&self.err);
        let said: String = said.chars().take(600).collect();
        let why = match self.code {
            Some(0..=9) if said.contains("panicked") => "panicked".to_string(),
            Some(0..=9) if self.rss > rss => format!("{} MiB of memory", self.rss >> 20),
            Some(0..=9) => fit(&self.err)?,
            other => format!("{other:?} after {:.1} s", self.seconds),
        };
        Some(format!("{}: {why}: {said:?}", self.line))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).trim_end().to_string()
    }

    pub fn said(&self) -> String {
        String::from_utf8_lossy(&self.err).into_owned()
    }
}

/// Nothing was wrong; all that was, at once.
#[track_caller]
pub fn none(faults: Vec<String>) {
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// What in a text a terminal would obey or hide, if there is anything: control characters (but for tab and newline), the
/// 8-bit ones as UTF-8 or raw, marks of direction, characters without width.
pub fn fit(text: &[u8]) -> Option<String> {
    let bad = |c: char| {
        (c.is_control() && !matches!(c, '\t' | '\n'))
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{2028}' | '\u{2029}')
    };
    match std::str::from_utf8(text) {
        Ok(text) => text
            .char_indices()
            .find(|(_, c)| bad(*c))
            .map(|(at, c)| format!("{c:?} at byte {at}")),
        Err(e) => Some(format!("no UTF-8 at byte {}", e.valid_up_to())),
    }
}
