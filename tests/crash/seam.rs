//! The seam in the sources: calls that change a file system are made in `disk/` and `repo/` alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Who else makes some, and why.
const EXCEPTIONS: [(&str, &str); 10] = [
    ("porcelain/change.rs", "the file of settings"),
    (
        "porcelain/hook.rs",
        "a plan that waits in a file without a name",
    ),
    ("cli/ask.rs", "a question at the terminal"),
    ("cli/screen.rs", "the terminal, for reading"),
    ("ops/fixture.rs", "trees for unit tests"),
    (
        "ops/rehearse.rs",
        "scratch space of verify --restore, removed again",
    ),
    (
        "cli/export.rs",
        "the file that a person names for an export",
    ),
    ("cli/bundle.rs", "the file that a person names for a bundle"),
    (
        "porcelain/bundle.rs",
        "a plan that waits in a file without a name",
    ),
    (
        "porcelain/relay.rs",
        "a folder of its own for the socket of a run",
    ),
];

/// What such calls are called, in std, rustix and the crates that are used.
const CALLS: [&str; 50] = [
    "fs::write",
    "fs::rename",
    "fs::copy",
    "remove_file",
    "remove_dir",
    "create_dir",
    "hard_link",
    "set_permissions",
    "OpenOptions",
    "File::options",
    "File::create",
    "DirBuilder",
    "symlink(",
    "symlinkat",
    "renameat",
    "unlinkat",
    "unlink(",
    "rmdir(",
    "mkdir(",
    "mkdirat",
    "linkat",
    "mknodat",
    "chmod(",
    "chmodat",
    "chown(",
    "chownat",
    "utimensat",
    "futimens",
    "ftruncate",
    "fchmod",
    "fchown",
    "lchown",
    "fallocate",
    "copy_file_range",
    "setxattr",
    "removexattr",
    "xattr::set",
    "xattr::remove",
    "ioctl_ficlone",
    "tempfile",
    "set_len",
    "set_times",
    "set_modified",
    "OFlags::WRONLY",
    "OFlags::RDWR",
    "OFlags::CREATE",
    "OFlags::TRUNC",
    "OFlags::APPEND",
    "pwrite",
    "Connection::open",
];

/// The calls in a source, its comments and unit tests not counted.
fn calls(text: &str) -> BTreeSet<&'static str> {
    let lines = text.lines().take_while(|l| l.trim() != "#[cfg(test)]");
    let code: Vec<&str> = lines.map(|l| l.split("//").next().unwrap_or(l)).collect();
    let code = code.join("\n");
    let before = |at: usize| code[..at].chars().next_back();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let made = |call: &&&str| {
        let mut places = code.match_indices(**call).map(|(at, _)| at);
        // `read_symlink(` is none, `fs::symlink(` is one; and `folder.unlink(` is a method of disk/.
        let other = |c: char| is_word(c) || c == '.' && !call.starts_with("set_");
        places.any(|at| !before(at).is_some_and(other) && !code[..at].ends_with("fn "))
    };
    CALLS.iter().filter(made).copied().collect()
}

#[test]
fn calls_are_found() {
    let found = calls(
        "use rustix::fs::{renameat, open};\n// fs::write\nfs::rename(a)\nread_symlink(b)\nfn unlink(c) d.unlink(e)",
    );
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        ["fs::rename", "renameat"]
    );
    assert!(calls("#[cfg(test)]\nfs::write()").is_empty());
}

#[test]
fn only_disk_and_repo_change_a_file_system() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut wrong, mut excused, mut seen) = (Vec::new(), BTreeSet::new(), 0);
    for entry in walkdir::WalkDir::new(&source).sort_by_file_name() {
        let entry = entry.expect("an entry");
        let name = entry.path().strip_prefix(&source).expect("inside");
        let name = name.to_str().expect("UTF-8").to_string();
        if !name.ends_with(".rs") {
            continue;
        }
        let found = calls(&fs::read_to_string(entry.path()).expect("a source"));
        if name.starts_with("disk/") || name.starts_with("repo/") {
            seen += found.len();
        } else if EXCEPTIONS.iter().any(|(excused, _)| *excused == name) {
            excused.extend((!found.is_empty()).then_some(name));
        } else if !found.is_empty() {
            wrong.push(format!("{name}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        excused.len(),
        EXCEPTIONS.len(),
        "an exception that is none any more: {excused:?}"
    );
    assert!(seen > 30, "the calls themselves were not found");
}
