//! The file of settings: where it is, whom it may belong to, and what it says.
//!
//! It is the user's own file and never part of a tree: nothing that lies in a directory that is compared can name a
//! command or a repository.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::Errno;
use toml_edit::{Document, Item, TableLike};

use crate::cli::setting::{Key, Value, expand};
use crate::cli::trust;
use crate::model::{Error, ErrorKind, Result};

/// The environment variable that names the file; empty: there is none.
pub const VARIABLE: &str = "FSYNC_CONFIG";
/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// The tables that hold settings.
const GROUPS: [&str; 2] = ["keep", "hooks"];
/// The table of sections.
const SECTIONS: &str = "directory";

/// Where the file is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Its path.
    pub path: PathBuf,
    /// Somebody named it, so it must be there.
    pub named: bool,
}

/// What is set, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// What it is set to.
    pub value: Value,
    /// The line in the file, from 1; of a list that of each of its values, if it has any.
    pub lines: Vec<usize>,
}

type Section = BTreeMap<Key, Setting>;

/// What the file says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Config {
    /// The file; `None`: there is none.
    pub path: Option<PathBuf>,
    top: Section,
    /// By directory, absolute.
    sections: BTreeMap<PathBuf, Section>,
}

/// Where the file is: `$FSYNC_CONFIG`, or in the user's folder of settings; `None` when there shall be none.
///
/// # Errors
/// [`ErrorKind::Usage`] when the variable is no path from the root: it would be another file in every directory.
pub fn place() -> Result<Option<Place>> {
    if let Some(path) = std::env::var_os(VARIABLE) {
        let path = PathBuf::from(path);
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        if !path.is_absolute() {
            let message = format!("{VARIABLE} is no path from /");
            return Err(Error::at(
                ErrorKind::Usage,
                path.as_os_str().as_bytes(),
                message,
            ));
        }
        return Ok(Some(Place { path, named: true }));
    }
    use etcetera::BaseStrategy;
    let dirs = etcetera::base_strategy::Xdg::new().ok();
    let path = dirs.map(|dirs| dirs.config_dir().join("fsync").join("config.toml"));
    // So would a home that is none.
    let path = path.filter(|path| path.is_absolute());
    Ok(path.map(|path| Place { path, named: false }))
}

/// Reads the file, if there is one.
///
/// # Errors
/// [`ErrorKind::Refused`] when it may be somebody else's, [`ErrorKind::Usage`] when it says what it cannot mean.
pub fn load() -> Result<Config> {
    match place()? {
        Some(place) => read(&place),
        None => Ok(Config::default()),
    }
}

/// Reads a file of settings.
///
/// # Errors
/// As [`load`].
pub fn read(place: &Place) -> Result<Config> {
    match text(place)? {
        Some(text) => parse(&place.path, &text),
        None => Ok(Config::default()),
    }
}

/// What is in the file; `None` when there is none.
///
/// # Errors
/// As [`load`], but for what it says.
pub fn text(place: &Place) -> Result<Option<String>> {
    let name = place.path.as_os_str().as_bytes();
    let fault = |message: &str| Error::at(ErrorKind::Usage, name, message);
    // NONBLOCK: a fifo of that name must not hang the open.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let mut file = match open(&place.path, flags, Mode::empty()) {
        Ok(handle) => File::from(handle),
        Err(Errno::NOENT | Errno::NOTDIR) if place.path.symlink_metadata().is_ok() => {
            return Err(fault("is a symbolic link that leads nowhere"));
        }
        Err(Errno::NOENT | Errno::NOTDIR) if !place.named => return Ok(None),
        Err(e) => return Err(Error::io("cannot open", name, e).as_kind(ErrorKind::Usage)),
    };
    let stat = fstat(&file).map_err(|e| Error::io("cannot examine", name, e))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(fault("is not a regular file"));
    }
    trust::settings(&place.path, &file)?;
    let mut bytes = Vec::new();
    (&mut file)
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io("cannot read", name, e))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(fault("is larger than 1 MiB"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(e) => {
            let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
            let line = good.iter().filter(|b| **b == b'\n').count() + 1;
            Err(fault(&format!("line {line}: is not UTF-8")))
        }
    }
}

/// What a text says that is in the file `path`.
///
/// # Errors
/// [`ErrorKind::Usage`] with the line of the first thing that it cannot mean.
pub fn parse(path: &Path, text: &str) -> Result<Config> {
    let reader = Reader { path, text };
    let document = Document::parse(text).map_err(|e| {
        let at = e.span().map_or(0, |span| span.start);
        reader.fault(reader.line(at), e.message().replace('\n', " "))
    })?;
    let mut config = Config {
        path: Some(path.to_path_buf()),
        ..Config::default()
    };
    let table = document.as_table();
    reader.section(table, "", true, &mut config.top)?;
    if let Some(item) = table.get(SECTIONS) {
        let line = reader.line_of(table, SECTIONS, item);
        let all = reader.table(item, SECTIONS, line)?;
        for (name, item) in all.iter() {
            let line = reader.line_of(all, name, item);
            let what = format!("directory {name:?}");
            if !is_whole(name) {
                let message =
                    format!("{what}: is no path from /, without . and .. and a slash at its end");
                return Err(reader.fault(line, message));
            }
            let mut section = Section::new();
            let table = reader.table(item, &what, line)?;
            reader.section(table, "", false, &mut section)?;
            config.sections.insert(PathBuf::from(name), section);
        }
    }
    Ok(config)
}

/// Whether a section's name can be the real path of a directory.
fn is_whole(name: &str) -> bool {
    let path = Path::new(name);
    let plain: PathBuf = path
        .components()
        .filter(|c| matches!(c, Component::RootDir | Component::Normal(_)))
        .collect();
    path.is_absolute() && plain.as_os_str() == path.as_os_str() && !name.contains('\0')
}

/// A text under examination.
struct Reader<'t> {
    path: &'t Path,
    text: &'t str,
}

impl Reader<'_> {
    fn fault(&self, line: usize, message: impl std::fmt::Display) -> Error {
        let message = format!("line {line}: {message}");
        Error::at(ErrorKind::Usage, self.path.as_os_str().as_bytes(), message)
    }

    /// The line of a byte, from 1.
    fn line(&self, at: usize) -> usize {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        before.iter().filter(|b| **b == b'\n').count() + 1
    }

    fn line_of(&self, table: &dyn TableLike, name: &str, item: &Item) -> usize {
        let key = table.get_key_value(name).and_then(|(key, _)| key.span());
        let span = key.or_else(|| item.span());
        self.line(span.map_or(0, |span| span.start))
    }

    fn table<'i>(&self, item: &'i Item, name: &str, line: usize) -> Result<&'i dyn TableLike> {
        let wrong = || self.fault(line, format!("{name}: is a table"));
        item.as_table_like().ok_or_else(wrong)
    }

    /// Takes the settings of a table; `prefix` is that of its group.
    fn section(
        &self,
        table: &dyn TableLike,
        prefix: &str,
        top: bool,
        into: &mut Section,
    ) -> Result<()> {
        for (name, item) in table.iter() {
            let line = self.line_of(table, name, item);
            if prefix.is_empty() && (GROUPS.contains(&name) || top && name == SECTIONS) {
                if name != SECTIONS {
                    let group = self.table(item, name, line)?;
                    self.section(group, &format!("{name}."), top, into)?;
                }
                continue;
            }
            let full = format!("{prefix}{name}");
            let key = Key::named(&full).filter(|_| !name.contains('.'));
            let Some(key) = key else {
                let all = Key::ALL.map(Key::name).join(", ");
                let message = format!("there is no setting {full:?}; there are {all}");
                return Err(self.fault(line, message));
            };
            let setting = self.setting(key, item, line)?;
            into.insert(key, setting);
        }
        Ok(())
    }

    fn setting(&self, key: Key, item: &Item, line: usize) -> Result<Setting> {
        let wrong = |why: &str| self.fault(line, format!("{}: {why}", key.name()));
        let strange = || wrong(&format!("is {}", key.wants()));
        let mut lines = vec![line];
        let value = if let Some(text) = item.as_str() {
            Value::Text(text.into())
        } else if let Some(number) = item.as_integer() {
            Value::Number(u64::try_from(number).map_err(|_| strange())?)
        } else if let Some(list) = item.as_array() {
            if !list.is_empty() {
                lines.clear();
            }
            let mut texts = Vec::new();
            for value in list {
                texts.push(value.as_str().ok_or_else(strange)?.to_string());
                lines.push(value.span().map_or(line, |span| self.line(span.start)));
            }
            Value::List(texts)
        } else {
            return Err(strange());
        };
        key.check(&value).map_err(|why| wrong(&why))?;
        Ok(Setting { value, lines })
    }
}

impl Config {
    /// What `key` is set to for `directory` (a real path), and by which section: the nearest one at or above it that
    /// has the key, else the top level, which has no directory.
    pub fn find(&self, directory: Option<&Path>, key: Key) -> Option<(Option<&Path>, &Setting)> {
        // The longest path that it lies in is the nearest.
        let near = directory.into_iter().flat_map(Path::ancestors);
        let mut sections = near.filter_map(|dir| self.sections.get_key_value(dir));
        let found = sections.find_map(|(dir, section)| Some((dir, section.get(&key)?)));
        let found = found.map(|(dir, setting)| (Some(dir.as_path()), setting));
        found.or_else(|| Some((None, self.top.get(&key)?)))
    }

    /// The repository that is set for `directory`, and whether its own sections say so.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when it is in the home directory, and there is none.
    pub fn repository(&self, directory: Option<&Path>) -> Result<Option<(PathBuf, bool)>> {
        let Some((section, setting)) = self.find(directory, Key::Repository) else {
            return Ok(None);
        };
        let text = setting.value.text().unwrap_or_default();
        let path = expand(text).ok_or_else(|| {
            let message =
                format!("repository: {text:?} is in the home directory, and there is none");
            Error::new(ErrorKind::Usage, message)
        })?;
        Ok(Some((path, section.is_some())))
    }

    /// Whether it says nothing at all.
    pub fn is_empty(&self) -> bool {
        self.top.is_empty() && self.sections.values().all(BTreeMap::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Config> {
        parse(Path::new("/c"), text)
    }

    fn words(config: &Config, directory: &str, key: Key) -> Option<(Vec<String>, Vec<usize>)> {
        let (_, setting) = config.find(Some(Path::new(directory)), key)?;
        Some((setting.value.words(), setting.lines.clone()))
    }

    #[test]
    fn the_nearest_section_wins_key_by_key() {
        let config = read(concat!(
            "delete = \"always\"\n",
            "exclude = [\"a\",\n \"b\"]\n",
            "keep.last = 3\n",
            "[directory.\"/d\"]\n",
            "delete = \"never\"\n",
            "compare = \"checksum\"\n",
            "hooks = { before = \"x\" }\n",
            "[directory.\"/d/e\".keep]\n",
            "last = 7\n",
            "[directory.\"/d/e\"]\n",
            "compare = \"quick\"\n",
        ))
        .unwrap();
        let one =
            |dir, key| words(&config, dir, key).map(|(words, lines)| (words.concat(), lines[0]));
        let of = |text: &str, line| Some((text.to_string(), line));
        assert_eq!(one("/x", Key::Delete), of("always", 1));
        assert_eq!(one("/d", Key::Delete), of("never", 6));
        assert_eq!(one("/d/e/f", Key::Delete), of("never", 6));
        assert_eq!(one("/d/e/f", Key::Compare), of("quick", 12));
        assert_eq!(one("/de", Key::Compare), None);
        assert_eq!(one("/d/x", Key::KeepLast), of("3", 4));
        assert_eq!(one("/d/e", Key::KeepLast), of("7", 10));
        assert_eq!(one("/d/e", Key::HooksBefore), of("x", 8));
        let list = words(&config, "/d", Key::Exclude).unwrap();
        assert_eq!(list, (vec!["a".to_string(), "b".to_string()], vec![2, 3]));
    }

    #[test]
    fn what_it_cannot_mean_is_refused_with_its_line() {
        for (text, line, why) in [
            (
                "\nexlude = []\n",
                2,
                "there is no setting \"exlude\"; there are repository, ",
            ),
            ("exclude = \"*.o\"\n", 1, "exclude: is a list of strings"),
            ("exclude = [1]\n", 1, "exclude: is a list of strings"),
            ("a = 1\na = 2\n", 2, "duplicate key"),
            ("x = \n", 1, ""),
            ("keep = 3\n", 1, "keep: is a table"),
            ("[keep]\nlast = \"3\"\n", 2, "keep.last: is a whole number"),
            ("[keep]\nlast = -3\n", 2, "keep.last: is a whole number"),
            ("[keep]\nlastly = 3\n", 2, "no setting \"keep.lastly\""),
            ("\"keep.last\" = 3\n", 1, "no setting \"keep.last\""),
            ("[[hooks]]\nbefore = \"x\"\n", 1, "hooks: is a table"),
            ("directory = 1\n", 1, "directory: is a table"),
            ("\n[directory.\"d\"]\n", 2, "is no path from /"),
            ("[directory.\"/d/\"]\n", 1, "is no path from /"),
            ("[directory.\"/d/../e\"]\n", 1, "is no path from /"),
            (
                "[directory.\"/d\"]\n[directory.\"/d\".directory]\n",
                2,
                "no setting \"directory\"",
            ),
            (
                "[directory.\"/d\"]\n\ndelete = true\n",
                3,
                "delete: is a string",
            ),
            ("delete = 1979-05-27\n", 1, "delete: is a string"),
            ("ask = 1.5\n", 1, "ask: is a whole number"),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            let said = error.cause();
            assert!(
                said.starts_with(&format!("line {line}: ")),
                "{text:?}: {said}"
            );
            assert!(said.contains(why), "{text:?}: {said}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let deep = format!("exclude = {}{}", "[".repeat(50_000), "]".repeat(50_000));
        assert!(read(&deep).is_err());
        assert!(read(&"a.".repeat(50_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            let _ = read(&text);
        }

        #[test]
        fn nor_one_that_looks_like_settings(parts in proptest::collection::vec(
            prop_oneof![
                Just("repository"), Just("exclude"), Just("keep"), Just("hooks"), Just("directory"), Just("."), Just("="),
                Just(" "), Just("\n"), Just("["), Just("]"), Just("{"), Just("}"), Just(","), Just("\""), Just("\"/d\""),
                Just("last"), Just("before"), Just("\"x\""), Just("3"), Just("'"), Just("#"), Just("\r"), Just("\"\"\""),
            ], 0..24)
        ) {
            let _ = read(&parts.concat());
        }
    }
}
