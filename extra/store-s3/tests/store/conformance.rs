//! What every store must do, whoever wrote it.

use std::sync::Arc;
use std::thread;

use crate::dialogue::{Answer, Coming, Dialogue, Place, noise};

/// Every check, each in a folder of its own.
pub fn all(place: &Place) {
    for (name, check) in CHECKS {
        eprintln!("{}: {name}", place.address);
        check(place);
    }
}

/// Any program that somebody has written: FSYNC_STORE_PROGRAM and FSYNC_STORE_ADDRESS name it and an empty place,
/// FSYNC_STORE_MISSING (if it is set) a place that is not there. Folders below a directory are made if
/// FSYNC_STORE_DIRECTORY names it.
#[test]
fn a_program_from_elsewhere_conforms() {
    let given = |name: &str| std::env::var(name).ok();
    let (Some(program), Some(address)) =
        (given("FSYNC_STORE_PROGRAM"), given("FSYNC_STORE_ADDRESS"))
    else {
        eprintln!("skipped: FSYNC_STORE_PROGRAM and FSYNC_STORE_ADDRESS name none");
        return;
    };
    all(&Place {
        program: program.into(),
        address,
        missing: given("FSYNC_STORE_MISSING").unwrap_or_default(),
        environment: std::env::vars().collect(),
        directory: given("FSYNC_STORE_DIRECTORY").map(Into::into),
    });
}

type Check = fn(&Place);

const CHECKS: [(&str, Check); 12] = [
    ("put, size and ranges", ranges),
    ("put never changes what is there", once),
    ("list in order", order),
    ("list in pages", pages),
    ("delete", delete),
    ("keys", keys),
    ("requests that make no sense", nonsense),
    ("many in flight", flight),
    ("one of many puts makes it", race),
    ("large objects", large),
    ("the end of the input", end),
    ("greetings, and what is missing", greeting),
];

fn ranges(place: &Place) {
    let d = place.open("ranges");
    let text = b"0123456789";
    assert_eq!(d.say("size log/1"), Answer::None);
    assert_eq!(d.get(0, 5, "log/1"), Answer::None);
    assert_eq!(d.get(0, 0, "log/1"), Answer::None);
    assert_eq!(d.put("log/1", text), Answer::Made);
    assert_eq!(d.say("size log/1"), Answer::Size(10));
    for (from, length) in [(0, 10), (0, 1), (3, 4), (9, 1), (5, 100), (0, 8_388_608)] {
        let wanted = &text[from..(from + length).min(10)];
        assert_eq!(
            d.get(from as u64, length as u64, "log/1"),
            Answer::Data(wanted.into()),
            "{from} {length}"
        );
    }
    for (from, length) in [(10, 1), (11, 5), (1 << 40, 1), (0, 0), (4, 0), (100, 0)] {
        assert_eq!(
            d.get(from, length, "log/1"),
            Answer::Data(vec![]),
            "{from} {length}"
        );
    }
    // What is above a key, and what is below it, are no keys.
    assert_eq!(d.say("size log"), Answer::None);
    assert_eq!(d.get(0, 1, "log"), Answer::None);
    assert_eq!(d.put("empty", b""), Answer::Made);
    assert_eq!(d.say("size empty"), Answer::Size(0));
    assert_eq!(d.get(0, 10, "empty"), Answer::Data(vec![]));
    // Bytes are bytes: what looks like the protocol is none.
    let odd = b"\n7 failed bad x\n\0\xff";
    assert_eq!(d.put("odd", odd), Answer::Made);
    assert_eq!(d.get(0, 100, "odd"), Answer::Data(odd.to_vec()));
    assert_eq!(d.end(), 0);
}

fn once(place: &Place) {
    let d = place.open("once");
    assert_eq!(d.put("a", b"first"), Answer::Made);
    assert_eq!(d.put("a", b"second, and longer"), Answer::Exists);
    assert_eq!(d.put("a", b"first"), Answer::Exists);
    assert_eq!(d.get(0, 100, "a"), Answer::Data(b"first".to_vec()));
    // Nor does another's; and both see the same.
    let other = place.open("once");
    assert_eq!(other.put("a", b"third"), Answer::Exists);
    assert_eq!(other.put("b", b"theirs"), Answer::Made);
    assert_eq!(d.get(0, 100, "b"), Answer::Data(b"theirs".to_vec()));
    assert_eq!(d.put("b", b""), Answer::Exists);
}

fn order(place: &Place) {
    let d = place.open("order");
    assert_eq!(d.say("list - -"), Answer::Keys(vec![]));
    let mut names = [
        "b", "a-b", "a/b", "a.b", "a0", "A", "aa", "lo", "log/1", "log/10", "log/2", "lot", "_x",
        "Z", "a/a/a",
    ];
    for name in names {
        assert_eq!(d.put(name, name.as_bytes()), Answer::Made);
    }
    names.sort();
    let listed = |words: &str| {
        let keys = d.say(&format!("list {words}")).keys();
        assert!(
            keys.iter().all(|(size, key)| *size == key.len() as u64),
            "{keys:?}"
        );
        keys.into_iter().map(|(_, key)| key).collect::<Vec<_>>()
    };
    assert_eq!(listed("- -"), names);
    assert_eq!(listed("- log/"), ["log/1", "log/10", "log/2"]);
    assert_eq!(listed("- lo"), ["lo", "log/1", "log/10", "log/2", "lot"]);
    assert_eq!(listed("log/1 log/"), ["log/10", "log/2"]);
    assert_eq!(listed("log/0 log/"), ["log/1", "log/10", "log/2"]);
    assert_eq!(listed("log/11 lo"), ["log/2", "lot"]);
    assert_eq!(listed("A lo").len(), 5);
    assert_eq!(listed("m lo"), [""; 0]);
    assert_eq!(listed("lot lo"), [""; 0]);
    assert_eq!(listed("- none/"), [""; 0]);
    assert_eq!(
        listed("a.b -"),
        names[names.iter().position(|n| *n == "a.b").unwrap() + 1..]
    );
    // What lies beside the address, and what begins like it, is not in it.
    let beside = place.open("order-2");
    assert_eq!(beside.say("list - -"), Answer::Keys(vec![]));
    assert_eq!(beside.put("mine", b""), Answer::Made);
    assert_eq!(listed("- -"), names);
}

fn pages(place: &Place) {
    let d = place.open("pages");
    let mut names: Vec<String> = (0..2_100).map(|n| format!("{}/{n}", n % 3)).collect();
    let coming: Vec<Coming> = names
        .iter()
        .map(|name| d.ask(&format!("put 1 {name}"), b"x"))
        .collect();
    for answer in coming {
        assert_eq!(answer.get(), Answer::Made);
    }
    names.sort();
    assert_eq!(d.say("list - -").keys().len(), 1000);
    let all: Vec<_> = d.all("-").into_iter().map(|(_, key)| key).collect();
    assert!(all == names, "{} {}", all.len(), names.len());
    assert_eq!(d.all("1/").len(), 700);
    let coming: Vec<Coming> = names
        .iter()
        .map(|name| d.ask(&format!("delete {name}"), b""))
        .collect();
    for answer in coming {
        assert_eq!(answer.get(), Answer::Done);
    }
    assert_eq!(d.say("list - -"), Answer::Keys(vec![]));
}

fn delete(place: &Place) {
    let d = place.open("delete");
    assert_eq!(d.say("delete a/b"), Answer::Done);
    assert_eq!(d.put("a/b", b"1"), Answer::Made);
    assert_eq!(d.put("a/c", b"1"), Answer::Made);
    assert_eq!(d.say("delete a/b"), Answer::Done);
    assert_eq!(d.say("delete a/b"), Answer::Done);
    assert_eq!(d.say("size a/b"), Answer::None);
    assert_eq!(d.say("delete a/c/d"), Answer::Done);
    assert_eq!(d.say("list - -"), Answer::Keys(vec![(1, "a/c".into())]));
    assert_eq!(d.put("a/b", b"22"), Answer::Made);
    assert_eq!(d.get(0, 9, "a/b"), Answer::Data(b"22".to_vec()));
}

/// What is no key.
fn odd_keys() -> Vec<String> {
    let odd = [
        "-", ".", "..", "../x", "a/../b", "a/..", "./a", "a/.", "/a", "/", "a/", "a//b", "a~",
        "a%2f", "ä", "a\\b", "a*", "a\tb", "a:b",
    ];
    let mut odd: Vec<_> = odd.iter().map(|key| key.to_string()).collect();
    odd.push(format!("{}/x", "y".repeat(511)));
    odd
}

fn keys(place: &Place) {
    let d = place.open("keys");
    for key in odd_keys() {
        assert_eq!(d.put(&key, b"12345\n").word(), "bad", "{key}");
        for words in [
            format!("get 0 1 {key}"),
            format!("size {key}"),
            format!("delete {key}"),
        ] {
            assert_eq!(d.say(&words).word(), "bad", "{words}");
        }
        if key != "-" {
            assert_eq!(d.say(&format!("list {key} -")).word(), "bad", "{key}");
        }
    }
    for prefix in ["/", "..", "../", "a//", "a/../", "a/./b", "*"] {
        assert_eq!(d.say(&format!("list - {prefix}")).word(), "bad", "{prefix}");
    }
    assert_eq!(d.all("-"), []);
    let long = format!(
        "{}/{}/{}",
        "k".repeat(200),
        "k".repeat(200),
        "k".repeat(110)
    );
    assert_eq!(long.len(), 512);
    for key in ["--", "...", ".a", "..a", "a..", "-a", "_", &long] {
        assert_eq!(d.put(key, key.as_bytes()), Answer::Made, "{key}");
        assert_eq!(d.get(0, 600, key), Answer::Data(key.into()), "{key}");
    }
    assert_eq!(d.all("-").len(), 8);
    assert_eq!(d.end(), 0);
}

fn nonsense(place: &Place) {
    let d = place.open("nonsense");
    assert_eq!(d.put("a", b"still here"), Answer::Made);
    for words in [
        "frob a",
        "frob",
        "get",
        "get a",
        "get 0 a",
        "size",
        "size a b",
        "list",
        "list -",
        "list - - -",
        "delete",
        "delete a b",
        "PUT a",
        "get -1 5 a",
        "get x 5 a",
        "get 0 x a",
        "get 0 -5 a",
        "put 0",
        "put 0 a b",
    ] {
        assert_eq!(d.say(words).word(), "bad", "{words}");
    }
    // What leaves unclear where the next request begins ends it.
    for input in [
        "1 put x a\nbytes",
        "1 put\n",
        "one size a\n",
        "1 put -1 a\n",
    ] {
        let text = format!("fsync-store 1 {}\n{input}", place.below("nonsense"));
        let (stdout, stderr, code) = place.says(text.as_bytes());
        assert!(
            code > 0 && !stderr.is_empty(),
            "{input}: {code} {stdout}{stderr}"
        );
    }
    let long = format!(
        "fsync-store 1 {}\n1 size {}\n2 size a\n",
        place.below("nonsense"),
        "x".repeat(5000)
    );
    let (stdout, _, code) = place.says(long.as_bytes());
    assert!(code > 0 || stdout.contains("\n1 failed bad "), "{stdout}");
    assert_eq!(d.get(0, 99, "a"), Answer::Data(b"still here".to_vec()));
}

fn flight(place: &Place) {
    let d = place.open("flight");
    let body = |n: usize| noise(n as u64, 1000 + n * 37);
    let puts: Vec<Coming> = (0..200)
        .map(|n| d.ask(&format!("put {} f/{n}", body(n).len()), &body(n)))
        .collect();
    for put in puts {
        assert_eq!(put.get(), Answer::Made);
    }
    let gets: Vec<Coming> = (0..200)
        .map(|n| d.ask(&format!("get {n} 5000 f/{n}"), b""))
        .collect();
    let sizes: Vec<Coming> = (0..200)
        .map(|n| d.ask(&format!("size f/{n}"), b""))
        .collect();
    for (n, (get, size)) in gets.into_iter().zip(sizes).enumerate() {
        let body = body(n);
        assert_eq!(size.get(), Answer::Size(body.len() as u64));
        assert!(
            get.get().data() == body[n..(n + 5000).min(body.len())],
            "{n}"
        );
    }
    assert_eq!(d.end(), 0);
}

fn race(place: &Place) {
    for round in 0..4 {
        let dialogues: Vec<Arc<Dialogue>> = (0..4).map(|_| Arc::new(place.open("race"))).collect();
        let key = format!("r/{round}");
        let all: Vec<_> = (0..32u64)
            .map(|n| {
                let (d, key) = (dialogues[n as usize % 4].clone(), key.clone());
                thread::spawn(move || (d.put(&key, &noise(n, 3000)), n))
            })
            .collect();
        let all: Vec<_> = all.into_iter().map(|t| t.join().unwrap()).collect();
        let made: Vec<u64> = all
            .iter()
            .filter(|(answer, _)| *answer == Answer::Made)
            .map(|(_, n)| *n)
            .collect();
        assert_eq!(made.len(), 1, "{all:?}");
        assert!(
            all.iter()
                .all(|(a, _)| matches!(a, Answer::Made | Answer::Exists)),
            "{all:?}"
        );
        assert!(dialogues[0].get(0, 5000, &key) == Answer::Data(noise(made[0], 3000)));
    }
}

fn large(place: &Place) {
    let d = place.open("large");
    let length = (20 << 20) + 3;
    let body = noise(7, length);
    let put = d.ask(&format!("put {length} big"), &body);
    // Others go on meanwhile.
    assert_eq!(d.put("small", b"s"), Answer::Made);
    assert_eq!(put.get(), Answer::Made);
    assert_eq!(d.say("size big"), Answer::Size(length as u64));
    let starts = (0..length).step_by(8 << 20);
    let parts: Vec<Coming> = starts
        .map(|from| d.ask(&format!("get {from} {} big", 8 << 20), b""))
        .collect();
    let got: Vec<u8> = parts
        .into_iter()
        .flat_map(|part| part.get().data())
        .collect();
    assert!(got == body);
    assert!(d.get((8 << 20) - 3, 6, "big").data() == body[(8 << 20) - 3..(8 << 20) + 3]);
    assert_eq!(
        d.ask(&format!("put {length} big"), &noise(8, length)).get(),
        Answer::Exists
    );
    assert!(d.get(0, 100, "big").data() == body[..100]);
    // Who began first and ends last has not made it.
    let other = place.open("large");
    let pieces = body.chunks(18 << 20).enumerate().map(|(n, piece)| {
        if n == 1 {
            let (length, theirs) = (17 << 20, noise(9, 17 << 20));
            let put = other.ask(&format!("put {length} late"), &theirs);
            assert_eq!(put.get(), Answer::Made);
        }
        piece
    });
    let late = d.ask_in_pieces(&format!("put {length} late"), pieces);
    assert_eq!(late.get(), Answer::Exists);
    assert_eq!(d.say("size late"), Answer::Size(17 << 20));
    // A bad key swallows as much.
    assert_eq!(
        d.ask(&format!("put {length} ../big"), &body).get().word(),
        "bad"
    );
    assert_eq!(d.all("-").len(), 3);
    assert_eq!(d.end(), 0);
}

fn end(place: &Place) {
    let address = place.below("end");
    // All that was asked is answered.
    let (stdout, stderr, code) =
        place.says(format!("fsync-store 1 {address}\n5 put 3 a\nabc6 size b\n").as_bytes());
    assert_eq!((code, stderr.as_str()), (0, ""));
    let mut lines: Vec<_> = stdout.lines().collect();
    lines.sort();
    assert_eq!(lines, ["5 made", "6 none", "fsync-store 1"]);
    // What is cut short is not stored.
    for (cut, key) in [
        ("5 put 4 b\nabc", "b"),
        ("5 put 3 c", "c"),
        ("5 put 1 d\nx6 put 2 e\n", "e"),
    ] {
        let (_, stderr, code) = place.says(format!("fsync-store 1 {address}\n{cut}").as_bytes());
        assert!(code > 0, "{cut}: {code} {stderr}");
        assert_eq!(
            place.open("end").say(&format!("size {key}")),
            Answer::None,
            "{cut}"
        );
    }
    let mut half = format!("fsync-store 1 {address}\n5 put 20000000 f\n").into_bytes();
    half.extend(noise(1, 18_000_000));
    assert!(place.says(&half).2 > 0);
    let names: Vec<_> = place
        .open("end")
        .all("-")
        .into_iter()
        .map(|(_, key)| key)
        .collect();
    assert_eq!(names, ["a", "d"]);
    assert_eq!(
        place
            .says(format!("fsync-store 1 {address}\n").as_bytes())
            .2,
        0
    );
}

fn greeting(place: &Place) {
    // A newer fsync is answered with what is spoken here.
    let (stdout, _, _) =
        place.says(format!("fsync-store 99 {}\n1 size a\n", place.below("greeting")).as_bytes());
    let version = stdout
        .strip_prefix("fsync-store ")
        .and_then(|rest| rest.lines().next());
    assert!(
        version
            .and_then(|v| v.parse().ok())
            .is_some_and(|v: u64| (1..=99).contains(&v)),
        "{stdout}"
    );
    if place.missing.is_empty() {
        return;
    }
    // A place that is not there: said at once, or when something is asked of it.
    let (stdout, stderr, _) = place.says(
        format!(
            "fsync-store 1 {}\n1 size a\n2 put 1 a\nx3 list - -\n4 get 0 1 a\n",
            place.missing
        )
        .as_bytes(),
    );
    let failed: Vec<_> = stdout
        .lines()
        .filter(|line| *line != "fsync-store 1")
        .collect();
    assert!(
        !failed.is_empty() && failed.iter().all(|line| line.contains("failed missing ")),
        "{stdout}{stderr}"
    );
    assert!(failed.len() == 1 || failed.len() == 4, "{stdout}");
}
