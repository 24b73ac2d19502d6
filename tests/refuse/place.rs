//! Places that are not there or may not be used: no home, no current directory, no /proc, no /tmp, odd masks, closed
//! and read-only directories.

use crate::ground::Ground;
use crate::support::{Oracle, Person, Sandbox, Told, as_root, trees};

fn ready() -> Sandbox {
    let s = Sandbox::new();
    s.tree("src").file("f", "new").file("d/g", "g").settle();
    s.tree("dst").file("f", "old one").settle();
    s
}

#[test]
fn without_a_home_there_is_no_place_for_a_repository() {
    let s = ready();
    for home in ["HOME=home", "HOME=."] {
        let before = Oracle::of(s.path("."));
        for line in [
            "fsync-snap dst",
            "fsync cp src dst",
            "fsync-revert dst",
            "fsync-tag",
            "fsync verify",
            "fsync log dst",
        ] {
            let told = s
                .sh(&format!("unset FSYNC_REPO; {home}; {line}"))
                .code(2)
                .nothing();
            let said = told.complaint();
            assert!(
                said.starts_with("fsync") && said.lines().count() == 1 && said.contains("--repo"),
                "{home}: {line}: {said}"
            );
        }
        before.assert_is(s.path("."));
        s.sh(&format!(
            "unset FSYNC_REPO; {home}; fsync-diff --repo repo src dst >/dev/null"
        ))
        .code(0);
        s.sh(&format!("unset FSYNC_REPO; {home}; fsync cp --repo repo src dst && rm -r repo && fsync-diff --repo repo src dst")).code(0).stdout("");
        s.sh("rm dst/.fsync-backup dst/d/g; echo old one >dst/f")
            .code(0);
    }
    if as_root() {
        // Somebody whom the system does not know has no home even there.
        s.sh("chmod 755 . && cp \"$(command -v fsync-snap)\" . && unset FSYNC_REPO HOME && setpriv --reuid 54321 --regid 54321 --clear-groups ./fsync-snap dst")
            .code(2)
            .one_line("fsync-snap", &["--repo"]);
    }
}

#[test]
fn without_a_current_directory() {
    let s = ready();
    let top = s
        .path(".")
        .canonicalize()
        .expect("it")
        .display()
        .to_string();
    let gone = "mkdir gone && cd gone && rmdir ../gone";
    for (line, code) in [
        ("fsync-diff src dst", 6),
        ("fsync-snap .", 6),
        ("fsync cp src dst", 6),
        ("fsync-revert .", 6),
        ("fsync-tag create x", 6),
        ("fsync-diff TOP/src TOP/dst", 0),
        ("fsync-snap TOP/dst", 0),
        ("fsync cp TOP/src TOP/dst", 0),
        ("fsync th TOP/dst", 0),
        ("fsync -C TOP cp src dst", 0),
        ("fsync-revert TOP/dst", 0),
        ("fsync verify", 0),
    ] {
        let line = line.replace("TOP", &top);
        let told = s.sh(&format!("{gone}; {line}"));
        let found = told.get_output().status.code();
        assert!(
            found == Some(code) || code == 6 && matches!(found, Some(4 | 9)),
            "{line}: {told}"
        );
        assert!(code == 0 || !told.complaint().is_empty(), "{line}");
    }
    assert_eq!(s.tree("dst").read("f"), b"old one");
}

#[test]
fn without_proc_nothing_is_recorded_that_would_lack_attributes() {
    for p in Person::everyone() {
        trees(&p, |src, dst| {
            src.file("f", "new").settle();
            dst.file("f", "old")
                .xattr("f", "user.note", b"kept")
                .settle();
        });
        p.sh("fsync-snap dst").code(0);
        p.build(|s| drop(s.tree("dst").edit("f", "changed").at(".")));
        let before = Oracle::of(p.s.path("dst"));
        let script = "for line in 'fsync-snap dst' 'fsync cp src dst' 'fsync-revert dst' 'fsync-snap --through'; do
                fsync-diff --json src dst | $line >/dev/null; echo $?; done
            fsync-diff --json src dst >/dev/null; echo $?; fsync verify --read-data; echo $?; fsync log dst >/dev/null; echo $?";
        let Some(told) = p.mounted("mount -t tmpfs -o mode=755 none /proc", &[script]) else {
            return;
        };
        assert_eq!(told.text(), "9\n9\n9\n9\n0\n0\n0", "{told}");
        for line in told
            .complaint()
            .lines()
            .filter(|l| !l.contains("no damage"))
        {
            assert!(
                line.starts_with("fsync") && line.contains("mount /proc"),
                "{line}"
            );
        }
        before.assert_is(p.s.path("dst"));
    }
}

#[test]
fn without_tmp() {
    if Sandbox::programs().starts_with("/tmp") {
        return eprintln!("skipped: without /tmp the programs are not there either");
    }
    let p = Person::myself();
    trees(&p, |src, dst| {
        src.menagerie();
        dst.file("plain", "old").settle();
    });
    let before = Oracle::of(p.s.path("dst"));
    let script = "export TMPDIR=/nowhere
        fsync cp -q --delete --max-delete 100% src dst; echo $?; cp -a dst after; fsync-tag create t -d dst; echo $?
        fsync verify -q --read-data; echo $?; fsync export t -o out.zip; echo $?; fsync import -d e out.zip >id; echo $?
        fsync-revert -q dst; echo $?; fsync prune -q -d dst --keep-last 1 >gone; echo $?";
    let Some(told) = p.mounted("mount -t tmpfs -o ro,mode=755 none /tmp", &[script]) else {
        return;
    };
    assert_eq!(told.text(), "0\n0\n0\n0\n0\n0\n0", "{told}");
    assert_eq!(
        p.copied("src").differences(&Oracle::of(p.s.path("after"))),
        ""
    );
    before.assert_is(p.s.path("dst"));
}

#[test]
fn whatever_the_mask() {
    for p in Person::everyone() {
        for mask in ["0777", "0077", "0000"] {
            p.s.sh("rm -rf src dst repo out").code(0);
            trees(&p, |src, dst| {
                src.file("a", "a")
                    .mode("a", 0o644)
                    .file("d/b", "b")
                    .mode("d", 0o751)
                    .settle();
                dst.file("old", "o").settle();
            });
            let (wanted, before) = (p.copied("src"), Oracle::of(p.s.path("dst")));
            p.sh(&format!("umask {mask}; fsync cp -q --delete src dst"))
                .code(0)
                .stderr("");
            wanted.assert_is(p.s.path("dst"));
            p.sh("fsync verify && fsync-tag create t -d dst").code(0);
            p.sh(&format!(
                "umask {mask}; fsync-snap dst && fsync export t -o out.zip && fsync verify"
            ))
            .code(0);
            p.sh(&format!("umask {mask}; fsync-revert -q dst t"))
                .code(0)
                .stderr("");
            before.assert_is(p.s.path("dst"));
            p.sh("rm -f out.zip").code(0);
        }
    }
}

#[test]
fn ones_own_directory_may_be_closed_to_oneself() {
    for p in Person::everyone() {
        trees(&p, |src, dst| {
            src.file("f", "new").settle();
            dst.file("f", "old one").settle();
        });
        p.s.sh("chmod 555 dst src").code(0);
        let before = Oracle::of(p.s.path("dst"));
        p.sh("fsync-snap dst").code(0).stderr("");
        before.assert_is(p.s.path("dst"));
        p.sh("fsync cp -q src dst").code(0).stderr("");
        assert_eq!(p.s.tree("dst").read("f"), b"new");
        p.copied("src").assert_is(p.s.path("dst"));
        p.sh("fsync-revert -q dst").code(0);
        before.assert_is(p.s.path("dst"));
    }
}

#[test]
fn what_may_not_be_used_is_named() {
    if !as_root() {
        return;
    }
    let p = Person::nobody();
    // What is closed, what runs into it, and how that ends.
    let cases = [
        ("chmod 0 src; chown 0 src", "fsync-diff src dst", 9, "src"),
        ("chmod 0 src; chown 0 src", "fsync cp src dst", 9, "src"),
        ("chown 0 dst; chmod 755 dst", "fsync cp src dst", 9, "dst"),
        ("chown 0 dst; chmod 755 dst", "fsync-snap dst", 9, "dst"),
        ("chown 0 dst; chmod 0 dst", "fsync-snap dst", 9, "dst"),
        ("chown 0 repo; chmod 0 repo", "fsync-snap dst", 9, "repo"),
        ("chown 0 repo; chmod 755 repo", "fsync-snap dst", 9, "repo"),
        (
            "chown 0 repo repo/tmp; chmod 755 repo repo/tmp",
            "fsync cp src dst",
            9,
            "repo",
        ),
        (
            "chown 0 repo/log.ndjson; chmod 644 repo/log.ndjson",
            "fsync-snap dst",
            9,
            "log.ndjson",
        ),
        (
            "chown 0 repo/log.ndjson; chmod 644 repo/log.ndjson",
            "fsync-tag create t -d dst",
            9,
            "log.ndjson",
        ),
        (
            "chown 0 repo/log.ndjson; chmod 644 repo/log.ndjson",
            "fsync-revert dst",
            9,
            "log.ndjson",
        ),
        (
            "chown 0 repo/log.ndjson; chmod 0 repo/log.ndjson",
            "fsync-revert dst",
            9,
            "log.ndjson",
        ),
        (
            "chown 0 repo/catalog.db; chmod 0 repo/catalog.db",
            "fsync-revert dst",
            9,
            "catalog.db",
        ),
        (
            "chown 0 repo/*.zip; chmod 0 repo/*.zip",
            "fsync-revert dst",
            9,
            ".zip",
        ),
        (
            "chown 0 repo/*.zip; chmod 0 repo/*.zip",
            "fsync cat -d dst @ f",
            9,
            ".zip",
        ),
        (
            "chown 0 dst/.fsync-backup; chmod 0 dst/.fsync-backup",
            "fsync-snap dst",
            9,
            ".fsync-backup",
        ),
        (
            "mkdir locked; chmod 555 locked",
            "fsync cp src locked/new",
            9,
            "locked/new",
        ),
        (
            "mkdir locked; chmod 555 locked",
            "fsync-revert dst @ --to locked/new",
            9,
            "locked/new",
        ),
        (
            "mkdir locked; chmod 555 locked",
            "fsync repo copy locked/new",
            9,
            "locked/new",
        ),
        (
            "mkdir locked; chmod 555 locked",
            "fsync export @ -d dst -o locked/new",
            9,
            "locked/new",
        ),
    ];
    for (close, line, code, named) in cases {
        p.s.sh("chmod -R u+rwx . ; rm -rf src dst repo locked")
            .code(0);
        trees(&p, |src, dst| {
            src.file("f", "new").settle();
            dst.file("f", "old one").settle();
        });
        p.sh("fsync-snap dst").code(0);
        p.build(|s| drop(s.tree("dst").edit("f", "changed").at(".")));
        p.s.sh(close).code(0);
        let closed = Oracle::of(p.s.path("dst"));
        let told = p.sh(line);
        let said = told.complaint();
        assert_eq!(
            told.get_output().status.code(),
            Some(code),
            "{close}: {line}: {told}"
        );
        assert!(
            said.lines().count() == 1 && said.contains(named),
            "{close}: {line}: {said}"
        );
        let ended = crate::ground::Ended {
            code,
            said,
            injected: Vec::new(),
            catalog: Vec::new(),
        };
        let mut faults = Vec::new();
        crate::ground::voice(&ended, &mut faults);
        assert!(faults.is_empty(), "{close}: {line}: {faults:?}");
        closed.assert_is(p.s.path("dst"));
        // Opened again, everything is there.
        p.s.sh("chown -hR 65534:65534 src dst repo; chmod 755 src dst; chmod 644 dst/.fsync-backup; chmod -R u+rw repo; chmod u+x repo repo/tmp").code(0);
        assert_eq!(p.s.tree("dst").read("f"), b"changed");
        p.sh("fsync verify --read-data && fsync-revert -q dst")
            .code(0);
        assert_eq!(p.s.tree("dst").read("f"), b"old one");
    }
}

#[test]
fn a_repository_that_cannot_be_written_ends_every_run_that_must_write() {
    let ground = Ground::new("fsync export first -o kept.zip");
    if !as_root() {
        return;
    }
    for line in [
        "fsync-snap --allow-low-space dst",
        "fsync cp --allow-low-space src dst",
        "fsync-revert --allow-low-space dst",
        "fsync-tag create t -d dst",
        "fsync-tag delete first -d dst",
        "fsync forget -d dst sub/gone",
        "fsync import -d e kept.zip",
        "fsync rv -d dst -t first --allow-low-space",
    ] {
        ground.reset();
        let script = format!(
            "unshare -m sh -c 'mount --bind repo repo && mount -o remount,bind,ro repo || exit 99; {line}'"
        );
        let ended = ground.run(&script, "");
        if ended.code == 99 || ended.code == 1 {
            eprintln!("skipped: nothing can be mounted here: {}", ended.said);
            return;
        }
        assert_eq!(ended.code, 9, "{line}: {}", ended.said);
        let mut faults = Vec::new();
        let wanted = crate::ground::look(&ground.s.tree("kept/dst"));
        ground.judge(&ended, &wanted, &mut faults);
        assert!(faults.is_empty(), "{line}: {faults:?}: {}", ended.said);
        assert!(
            ended.said.contains("Read-only file system")
                || ended.said.contains("cannot be written"),
            "{line}: {}",
            ended.said
        );
    }
}
