//! Where the programs are: `--exec-path`, `$FSYNC_EXEC_PATH`, the folder of the running program, `PATH`.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::model::{Error, ErrorKind, Result};

/// What every program's name begins with.
pub const PREFIX: &str = "fsync-";
/// The variable that names a folder to look in first.
pub const VARIABLE: &str = "FSYNC_EXEC_PATH";

/// The folders that are looked into, first match first.
#[derive(Clone, Debug)]
pub struct Search {
    folders: Vec<PathBuf>,
}

impl Search {
    /// From `--exec-path` and the environment.
    pub fn new(exec_path: Option<&Path>) -> Self {
        let mut folders: Vec<PathBuf> = exec_path.map(Path::to_path_buf).into_iter().collect();
        folders.extend(
            env::var_os(VARIABLE)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from),
        );
        // Without /proc the own folder is unknown; PATH remains.
        let own = env::current_exe().ok();
        folders.extend(own.as_deref().and_then(Path::parent).map(Path::to_path_buf));
        if let Some(path) = env::var_os("PATH") {
            // An empty element means the current directory to a shell: never run what lies there unasked.
            folders.extend(env::split_paths(&path).filter(|p| p.is_absolute()));
        }
        Search { folders }
    }

    /// The program of that full name.
    pub fn find(&self, program: &OsStr) -> Option<PathBuf> {
        self.folders
            .iter()
            .map(|folder| folder.join(program))
            .find(|path| is_executable(path))
    }

    /// One of fsync's own programs.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`] when it is nowhere.
    pub fn require(&self, program: &str) -> Result<PathBuf> {
        self.find(program.as_ref()).ok_or_else(|| {
            Error::at(
                ErrorKind::Failed,
                program,
                "this program is not installed beside fsync or on PATH; --exec-path DIR says where it is",
            )
        })
    }

    /// What every `fsync-NAME` that can be found is called, sorted.
    pub fn names(&self) -> BTreeSet<String> {
        let listings = self.folders.iter().filter_map(|f| f.read_dir().ok());
        listings
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let name = name.strip_prefix(PREFIX)?;
                is_executable(&entry.path()).then(|| name.to_string())
            })
            .collect()
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_in_order_and_only_for_programs() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let put = |folder: &Path, name: &str, mode: u32| {
            let path = folder.join(name);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            path
        };
        put(first.path(), "fsync-a", 0o644);
        let b = put(first.path(), "fsync-b", 0o755);
        let a = put(second.path(), "fsync-a", 0o755);
        put(second.path(), "fsync-b", 0o755);
        let search = Search {
            folders: vec![first.path().into(), second.path().into()],
        };
        assert_eq!(search.find("fsync-a".as_ref()), Some(a));
        assert_eq!(search.find("fsync-b".as_ref()), Some(b));
        assert_eq!(
            search.require("fsync-c").unwrap_err().kind(),
            ErrorKind::Failed
        );
        assert_eq!(search.names().into_iter().collect::<Vec<_>>(), ["a", "b"]);
    }
}
