//! Changing the file of settings: one setting, and everything else in it stays, comments too.

use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock, fsync};
use toml_edit::{Array, DocumentMut, Item, RawString, Table, TableLike};

use crate::cli::config::{Place, parse, text};
use crate::cli::setting::{Key, Value};
use crate::model::{Error, ErrorKind, Result};
use crate::porcelain::config::section;

/// What is to become of a setting.
pub enum Change {
    /// It gets a value.
    Set(Key, Value),
    /// It goes.
    Unset(Key),
}

/// Changes the file, at its top level or in the section of a directory; whether there was anything to change.
///
/// # Errors
/// A file that cannot be read or says what it cannot mean; one that cannot be written.
pub fn make(place: &Place, directory: Option<&Path>, change: &Change) -> Result<bool> {
    let directory = directory.map(section).transpose()?;
    let path = target(&place.path)?;
    let folder = folder_of(&path);
    make_folder(&folder)?;
    let refused = |e: std::io::Error| Error::io("cannot open", folder.as_os_str().as_bytes(), e);
    let held = File::open(&folder).map_err(refused)?;
    // Two that change it at once do so one after the other.
    flock(&held, FlockOperation::LockExclusive).map_err(|e| refused(e.into()))?;
    let place = Place {
        path: place.path.clone(),
        // Whoever names a file that is not there wants it made.
        named: place.named && path.exists(),
    };
    let old = text(&place)?.unwrap_or_default();
    // What is wrong already must not be hidden behind the change.
    parse(&place.path, &old)?;
    let mut document: DocumentMut = old.parse().map_err(|e: toml_edit::TomlError| {
        Error::at(ErrorKind::Usage, path.as_os_str().as_bytes(), e.message())
    })?;
    match change {
        Change::Set(key, value) => set(&mut document, directory, *key, value),
        Change::Unset(key) => {
            let Some(left) = unset(document.as_table_mut(), &names(directory, *key)) else {
                return Ok(false);
            };
            let end = document.trailing().as_str().unwrap_or_default();
            let end = format!("{end}{left}");
            document.set_trailing(end);
        }
    }
    let new = document.to_string();
    parse(&place.path, &new)?;
    if new != old {
        write(&path, &new)?;
    }
    Ok(true)
}

/// Writes the file so that it is there whole or as it was, for its owner alone.
///
/// # Errors
/// The system's.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let path = target(path)?;
    let folder = folder_of(&path);
    make_folder(&folder)?;
    let name = path.as_os_str().as_bytes();
    let refused = |e: std::io::Error| Error::io("cannot write", name, e);
    let mut file = tempfile::Builder::new()
        .prefix(".config.toml-")
        .tempfile_in(&folder)
        .map_err(refused)?;
    file.write_all(text.as_bytes()).map_err(refused)?;
    file.as_file().sync_all().map_err(refused)?;
    file.persist(&path).map_err(|e| refused(e.error))?;
    let folder = File::open(&folder).map_err(refused)?;
    fsync(folder.as_fd()).map_err(|e| refused(e.into()))
}

/// The file itself, where its name is a link to it: who keeps settings elsewhere wants them to stay there.
fn target(path: &Path) -> Result<PathBuf> {
    match path.symlink_metadata() {
        Ok(meta) if meta.is_symlink() => path
            .canonicalize()
            .map_err(|e| Error::io("cannot follow the link", path.as_os_str().as_bytes(), e)),
        _ => Ok(path.to_path_buf()),
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn make_folder(folder: &Path) -> Result<()> {
    if fs::metadata(folder).is_ok_and(|meta| meta.is_dir()) {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(folder);
    made.map_err(|e| Error::io("cannot make", folder.as_os_str().as_bytes(), e))
}

/// The tables that lead to a setting, and its name.
fn names(directory: Option<&str>, key: Key) -> Vec<String> {
    let sections = directory.map(|directory| ["directory", directory]);
    let tables = sections.into_iter().flatten().map(str::to_string);
    tables
        .chain(key.name().split('.').map(str::to_string))
        .collect()
}

fn set(document: &mut DocumentMut, directory: Option<&str>, key: Key, value: &Value) {
    let mut names = names(directory, key);
    let Some(last) = names.pop() else { return };
    let mut at: &mut dyn TableLike = document.as_table_mut();
    for (depth, name) in names.iter().enumerate() {
        // A table that only holds others needs no line of its own.
        let implicit = depth + 1 < names.len() && directory.is_some() && depth == 0;
        let item = at.entry(name).or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(implicit);
            Item::Table(table)
        });
        let Some(table) = item.as_table_like_mut() else {
            // The file was checked: it is a table.
            return;
        };
        at = table;
    }
    let mut new: toml_edit::Value = match value {
        Value::Text(text) => text.as_str().into(),
        // Checked: no number is larger.
        Value::Number(n) => i64::try_from(*n).unwrap_or(i64::MAX).into(),
        Value::List(list) => toml_edit::Value::Array(list.iter().collect::<Array>()),
    };
    match at.get_mut(&last).and_then(Item::as_value_mut) {
        // What stands behind it on its line stays there.
        Some(old) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        None => {
            at.insert(&last, Item::Value(new));
        }
    }
}

/// Takes a setting out, and tables that hold nothing then; `None`: it was not there. The comments above what goes are
/// handed to what comes next, or given back.
fn unset(table: &mut dyn TableLike, names: &[String]) -> Option<String> {
    match names {
        [] => None,
        [last] => remove(table, last),
        [first, rest @ ..] => {
            let inner = table.get_mut(first)?.as_table_like_mut()?;
            let mut left = unset(inner, rest)?;
            if inner.is_empty() {
                left.insert_str(0, &remove(table, first).unwrap_or_default());
            }
            Some(left)
        }
    }
}

fn remove(table: &mut dyn TableLike, name: &str) -> Option<String> {
    let above = |raw: Option<&RawString>| -> String {
        let text = raw.and_then(RawString::as_str).unwrap_or_default();
        let comments = text.trim_start_matches('\n');
        String::from(if comments.contains('#') { comments } else { "" })
    };
    let comments = match table.get(name)? {
        Item::Table(inner) => above(inner.decor().prefix()),
        _ => above(table.key(name)?.leaf_decor().prefix()),
    };
    let next = table
        .iter()
        .skip_while(|(key, _)| *key != name)
        .skip(1)
        .find(|(_, item)| item.is_value())
        .map(|(key, _)| key.to_string())
        .filter(|_| !comments.is_empty());
    table.remove(name);
    let Some(mut key) = next.as_deref().and_then(|next| table.key_mut(next)) else {
        return Some(comments);
    };
    let own = key.leaf_decor().prefix().and_then(RawString::as_str);
    let own = own.unwrap_or_default().to_string();
    key.leaf_decor_mut().set_prefix(comments + &own);
    Some(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(dir: &tempfile::TempDir) -> Place {
        let path = dir.path().join("config.toml");
        Place { path, named: false }
    }

    fn text_of(value: &str) -> Value {
        Value::Text(value.into())
    }

    #[test]
    fn what_is_set_is_read_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(&dir);
        let old = "# mine\ndelete = \"never\" # for now\n\n# a site\n[directory.\"/d\"]\ncompare = 'quick'\n";
        fs::write(&place.path, old).unwrap();
        let set = |directory: Option<&str>, key, value| {
            let directory = directory.map(Path::new);
            assert!(make(&place, directory, &Change::Set(key, value)).unwrap());
        };
        set(None, Key::Delete, text_of("always"));
        set(Some("/d"), Key::KeepLast, Value::Number(3));
        set(Some("/e"), Key::HooksBefore, text_of("a \"b\"\n"));
        set(
            None,
            Key::Exclude,
            Value::List(vec!["*.o".into(), "\\#x".into()]),
        );
        let text = fs::read_to_string(&place.path).unwrap();
        for part in [
            "# mine\n",
            "delete = \"always\" # for now\n",
            "# a site\n[directory.\"/d\"]\n",
        ] {
            assert!(text.contains(part), "{part:?} in {text}");
        }
        let config = parse(&place.path, &text).unwrap();
        let words = |directory: &str, key| {
            let (_, setting) = config.find(Some(Path::new(directory)), key).unwrap();
            setting.value.words()
        };
        assert_eq!(words("/d", Key::KeepLast), ["3"]);
        assert_eq!(words("/e", Key::HooksBefore), ["a \"b\"\n"]);
        assert_eq!(words("/e", Key::Exclude), ["*.o", "\\#x"]);
        let unset = |directory: Option<&str>, key| {
            make(&place, directory.map(Path::new), &Change::Unset(key)).unwrap()
        };
        assert!(unset(Some("/e"), Key::HooksBefore) && !unset(Some("/e"), Key::HooksBefore));
        assert!(unset(Some("/d"), Key::KeepLast) && unset(None, Key::Exclude));
        let back = fs::read_to_string(&place.path).unwrap();
        assert_eq!(back, old.replace("\"never\"", "\"always\""));
    }

    #[test]
    fn comments_outlive_what_they_stand_above() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(&dir);
        let old = "# one\ndelete = \"never\"\nask = 3\n# two\n[keep]\n# three\nlast = 1\n";
        fs::write(&place.path, old).unwrap();
        for key in [Key::Delete, Key::KeepLast] {
            assert!(make(&place, None, &Change::Unset(key)).unwrap());
        }
        let text = fs::read_to_string(&place.path).unwrap();
        assert_eq!(text, "# one\nask = 3\n# two\n# three\n");
    }

    #[test]
    fn inline_tables_and_dotted_keys_are_changed_where_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(&dir);
        let old = "keep.last = 1\nhooks = { before = \"x\" }\ndirectory = { \"/d\" = { delete = \"never\" } }\n";
        fs::write(&place.path, old).unwrap();
        let set = |directory: Option<&str>, key, value| {
            make(&place, directory.map(Path::new), &Change::Set(key, value)).unwrap();
        };
        set(None, Key::KeepLast, Value::Number(2));
        set(None, Key::KeepDaily, Value::Number(7));
        set(None, Key::HooksAfter, text_of("y"));
        set(Some("/d"), Key::Compare, text_of("quick"));
        let text = fs::read_to_string(&place.path).unwrap();
        let config = parse(&place.path, &text).unwrap();
        for (key, value) in [
            (Key::KeepLast, "2"),
            (Key::KeepDaily, "7"),
            (Key::HooksBefore, "x"),
            (Key::HooksAfter, "y"),
            (Key::Delete, "never"),
            (Key::Compare, "quick"),
        ] {
            let (_, setting) = config.find(Some(Path::new("/d")), key).unwrap();
            assert_eq!(setting.value.words(), [value], "{text}");
        }
    }
}
