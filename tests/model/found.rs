//! What the model found, each as a short sequence of its own.

use crate::support::{Sandbox, Told, Traces};

#[test]
fn a_refused_mksync_leaves_the_time_of_the_directory_alone() {
    let s = Sandbox::new();
    s.tree("src").file("a", "1");
    s.tree("dst").file("a", "1");
    s.run("fsync -q mksync dst src").code(0);
    s.tree("dst").settle();
    let before = Traces::of(s.path("dst"));
    s.run("fsync mksync dst src").code(4);
    before.assert_untouched(s.path("dst"));
}

#[test]
fn what_was_forgotten_is_no_damage_to_a_rehearsed_restore() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("key", "secret")
        .file("d/key", "secret too")
        .file("rest", "r");
    s.snap("dst");
    s.run("fsync -q forget -d dst key d").code(0);
    s.run("fsync -q verify --restore --read-data")
        .code(0)
        .nothing();
}

#[test]
fn one_name_of_a_file_is_taken_back_without_the_others() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("a", "recorded")
        .hard("b", "a")
        .hard("c", "a")
        .settle();
    s.snap("dst");
    for spoil in [
        "rm dst/a; echo new > n; mv n dst/b; rm dst/c",
        "rm dst/?; mkdir dst/a; echo b > dst/b",
    ] {
        s.sh(spoil).success();
        s.run("fsync -q rv -d dst -- b c").code(0).stderr("");
        assert_eq!(dst.read("b"), b"recorded");
        assert_eq!(dst.inode("b"), dst.inode("c"));
        assert!(!dst.at("a").is_file());
        s.run("fsync -q rv -d dst").code(0);
    }
}
