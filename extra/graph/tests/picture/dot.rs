//! The graph: valid, whole, and taking nothing that a name says for its own.

use crate::support::{Sandbox, Told};
use crate::world::{branched, chain, has, hostile};

/// Lines of the graph that hold all of `parts`.
fn lines(dot: &str, parts: &[&str]) -> usize {
    dot.lines()
        .filter(|line| parts.iter().all(|part| line.contains(part)))
        .count()
}

/// What Graphviz draws; it says nothing.
fn svg(s: &Sandbox, dot: &str) -> String {
    let drawn = s.feed("dot -Tsvg", dot).code(0).stderr("");
    drawn.text()
}

#[test]
fn backups_one_way_and_reverts_the_other() {
    let s = branched();
    let dot = s.run("fsync-graph copy").code(0).stderr("").text();
    assert_eq!(s.run("fsync-graph --dot copy").code(0).text(), dot);
    assert!(dot.starts_with("digraph \"fsync history\" {\n") && dot.ends_with("}"));
    let snapshots = s.archives().len();
    assert_eq!(lines(&dot, &["tooltip=", "files, "]), snapshots, "{dot}");
    let way = |line: &str| {
        let (from, rest) = line.trim().strip_prefix('s')?.split_once(" -> s")?;
        let to: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some((from.parse::<usize>().ok()?, to.parse::<usize>().ok()?))
    };
    let (mut backups, mut reverts, mut redos) = (0, 0, 0);
    for line in dot.lines() {
        let Some((from, to)) = way(line) else {
            continue;
        };
        if line.contains("style=dashed") && line.contains("revert") {
            assert!(from > to && line.contains("constraint=false"), "{line}");
            reverts += 1;
        } else if line.contains("redo") {
            assert!(from < to, "{line}");
            redos += 1;
        } else {
            assert!(from < to, "{line}");
            backups += 1;
        }
    }
    assert_eq!((backups, reverts, redos), (snapshots - 1, 3, 1), "{dot}");
    assert_eq!(lines(&dot, &["\\nhead", "penwidth"]), 1);
    for tag in ["before two", "branched", "now"] {
        assert_eq!(lines(&dot, &[tag, "fillcolor"]), 1, "{tag}");
    }
    if has("dot") {
        let svg = svg(&s, &dot);
        assert_eq!(svg.matches("class=\"node\"").count(), snapshots);
        assert_eq!(svg.matches("class=\"edge\"").count(), snapshots - 1 + 4);
    }
}

#[test]
fn names_are_text() {
    let s = hostile();
    let dir = s.path("<b>&\"d\u{202e}\n<");
    let dot = s.cmd("fsync-graph").arg(dir).assert().code(0).text();
    assert!(dot.contains(r"\\342\\200\\256"), "{dot}");
    assert!(!dot.contains('\u{202e}') && !dot.contains("&#"), "{dot}");
    if has("dot") {
        let svg = svg(&s, &dot);
        assert!(!svg.contains("<img") && !svg.contains("<b>"), "{svg}");
        assert!(
            svg.contains("&lt;img src=x onerror=alert(2)&gt;&amp;&quot;\\N"),
            "{svg}"
        );
        assert!(svg.contains("\\342\\200\\256"), "{svg}");
    }
}

#[test]
fn what_is_gone_is_marked() {
    let s = chain(6);
    s.run("fsync-tag create -d copy early @~4").code(0);
    s.run("fsync -q prune -d copy --keep-last 1").code(0);
    let dot = s.run("fsync-graph copy").code(0).text();
    assert_eq!(lines(&dot, &["s0 -> s1", "dashed", "3 gone"]), 1, "{dot}");
    assert_eq!(lines(&dot, &["o0 -> s0"]), 1, "{dot}");
    assert_eq!(lines(&dot, &["o0 [", "\\ngone"]), 1, "{dot}");
    if has("dot") {
        assert_eq!(svg(&s, &dot).matches("class=\"node\"").count(), 3);
    }
}

#[test]
fn only_the_newest() {
    let s = chain(5);
    let dot = s.run("fsync-graph -n 2 copy").code(0).text();
    assert_eq!(lines(&dot, &["tooltip="]), 2, "{dot}");
    assert!(dot.contains("without 3 older snapshots"), "{dot}");
    assert_eq!(lines(&dot, &["o0 [", "\\nearlier"]), 1, "{dot}");
    s.run("fsync-graph -n 0 copy")
        .code(2)
        .nothing()
        .one_line("fsync-graph", &["no snapshots"]);
}

#[test]
fn there_must_be_something() {
    let s = Sandbox::new();
    s.tree("bare").file("x", "x");
    s.run("fsync-graph bare")
        .code(6)
        .nothing()
        .one_line("fsync-graph", &["repo"]);
    s.snap("bare");
    s.tree("other").file("x", "x");
    s.run("fsync-graph other")
        .code(6)
        .nothing()
        .one_line("fsync-graph", &["other", "no snapshot of this directory"]);
    s.run("fsync-graph --dot --html x bare").code(2).nothing();
    s.run("fsync-graph --changes 3 bare").code(2).nothing();
    // A directory that is gone still has its history.
    s.tree("bare").remove("x");
    std::fs::remove_dir_all(s.path("bare")).unwrap();
    assert_eq!(
        lines(&s.run("fsync-graph bare").code(0).text(), &["tooltip="]),
        1
    );
}
