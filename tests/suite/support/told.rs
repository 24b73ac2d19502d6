//! What programs told: text, records, one line of error.

use assert_cmd::assert::Assert;
use serde_json::Value;

/// Reads what a program printed.
pub trait Told {
    /// Its standard output, without the last newline.
    fn text(&self) -> String;
    /// Its standard output.
    fn bytes(&self) -> Vec<u8>;
    /// Its standard output as records.
    fn records(&self) -> Vec<Value>;
    /// Its standard error.
    fn complaint(&self) -> String;
    /// Nothing on standard output.
    fn nothing(self) -> Self;
    /// Exactly one line on standard error, which begins with the program's name and holds `parts`.
    fn one_line(self, program: &str, parts: &[&str]) -> Self;
}

impl Told for Assert {
    fn text(&self) -> String {
        let text = String::from_utf8(self.bytes()).expect("UTF-8 on standard output");
        text.strip_suffix('\n').unwrap_or(&text).to_string()
    }

    fn bytes(&self) -> Vec<u8> {
        self.get_output().stdout.clone()
    }

    fn records(&self) -> Vec<Value> {
        records(&self.bytes())
    }

    fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.get_output().stderr).into_owned()
    }

    fn nothing(self) -> Self {
        self.stdout("")
    }

    fn one_line(self, program: &str, parts: &[&str]) -> Self {
        let said = self.complaint();
        assert_eq!(said.lines().count(), 1, "one line of {program}: {said:?}");
        let start = format!("{program}: ");
        assert!(said.starts_with(&start), "begins with {start:?}: {said:?}");
        for part in parts {
            assert!(said.contains(part), "holds {part:?}: {said:?}");
        }
        self
    }
}

/// The records of a stream, each an object with `type`.
pub fn records(stream: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stream).expect("UTF-8 records");
    assert!(text.is_empty() || text.ends_with('\n'), "a cut stream");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .inspect(|record: &Value| assert!(record["type"].is_string(), "no type: {record}"))
        .collect()
}

/// The change of a path in a plan; panics when there is not exactly one.
pub fn change<'a>(records: &'a [Value], path: &str) -> &'a Value {
    let found: Vec<_> = records
        .iter()
        .filter(|r| r["type"] == "change" && r["path"] == path)
        .collect();
    assert_eq!(found.len(), 1, "changes of {path:?} in {records:#?}");
    found[0]
}

/// `path outcome` of every result, in order.
pub fn outcomes(records: &[Value]) -> Vec<String> {
    let word = |v: &Value| v.as_str().unwrap_or("?").to_string();
    records
        .iter()
        .filter(|r| r["type"] == "result")
        .map(|r| format!("{} {}", word(&r["path"]), word(&r["outcome"])))
        .collect()
}

/// Records as a stream again.
pub fn plan_line(records: &[Value]) -> Vec<u8> {
    records
        .iter()
        .flat_map(|record| format!("{record}\n").into_bytes())
        .collect()
}
