//! Retention: what `fsync prune` keeps by the settings, and what goes by itself.

use crate::desk::Desk;
use crate::support::Told;

/// Makes `n` snapshots of a directory, one after the other.
fn history(d: &Desk, dir: &str, n: usize) {
    let tree = d.s.tree(dir);
    for at in 0..n {
        tree.file("x", format!("{dir} {at}"));
        d.run(&format!("snap {dir}")).code(0);
    }
}

fn count(d: &Desk, dir: &str) -> usize {
    d.run(&format!("log {dir}")).code(0).text().lines().count()
}

#[test]
fn prune_keeps_what_is_set_of_each_directory() {
    let d = Desk::with("[directory.\"@/d\".keep]\nlast = 1\n[directory.\"@/e\"]\nkeep.last = 2\n");
    for dir in ["d", "e", "f"] {
        history(&d, dir, 4);
    }
    let dry = d.run("prune -n").code(0).text();
    assert_eq!(dry.lines().count(), 5, "{dry}");
    let gone = d.run("prune").code(0).text();
    assert_eq!(gone, dry, "a dry run says what will go");
    assert_eq!((count(&d, "d"), count(&d, "e"), count(&d, "f")), (1, 2, 4));
    d.run("prune -d f")
        .code(2)
        .nothing()
        .one_line("fsync", &["say what to keep", "fsync config keep.last"]);
    d.run("verify").code(0);
    // Options win, for every directory that they are about.
    d.run("prune -d e --keep-last 1").code(0);
    d.run("prune --keep-last 3").code(0);
    assert_eq!((count(&d, "d"), count(&d, "e"), count(&d, "f")), (1, 1, 3));
    d.set("keep.last = 1\n");
    d.run("prune -d f").code(0);
    assert_eq!(count(&d, "f"), 1);
    d.run("verify").code(0);
}

#[test]
fn what_is_refused_of_one_directory_removes_nothing_of_another() {
    let d = Desk::with(
        "[directory.\"@/d\"]\nkeep.last = 1\n[directory.\"@/e\"]\nkeep.tag = [\"none\"]\n",
    );
    history(&d, "d", 3);
    history(&d, "e", 3);
    d.run("prune")
        .code(4)
        .nothing()
        .one_line("fsync", &["/e\": the policy keeps none"]);
    assert_eq!((count(&d, "d"), count(&d, "e")), (3, 3));
}

#[test]
fn old_ones_go_by_themselves_when_that_is_set() {
    let d = Desk::with("prune = \"auto\"\nkeep.last = 2\n");
    let src = d.s.tree("a");
    d.s.tree("d").file("y", "1");
    for n in 0..5 {
        src.edit("x", n.to_string());
        let said = d.run("cp a d").code(0).complaint();
        assert_eq!(said.contains("gone"), n > 1, "run {n}: {said}");
    }
    assert_eq!(count(&d, "d"), 2);
    d.run("cp a d").code(0).stderr("fsync: nothing to do\n");
    d.run("rv -d d").code(0);
    assert_eq!(d.s.tree("d").read("x"), b"3");
    assert!(count(&d, "d") <= 3, "after rv too; the head stays");
    d.run("mksync d a").code(0);
    src.edit("x", "sync");
    d.run("sync d").code(0);
    assert!(count(&d, "d") <= 3, "what rv has left is the head's");
    d.run("verify").code(0);
    // Another directory's snapshots are none of its business.
    history(&d, "other", 4);
    src.edit("x", "again");
    d.run("cp a d").code(0);
    assert_eq!(count(&d, "other"), 4);
    src.edit("x", "--no-config");
    let before = count(&d, "d");
    d.run("--no-config cp a d").code(0);
    assert_eq!(count(&d, "d"), before + 1);
}

#[test]
fn auto_without_a_rule_says_so() {
    let d = Desk::with("prune = \"auto\"\n");
    d.s.tree("a").file("x", "1");
    d.s.tree("d").file("y", "1");
    let said = d.run("cp a d").code(3).complaint();
    assert!(
        said.contains("nothing says what to keep; set it (fsync config keep.last 10)"),
        "{said}"
    );
    assert!(d.s.path("d/x").exists());
}
