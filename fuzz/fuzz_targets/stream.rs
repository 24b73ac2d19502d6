//! A whole plan as fsync-apply reads it: told apart by its first byte, read to its end, checked.

#![no_main]

use fsync::cli::plan::{Given, read};
use fsync::model::{Counts, ErrorKind};
use fsync::protocol::{End, Record};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let plan = match read(data) {
        Ok(Given::Plan(plan)) => plan,
        Ok(Given::Lines(lines)) => {
            assert!(lines.windows(2).all(|pair| pair[0].path < pair[1].path));
            return;
        }
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::BadInput | ErrorKind::Refused));
            assert!(error.to_string().len() < 8 * data.len() + 1024);
            return;
        }
    };
    assert!(plan.changes.windows(2).all(|pair| pair[0].path < pair[1].path));
    let mut counts = Counts::default();
    let mut text = Vec::new();
    let header = Record::Header(plan.header.clone());
    header.write(&mut text).expect("a header");
    for change in &plan.changes {
        counts.add(change);
        Record::Change(change.clone()).write(&mut text).expect("a change");
    }
    let end = End { counts, errors: 0, skipped: 0 };
    Record::End(end).write(&mut text).expect("an end");
    let Ok(Given::Plan(again)) = read(&*text) else {
        panic!("what was written cannot be read: {}", text.escape_ascii());
    };
    assert_eq!((plan.header, plan.changes), (again.header, again.changes));
});
