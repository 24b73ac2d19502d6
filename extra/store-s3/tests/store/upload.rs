//! Uploads through connections that break, and what they leave behind.

use std::fs;
use std::process::Command;
use std::sync::atomic::Ordering;

use crate::dialogue::{Answer, Coming, Dialogue, Place, noise};
use crate::emulator::emulator;
use crate::proxy::{Fault, Proxy};
use crate::server::{Server, http};

/// The place, reached through a proxy.
fn through(server: &Server, proxy: &Proxy) -> Place {
    let mut place = server.place("bucket");
    for (name, value) in &mut place.environment {
        if name == "AWS_ENDPOINT_URL" {
            *value = format!("http://127.0.0.1:{}", proxy.port);
        }
    }
    place
}

/// The uploads that are neither complete nor taken back.
fn unfinished(server: &Server) -> usize {
    let listed = http(server.port, "GET /bucket?uploads");
    assert!(listed.contains("ListMultipartUploadsResult"), "{listed}");
    listed.matches("<Upload>").count()
}

#[track_caller]
fn holds(dialogue: &Dialogue, key: &str, body: &[u8]) {
    let starts = (0..body.len()).step_by(8 << 20);
    let parts: Vec<Coming> = starts
        .map(|from| dialogue.ask(&format!("get {from} {} {key}", 8 << 20), b""))
        .collect();
    let got: Vec<u8> = parts
        .into_iter()
        .flat_map(|part| part.get().data())
        .collect();
    assert!(got == body, "{key}");
}

#[test]
fn an_upload_goes_on_where_the_connection_broke() {
    let Some(server) = emulator() else { return };
    let proxy = Proxy::start(server.port, Fault::CutAfter(3 << 20), 9);
    let dialogue = through(&server, &proxy).open("cut");
    let body = noise(3, (40 << 20) + 17);
    let put = dialogue.ask(&format!("put {} big", body.len()), &body);
    assert_eq!(put.get(), Answer::Made);
    assert_eq!(proxy.left.load(Ordering::SeqCst), 0);
    holds(&dialogue, "big", &body);
    // So does one that fits into a request.
    proxy.left.store(3, Ordering::SeqCst);
    let body = noise(4, 12 << 20);
    assert_eq!(dialogue.put("middle", &body), Answer::Made);
    assert_eq!(proxy.left.load(Ordering::SeqCst), 0);
    holds(&dialogue, "middle", &body);
    assert_eq!(unfinished(&server), 0);
}

#[test]
fn a_put_whose_answer_was_lost_is_not_taken_for_anothers() {
    let Some(server) = emulator() else { return };
    for (put, complete, length) in [
        ("PUT /", "/small", 5_000),
        ("POST /", "uploadId=", 17 << 20),
    ] {
        let proxy = Proxy::start(server.port, Fault::LoseAnswer(put, complete), 2);
        let dialogue = through(&server, &proxy).open(&format!("lost{length}"));
        let body = noise(5, length);
        let put = dialogue.ask(&format!("put {length} small"), &body);
        assert_eq!(put.get(), Answer::Made, "{complete}");
        assert!(proxy.left.load(Ordering::SeqCst) < 2);
        holds(&dialogue, "small", &body);
        assert_eq!(
            dialogue.ask(&format!("put {length} small"), &body).get(),
            Answer::Exists
        );
    }
    assert_eq!(unfinished(&server), 0);
}

#[test]
fn what_was_begun_is_taken_back() {
    let Some(server) = emulator() else { return };
    // The connection never lasts.
    let proxy = Proxy::start(server.port, Fault::CutAfter(1 << 20), usize::MAX);
    let mut place = through(&server, &proxy);
    place
        .environment
        .push(("AWS_MAX_ATTEMPTS".into(), "2".into()));
    let dialogue = place.open("never");
    let body = noise(6, 20 << 20);
    let put = dialogue.ask(&format!("put {} big", body.len()), &body);
    assert_eq!(put.get().word(), "broken");
    assert_eq!(dialogue.say("size big"), Answer::None);
    assert_eq!(unfinished(&server), 0);
    // The input ends in the middle.
    let place = server.place("bucket");
    let mut half =
        format!("fsync-store 1 {}\n5 put 40000000 f\n", place.below("half")).into_bytes();
    half.extend(&body);
    assert!(place.says(&half).2 > 0);
    assert_eq!(unfinished(&server), 0);
    // It is told to end.
    let dialogue = place.open("told");
    let _coming = dialogue.ask_in_pieces("put 20971520 big", [&body[..18 << 20]]);
    while unfinished(&server) == 0 {
        std::thread::yield_now();
    }
    let kill = Command::new("kill").arg(dialogue.id().to_string()).status();
    assert!(kill.unwrap().success());
    assert_eq!(dialogue.wait(), 128 + 15);
    assert_eq!(unfinished(&server), 0);
}

#[test]
fn memory_does_not_grow_with_the_object() {
    let Some(server) = emulator() else { return };
    let dialogue = server.place("bucket").open("memory");
    let piece = noise(9, 1 << 20);
    let put = dialogue.ask_in_pieces(
        &format!("put {} big", 192 << 20),
        std::iter::repeat_n(&piece, 192),
    );
    assert_eq!(put.get(), Answer::Made);
    let status = fs::read_to_string(format!("/proc/{}/status", dialogue.id())).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    eprintln!("at most {kib} KiB");
    assert!(kib < 128 << 10, "{kib} KiB");
    assert_eq!(dialogue.say("size big"), Answer::Size(192 << 20));
}

#[test]
fn of_two_large_puts_one_makes_it() {
    let Some(server) = emulator() else { return };
    let place = server.place("bucket");
    let (one, other) = (place.open("two"), place.open("two"));
    let bodies = [noise(1, 17 << 20), noise(2, 17 << 20)];
    let first = one.ask(&format!("put {} big", 17 << 20), &bodies[0]);
    let second = other.ask(&format!("put {} big", 17 << 20), &bodies[1]);
    let answers = [first.get(), second.get()];
    let made: Vec<_> = (0..2).filter(|n| answers[*n] == Answer::Made).collect();
    assert_eq!(made.len(), 1, "{answers:?}");
    holds(&one, "big", &bodies[made[0]]);
    assert_eq!(unfinished(&server), 0);
}

#[test]
fn who_wants_no_conditions_has_none() {
    let Some(server) = emulator() else { return };
    let mut place = server.place("bucket");
    place
        .environment
        .push(("AWS_CONDITIONAL_PUT".into(), "disabled".into()));
    let dialogue = place.open("disabled");
    assert_eq!(dialogue.put("a", b"one"), Answer::Made);
    assert_eq!(dialogue.put("a", b"other"), Answer::Exists);
    assert_eq!(dialogue.get(0, 9, "a"), Answer::Data(b"one".to_vec()));
}

#[test]
fn what_somebody_else_has_put_there_is_passed_over() {
    let Some(server) = emulator() else { return };
    for name in [
        "deep/",
        "deep/folder/",
        "deep/folder/odd/",
        "deep/folder/odd/a%20b",
        "deep/folder/odd/sub/",
        "deep/folder/odd/d//e",
        "deep/folder/odd/~tmp",
        "deep/folder/odd/%C3%A4",
    ] {
        let put = http(server.port, &format!("PUT /bucket/{name}"));
        assert!(put.starts_with("HTTP/1.1 200"), "{put}");
    }
    let dialogue = server.place("bucket").open("odd");
    assert_eq!(dialogue.say("list - -"), Answer::Keys(vec![]));
    assert_eq!(dialogue.put("sub/a", b"x"), Answer::Made);
    assert_eq!(dialogue.all("-"), [(1, "sub/a".to_string())]);
    // More of them than a page holds hide nothing.
    for n in 0..1100 {
        http(server.port, &format!("PUT /bucket/deep/folder/odd/b%20{n}"));
    }
    assert_eq!(dialogue.put("c", b"xx"), Answer::Made);
    assert_eq!(
        dialogue.all("-"),
        [(2, "c".to_string()), (1, "sub/a".to_string())]
    );
}
