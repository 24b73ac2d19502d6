//! What a file keeps of the one whose place it takes, where owners or modes are not brought along.

use crate::disk::folder::Folder;
use crate::disk::held::{Held, replaced};
use crate::disk::meta::{self, Policy};
use crate::model::{State, Xattrs, is_access};
use crate::tree::attribute::xattrs;

/// What was there.
pub struct Kept<'a> {
    /// Its state.
    state: &'a State,
    /// Its access control lists.
    access: Xattrs,
    owner: bool,
    mode: bool,
}

impl<'a> Kept<'a> {
    /// What is to be kept of `name`; `None` when all of it is brought along, or cannot be set.
    ///
    /// # Errors
    /// The system's.
    pub fn of(
        folder: &Folder,
        name: &[u8],
        state: &'a State,
        policy: Policy,
        able: Policy,
    ) -> Result<Option<Self>, std::io::Error> {
        let owner = able.owner && !policy.owner;
        let mode = able.mode && !policy.mode;
        if !owner && !mode {
            return Ok(None);
        }
        let mut access = match mode {
            true => xattrs(folder.handle(), name)?,
            false => Xattrs::new(),
        };
        access.retain(|(key, _)| is_access(key));
        Ok(Some(Kept {
            state,
            access,
            owner,
            mode,
        }))
    }

    /// Gives it to what is there now under `name`.
    ///
    /// # Errors
    /// The system's.
    pub fn give(&self, folder: &Folder, name: &[u8]) -> Result<(), std::io::Error> {
        let (held, now) = Held::now(folder.handle(), name)?;
        if now.kind != self.state.kind {
            return Err(replaced());
        }
        let mut state = self.state.clone();
        let same_owner = (now.uid, now.gid) == (state.uid, state.gid);
        if !self.owner && !same_owner {
            // New contents never run as somebody else.
            state.mode &= !0o6000;
        }
        let policy = Policy {
            owner: self.owner,
            group: false,
            mode: self.mode,
            mtime: false,
            xattrs: false,
            both_times: false,
        };
        meta::set_held(&held, &now, &state, None, policy)?;
        meta::add_xattrs(&held, &self.access)
    }
}
