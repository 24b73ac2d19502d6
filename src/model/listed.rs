//! The paths that a run was told to keep to.

use crate::model::path::{PathFault, RelPath};

/// Paths of which none lies inside another, sorted: whatever is below one stands together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Listed {
    paths: Vec<RelPath>,
}

/// How much of a directory takes part.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'l> {
    /// All that is in it.
    Whole,
    /// Only what leads to these, and what is below them.
    Only(&'l [RelPath]),
}

/// One name in a directory of which only some take part.
#[derive(Clone, Copy, Debug)]
pub struct Step<'l> {
    /// The name.
    pub name: &'l [u8],
    /// The listed paths that it is or that lie below it.
    pub paths: &'l [RelPath],
    /// How much of it takes part.
    pub scope: Scope<'l>,
}

impl Listed {
    /// Those paths; what lies inside another is covered by it.
    pub fn new(mut paths: Vec<RelPath>) -> Self {
        paths.sort();
        // Sorted by component, whatever lies inside a path comes right behind it.
        paths.dedup_by(|next, kept| next.is_within(kept));
        Listed { paths }
    }

    /// How much of a tree takes part.
    pub fn scope(&self) -> Scope<'_> {
        match self.paths.first() {
            Some(path) if path.is_root() => Scope::Whole,
            _ => Scope::Only(&self.paths),
        }
    }
}

/// The names in the directory `above` that lead to `paths`, which all lie below it; sorted.
pub fn steps<'l>(above: &RelPath, mut paths: &'l [RelPath]) -> Vec<Step<'l>> {
    let start = match above.is_root() {
        true => 0,
        false => above.as_bytes().len() + 1,
    };
    let name_of = |path: &'l RelPath| -> &'l [u8] {
        let rest = path.as_bytes().get(start..).unwrap_or_default();
        rest.split(|b| *b == b'/').next().unwrap_or_default()
    };
    let mut steps = Vec::new();
    while let Some(first) = paths.first() {
        let name = name_of(first);
        let same = paths.iter().take_while(|p| name_of(p) == name).count();
        let (these, rest) = paths.split_at(same);
        let ends = first.as_bytes().len() == start + name.len();
        let scope = match ends {
            true => Scope::Whole,
            false => Scope::Only(these),
        };
        steps.push(Step {
            name,
            paths: these,
            scope,
        });
        paths = rest;
    }
    steps
}

/// Reads a path that a person listed: `./a`, `a//b` and `a/` are forgiven.
///
/// # Errors
/// An empty or absolute path, `..`, or a NUL byte.
pub fn tidy(bytes: &[u8]) -> Result<RelPath, PathFault> {
    match bytes.first() {
        None => return Err(PathFault::Empty),
        Some(b'/') => return Err(PathFault::Absolute),
        Some(_) => {}
    }
    let names = bytes.split(|b| *b == b'/');
    let names: Vec<&[u8]> = names.filter(|n| !matches!(*n, b"" | b".")).collect();
    match names.is_empty() {
        true => Ok(RelPath::root()),
        false => RelPath::parse(&names.join(&b'/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(paths: &[&str]) -> Listed {
        Listed::new(paths.iter().map(|p| tidy(p.as_bytes()).unwrap()).collect())
    }

    #[test]
    fn what_lies_inside_another_is_covered() {
        let all = listed(&["a/b", "a-b", "./a/b//c/", "b", "a/b"]);
        let texts: Vec<_> = all.paths.iter().map(RelPath::as_bytes).collect();
        assert_eq!(texts, [&b"a/b"[..], b"a-b", b"b"]);
        assert!(matches!(listed(&["x", "./"]).scope(), Scope::Whole));
    }

    #[test]
    fn steps_down() {
        let all = listed(&["a/b", "a/c/d", "a-b", "b"]);
        let Scope::Only(paths) = all.scope() else {
            panic!("not whole")
        };
        let top = steps(&RelPath::root(), paths);
        let names: Vec<_> = top.iter().map(|s| (s.name, s.paths.len())).collect();
        assert_eq!(names, [(&b"a"[..], 2), (b"a-b", 1), (b"b", 1)]);
        assert!(matches!(top[1].scope, Scope::Whole));
        let below = steps(&RelPath::parse(b"a").unwrap(), top[0].paths);
        let names: Vec<_> = below.iter().map(|s| s.name).collect();
        assert_eq!(names, [&b"b"[..], b"c"]);
        assert!(matches!(below[1].scope, Scope::Only(_)));
    }

    #[test]
    fn refuses_what_leads_elsewhere() {
        assert_eq!(tidy(b""), Err(PathFault::Empty));
        assert_eq!(tidy(b"/a"), Err(PathFault::Absolute));
        assert_eq!(tidy(b"a/../b"), Err(PathFault::Component));
        assert_eq!(tidy(b"a\0b"), Err(PathFault::Nul));
    }
}
