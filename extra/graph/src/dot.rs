//! A history in the language of Graphviz: snapshots to the right, reverts to the left.

use fsync::cli::human;
use fsync::porcelain::summary::short;

use crate::story::{Back, Node, Origin, Story};
use crate::text;

/// What holds for the whole picture.
const FRAME: &str = r##"  graph [rankdir=LR, labelloc=t, fontname="Helvetica", fontsize=14, nodesep=0.35, ranksep=0.55];
  node [shape=box, style="rounded,filled", color="#0b6e99", fillcolor="#eaf4f9", fontname="Helvetica", fontsize=10, margin="0.12,0.06"];
  edge [color="#0b6e99", fontname="Helvetica", fontsize=9, arrowsize=0.7];
"##;
/// How what is gone, and what is elsewhere, looks.
const ABSENT: &str = r##"shape=plaintext, style="", fontcolor="#666666""##;

/// The graph.
pub fn draw(story: &Story) -> String {
    let directory = text::path(&story.directory.0);
    let mut label = format!("History of {directory}");
    if story.left_out > 0 {
        label += &format!("\nwithout {} older snapshots", story.left_out);
    }
    let mut out = format!("digraph {} {{\n{FRAME}", string("fsync history"));
    out += &format!("  label={};\n", string(&label));
    for (at, node) in story.nodes.iter().enumerate() {
        out += &snapshot(at, node);
    }
    for (at, node) in story.nodes.iter().enumerate() {
        out += &origin(at, node);
    }
    for back in &story.backs {
        out += &way_back(back);
    }
    out + "}\n"
}

fn snapshot(at: usize, node: &Node) -> String {
    let history = &node.history;
    let mut lines = vec![short(&history.id), human::time(history.time)];
    lines.extend(history.head.then(|| "head".to_string()));
    lines.extend(history.tags.iter().map(|tag| text::word(tag)));
    if let Some(zip) = &history.imported {
        lines.push(format!("imported from {}", text::path(&zip.0)));
    }
    if !node.info.forgotten.is_empty() {
        lines.push(format!("{} forgotten", node.info.forgotten.len()));
    }
    let counts = &history.counts;
    let holds = format!(
        "{}\n{} files, {}",
        history.id,
        human::number(counts.files),
        human::size(counts.content_bytes)
    );
    let mut looks = String::new();
    if history.head {
        looks += ", penwidth=2.5";
    }
    if !history.tags.is_empty() {
        looks += r##", fillcolor="#fdf3d8""##;
    }
    if history.imported.is_some() {
        looks += ", shape=folder, style=filled";
    }
    let label = string(&lines.join("\n"));
    format!(
        "  s{at} [label={label}, tooltip={}{looks}];\n",
        string(&holds)
    )
}

/// The way from its parent.
fn origin(at: usize, node: &Node) -> String {
    let absent = |words: String| {
        let label = string(&words);
        format!("  o{at} [label={label}, {ABSENT}];\n  o{at} -> s{at} [style=dashed];\n")
    };
    match &node.origin {
        Origin::Beginning => String::new(),
        Origin::From {
            at: parent,
            gone: 0,
        } => format!("  s{parent} -> s{at};\n"),
        Origin::From { at: parent, gone } => {
            let label = string(&format!("{gone} gone"));
            format!("  s{parent} -> s{at} [style=dashed, label={label}];\n")
        }
        Origin::Gone(id) => absent(format!("{}\ngone", short(id))),
        Origin::Earlier(id) => absent(format!("{}\nearlier", short(id))),
        Origin::Elsewhere(id, directory) => {
            absent(format!("{}\nof {}", short(id), text::path(&directory.0)))
        }
        Origin::Unknown(id) => absent(format!("{}\nnot in this repository", short(id))),
    }
}

/// A revert or a redo, which does not say who stands before whom.
fn way_back(back: &Back) -> String {
    let step = &back.step;
    let (style, colour) = match back.is_redo() {
        true => ("dotted", "#7a4fb5"),
        false => ("dashed", "#b4500f"),
    };
    let mut words = step.work.word().to_string();
    match step.outcome.as_deref() {
        Some("done") => {}
        Some(outcome) => words += &format!(" ({})", text::word(outcome)),
        None => words += " (not finished)",
    }
    let about = format!("@{{{}}} {words}\n{}", step.n, human::time(step.time));
    format!(
        "  s{} -> s{} [constraint=false, style={style}, color=\"{colour}\", fontcolor=\"{colour}\", label={}, tooltip={}];\n",
        back.from,
        back.to,
        string(&words),
        string(&about)
    )
}

/// A string that Graphviz shows as it is: neither its escapes nor the entities of HTML mean anything in it.
fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '&' => out += "&amp;",
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_mean_what_they_say() {
        assert_eq!(string(r#"a"b\N<b>&lt;"#), r#""a\"b\\N<b>&amp;lt;""#);
        assert_eq!(string("one\ntwo"), r#""one\ntwo""#);
    }
}
