//! The address of a store.

use crate::key::is_key;
use crate::trouble::{Trouble, Word};

/// Whose object storage it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// S3, and whatever speaks like it.
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Blob Storage.
    Az,
}

/// Where the objects are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    pub kind: Kind,
    pub bucket: String,
    /// What stands before each key: nothing, or something that ends with a slash.
    pub folder: String,
}

impl Address {
    /// Understands `SCHEME://BUCKET[/FOLDER]`. What cannot be understood is not repeated: it may hold a password.
    pub fn parse(text: &str) -> Result<Address, Trouble> {
        let bad = |why: &str| Err(Trouble::new(Word::Bad, why));
        let Some((scheme, rest)) = text.split_once("://") else {
            return bad("the address is none; one looks like s3://bucket/folder");
        };
        let kind = match scheme {
            "s3" => Kind::S3,
            "gs" => Kind::Gs,
            "az" => Kind::Az,
            _ => return bad("the address begins neither with s3:// nor with gs:// or az://"),
        };
        if rest.contains(['@', '?', '#']) {
            return bad(
                "an address holds no credentials and no parameters; they belong into the environment or a profile (fsync-store-s3(1))",
            );
        }
        let (bucket, folder) = rest.split_once('/').unwrap_or((rest, ""));
        if !is_key(bucket) {
            return bad("the address names no bucket; one looks like s3://bucket/folder");
        }
        let folder = folder.strip_suffix('/').unwrap_or(folder);
        if !folder.is_empty() && !is_key(folder) {
            return bad(
                "the folder in the address is none: letters, digits, \".\", \"_\" and \"-\" between single slashes",
            );
        }
        let folder = match folder {
            "" => String::new(),
            _ => format!("{folder}/"),
        };
        let bucket = bucket.to_string();
        Ok(Address {
            kind,
            bucket,
            folder,
        })
    }

    /// As the user may have typed it.
    pub fn shown(&self) -> String {
        let scheme = match self.kind {
            Kind::S3 => "s3",
            Kind::Gs => "gs",
            Kind::Az => "az",
        };
        let folder = self.folder.trim_end_matches('/');
        match folder {
            "" => format!("{scheme}://{}", self.bucket),
            _ => format!("{scheme}://{}/{folder}", self.bucket),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_and_folders_are_told_apart() {
        for (text, kind, bucket, folder, shown) in [
            ("s3://b", Kind::S3, "b", "", "s3://b"),
            ("gs://b/", Kind::Gs, "b", "", "gs://b"),
            ("az://b.c/x/y/", Kind::Az, "b.c", "x/y/", "az://b.c/x/y"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(
                (address.kind, &*address.bucket, &*address.folder),
                (kind, bucket, folder)
            );
            assert_eq!(address.shown(), shown);
        }
    }

    #[test]
    fn what_may_hold_a_password_is_refused_and_not_repeated() {
        for text in [
            "s3://me:hush@b/x",
            "s3://b?secret=hush",
            "hush",
            "hush://b",
            "s3://",
            "s3:///hush",
            "s3://b/../hush",
            "s3://b//hush",
        ] {
            let told = Address::parse(text).unwrap_err().to_string();
            assert!(told.starts_with("bad ") && !told.contains("hush"), "{told}");
        }
    }
}
