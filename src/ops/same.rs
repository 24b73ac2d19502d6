//! Whether what is there already has the contents and attributes that a change would give it.

use crate::disk::Folder;
use crate::model::{Change, Entry, Error, Outcome};
use crate::ops::compare::{self, same_attributes};
use crate::ops::outcome::Report;
use crate::ops::perform::{Made, Worker};
use crate::tree::attribute::xattrs;

impl Worker<'_> {
    pub(super) fn same_contents(
        &mut self,
        change: &Change,
        folder: &Folder,
        now: &Entry,
    ) -> Made<bool> {
        let unreadable = |e: &Error| Report::new(Outcome::Failed, e.cause());
        let here = crate::tree::local::dir_of(folder.handle())
            .map_err(|e| self.failed("cannot open", e.into()))?;
        let (dir, entry) = self.source(change)?;
        compare::contents((dir, &entry), (&here, now)).map_err(|e| unreadable(&e))
    }

    pub(super) fn same_xattrs(&mut self, change: &Change, folder: &Folder) -> Made<bool> {
        let unreadable = |e: Error| Report::new(Outcome::Failed, e.cause());
        let here = xattrs(folder.handle(), change.path.name())
            .map_err(|e| self.failed("cannot read its extended attributes", e))?;
        let (dir, entry) = self.source(change)?;
        let there = dir.xattrs(&entry).map_err(unreadable)?;
        Ok(same_attributes(
            &there,
            &here,
            self.shared.job.terms.any_mode,
        ))
    }
}
