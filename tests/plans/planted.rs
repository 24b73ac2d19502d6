//! What somebody has put there beforehand: links to elsewhere under the names that programs use themselves.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::support::{Canary, Person, Sandbox, Told, as_root, meanwhile};

#[test]
fn a_repository_whose_tmp_leads_elsewhere() {
    let s = Sandbox::new();
    let canary = Canary::new(&s, "outside");
    s.tree("dst").file("f", "x");
    let first = s.snap("dst");
    s.sh("rm -rf repo/tmp && ln -s ../outside repo/tmp")
        .success();
    // Whoever opens it would sweep it, and what lies elsewhere is not his.
    s.run("fsync-tag dst")
        .code(4)
        .one_line("fsync-tag", &["tmp", "symbolic link"]);
    s.run("fsync-revert dst --dry-run");
    canary.assert_sings();
    s.tree("dst").edit("f", "other");
    s.run("fsync-snap dst")
        .nothing()
        .one_line("fsync-snap", &["tmp"]);
    s.run("fsync verify");
    s.run(&format!("fsync-revert dst {first} --to out"));
    s.run("fsync repo copy second");
    s.sh("fsync-diff --json outside dst | fsync-snap --through | fsync-apply --require-snapshot");
    s.run("fsync prune -d dst --keep-last 1");
    canary.assert_sings();
    s.sh("rm repo/tmp").success();
    s.snap("dst");
    s.run("fsync verify").code(0);
}

#[test]
fn fifos_in_the_repository_hold_nobody() {
    let s = Sandbox::new();
    s.tree("dst").file("f", "x");
    let first = s.snap("dst");
    s.sh("mkfifo repo/tmp/new-pipe && ln -s /dev/zero repo/tmp/new-device")
        .success();
    s.tree("dst").edit("f", "other");
    s.sh("timeout 20 fsync-snap dst").code(0);
    s.sh(&format!(
        "rm -f repo/{first}.zip && mkfifo repo/{first}.zip"
    ))
    .success();
    let told = s.sh(&format!("timeout 20 fsync-revert dst {first} --to out"));
    told.code(8);
    s.sh("timeout 20 fsync verify").code(8);
}

#[test]
fn temporaries_that_lead_elsewhere_are_swept_alone() {
    let s = Sandbox::new();
    let canary = Canary::new(&s, "outside");
    s.tree("src").file("d/new", "n").settle();
    let dst = s.tree("dst");
    dst.dir("d");
    // No process has this number: pid_max is at most 2^22.
    symlink("../../outside", dst.at("d/.fsync-tmp-4194999-0-0-filled")).expect("a link");
    symlink("../../outside/f", dst.at("d/.fsync-tmp-4194999-0-1")).expect("a link");
    fs::hard_link(canary.at("g"), dst.at("d/.fsync-tmp-4194999-0-2")).expect("a link");
    symlink("../../outside/e", dst.at("d/.fsync-tmp-4194999-0-3-filled")).expect("a link");
    s.sh("fsync-diff --json src dst | fsync-apply").code(0);
    let left = s.sh("ls -A dst/d").text();
    assert_eq!(left, "new");
    canary.assert_sings();
}

#[test]
fn a_run_that_never_ended_is_swept_through_no_link() {
    let s = Sandbox::new();
    let canary = Canary::new(&s, "outside");
    fs::write(canary.at("e/.fsync-tmp-4194999-0-1"), "somebody else's").expect("a file");
    s.tree("src").file("new", "n").settle();
    s.tree("dst")
        .file("deep/er/f", "x")
        .link("way", "../outside")
        .link("deep/way", "../../outside/e");
    fs::write(s.path("dst/deep/er/.fsync-tmp-4194999-0-1"), "ours").expect("a file");
    s.snap("dst");
    // The log says that something began, and not that it ended.
    let id = s.head("dst").expect("a head");
    let body = format!(
        "\"type\":\"begin\",\"directory\":{{\"path\":\"{}\"}},\"work\":\"apply\",\"before\":\"{id}\",\"target\":null,\
         \"sources\":[],\"pid\":1,\"time\":{{\"secs\":1,\"nanos\":0}}}}",
        s.path("dst").display()
    );
    let line = format!(
        "{{\"crc\":\"{:08x}\",{body}\n",
        crc32fast::hash(body.as_bytes())
    );
    let mut log = fs::read(s.path("repo/log.ndjson")).expect("a log");
    log.extend(line.bytes());
    fs::write(s.path("repo/log.ndjson"), log).expect("a log");
    s.mirror("src", "dst").code(0);
    assert!(!s.tree("dst").has("deep"), "made like src");
    assert!(
        canary.at("e/.fsync-tmp-4194999-0-1").exists(),
        "it is not ours"
    );
    fs::remove_file(canary.at("e/.fsync-tmp-4194999-0-1")).expect("it");
    let _ = canary;
}

#[test]
fn what_a_hard_link_shares_is_left_when_it_was_planted_later() {
    for person in Person::everyone() {
        let s = &person.s;
        let canary = person.build(|s| {
            let canary = Canary::new(s, "outside");
            let (src, dst) = (s.tree("src"), s.tree("dst"));
            for name in ["f0", "f1", "f2", "f3"] {
                src.file(name, "kept\n").mode(name, 0o640);
                dst.file(name, "kept\n").mode(name, 0o600);
            }
            canary
        });
        let plan = person.sh("fsync-diff --json src dst").code(0).bytes();
        person.build(|s| {
            for name in ["f0", "f1", "f2", "f3"] {
                fs::remove_file(s.path("dst").join(name)).expect("it");
                fs::hard_link(canary.at(name), s.path("dst").join(name)).expect("a link");
            }
            fs::write(s.path("plan"), plan).expect("a file");
        });
        person.sh("fsync-apply <plan").code(3);
        canary.assert_sings();
        assert_eq!(
            fs::metadata(s.path("dst/f0"))
                .expect("it")
                .permissions()
                .mode()
                & 0o777,
            0o600
        );
    }
}

#[test]
fn a_name_given_later_to_an_inode_that_is_replaced_elsewhere() {
    let s = Sandbox::new();
    let canary = Canary::new(&s, "outside");
    let (src, dst) = (s.tree("src"), s.tree("dst"));
    src.file("shared", "new contents")
        .file("touched", "kept\n")
        .mode("touched", 0o640);
    dst.file("touched", "kept\n").mode("touched", 0o600);
    // One of its names is in the tree, rightly so: what is planned there is to give that name to a new file.
    fs::hard_link(canary.at("f"), dst.at("shared")).expect("a link");
    let plan = s.run("fsync-diff --json --xattrs src dst").code(0).bytes();
    dst.remove("touched");
    fs::hard_link(canary.at("f"), dst.at("touched")).expect("a link");
    // The new name may have changed the inode's time, so that the other one is stale as well.
    let told = s.feed("fsync-apply", plan).code(3);
    let said = told.complaint();
    assert!(said.contains("\"touched\": stale"), "{said}");
    let shared = dst.read("shared");
    assert!(
        shared == b"new contents" || said.contains("\"shared\": stale"),
        "{said}"
    );
    canary.assert_sings();
}

#[test]
fn a_backup_that_is_a_link_is_not_followed() {
    let s = Sandbox::new();
    let canary = Canary::new(&s, "outside");
    s.tree("src").file("f", "new").settle();
    s.tree("dst")
        .file("f", "old one")
        .link(".fsync-backup", "../outside/f");
    s.run("fsync-snap dst").nothing();
    s.mirror("src", "dst");
    s.run("fsync-revert dst");
    canary.assert_sings();
    s.sh("rm dst/.fsync-backup && ln outside/f dst/.fsync-backup")
        .success();
    s.run("fsync-snap dst");
    s.mirror("src", "dst");
    canary.assert_sings();
    canary.assert_not_recorded(&s);
}

#[test]
fn an_exported_file_takes_the_place_of_a_link() {
    let s = Sandbox::new();
    let canary = Canary::new(&s, "outside");
    s.tree("dst").file("f", "x");
    let id = s.snap("dst");
    s.sh("ln -s outside/f out.zip").success();
    s.run(&format!("fsync-snap --export {id} -o out.zip"))
        .code(0);
    assert!(
        !fs::symlink_metadata(s.path("out.zip"))
            .expect("it")
            .is_symlink()
    );
    canary.assert_sings();
}

#[test]
fn where_mutual_ownership_differs_nothing_leads_out() {
    if !as_root() {
        return;
    }
    // Root copies into a directory of somebody who plants links as fast as he can.
    let s = Sandbox::new();
    let canary = Canary::new(&s, "outside");
    let src = s.tree("src");
    for n in 0..60 {
        src.fifo(format!("d/p{n}"))
            .owner(format!("d/p{n}"), 65_534, 65_534);
        src.link(format!("d/l{n}"), "nowhere")
            .owner(format!("d/l{n}"), 65_534, 65_534);
    }
    s.tree("dst").dir("d");
    s.sh("chown -R nobody dst; chmod 755 .").success();
    let (trap, place) = (s.path("dst/trap"), s.path("dst/d"));
    let plant = || {
        for item in fs::read_dir(&place).into_iter().flatten().flatten() {
            if item
                .file_name()
                .to_string_lossy()
                .starts_with(".fsync-tmp-")
            {
                let _ = fs::hard_link(canary.at("f"), &trap);
                let _ = fs::rename(&trap, item.path());
            }
        }
    };
    meanwhile(&[&plant], || {
        for _ in 0..6 {
            s.sh("fsync-diff --json --delete src dst | fsync-apply --max-delete 100%");
            s.sh("rm -rf dst/d/*; rm -f dst/d/.f*");
        }
    });
    canary.assert_sings();
}
