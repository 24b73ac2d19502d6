//! The record `progress`: how far a program has come. It is written to stderr, for people who wait and for what draws for
//! them.

use serde::{Deserialize, Serialize};

use crate::model::meter::{Reading, Total};
use crate::repo::PathText;

/// How a line of stderr that is such a record begins.
pub const HEAD: &[u8] = b"{\"type\":\"progress\",";

/// One reading of a program's counters.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename = "progress")]
pub struct ProgressRecord {
    /// Who says so.
    pub program: String,
    /// What it is doing; empty when it waits.
    pub phase: String,
    /// What its files are called: entries, changes, files or archives.
    pub unit: String,
    /// The number of the phase, from 1.
    pub round: u64,
    /// How many are done.
    pub files: u64,
    /// Of how many.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total_files: Option<u64>,
    /// How many bytes of contents are done.
    pub bytes: u64,
    /// Of how many.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total_bytes: Option<u64>,
    /// Since the phase began, in milliseconds.
    pub elapsed_ms: u64,
    /// Where the work is.
    #[serde(flatten)]
    pub path: Option<PathText>,
    /// The phase is over.
    #[serde(default)]
    pub over: bool,
    /// Somebody asked, by SIGUSR1.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub asked: bool,
}

impl ProgressRecord {
    /// Of a reading, or of a program that waits.
    pub fn new(program: &str, reading: Option<&Reading>, elapsed_ms: u64) -> Self {
        let total = reading.and_then(|r| r.total);
        let done = reading.map_or(Total::default(), |r| r.done);
        ProgressRecord {
            program: program.into(),
            phase: reading.map_or("", |r| r.phase.word()).into(),
            unit: reading.map_or("", |r| r.phase.unit()).into(),
            round: reading.map_or(0, |r| r.round),
            files: done.files,
            total_files: total.map(|t| t.files),
            bytes: done.bytes,
            total_bytes: total.map(|t| t.bytes),
            elapsed_ms,
            path: reading
                .filter(|r| !r.path.is_empty())
                .map(|r| PathText(r.path.clone())),
            over: false,
            asked: false,
        }
    }

    /// As it stands on a line of its own.
    pub fn line(&self) -> Vec<u8> {
        // Numbers and strings are never refused.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        crate::model::quote::escape_json(&mut line, 0);
        line.push(b'\n');
        line
    }

    /// Of such a line.
    pub fn parse(line: &[u8]) -> Option<Self> {
        line.starts_with(HEAD)
            .then(|| serde_json::from_slice(line).ok())
            .flatten()
    }

    /// How much of the work is done, from 0 to 1, where that is known. Making an entry is work too, as much as so many bytes.
    pub fn share(&self) -> Option<f64> {
        const ENTRY: f64 = 16_384.0;
        let weight = |files: u64, bytes: u64| files as f64 * ENTRY + bytes as f64;
        let total = weight(self.total_files?, self.total_bytes?);
        (total > 0.0).then(|| weight(self.files, self.bytes) / total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::meter::Phase;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let reading = Reading {
            phase: Phase::Changing,
            done: Total { files: 1, bytes: 2 },
            total: Some(Total { files: 3, bytes: 4 }),
            path: b"odd\n\xff".to_vec(),
            round: 1,
        };
        let record = ProgressRecord::new("fsync-apply", Some(&reading), 5);
        let line = record.line();
        assert!(line.starts_with(HEAD), "{}", String::from_utf8_lossy(&line));
        assert_eq!(ProgressRecord::parse(&line), Some(record));
        assert_eq!(ProgressRecord::parse(b"fsync-apply: x\n"), None);
    }
}
