//! The links node: which names of a tree are hard links of each other. One line a group.

use serde::{Deserialize, Serialize};

use crate::model::RelPath;
use crate::repo::manifest::{line, lines};
use crate::repo::text::{Text, join, split};

#[derive(Serialize, Deserialize)]
struct WirePath<'a> {
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    path: Option<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    path_hex: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
struct WireGroup<'a> {
    #[serde(borrow)]
    paths: Vec<WirePath<'a>>,
}

/// The bytes of the links node: groups of at least two paths, each sorted, sorted by their first.
pub fn encode(groups: &[Vec<RelPath>]) -> Vec<u8> {
    let mut out = Vec::new();
    for group in groups {
        let paths = group.iter().map(|path| {
            let (path, path_hex) = split(path.as_bytes());
            WirePath { path, path_hex }
        });
        line(
            &mut out,
            &WireGroup {
                paths: paths.collect(),
            },
        );
    }
    out
}

/// Reads the links node.
///
/// # Errors
/// What is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Vec<Vec<RelPath>>, String> {
    let mut groups = Vec::new();
    for line in lines(bytes)? {
        let wire: WireGroup<'_> = serde_json::from_slice(line).map_err(|e| e.to_string())?;
        let paths: Result<Vec<_>, String> = wire
            .paths
            .into_iter()
            .map(|p| {
                let raw = join(p.path.as_deref(), p.path_hex.as_deref())?.unwrap_or_default();
                RelPath::parse(&raw).map_err(|e| e.to_string())
            })
            .collect();
        groups.push(paths?);
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_come_back() {
        let path = |p: &[u8]| RelPath::parse(p).unwrap();
        let groups = vec![
            vec![path(b"a"), path(b"b/\xff")],
            vec![path(b"c"), path(b"d")],
        ];
        assert_eq!(parse(&encode(&groups)).unwrap(), groups);
    }
}
