//! How two texts differ, in the unified form that patch(1) and git read.

use std::ops::Range;

use imara_diff::sources::byte_lines;
use imara_diff::{Algorithm, Diff, Hunk, InternedInput};

/// How many equal lines stand around what differs.
const CONTEXT: u32 = 3;

/// From so many lines on, of which there are few different ones, no shortest way from one text to the other is
/// looked for: it can take minutes, and nobody would read it.
const MANY: usize = 100_000;
const FEW: usize = 16;

/// Appends the hunks that make `new` of `old`; nothing when they are equal. Lines are bytes; the last may have no
/// newline.
pub fn write(old: &[u8], new: &[u8], out: &mut Vec<u8>) {
    let input = InternedInput::new(byte_lines(old), byte_lines(new));
    let mut group: Vec<Hunk> = Vec::new();
    for hunk in differences(&input) {
        // Two places share a hunk when the lines around them would meet.
        let apart = |last: &Hunk| hunk.before.start - last.before.end > 2 * CONTEXT;
        if group.last().is_some_and(apart) {
            write_group(&input, &group, out);
            group.clear();
        }
        group.push(hunk);
    }
    write_group(&input, &group, out);
}

fn differences(input: &InternedInput<&[u8]>) -> Vec<Hunk> {
    let lines = input.before.len() + input.after.len();
    if lines > MANY && input.interner.num_tokens() as usize * FEW < lines {
        return coarse(input);
    }
    let mut diff = Diff::compute(Algorithm::Histogram, input);
    diff.postprocess_lines(input);
    diff.hunks().collect()
}

/// Everything between the first and the last line that differ.
fn coarse(input: &InternedInput<&[u8]>) -> Vec<Hunk> {
    let (old, new) = (&input.before, &input.after);
    let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let ends = old[same..].iter().rev().zip(new[same..].iter().rev());
    let end = ends.take_while(|(a, b)| a == b).count();
    let hunk = Hunk {
        before: same as u32..(old.len() - end) as u32,
        after: same as u32..(new.len() - end) as u32,
    };
    match hunk.before.is_empty() && hunk.after.is_empty() {
        true => Vec::new(),
        false => vec![hunk],
    }
}

fn write_group(input: &InternedInput<&[u8]>, group: &[Hunk], out: &mut Vec<u8>) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else {
        return;
    };
    let lead = first.before.start.min(CONTEXT);
    let trail = (input.before.len() as u32 - last.before.end).min(CONTEXT);
    let before = first.before.start - lead..last.before.end + trail;
    let after = first.after.start - lead..last.after.end + trail;
    let title = format!("@@ -{} +{} @@\n", place(&before), place(&after));
    out.extend(title.as_bytes());
    let line = |mark: u8, token, out: &mut Vec<u8>| write_line(mark, input.interner[token], out);
    let mut at = before.start;
    for hunk in group {
        for equal in at..hunk.before.start {
            line(b' ', input.before[equal as usize], out);
        }
        for gone in hunk.before.clone() {
            line(b'-', input.before[gone as usize], out);
        }
        for new in hunk.after.clone() {
            line(b'+', input.after[new as usize], out);
        }
        at = hunk.before.end;
    }
    for equal in at..before.end {
        line(b' ', input.before[equal as usize], out);
    }
}

/// First line and number of lines; of none the line before them.
fn place(lines: &Range<u32>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => format!("{}", lines.start + 1),
        n => format!("{},{n}", lines.start + 1),
    }
}

fn write_line(mark: u8, line: &[u8], out: &mut Vec<u8>) {
    out.push(mark);
    out.extend(line);
    if !line.ends_with(b"\n") {
        out.extend(b"\n\\ No newline at end of file\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hunks(old: &str, new: &str) -> String {
        let mut out = Vec::new();
        write(old.as_bytes(), new.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn says_what_differs_and_where() {
        assert_eq!(hunks("a\nb\n", "a\nb\n"), "");
        assert_eq!(
            hunks("a\nb\nc\n", "a\nx\nc\n"),
            "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"
        );
        assert_eq!(hunks("", "a\nb\n"), "@@ -0,0 +1,2 @@\n+a\n+b\n");
        assert_eq!(hunks("a\n", ""), "@@ -1 +0,0 @@\n-a\n");
    }

    #[test]
    fn a_missing_last_newline_is_said() {
        let none = "\\ No newline at end of file\n";
        assert_eq!(
            hunks("a", "b"),
            format!("@@ -1 +1 @@\n-a\n{none}+b\n{none}")
        );
        assert_eq!(hunks("a", "a\n"), format!("@@ -1 +1 @@\n-a\n{none}+a\n"));
    }

    #[test]
    fn many_lines_of_few_kinds_are_taken_as_one() {
        let old: String = (0..MANY)
            .map(|n| ["a\n", "b\n", "c\n"][n * n % 3])
            .collect();
        let new = format!("a\n{}b\nb\n", &old[..old.len() - 2]);
        let text = hunks(&old, &new);
        assert_eq!(text.matches("@@ -").count(), 1);
        assert_eq!(hunks(&old, &old), "");
    }

    #[test]
    fn far_places_are_hunks_of_their_own() {
        let old: String = (0..30).map(|n| format!("{n}\n")).collect();
        let near = hunks(
            &old,
            &old.replace("\n3\n", "\nx\n").replace("\n10\n", "\ny\n"),
        );
        assert_eq!(near.matches("@@ -").count(), 1, "{near}");
        let far = hunks(
            &old,
            &old.replace("\n3\n", "\nx\n").replace("\n11\n", "\ny\n"),
        );
        assert_eq!(far.matches("@@ -").count(), 2, "{far}");
        assert!(
            far.contains("@@ -1,7 +1,7 @@\n") && far.contains("@@ -9,7 +9,7 @@\n"),
            "{far}"
        );
    }
}
