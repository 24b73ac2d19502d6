//! What is said of a round: a record, or a line.

use std::io::{Write, stdout};

use fsync::cli::Talk;
use fsync::model::{Error, ErrorKind, Result, Time};
use serde_json::{Value, json};

use crate::pending::{Cause, Work};
use crate::round::Ended;

/// The record of a round whose work has ended.
pub fn record(work: &Work, ended: &Ended) -> Value {
    let time = Time::now();
    let mut record = json!({
        "type": "x-round",
        "time": { "secs": time.secs, "nanos": time.nanos },
        "why": work.all.map_or("changes", Cause::word),
        "exit": ended.code,
    });
    if work.all.is_none() {
        record["paths"] = work.paths.len().into();
    }
    let lines = ended.said.split(|b| *b == b'\n');
    let mut told = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    if let Some(snapshot) = told.find(|told| told["type"] == "snapshot") {
        record["snapshot"] = snapshot["id"].clone();
        record["new"] = snapshot["new"].clone();
    }
    record
}

/// Prints it.
///
/// # Errors
/// When nobody reads standard output any more, or its disk is full.
pub fn print(record: &Value) -> Result<()> {
    let mut out = stdout().lock();
    let printed = writeln!(out, "{record}").and_then(|()| out.flush());
    printed.map_err(|e| Error::io("cannot write", "standard output", e).as_kind(ErrorKind::Stdout))
}

/// Says it to people, of the directory that they call `name`.
pub fn say(talk: Talk, name: &str, work: &Work, record: &Value) {
    let what = match work.all {
        Some(cause) => format!("all ({})", cause.word()),
        None => fsync::porcelain::prune::counted(work.paths.len() as u64, "path"),
    };
    let line = format!("{name}: {what}: ");
    match (record["snapshot"].as_str(), record["new"].as_bool()) {
        (Some(id), Some(true)) => talk.note(&format!("{line}snapshot {id}")),
        _ => talk.detail(&format!("{line}exit code {}", record["exit"])),
    }
}
