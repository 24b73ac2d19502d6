//! Which repositories the user has said are to be trusted, whoever they belong to.

use std::path::Path;

use crate::repo::Location;

/// The environment variable: paths of repositories, with colons between them, or `*` for all.
pub const VARIABLE: &str = "FSYNC_TRUST";

/// The repository at `path`, and whether the user trusts it.
pub fn location(path: &Path) -> Location {
    let real = path.canonicalize();
    let same = |named: &Path| {
        named.as_os_str() == "*"
            || named == path
            || real
                .as_ref()
                .is_ok_and(|real| named.canonicalize().is_ok_and(|n| n == *real))
    };
    let trusted = std::env::var_os(VARIABLE)
        .is_some_and(|list| std::env::split_paths(&list).any(|named| same(&named)));
    Location {
        path: path.to_path_buf(),
        trusted,
    }
}
