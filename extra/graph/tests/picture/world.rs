//! Directories with histories.

use std::process::Stdio;

use serde_json::Value;

use crate::support::{Sandbox, Told};

/// Names that would like to be something else.
pub const HOSTILE: [&[u8]; 9] = [
    b"<script>alert(1)<",
    b"<img src=x onerror=alert(1)>",
    b"\" onload=\"alert(1)",
    b"new\nline\ttab\x1b[31m",
    b"gpj.\xe2\x80\xaeexe",
    b"&#8238;&amp;&lt;",
    b"back\\slash \\N \\\" %s {data}",
    b"not\xffutf8",
    b"sep\xe2\x80\xa8arator\xe2\x80\x8b",
];

/// Two snapshots, a revert, a branch, a redo, tags: `copy`.
pub fn branched() -> Sandbox {
    let s = Sandbox::new();
    s.tree("src").file("kept", "k").file("a/one", "1");
    s.sh("fsync -q cp src copy").code(0);
    s.tree("src").edit("a/one", "11").file("two", "22");
    s.sh("fsync -q cp -t 'before two' src copy").code(0);
    s.tree("src").edit("two", "more").remove("kept");
    s.sh("fsync -q cp --delete src copy").code(0);
    s.sh("fsync -q rv -d copy; fsync -q rv -d copy").code(0);
    s.tree("src").file("branch", "new work");
    s.sh("fsync -q cp -t branched src copy").code(0);
    s.sh("fsync-snap -q -t now copy; fsync -q rv -d copy -t 'before two'; fsync -q rv -d copy --redo")
        .code(0);
    s
}

/// A chain of so many snapshots of `copy`.
pub fn chain(count: usize) -> Sandbox {
    let s = Sandbox::new();
    s.tree("copy").file("first", "1");
    s.sh(&format!(
        "for n in $(seq {count}); do echo $n >copy/at; echo $n >copy/file$((n % 7)); fsync-snap -q copy >/dev/null || exit 1; done"
    ))
    .code(0);
    s
}

/// The directory `d`, whose files have hostile names, and so its tag.
pub fn hostile() -> Sandbox {
    let s = Sandbox::new();
    let tree = s.tree("<b>&\"d\u{202e}\n<");
    for name in HOSTILE {
        tree.file(name, "x");
    }
    s.sh("fsync-snap -q -t '<img src=x onerror=alert(2)>&\"\\N' ./*'<'; echo y >'./'*'<'/later; fsync-snap -q ./*'<'")
        .code(0);
    s
}

/// What the page of `dir` is given.
pub fn data(s: &Sandbox, line: &str) -> Value {
    given(&s.run(line).code(0).text())
}

/// The same of a page.
pub fn given(page: &str) -> Value {
    let (_, rest) = page
        .split_once(r#"<script type="application/json" id="data">"#)
        .expect("the data");
    let (json, _) = rest.split_once("</script>").expect("its end");
    serde_json::from_str(json).expect("JSON")
}

/// Whether a program is there; says so where it is not.
pub fn has(program: &str) -> bool {
    // To Graphviz the letters of "--version" are options, one of which makes a file.
    let graphviz = ["dot", "gvpr"].contains(&program);
    let version = if graphviz { "-V" } else { "--version" };
    let found = std::process::Command::new(program)
        .arg(version)
        .stdin(Stdio::null())
        .output()
        .is_ok();
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}
