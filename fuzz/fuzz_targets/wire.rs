//! What the fsync on another machine says: requests, listings, what comes beforehand, and a whole connection. The first byte says
//! which.

#![no_main]

use std::sync::Arc;

use fsync::tree::far::ask::{Ask, Call};
use fsync::tree::far::link::{Channel, Side};
use fsync::tree::far::talk::Ear;
use fsync::tree::far::wire::{In, Out};
use fsync::tree::far::{ahead, delta, trunk, walk};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((what, rest)) = data.split_first() else { return };
    match what {
        b'c' => call(rest),
        b'l' => listing(rest),
        b'd' => drop(walk::directory(rest)),
        b'e' => drop((ahead::slot(rest, false), ahead::slot(rest, true))),
        b's' => connection(rest),
        _ => {}
    }
});

fn call(bytes: &[u8]) {
    let Ok(call) = Call::read(bytes) else { return };
    assert_eq!(Call::read(&call.write()).as_ref(), Ok(&call));
    if let Call::Tree(request) = call {
        let inside = |path: &[u8]| !path.starts_with(b"/") && !path.split(|b| *b == b'/').any(|name| name == b"..");
        match request.ask {
            Ask::List(path) | Ask::Xattrs(path) | Ask::Read(path) | Ask::Digest(path) | Ask::Like(path, _) => {
                assert!(inside(path.as_bytes()));
            }
            Ask::Find(path, names) => {
                assert!(inside(path.as_bytes()) && names.iter().all(|name| inside(name)));
            }
            Ask::Ahead(paths) | Ask::Digests(paths) => assert!(paths.iter().all(|path| inside(path.as_bytes()))),
            Ask::Root | Ask::Walk { .. } => {}
        }
    }
}

fn listing(bytes: &[u8]) {
    let Ok(listing) = In(bytes).listing() else { return };
    assert!(listing.entries.is_sorted_by(|a, b| a.name < b.name));
    let mut out = Out::default();
    out.listing(&listing);
    let again = In(&out.0).listing().expect("what was written can be read");
    assert_eq!(format!("{again:?}"), format!("{listing:?}"));
}

/// Ends by itself: nobody says more than there is.
fn connection(bytes: &[u8]) {
    let hear = |channel: Channel, request: Vec<u8>| {
        let mut ear = Ear::new(channel);
        match Call::read(&request) {
            Ok(Call::Tree(request)) if matches!(request.ask, Ask::Like(..)) => drop(delta::named(&mut ear)),
            _ => while let Ok(Some(_)) = ear.hear() {},
        }
    };
    let from = std::io::Cursor::new(bytes.to_vec());
    let (_, link) = trunk::start(Side::Far, from, std::io::sink(), Arc::new(hear));
    link.wait();
}
