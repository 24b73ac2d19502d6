//! What somebody should know before a tree that came from elsewhere is written: what grants rights to whoever runs or
//! opens it.

use crate::repo::manifest::Child;

/// How many entries of a tree are special.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Special {
    /// Files with a set-user-ID or set-group-ID bit.
    pub setid: u64,
    /// Devices.
    pub devices: u64,
    /// Entries with attributes that only root can set: capabilities and the like.
    pub privileged: u64,
}

impl Special {
    /// Looks at one more entry.
    pub(super) fn look(&mut self, child: &Child) {
        let (kind, mode) = (child.entry.state.kind, child.entry.state.mode);
        // Of a directory the bit only says whose group new files get.
        let setid = mode & 0o6000 != 0 && !child.entry.is_dir();
        let root = |name: &[u8]| name.starts_with(b"security.") || name.starts_with(b"trusted.");
        self.setid += u64::from(setid);
        self.devices += u64::from(kind.is_device());
        self.privileged += u64::from(child.xattrs.iter().any(|(name, _)| root(name)));
    }

    /// In words; `None` when there is nothing to say.
    pub fn words(&self) -> Option<String> {
        let all = [
            (self.setid, "file", "with a set-user-ID or set-group-ID bit"),
            (self.devices, "device", ""),
            (
                self.privileged,
                "entry",
                "with attributes that only root can set",
            ),
        ];
        let count = |(n, one, what): &(u64, &str, &str)| {
            let many = match one.strip_suffix('y') {
                Some(stem) => format!("{stem}ies"),
                None => format!("{one}s"),
            };
            let name = if *n == 1 { one } else { &*many };
            format!("{n} {name} {what}").trim_end().to_string()
        };
        let named: Vec<String> = all.iter().filter(|(n, ..)| *n > 0).map(count).collect();
        (!named.is_empty()).then(|| {
            format!(
                "it holds {}; a revert makes them, as far as it may",
                named.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_there_is() {
        assert_eq!(Special::default().words(), None);
        let some = Special {
            setid: 1,
            devices: 0,
            privileged: 2,
        };
        let words = some.words().unwrap();
        assert!(words.contains("1 file with a set") && words.contains("2 entries with"));
    }
}
