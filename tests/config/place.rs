//! Which repository a command uses.

use crate::desk::Desk;
use crate::support::Told;

#[test]
fn the_top_level_holds_for_the_plumbing_too() {
    let d = Desk::with("repository = \"@/mine\"\n");
    d.s.tree("a").file("x", "1");
    d.s.tree("d").file("y", "1");
    d.run("cp a d").code(0);
    assert_eq!(d.snapshots("mine"), 1);
    d.s.tree("d").file("z", "1");
    d.sh("fsync-snap d").code(0);
    assert_eq!(d.snapshots("mine"), 2);
    d.sh("fsync-tag create -d d t && fsync th d | cut -f 2")
        .code(0)
        .stdout("t\n");
    // The environment wins, and an option over both.
    d.sh("FSYNC_REPO=$PWD/env fsync-snap d && FSYNC_REPO=$PWD/env fsync --repo option snap d")
        .code(0);
    assert_eq!((d.snapshots("env"), d.snapshots("option")), (1, 1));
    // An empty FSYNC_CONFIG is none.
    d.sh("FSYNC_CONFIG= fsync-snap d").code(0);
    assert_eq!(d.snapshots("home/.local/share/fsync"), 1);
    d.run("--no-config snap d").code(0);
    d.run("--no-config log d").code(0);
    assert_eq!(
        (d.snapshots("mine"), d.snapshots("home/.local/share/fsync")),
        (2, 1)
    );
    d.set("repository = \"~/mine\"\n");
    d.sh("fsync-snap d").code(0);
    assert_eq!(d.snapshots("home/mine"), 1);
}

#[test]
fn a_directory_has_its_own_in_every_command() {
    let d = Desk::with("repository = \"@/common\"\n[directory.\"@/d\"]\nrepository = \"@/its\"\n");
    d.s.tree("a").file("x", "1");
    d.s.tree("d/sub").file("y", "1");
    d.s.tree("other").file("y", "1");
    let said = d.run("cp -t one a d/sub").code(0).complaint();
    assert!(
        said.contains("this takes it back: fsync rv -d d/sub\n"),
        "{said}"
    );
    d.run("cp a other").code(0);
    assert_eq!((d.snapshots("its"), d.snapshots("common")), (1, 1));
    d.sh("fsync th d/sub | cut -f 2").code(0).stdout("one\n");
    assert_eq!(d.run("log d/sub").code(0).text().lines().count(), 1);
    d.run("show -d d/sub one").code(0);
    d.run("ls d/sub@").code(0).stdout("y\n");
    d.run("ls -d d/sub one").code(0).stdout("y\n");
    d.run("cat d/sub@{1} y").code(0).stdout("1");
    d.run("export -o z.zip d/sub@").code(0);
    assert!(!d.run("find y d/sub").code(0).text().is_empty());
    d.run("du -s -d d/sub").code(0);
    let trace = d.run("--trace rv -d d/sub").code(0).complaint();
    let its = d.s.path("its").display().to_string();
    assert!(
        trace.contains(&format!("fsync-revert --repo {its} --json d/sub")),
        "{trace}"
    );
    assert!(!d.s.path("d/sub/x").exists());
    d.run("prune -d d/sub --keep-last 1").code(0);
    d.run("import -d d/sub z.zip").code(0);
    d.run("forget -d d/sub --everywhere y").code(0);
    // What names no directory has the common one.
    assert!(
        d.run("find y").code(0).text().contains("other"),
        "in the common one"
    );
    assert_eq!(d.snapshots("common"), 1);
    d.run("mksync d/sub a").code(0);
    d.run("sync d/sub").code(0);
    d.run("status d/sub").code(0).stdout("");
    // Said on the command line, it holds.
    d.run("--repo third cp --exclude none a d/sub").code(0);
    d.s.tree("a").file("more", "1");
    d.run("--repo third cp a d/sub").code(0);
    assert_eq!(d.snapshots("third"), 1);
}

#[test]
fn a_directory_that_is_missing_or_behind_a_link_has_its_section() {
    let d = Desk::with("[directory.\"@/d\"]\nrepository = \"@/its\"\n");
    d.s.tree("a").file("x", "1");
    d.run("cp a d").code(0);
    d.sh("ln -s d link && echo 2 > a/x").code(0);
    d.run("cp a link").code(0);
    assert_eq!(d.snapshots("its"), 2);
    assert!(!d.s.path("home/.local/share/fsync").exists());
    d.run("--no-config log d").code(6);
}
