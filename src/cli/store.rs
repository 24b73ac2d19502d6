//! Repositories that machines share: from a URL to the program that reaches the store, and the folder that this machine
//! has for it.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use etcetera::BaseStrategy;
use sha1::{Digest, Sha1};

use crate::cli::search::Search;
use crate::model::{Error, ErrorKind, Result};
use crate::repo::shared::client::Client;
use crate::repo::shared::{Remote, Store};

/// What the name of a program that reaches stores begins with.
const PREFIX: &str = "fsync-store-";
/// The environment variable with the name under which this machine writes.
pub const MACHINE: &str = "FSYNC_MACHINE";

/// The environment variable that tells one run of the porcelain from another.
pub const RUN: &str = "FSYNC_RUN";

/// A word that no other run has.
pub fn run() -> String {
    let time = crate::model::Time::now();
    format!("{}-{}-{}", std::process::id(), time.secs, time.nanos)
}

/// The scheme and the whole of a repository's name, if it is a URL.
fn url(repository: &Path) -> Option<(&str, &str)> {
    let text = repository.to_str()?;
    let (scheme, _) = text.split_once("://")?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_one = scheme.starts_with(|c: char| c.is_ascii_lowercase()) && scheme.chars().all(plain);
    is_one.then_some((scheme, text))
}

/// Whether a repository is in a store, and not in a folder.
pub fn is_far(repository: &Path) -> bool {
    url(repository).is_some()
}

/// The folder that a repository is in; of one in a store, that of this machine for it.
pub fn folder(repository: &Path) -> PathBuf {
    match url(repository) {
        Some((_, url)) => cache(url),
        None => repository.to_path_buf(),
    }
}

/// Where this machine keeps what it has of the repository at a URL. The name also tells machines apart whose home is
/// the same, and which therefore must not write as one.
fn cache(url: &str) -> PathBuf {
    let dirs = etcetera::base_strategy::Xdg::new().ok();
    let dirs = dirs.map_or_else(|| PathBuf::from("/"), |dirs| dirs.cache_dir());
    let host = rustix::system::uname();
    let machine = std::env::var(MACHINE).unwrap_or_default();
    let who = [
        host.nodename().to_bytes(),
        machine.as_bytes(),
        url.as_bytes(),
    ]
    .join(&0);
    let name = hex::encode(&Sha1::digest(who)[..10]);
    dirs.join("fsync").join(name)
}

/// The store that a repository is in, if it is in one.
pub fn remote(repository: &Path) -> Option<Remote> {
    let (scheme, url) = url(repository)?;
    let program = format!("{PREFIX}{scheme}");
    let at = url.to_string();
    let connect = move || -> Result<Arc<dyn Store>> { Ok(Arc::new(start(&program, &at)?)) };
    let machine = std::env::var(MACHINE).ok().filter(|name| !name.is_empty());
    let mut remote = Remote::new(url, machine, Arc::new(connect));
    remote.run = std::env::var(RUN).ok().filter(|run| !run.is_empty());
    Some(remote)
}

fn start(program: &str, url: &str) -> Result<Client> {
    let path = Search::new(None).find(program.as_ref()).ok_or_else(|| {
        let message =
            format!("no program {program} is installed, which would reach it (see fsync-store(7))");
        Error::at(ErrorKind::Failed, url, message)
    })?;
    let name = path.as_os_str().as_bytes();
    let child = Command::new(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|e| Error::io("cannot be run", name, e))?;
    let (Some(write), Some(read)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Error::new(ErrorKind::Failed, "a pipe is missing"));
    };
    // It ends when its standard input does, which is when this program does.
    Client::greet(url, read, write)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_scheme_makes_a_url() {
        for (text, scheme) in [
            ("s3://bucket/x", Some("s3")),
            ("dir:///x", Some("dir")),
            ("/a://b", None),
            ("A://b", None),
            ("://b", None),
            ("a b://c", None),
            ("../x://c", None),
        ] {
            assert_eq!(url(Path::new(text)).map(|(s, _)| s), scheme, "{text}");
        }
    }
}
