//! The line form, with quoted names and ended by NUL: what is accepted is printed in both forms, and read again it is
//! the same. A quoted name holds nothing that a terminal would act on.

#![no_main]

use fsync::model::quote::{quote, quote_if_odd, unquote};
use fsync::model::{Change, Kind, State, Time, Why};
use fsync::protocol::line::{Line, parse, write};
use libfuzzer_sys::fuzz_target;

fn state() -> State {
    State {
        kind: Kind::File,
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: 0,
        mtime: Time::new(0, 0),
        rdev: 0,
        target: None,
        inode: None,
    }
}

fn change(line: &Line) -> Change {
    Change {
        path: line.path.clone(),
        status: line.status,
        kind: Kind::File,
        source: 0,
        old: None,
        new: None,
        why: Why::NONE,
        from: line.from.clone().map(|from| Box::new((from, state()))),
        link_to: None,
    }
}

fuzz_target!(|data: &[u8]| {
    for part in data.split(|b| matches!(b, 0 | b'\n')) {
        let quoted = quote_if_odd(part);
        let plain = std::str::from_utf8(&quoted).expect("UTF-8");
        assert!(!plain.chars().any(char::is_control) && !quote(part).contains('\n'));
        assert_eq!(unquote(&quoted).as_deref(), Some(part));
        unquote(part);
    }
    let Ok(lines) = parse(data) else { return };
    for nul in [false, true] {
        let mut text = Vec::new();
        lines.iter().for_each(|line| write(&change(line), nul, &mut text));
        assert_eq!(parse(&text).as_ref(), Ok(&lines), "{}", text.escape_ascii());
    }
});
