//! A plan with the contents that it needs: gathered from its sources ([`crate::ops::packing`]), and looked over before it is
//! performed elsewhere.
//!
//! What a plan expects of the machine that it was made on is no matter elsewhere: another copy of the destination has other
//! inodes, and one that by chance has the same is another still. So a bundle's plan says of entries what they are
//! like and not which they are ([`portable`]), and the rule for another inode holds for all of it: size, time and mode
//! must be as expected.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::model::meter::{self, Phase, Total};
use crate::model::quote::quote;
use crate::model::{Change, ContentId, Error, ErrorKind, Kind, RelPath, Result, Status};
use crate::ops::special::Special;
use crate::ops::stale::{Own, source_holds};
use crate::repo::bundle::{Bundle, BundleTree};
use crate::repo::manifest::Child;
use crate::tree::cursor::Cursor;

/// A change without what is true of one machine only.
#[must_use]
pub fn portable(mut change: Change) -> Change {
    let states = [change.old.as_deref_mut(), change.new.as_deref_mut()];
    let from = change.from.as_deref_mut().map(|(_, state)| state);
    for state in states.into_iter().chain([from]).flatten() {
        state.inode = None;
    }
    change.source = 0;
    change
}

/// Whether a change needs its file's bytes, and not only to know which they are.
pub fn brings(change: &Change) -> bool {
    makes(change) && change.kind == Kind::File && change.link_to.is_none()
}

/// Whether a change makes an entry, or makes it anew.
pub(super) fn makes(change: &Change) -> bool {
    matches!(
        change.status,
        Status::Added | Status::Modified | Status::TypeChanged
    )
}

/// Looks over what a plan (in path order) needs of a bundle: that all of it is there, says the same as the plan, and is
/// what was stored. Nothing may be changed before.
///
/// # Errors
/// [`ErrorKind::BadInput`] when something is missing or says otherwise, [`ErrorKind::Damaged`] when a content is not what was
/// stored.
pub fn check(bundle: &Bundle, tree: &BundleTree, changes: &[Change]) -> Result<Special> {
    let mut cursor = Cursor::new(tree);
    let mut special = Special::default();
    let mut needed: BTreeMap<ContentId, &RelPath> = BTreeMap::new();
    for change in changes {
        let Some(new) = &change.new else { continue };
        let path = &change.path;
        let bad = |why: &str| bundle.bad(&format!("{}: {why}", quote(path.as_bytes())));
        let Some((dir, entry)) = cursor.place(path)? else {
            return Err(bad("its plan brings it, and it does not hold it"));
        };
        if !source_holds(new, &entry.state, &Own::default()) {
            return Err(bad("its plan says another thing of it than its manifest"));
        }
        let mut child = Child::new(entry.clone());
        child.xattrs = dir.xattrs(&entry)?;
        special.look(&child);
        if !brings(change) {
            continue;
        }
        match entry.content.and_then(|id| Some((id, bundle.holds(id)?))) {
            Some((id, size)) if size == new.size => needed.entry(id).or_insert(path),
            Some(_) => return Err(bad("its contents have another length than its plan says")),
            None => return Err(bad("it does not hold its contents")),
        };
    }
    let total = Total {
        files: needed.len() as u64,
        bytes: needed.keys().filter_map(|id| bundle.holds(*id)).sum(),
    };
    meter::begin(Phase::Reading, Some(total));
    let needed: Vec<(ContentId, &RelPath)> = needed.into_iter().collect();
    needed.par_iter().try_for_each(|(id, path)| {
        meter::at(path);
        meter::files(1);
        bundle.verify(*id).map_err(|e| match e.kind() {
            ErrorKind::Damaged => {
                let path = quote(path.as_bytes());
                let message = format!("what it holds of {path} is damaged; nothing was changed");
                Error::at(ErrorKind::Damaged, bundle.name(), message)
            }
            _ => e,
        })
    })?;
    Ok(special)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use sha2::{Digest, Sha256};

    use super::*;
    use crate::model::Time;
    use crate::ops::diff::{Options, diff};
    use crate::ops::fixture::text;
    use crate::ops::packing::pack;
    use crate::repo::archive::{Archive, Purpose};
    use crate::repo::bundle::{About, FORMAT, PLAN};
    use crate::tree::local::Local;

    fn archive(folder: &std::path::Path) -> Archive {
        let purpose = Purpose {
            full: true,
            backup: None,
            folder: ".fsync".into(),
            time: Time::new(1_600_000_000, 0),
            about: "a bundle".into(),
        };
        Archive::apart(folder, purpose)
    }

    /// What a bundle of everything brings is everything, but for which inodes it was.
    #[test]
    fn a_bundle_is_read_back() {
        let base = tempfile::tempdir().unwrap();
        let src = base.path().join("src");
        std::fs::create_dir_all(src.join("a/b")).unwrap();
        std::fs::write(src.join("a/b/c"), "hello").unwrap();
        std::fs::write(src.join("large"), vec![7; 9 << 20]).unwrap();
        std::os::unix::fs::symlink("a", src.join("l")).unwrap();
        let tree = Local::open(&src).unwrap();
        let plan = diff(&tree, None, &Options::default()).unwrap();
        let changes: Vec<Change> = plan.into_changes().collect();
        let archive = archive(base.path());
        let packed = pack(&[&tree], changes, &archive).unwrap();
        assert!(packed.left_out.is_empty());
        assert!(
            packed
                .changes
                .iter()
                .all(|c| c.new.as_ref().unwrap().inode.is_none())
        );
        let plan = ContentId(Sha256::digest(b"plan").into());
        archive.own(PLAN, Some(plan), b"plan").unwrap();
        let about = About {
            fsync_bundle: FORMAT,
            folder: ".fsync".into(),
            plan,
            tree: packed.tree,
            host: "here".into(),
            time: Time::new(0, 0),
        };
        let comment = serde_json::to_vec(&about).unwrap();
        let (mut file, _) = archive.close(None, &comment).unwrap();
        file.flush().unwrap();
        let bundle = std::sync::Arc::new(Bundle::open(file.path()).unwrap());
        assert_eq!(bundle.about, about);
        let mut read = String::new();
        bundle.plan().unwrap().read_to_string(&mut read).unwrap();
        assert_eq!(read, "plan");
        let brought = BundleTree::new(&bundle).unwrap();
        assert_eq!(text(&brought), text(&tree));
        check(&bundle, &brought, &packed.changes).unwrap();
        let mut other = packed.changes.clone();
        other.last_mut().unwrap().new.as_mut().unwrap().mtime.secs += 1;
        let error = check(&bundle, &brought, &other).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::BadInput);
    }
}
