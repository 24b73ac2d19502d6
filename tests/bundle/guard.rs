//! The guards hold for bundles as for any plan.

use crate::land::land;
use crate::support::{Sandbox, Told, Traces};

#[test]
fn too_many_deletions_are_refused() {
    let l = land("--delete", |s| {
        s.tree("src").file("stays", "1").settle();
        let copy = s.tree("copy");
        copy.file("stays", "1");
        for n in 0..20 {
            copy.file(format!("f{n}"), "x");
        }
        copy.settle();
    });
    let before = Traces::of(l.s.path("far"));
    l.s.run("fsync-apply --bundle F.zip far")
        .code(4)
        .one_line("fsync-apply", &["--max-delete=20"]);
    l.s.run("fsync cp --bundle F.zip far").code(4);
    before.assert_untouched(l.s.path("far"));
    l.s.run("fsync-apply --max-delete 20 --bundle F.zip far")
        .code(0);
    l.wanted.assert_is(l.s.path("far"));
}

#[test]
fn an_empty_source_is_refused_when_the_bundle_is_made() {
    let s = Sandbox::new();
    s.tree("src");
    s.tree("copy").file("a", "1");
    s.run("fsync bundle --delete -o F.zip src copy")
        .code(4)
        .one_line("fsync", &["--allow-empty-source"]);
    assert!(!s.path("F.zip").exists());
    s.run("fsync bundle --delete --allow-empty-source -o F.zip src copy")
        .code(0);
    s.run("fsync-apply --bundle F.zip copy").code(0);
    assert!(!s.tree("copy").has("a"));
}

#[test]
fn the_destination_is_a_directory_and_no_repository() {
    let l = land("", |s| {
        s.tree("src").file("a", "1");
        s.tree("copy");
    });
    l.s.run("fsync-snap far").code(0);
    l.s.sh("mkdir repo/inside").code(0);
    l.s.run("fsync-apply --bundle F.zip repo/inside")
        .code(4)
        .one_line("fsync-apply", &["repository"]);
    let id = l.s.head("far").unwrap();
    l.s.run(&format!("fsync-apply --bundle F.zip {id}"))
        .code(4)
        .one_line("fsync-apply", &["snapshots never change"]);
    l.s.run("fsync-apply --bundle F.zip F.zip").code(2);
}

#[test]
fn home_is_guarded() {
    let l = land("--delete", |s| {
        s.tree("src").file("a", "1");
        s.tree("copy").file("a", "1").file("b", "1").settle();
    });
    l.s.run("fsync-apply --bundle F.zip home")
        .code(4)
        .one_line("fsync-apply", &["--allow-root"]);
}

#[test]
fn a_bundle_is_no_snapshot() {
    let l = land("", |s| {
        s.tree("src").file("a", "1");
        s.tree("copy");
    });
    l.s.run("fsync import F.zip --dir far")
        .code(5)
        .one_line("fsync", &["bundle", "fsync-apply --bundle"]);
    assert_eq!(l.s.archives().len(), 0);
}
