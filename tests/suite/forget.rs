//! `fsync forget`: no archive holds the bytes any more, and all else is as it was.

use std::cell::Cell;
use std::fs;

use crate::support::{Oracle, Sandbox, Step, Stepped, Told, Tree};

const SECRET: &str = "hunter2, the one and only";

/// Whether any archive holds a text, in any entry, or as it is.
fn holds(s: &Sandbox, text: &str) -> bool {
    let script = "import os,sys,zipfile\n\
                  for n in sorted(os.listdir('repo')):\n\
                  \x20if not n.endswith('.zip'): continue\n\
                  \x20z=zipfile.ZipFile('repo/'+n)\n\
                  \x20assert z.testzip() is None\n\
                  \x20if any(sys.argv[1].encode() in z.read(i) for i in z.infolist()): print(n)\n";
    fs::write(s.path("look.py"), script).expect("written");
    let mut python = s.cmd("python3");
    let found = python.args(["look.py", text]).assert().code(0).text();
    let raw = s
        .sh(&format!("grep -rlF '{text}' repo"))
        .get_output()
        .status
        .success();
    !found.is_empty() || raw
}

/// Five snapshots; the secret is in the first four of them, in two versions; the third archive is a full one.
fn leaked(s: &Sandbox) -> Vec<(String, Oracle)> {
    let dst = s.tree("dst");
    dst.file("plain", "plain text")
        .file("sub/key", SECRET)
        .file("sub/beside", "beside the key")
        .file("empty", "");
    dst.mode("sub/beside", 0o640).link("sub/link", "beside");
    let mut all = Vec::new();
    for n in 0..5 {
        dst.edit("counter", format!("{n}"));
        if n == 1 {
            dst.edit("sub/key", format!("{SECRET}, again"));
        }
        if n == 4 {
            dst.remove("sub/key");
        }
        let full = if n == 2 { "--full" } else { "" };
        let id = s.run(&format!("fsync-snap {full} dst")).code(0).text();
        all.push((id, Oracle::of(s.path("dst"))));
    }
    all
}

fn lines(s: &Sandbox, line: &str) -> Vec<String> {
    let text = s.run(line).code(0).text();
    text.lines().map(String::from).collect()
}

#[test]
fn what_was_leaked_is_nowhere_and_everything_else_is_there() {
    let s = Sandbox::new();
    let all = leaked(&s);
    s.tree("other").file("f", "another directory");
    let other = s.snap("other");
    s.run(&format!("fsync-tag create t {} -d dst", all[1].0))
        .code(0);
    assert!(holds(&s, SECRET));
    s.run("fsync forget -d dst sub/key")
        .code(0)
        .stdout(format!("{}\tsub/key\n", s.path("dst").display()));
    assert!(!holds(&s, SECRET));
    s.run("fsync verify --read-data").code(0);
    assert!(s.archive(&other).exists(), "what is not concerned stays");
    assert_eq!(lines(&s, "fsync log dst").len(), 5);
    let new = s.head("dst").expect("a head");
    assert!(
        all.iter()
            .all(|(id, _)| *id != new && !s.archive(id).exists())
    );
    for (at, (id, oracle)) in all.iter().enumerate() {
        s.run(&format!("fsync-revert dst {id} --to out")).code(0);
        // A directory's time is that of before, though the file is not made.
        let expected = oracle.without("sub/key");
        expected.assert_is(s.path("out"));
        assert!(!s.path("out/sub/key").exists(), "{at}");
        fs::remove_dir_all(s.path("out")).expect("gone");
    }
    let tag = lines(&s, "fsync-tag dst").remove(0);
    assert!(!tag.contains(&all[1].0), "{tag}");
    let before = lines(&s, "fsync log dst --json");
    s.sh("rm -f repo/catalog.db*").success();
    assert_eq!(lines(&s, "fsync log dst --json"), before);
    for at in [4, 3, 2, 1, 0] {
        s.run("fsync-revert dst").code(0);
        assert_eq!(s.tree("dst").read("counter"), at.to_string().as_bytes());
    }
    s.run("fsync-revert dst").code(6);
    s.run("fsync verify --read-data").code(0);
}

#[test]
fn a_full_archive_is_still_one_that_anybody_can_unzip() {
    let s = Sandbox::new();
    leaked(&s);
    s.run("fsync forget -d dst sub/key").code(0);
    let full = s
        .sh("for z in repo/*.zip; do unzip -Z1 $z | grep -qx sub/ && unzip -qo $z -d full -x '.fsync/*' .fsync-backup; done; true");
    full.success();
    assert_eq!(s.tree("full").read("sub/beside"), b"beside the key");
    let mode = s.sh("stat -c %a full/sub/beside; readlink full/sub/link; stat -c %Y full/plain dst/plain | uniq | wc -l");
    assert_eq!(mode.code(0).text(), "640\nbeside\n1");
    assert!(!s.path("full/sub/key").exists());
    for reader in ["unzip -tq $z", "bsdtar -tf $z >/dev/null"] {
        s.sh(&format!("for z in repo/*.zip; do {reader} || exit 1; done"))
            .success();
    }
    s.sh("cd repo && for z in *.zip; do echo \"${z%.zip}  $z\"; done | sha1sum -c --quiet")
        .success();
}

#[test]
fn a_revert_leaves_alone_what_was_forgotten() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("key", SECRET).file("f", "1");
    s.snap("dst");
    dst.edit("f", "2");
    s.snap("dst");
    s.run("fsync forget -d dst key")
        .code(0)
        .stderr(predicates::str::contains(
            "the next snapshot records it again",
        ));
    assert_eq!(
        dst.read("key"),
        SECRET.as_bytes(),
        "the directory is as it was"
    );
    dst.edit("key", "a new one");
    s.run("fsync-revert dst").code(0);
    assert_eq!(
        (dst.read("f"), dst.read("key")),
        (b"2".to_vec(), b"a new one".to_vec())
    );
    s.run("fsync-revert dst").code(0);
    assert_eq!(
        (dst.read("f"), dst.read("key")),
        (b"1".to_vec(), b"a new one".to_vec())
    );
    s.run("fsync verify --read-data").code(0);
    assert!(!holds(&s, SECRET));
}

#[test]
fn the_stat_cache_forgets_too() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("key", SECRET).file("f", "1");
    std::thread::sleep(std::time::Duration::from_millis(60));
    s.snap("dst");
    s.run("fsync forget -d dst key").code(0);
    dst.edit("f", "2");
    let id = s.snap("dst");
    s.run("fsync verify --read-data").code(0);
    assert!(
        holds(&s, SECRET),
        "it is still in the directory, and recorded anew"
    );
    s.run(&format!("fsync-revert dst {id} --to out")).code(0);
    assert_eq!(s.tree("out").read("key"), SECRET.as_bytes());
}

#[test]
fn other_holders_of_the_same_bytes_are_in_the_way() {
    let s = Sandbox::new();
    leaked(&s);
    s.tree("other").file("copy of it", SECRET).file("f", "1");
    s.snap("other");
    let files = s.archives();
    s.run("fsync forget -d dst sub/key")
        .code(4)
        .nothing()
        .one_line("fsync", &["copy of it", "--everywhere"]);
    s.run("fsync forget -d dst sub/key --dry-run").code(4);
    assert_eq!(s.archives(), files);
    let told = lines(&s, "fsync forget -d dst sub/key --everywhere");
    assert_eq!(told.len(), 2);
    assert!(!holds(&s, SECRET));
    s.run("fsync verify --read-data").code(0);
    s.run("fsync-revert other other@ --to out").code(0);
    assert_eq!(s.tree("out").read("f"), b"1");
}

#[test]
fn what_cannot_be_meant_changes_nothing() {
    let s = Sandbox::new();
    leaked(&s);
    let files = s.archives();
    for (line, code) in [
        ("fsync forget", 2),
        ("fsync forget -d dst nosuch", 6),
        ("fsync forget -d nowhere sub/key", 6),
        ("fsync forget -d dst .", 4),
        ("fsync forget -d dst ../x", 2),
        ("fsync --repo none forget -d dst sub/key", 6),
    ] {
        s.run(line).code(code).nothing();
        assert_eq!(s.archives(), files, "{line}");
    }
    s.run("fsync forget -d dst sub/key -n")
        .code(0)
        .stdout(predicates::str::contains("sub/key"));
    s.run("fsync forget -d dst empty").code(0);
    assert_eq!(s.archives(), files, "the empty content is no secret");
}

#[test]
fn a_directory_is_forgotten_with_all_below() {
    let s = Sandbox::new();
    leaked(&s);
    s.sh("mv dst moved").success();
    s.run("fsync forget -d dst sub").code(0);
    assert!(!holds(&s, SECRET) && !holds(&s, "beside the key"));
    s.run("fsync verify --read-data").code(0);
    let id = lines(&s, "fsync log dst").remove(0);
    let id = id.split('\t').nth(2).expect("an id");
    s.run(&format!("fsync-revert dst {id} --to out")).code(0);
    assert_eq!(s.tree("out").read("plain"), b"plain text");
    assert!(!s.path("out/sub/beside").exists() && s.path("out/sub/link").is_symlink());
}

#[test]
fn chunks_that_others_need_stay() {
    let s = Sandbox::new();
    let mut x = 3u64;
    let mut data: Vec<u8> = (0..9 << 20)
        .map(|_| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (x >> 56) as u8
        })
        .collect();
    let dst = s.tree("dst");
    data[10_000..][..SECRET.len()].copy_from_slice(SECRET.as_bytes());
    dst.file("big", &data);
    s.snap("dst");
    data[10_000..][..SECRET.len()].fill(b'x');
    dst.file("clean", &data).edit("n", "1");
    let id = s.snap("dst");
    s.run("fsync forget -d dst big").code(0);
    assert!(!holds(&s, SECRET));
    s.run("fsync verify --read-data").code(0);
    s.run(&format!("fsync-revert dst {id} --to out")).code(0);
    assert_eq!(s.tree("out").read("clean"), data);
    s.sh("rm -f repo/catalog.db*").success();
    s.run("fsync verify --read-data").code(0);
}

#[test]
fn what_a_pack_holds_is_forgotten_too() {
    let s = Sandbox::new();
    let all = leaked(&s);
    s.run(&format!("fsync-tag create t {} -d dst", all[3].0))
        .code(0);
    s.run("fsync prune --keep-last 1").code(0);
    assert!(holds(&s, SECRET));
    s.run("fsync forget -d dst sub/key").code(0);
    assert!(!holds(&s, SECRET));
    s.run("fsync verify --read-data").code(0);
    for at in [0, 2] {
        s.run(&format!("fsync-revert dst {} --to none", all[at].0))
            .code(6);
    }
    s.run(&format!("fsync-revert dst {} --to out", all[3].0))
        .code(0);
    all[3].1.without("sub/key").assert_is(s.path("out"));
    s.run("fsync-revert dst").code(0);
    s.run("fsync-revert dst").code(0);
    all[3].1.without("sub/key").assert_is(s.path("dst"));
    s.run("fsync prune --keep-last 1 --prune-tagged").code(0);
    s.run("fsync verify --read-data").code(0);
}

#[test]
fn names_of_before_lead_to_what_is_there_now() {
    let s = Sandbox::new();
    let src: Tree = s.tree("src");
    src.file("f", "1");
    s.tree("dst").file("key", SECRET);
    s.mirror("src", "dst").code(0);
    let old = s.head("dst").expect("a head");
    // A directory that is not at hand keeps its BACKUP.
    s.sh("cp -a dst away").success();
    s.run("fsync forget -d dst key").code(0);
    let new = s.head("dst").expect("a head");
    assert_ne!(old, new);
    for name in [old.as_str(), "dst@{1}", "away@", "dst@"] {
        let told = s.run(&format!("fsync show {name} --json")).code(0).text();
        assert!(told.contains(&new), "{name}: {told}");
    }
    let log = s.run("fsync log dst").code(0).text();
    assert!(log.contains("@{1} apply"), "{log}");
    s.run("fsync-revert dst").code(0);
    assert!(!s.path("dst/f").exists());
    s.run("fsync-revert --redo dst").code(0);
    assert_eq!(s.tree("dst").read("f"), b"1");
}

/// Runs `fsync forget`, killed at every step, and then `check`.
fn forgotten_halfway(s: &Sandbox, quick: usize, check: impl Fn(&Step)) -> Option<usize> {
    s.sh("cp -a repo whole && cp -a dst before").success();
    let again = "rm -rf repo dst && cp -a whole repo && cp -a before dst";
    let stepped = Stepped {
        s,
        line: "exec fsync forget -d dst sub/key".into(),
        reset: &|| drop(s.sh(again).success()),
        quick,
    };
    stepped.each(check)
}

#[test]
fn killed_at_every_step_another_run_completes_it() {
    let s = Sandbox::new();
    let all = leaked(&s);
    s.run(&format!("fsync-tag create t {} -d dst", all[1].0))
        .code(0);
    s.run("fsync prune --keep-last 3").code(0);
    let steps = forgotten_halfway(&s, 24, |step| {
        s.run("fsync verify --read-data").code(0);
        s.run(&format!("fsync-revert dst {} --to out", all[4].0))
            .code(0);
        all[4].1.assert_is(s.path("out"));
        fs::remove_dir_all(s.path("out")).expect("gone");
        s.run("fsync forget -d dst sub/key").code(0);
        assert!(!holds(&s, SECRET), "{step:?}");
        s.run("fsync verify --read-data").code(0);
        assert_eq!(lines(&s, "fsync log dst").len(), 4, "{step:?}");
        s.run("fsync-revert dst t --to out").code(0);
        all[1].1.without("sub/key").assert_is(s.path("out"));
        fs::remove_dir_all(s.path("out")).expect("gone");
        s.sh("ls repo/tmp").code(0).stdout("");
    });
    assert!(steps.is_none_or(|n| n > 40), "only {steps:?} steps");
}

#[test]
fn an_archive_that_cannot_be_read_may_hold_it() {
    let s = Sandbox::new();
    let all = leaked(&s);
    s.tree("other").file("f", "1");
    let other = s.archive(&s.snap("other"));
    let bytes = fs::read(&other).expect("an archive");
    fs::remove_file(&other).expect("removed");
    fs::write(&other, &bytes[..bytes.len() / 2]).expect("written");
    s.sh("rm -f repo/catalog.db*").success();
    s.run("fsync forget -d dst sub/key").code(8).nothing();
    assert!(s.archive(&all[0].0).exists() && holds_raw(&s));
    fs::remove_file(&other).expect("removed");
    s.run("fsync forget -d dst sub/key").code(0);
    assert!(!holds(&s, SECRET));
}

/// Whether the bytes are anywhere, as they are: short contents are stored.
fn holds_raw(s: &Sandbox) -> bool {
    let grep = s.sh(&format!("grep -rqF '{SECRET}' repo"));
    grep.get_output().status.success()
}

#[test]
fn a_prune_between_two_halves_does_no_harm() {
    let s = Sandbox::new();
    let all = leaked(&s);
    let doubled = Cell::new(0);
    let steps = forgotten_halfway(&s, 36, |step| {
        doubled.set(doubled.get() + usize::from(lines(&s, "fsync log dst").len() > 5));
        for last in [6, 4, 2] {
            s.run(&format!("fsync prune --keep-last {last}")).code(0);
            s.run("fsync verify --read-data").code(0);
        }
        let told = s.run("fsync forget -d dst sub/key");
        assert!(matches!(told.get_output().status.code(), Some(0 | 6)));
        assert!(!holds(&s, SECRET), "{step:?}");
        s.run("fsync verify --read-data").code(0);
        s.run(&format!("fsync-revert dst {} --to out", all[4].0))
            .code(0);
        all[4].1.assert_is(s.path("out"));
        fs::remove_dir_all(s.path("out")).expect("gone");
        s.run("fsync-revert dst").code(0);
        s.run("fsync-revert dst").code(0);
        assert_eq!(s.tree("dst").read("counter"), b"3");
    });
    let doubled = doubled.get();
    assert!(
        steps.is_none() || doubled > 2,
        "only {doubled} runs were cut short in the middle"
    );
}
