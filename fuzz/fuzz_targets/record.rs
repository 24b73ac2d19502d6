//! The record reader: each line is a record. What is accepted is printed, and read again it is the same.

#![no_main]

use fsync::protocol::Record;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for line in data.split(|b| *b == b'\n') {
        let record = match Record::parse(line) {
            Ok(record) => record,
            Err(why) => {
                // Whoever says it escapes what is odd in it, and leaves out the middle of what is long.
                assert!(!why.is_empty() && why.len() < 8 * line.len() + 1024, "{why:?}");
                continue;
            }
        };
        let mut text = Vec::new();
        record.write(&mut text).expect("what was read can be written");
        assert_eq!(text.pop(), Some(b'\n'));
        assert!(!text.contains(&b'\n'), "one line");
        let again = Record::parse(&text).expect("what was written can be read");
        match (&record, &again) {
            // Numbers of any length may stand in it, and nobody acts on them.
            (Record::Progress(_), Record::Progress(_)) => {}
            // What is odd in the text is escaped when it is written, and means the same.
            (Record::Foreign(text), Record::Foreign(escaped)) => {
                let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
                assert_eq!(value(text), value(escaped));
            }
            _ => assert_eq!(record, again),
        }
    }
});
