//! What another machine's log says may be anything: sizes, names, operations and snapshots that are not, packs that say
//! that all is gone of somebody else. Whoever reads it is told in a line, or passes it over; nothing outside is touched,
//! and what this machine has recorded stays.

use std::fs;
use std::path::Path;

use crate::support::{Sandbox, Told};
use crate::world::{on, snap, world};

/// Puts lines behind the log of machine two in the store, each with the checksum that it must have.
fn appended(s: &Sandbox, lines: &[String]) {
    let folder = fs::read_dir(s.path("store/log"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("two.")
        })
        .unwrap();
    let end: u64 = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    let mut text = String::new();
    for line in lines {
        let body = line.strip_prefix('{').unwrap();
        text += &format!(
            "{{\"crc\":\"{:08x}\",{body}\n",
            crc32fast::hash(body.as_bytes())
        );
    }
    fs::write(folder.join(format!("{end:016x}")), &text).unwrap();
    told(s, folder.file_name().unwrap(), end + text.len() as u64);
}

/// Says that the log of a machine ends at a byte.
fn told(s: &Sandbox, machine: impl AsRef<Path>, end: u64) {
    let folder = s.path("store/machine").join(machine);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{end:016x}")), "\n").unwrap();
}

/// A world in which two machines have recorded, and what the first one has.
fn recorded() -> (Sandbox, String, String) {
    let s = world();
    s.tree("work").file("a", "1").settle();
    let id = snap(&s, "one", "work");
    s.tree("other").file("b", "2").settle();
    snap(&s, "two", "other");
    let path = s.path("work").display().to_string();
    (s, id, path)
}

const TIME: &str = r#""time":{"secs":1,"nanos":0}"#;
const NOBODY: &str = "0123456789012345678901234567890123456789";

#[test]
fn lines_about_the_directories_of_others_do_not_count() {
    let (s, id, path) = recorded();
    fs::write(s.path("work/a"), "new").unwrap();
    let newest = snap(&s, "one", "work");
    let line = |rest: &str| format!("{{{rest},{TIME}}}");
    appended(
        &s,
        &[
            line(&format!(
                r#""type":"head","directory":"//one{path}","id":"{id}""#
            )),
            line(&format!(
                r#""type":"head","directory":"//one{path}","id":null"#
            )),
            line(&format!(
                r#""type":"tag","directory":"//one{path}","tag":"mine","id":"{id}""#
            )),
            line(&format!(
                r#""type":"snapshot","id":"{NOBODY}","directory":"//one{path}""#
            )),
            line(&format!(r#""type":"pack","id":"{NOBODY}""#)),
            format!(r#"{{"type":"seen","pack":"{NOBODY}"}}"#),
        ],
    );
    for machine in ["one", "three"] {
        let named = if machine == "one" {
            path.clone()
        } else {
            format!("//one{path}")
        };
        on(&s, machine, &format!("fsync cat {named}@ a"))
            .code(0)
            .stdout("new");
        let tags = on(&s, machine, &format!("fsync th {named}")).text();
        assert!(!tags.contains("mine"), "{machine}: {tags}");
        on(&s, machine, "fsync verify").code(0);
    }
    assert_eq!(s.head("work"), Some(newest));
    on(&s, "one", "fsync -q rv -d work && fsync -q rv -d work").code(0);
    assert_eq!(fs::read(s.path("work/a")).unwrap(), b"1");
}

#[test]
fn sizes_and_numbers_without_measure_are_refused_or_passed_over() {
    let most = u64::MAX;
    for (size, tail) in [
        (most, most),
        (most, 1),
        (1 << 62, 10),
        (0, most),
        (1 << 40, 1 << 40),
    ] {
        for of_ours in [false, true] {
            let (s, id, _) = recorded();
            // Of nothing that is there, and of an archive that is.
            let id = if of_ours { id } else { NOBODY.to_string() };
            let stored = format!(
                r#"{{"type":"stored","id":"{id}","size_bytes":{size},"tail_bytes":{tail}}}"#
            );
            let finish =
                format!(r#"{{"type":"finish","op":{most},"outcome":"done","head":null,{TIME}}}"#);
            appended(&s, &[stored, finish]);
            for machine in ["one", "three"] {
                let line = "ulimit -v 8000000; timeout 60 fsync repo list";
                let ended = on(&s, machine, line);
                let (code, said) = (ended.get_output().status.code(), ended.complaint());
                // What is there and not so long is damage, and that is said.
                let lies = of_ours && size < most && size > 0;
                let expected = code == Some(if lies { 8 } else { 0 });
                let expected = expected && said.lines().count() == usize::from(lies);
                assert!(
                    expected && !said.contains("panicked"),
                    "{size} {tail} {of_ours} {machine}: {code:?}: {said}"
                );
            }
            assert_eq!(fs::read(s.path("work/a")).unwrap(), b"1");
        }
    }
}

#[test]
fn names_in_a_log_reach_no_terminal_and_no_file() {
    let (s, _, _) = recorded();
    let line = |rest: &str| format!("{{{rest},{TIME}}}");
    let own = fs::read_dir(s.path("two/.cache/fsync"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let log = fs::read_to_string(own.join("log.ndjson")).unwrap();
    let id = log.split("\"type\":\"snapshot\",\"id\":\"").nth(1).unwrap()[..40].to_string();
    let mut lines = Vec::new();
    for directory in [
        "/\\u001b[2J\\u0007",
        "/../../etc",
        "",
        "//",
        "relative",
        "/a\\nb",
    ] {
        lines.push(line(&format!(
            r#""type":"head","directory":"{directory}","id":"{id}""#
        )));
        lines.push(line(&format!(
            r#""type":"tag","directory":"{directory}","tag":"x\u001b[2Jy/../z","id":"{id}""#
        )));
    }
    appended(&s, &lines);
    let folder = |name: &str| {
        let mut all: Vec<_> = walkdir::WalkDir::new(s.path(name))
            .into_iter()
            .flatten()
            .map(|entry| entry.into_path())
            .filter(|path| !path.starts_with(s.path(name).join(".cache")))
            .collect();
        all.sort();
        all
    };
    let before = folder("three");
    for command in [
        "fsync repo list",
        "fsync-tag",
        "fsync repo machines",
        "fsync verify",
    ] {
        let ended = on(&s, "three", command);
        let output = ended.get_output();
        assert!(
            output.status.code().is_some_and(|code| code < 10),
            "{ended}"
        );
        for bytes in [&output.stdout, &output.stderr] {
            assert!(!bytes.contains(&0x1b) && !bytes.contains(&7), "{ended}");
        }
    }
    assert!(before.is_empty() || folder("three") == before);
}

#[test]
fn machines_have_names_of_files() {
    let (s, id, _) = recorded();
    for name in ["x.0123", ".0123456789abcdef", "a..b.0123456789abcdef"] {
        told(&s, name, 0);
        told(&s, name, 19);
        let log = s.path("store/log").join(name);
        fs::create_dir_all(&log).unwrap();
        fs::write(log.join("0000000000000000"), "{\"crc\":\"00000000\"}\n").unwrap();
    }
    let said = on(&s, "one", "fsync repo machines").code(0).text();
    assert_eq!(said, "one\tthis one\ntwo");
    // One whose log is not of this repository is left alone, with a word.
    let stranger = "zoe.0123456789abcdef";
    told(&s, stranger, 8);
    let log = s.path("store/log").join(stranger);
    fs::create_dir_all(&log).unwrap();
    fs::write(log.join("0000000000000000"), "rubbish\n").unwrap();
    let told = on(&s, "one", &format!("fsync cat {id} a"))
        .code(0)
        .stdout("1")
        .complaint();
    assert!(told.contains("of another repository"), "{told}");
}
