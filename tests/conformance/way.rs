//! The ways to make one directory like another: the command, and the pipelines that a user may type.

use crate::support::{Person, Sandbox, Told};

/// One way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// `fsync cp`.
    Command,
    /// What that is: records, through a snapshot.
    Records,
    /// Letters and paths, looked up again.
    Lines,
}

impl Way {
    /// All three.
    pub const ALL: [Way; 3] = [Way::Command, Way::Records, Way::Lines];
    /// Those that record the state before.
    pub const RECORDED: [Way; 2] = [Way::Command, Way::Records];

    /// The shell script: options of the comparison, options that lift guards, sources, destination.
    pub fn script(self, compare: &str, guards: &str, src: &str, dst: &str) -> String {
        match self {
            Way::Command => format!("fsync cp -q {compare} {guards} {src} {dst}"),
            Way::Records => format!(
                "fsync-diff --json {compare} {src} {dst} | fsync-snap --through --guard {guards} \
                 | fsync-apply --require-snapshot {guards}"
            ),
            Way::Lines => {
                format!("fsync-diff {compare} {src} {dst} | fsync-apply {guards} {src} {dst}")
            }
        }
    }

    /// The same where it is to be refused: of records every program that stands guard, each alone, must say the same.
    pub fn guarded(self, compare: &str, guards: &str, src: &str, dst: &str) -> String {
        match self {
            Way::Records => format!(
                "fsync-diff --json {compare} {src} {dst} >refused.plan; fsync-apply {guards} <refused.plan; one=$?
                 grep -q '\"change\"' refused.plan || exit $one
                 fsync-snap --through --guard {guards} <refused.plan >refused.through; two=$?
                 grep -q '\"end\"' refused.through && exit 98; [ $one = $two ] && exit $one; echo $one $two; exit 99"
            ),
            _ => self.script(compare, guards, src, dst),
        }
    }

    /// The same from `src` to `dst` without guards to lift.
    pub fn plain(self, compare: &str) -> String {
        self.script(compare, "", "src", "dst")
    }
}

/// Nothing is left to do, whatever is compared.
#[track_caller]
pub fn settled(p: &Person, src: &str, dst: &str) {
    p.sh(&format!(
        "fsync-diff --exit-code --delete --xattrs --checksum {src} {dst}"
    ))
    .code(0)
    .stdout("");
    p.sh(&format!("fsync cp --delete -n {src} {dst}"))
        .code(0)
        .stdout("");
}

/// No temporary of ours is anywhere below a directory, nor in the repository.
#[track_caller]
pub fn nothing_left(s: &Sandbox, directory: &str) {
    let found = s
        .sh(&format!(
            "find {directory} -name '.fsync-tmp-*'; ls -A repo/tmp 2>/dev/null || true"
        ))
        .code(0)
        .text();
    assert_eq!(found, "", "left over");
}
