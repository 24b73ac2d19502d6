//! Several trees laid over each other: of equal names the later tree's wins, directories are merged.

use std::collections::BTreeMap;

use crate::model::{ContentId, Entry, Problem, RelPath, Result, Skip, Xattrs};
use crate::tree::{Contents, Dir, Listing, Tree};

/// Trees, lowest first; at least one.
pub struct Overlay {
    layers: Vec<Box<dyn Tree>>,
}

impl Overlay {
    /// Lays `layers` over each other, the last on top.
    pub fn new(layers: Vec<Box<dyn Tree>>) -> Self {
        Overlay { layers }
    }
}

impl Tree for Overlay {
    fn root(&self) -> Result<Entry> {
        let mut top = None;
        for (at, layer) in self.layers.iter().enumerate() {
            let mut entry = layer.root()?;
            entry.source = at as u32;
            top = Some(entry);
        }
        top.ok_or_else(no_layers)
    }

    fn device(&self, source: u32) -> Option<u64> {
        self.layers.get(source as usize)?.device(0)
    }

    fn open(&self) -> Result<Box<dyn Dir>> {
        let mut dirs = Vec::with_capacity(self.layers.len());
        for (at, layer) in self.layers.iter().enumerate() {
            dirs.push((at as u32, layer.open()?));
        }
        Ok(Box::new(OverlayDir { dirs }))
    }
}

fn no_layers() -> crate::model::Error {
    crate::model::Error::new(crate::model::ErrorKind::Usage, "there is no source")
}

/// The directories of one name in all the layers that have it, lowest first.
struct OverlayDir {
    dirs: Vec<(u32, Box<dyn Dir>)>,
}

impl OverlayDir {
    fn layer(&self, source: u32) -> Option<&dyn Dir> {
        self.dirs
            .iter()
            .find(|(at, _)| *at == source)
            .map(|(_, dir)| dir.as_ref())
    }

    fn gone(&self, entry: &Entry) -> crate::model::Error {
        let kind = crate::model::ErrorKind::Failed;
        crate::model::Error::at(kind, &entry.name, "is not there any more")
    }
}

/// Lays `entry` over what lower layers have under its name; what it hides is reported.
fn lay(below: Option<Entry>, mut entry: Entry, skips: &mut Vec<Skip>) -> Entry {
    let source = entry.source;
    let mut layers = Vec::new();
    if let Some(below) = below {
        if below.is_dir() && entry.is_dir() {
            layers.extend_from_slice(below.layers.as_deref().unwrap_or_default());
            entry.mount |= below.mount;
        } else {
            let lost = below
                .layers
                .as_deref()
                .unwrap_or(std::slice::from_ref(&below.source));
            skips.extend(lost.iter().map(|loser| Skip {
                path: RelPath::root().join(&entry.name),
                source: Some(*loser),
                reason: format!("shadowed by source {}", source + 1),
                rule: None,
                cause: false,
                asked: false,
            }));
        }
    }
    if entry.is_dir() {
        layers.push(source);
        entry.layers = Some(layers.into_boxed_slice());
    }
    entry
}

impl OverlayDir {
    /// Merges what each layer gives, lowest first.
    fn merge(&self, look: impl Fn(&dyn Dir) -> Result<Listing>) -> Result<Listing> {
        let mut merged: BTreeMap<Box<[u8]>, Entry> = BTreeMap::new();
        let mut all = Listing::default();
        for (at, dir) in &self.dirs {
            let mut listing = look(dir.as_ref())?;
            all.skips.extend(listing.skips.drain(..).map(|skip| Skip {
                source: skip.source.map(|_| *at),
                ..skip
            }));
            all.problems
                .extend(listing.problems.drain(..).map(|p| Problem {
                    message: format!("{} (source {})", p.message, at + 1),
                    ..p
                }));
            for mut entry in listing.entries {
                entry.source = *at;
                let below = merged.remove(&entry.name);
                let entry = lay(below, entry, &mut all.skips);
                merged.insert(entry.name.clone(), entry);
            }
        }
        all.entries = merged.into_values().collect();
        all.skips
            .sort_by(|a, b| a.path.cmp(&b.path).then(a.source.cmp(&b.source)));
        Ok(all)
    }
}

impl Dir for OverlayDir {
    fn list(&self) -> Result<Listing> {
        self.merge(|dir| dir.list())
    }

    fn find(&self, names: &[&[u8]]) -> Result<Listing> {
        self.merge(|dir| dir.find(names))
    }

    fn entry(&self, name: &[u8]) -> Result<Option<Entry>> {
        let mut top = None;
        for (at, dir) in &self.dirs {
            if let Some(mut entry) = dir.entry(name)? {
                entry.source = *at;
                top = Some(lay(top, entry, &mut Vec::new()));
            }
        }
        Ok(top)
    }

    fn open_dir(&self, entry: &Entry) -> Result<Box<dyn Dir>> {
        let own = [entry.source];
        let mut dirs = Vec::new();
        for source in entry.layers.as_deref().unwrap_or(&own) {
            let dir = self.layer(*source).ok_or_else(|| self.gone(entry))?;
            let theirs = dir.entry(&entry.name)?.ok_or_else(|| self.gone(entry))?;
            dirs.push((*source, dir.open_dir(&theirs)?));
        }
        Ok(Box::new(OverlayDir { dirs }))
    }

    fn open_file(&self, entry: &Entry) -> Result<Contents> {
        let dir = self.layer(entry.source).ok_or_else(|| self.gone(entry))?;
        dir.open_file(entry)
    }

    fn xattrs(&self, entry: &Entry) -> Result<Xattrs> {
        let dir = match entry.name.is_empty() {
            true => self.dirs.last().map(|(_, dir)| dir.as_ref()),
            false => self.layer(entry.source),
        };
        dir.ok_or_else(|| self.gone(entry))?.xattrs(entry)
    }

    fn digest(&self, entry: &Entry) -> Option<Result<ContentId>> {
        self.layer(entry.source)?.digest(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::local::Local;
    use std::fs;

    #[test]
    fn later_wins_and_directories_merge() {
        let dir = tempfile::tempdir().unwrap();
        for (layer, files) in [("1", ["d/a", "x", "k/in"]), ("2", ["d/b", "x", "k2"])] {
            for file in files {
                let path = dir.path().join(layer).join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, layer).unwrap();
            }
        }
        fs::write(dir.path().join("2/k"), "file over directory").unwrap();
        let open = |n: &str| Box::new(Local::open(&dir.path().join(n)).unwrap()) as Box<dyn Tree>;
        let root = Overlay::new(vec![open("1"), open("2")]).open().unwrap();
        let listing = root.list().unwrap();
        let names: Vec<_> = listing
            .entries
            .iter()
            .map(|e| (&*e.name, e.source))
            .collect();
        assert_eq!(names, [(&b"d"[..], 1), (b"k", 1), (b"k2", 1), (b"x", 1)]);
        let lost: Vec<_> = listing
            .skips
            .iter()
            .map(|s| (s.path.as_bytes(), s.source))
            .collect();
        assert_eq!(lost, [(&b"k"[..], Some(0)), (b"x", Some(0))]);
        let d = root.open_dir(&listing.entries[0]).unwrap().list().unwrap();
        let inner: Vec<_> = d.entries.iter().map(|e| (&*e.name, e.source)).collect();
        assert_eq!(inner, [(&b"a"[..], 0), (b"b", 1)]);
    }
}
