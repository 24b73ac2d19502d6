//! Digests that name things: contents and manifest nodes by SHA-256, snapshots by the SHA-1 of their archive.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why text is not a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0} lower-case hex digits")]
pub struct DigestFault(usize);

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// The raw bytes.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// From raw bytes of the right length, as the catalog stores them.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0u8; $bytes * 2];
                hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
                f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = DigestFault;

            fn from_str(text: &str) -> Result<Self, DigestFault> {
                let mut bytes = [0u8; $bytes];
                let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
                match hex::decode_to_slice(text, &mut bytes) {
                    Ok(()) if lower => Ok(Self(bytes)),
                    _ => Err(DigestFault($bytes * 2)),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                let mut text = [0u8; $bytes * 2];
                hex::encode_to_slice(self.0, &mut text).map_err(serde::ser::Error::custom)?;
                s.serialize_str(std::str::from_utf8(&text).map_err(serde::ser::Error::custom)?)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

digest!(
    /// The SHA-256 of a file's bytes (or of a chunk's).
    ContentId,
    32
);
digest!(
    /// The SHA-256 of a manifest node's bytes; the topmost one is the tree's id.
    NodeId,
    32
);
digest!(
    /// The SHA-1 of an archive's bytes: the snapshot's id and its file's name.
    SnapshotId,
    20
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints() {
        let id = SnapshotId([0xab; 20]);
        assert_eq!(id.to_string(), "ab".repeat(20));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("AB".repeat(20).parse::<SnapshotId>().is_err());
        assert!("ab".parse::<SnapshotId>().is_err());
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
    }
}
