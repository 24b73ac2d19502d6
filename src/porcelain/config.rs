//! `fsync config`: shows and changes the settings.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::cli::config::{self, Place, VARIABLE, parse};
use crate::cli::option::usual_repository;
use crate::cli::setting::Key;
use crate::model::quote::{is_hidden, quote, quote_if_odd};
use crate::model::{Error, ErrorKind, Result};
use crate::porcelain::change::{self, Change};
use crate::porcelain::session::Session;
use crate::protocol::Writer;

/// Arguments of `fsync config`.
#[derive(Args, Debug)]
pub struct Config {
    /// Say every setting: name, value, where the value comes from, and the section, separated by tabs [default: so it is without KEY]
    ///
    /// A list has a line for each value. Where it comes from is "default", "option --repo", "environment FSYNC_REPO", or
    /// file and line. The section is the directory that has it; it is empty for the top level.
    #[arg(long, value_name = "DIR", num_args = 0..=1, conflicts_with_all = ["dir", "words"])]
    pub show: Option<Option<PathBuf>>,
    /// The directory whose settings are shown or changed [default: what holds for every directory]
    #[arg(short, long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Take the setting KEY out of the file [default: nothing is taken out]
    #[arg(long, value_name = "KEY", conflicts_with_all = ["show", "words"])]
    pub unset: Option<OsString>,
    /// Open the file in $VISUAL, $EDITOR or vi, and check it afterwards
    #[arg(long, conflicts_with_all = ["show", "unset", "words", "dir"])]
    pub edit: bool,
    /// Say where the file is, or would be
    #[arg(long, conflicts_with_all = ["show", "unset", "edit", "words", "dir"])]
    pub path: bool,
    /// The setting, such as keep.last; then what it shall be. A list has any number of values, and is empty with one empty VALUE
    #[arg(value_names = ["KEY", "VALUE"], num_args = 0..)]
    pub words: Vec<OsString>,
}

/// What a new file begins with.
const BEGINNING: &str = "# Settings of fsync; \"man 5 fsync-config\" says what they mean. Nothing is set here yet.\n\
                         # delete = \"always\"\n\
                         # [directory.\"/home/me/site\"]\n\
                         # keep = { last = 10, daily = 30 }\n";

impl Config {
    /// The directory that it is about.
    pub fn directory(&self) -> Option<PathBuf> {
        self.show.clone().flatten().or_else(|| self.dir.clone())
    }

    /// Runs it; the exit code.
    ///
    /// # Errors
    /// A file that cannot be read, says what it cannot mean, or may be somebody else's; a setting that there is not.
    pub fn run(self, session: &Session) -> Result<u8> {
        if self.path {
            let path = place(session)?.path;
            return print(&line(path.as_os_str().as_bytes()));
        }
        if self.edit {
            return edit(&place(session)?);
        }
        if let Some(name) = &self.unset {
            let key = key(name)?;
            let place = place(session)?;
            let change = Change::Unset(key);
            if !change::make(&place, session.directory(), &change)? {
                let message = format!("{} is not set there", key.name());
                session.talk.note(&message);
            }
            return Ok(0);
        }
        match self.words.split_first() {
            None => show(session),
            Some((name, [])) => value(session, key(name)?),
            Some((name, words)) => set(session, key(name)?, words),
        }
    }
}

/// Where the file is; there must be one that could be.
fn place(session: &Session) -> Result<Place> {
    let place = config::place()?.filter(|_| !session.global().no_config);
    place.ok_or_else(|| {
        let message = format!(
            "config: there is no file of settings: {VARIABLE} is empty, --no-config is given, or there is no home"
        );
        Error::new(ErrorKind::Usage, message)
    })
}

fn key(name: &OsString) -> Result<Key> {
    let found = name.to_str().and_then(Key::named);
    found.ok_or_else(|| {
        let all = Key::ALL.map(Key::name).join(", ");
        let message = format!("there is no such setting; there are {all}");
        Error::at(ErrorKind::Usage, name.as_bytes(), message)
    })
}

fn set(session: &Session, key: Key, words: &[OsString]) -> Result<u8> {
    let fault = |why: String| {
        let message = format!("config: {}: {why}; nothing was changed", key.name());
        Error::new(ErrorKind::Usage, message)
    };
    let words = words.iter().map(|w| w.to_str().map(str::to_string));
    let words: Option<Vec<String>> = words.collect();
    let words = words.ok_or_else(|| fault("is not UTF-8".into()))?;
    let value = key.read(&words).map_err(fault)?;
    change::make(
        &place(session)?,
        session.directory(),
        &Change::Set(key, value),
    )?;
    Ok(0)
}

/// A value, and where it comes from.
struct Told {
    value: Vec<u8>,
    from: Vec<u8>,
    section: Vec<u8>,
}

impl Told {
    fn plain(value: Vec<u8>, from: &str) -> Vec<Told> {
        vec![Told {
            value,
            from: from.into(),
            section: Vec::new(),
        }]
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

/// The repository, where something wins over all settings.
fn named(session: &Session) -> Option<Vec<Told>> {
    let common = &session.global().common;
    let from = match common.repo {
        Some(_) => "option --repo",
        None => "environment FSYNC_REPO",
    };
    let path = common.named_repository()?;
    Some(Told::plain(bytes(&path), from))
}

/// What holds for a key: one for each value, and one without a value for an empty list.
fn told(session: &Session, key: Key) -> Result<Vec<Told>> {
    if let Some(told) = named(session).filter(|_| key == Key::Repository) {
        return Ok(told);
    }
    let config = session.config()?;
    let file = config.path.as_deref().map(bytes).unwrap_or_default();
    let Some((section, setting)) = config.find(session.directory(), key) else {
        let value = match key {
            Key::Repository => bytes(&usual_repository()?),
            key => key.default().into(),
        };
        return Ok(Told::plain(value, "default"));
    };
    let section = section.map(bytes).unwrap_or_default();
    let mut values = match key {
        Key::Repository => vec![bytes(&session.repository()?)],
        _ => {
            let words = setting.value.words().into_iter();
            words.map(String::into_bytes).collect()
        }
    };
    if values.is_empty() {
        values.push(Vec::new());
    }
    let told = values.into_iter().zip(&setting.lines);
    let told = told.map(|(value, line)| Told {
        value,
        from: [&file[..], format!(":{line}").as_bytes()].concat(),
        section: section.clone(),
    });
    Ok(told.collect())
}

fn show(session: &Session) -> Result<u8> {
    let mut lines: Vec<u8> = Vec::new();
    for key in Key::ALL {
        for told in told(session, key)? {
            let fields = [
                key.name().as_bytes().to_vec(),
                cell(&told.value),
                cell(&told.from),
                cell(&told.section),
            ];
            lines.extend(fields.join(&b'\t'));
            lines.push(b'\n');
        }
    }
    print(&lines)
}

/// A field: empty, or as names are printed.
fn cell(bytes: &[u8]) -> Vec<u8> {
    match bytes {
        b"" => Vec::new(),
        bytes => quote_if_odd(bytes),
    }
}

fn value(session: &Session, key: Key) -> Result<u8> {
    let told = told(session, key)?;
    let values = told.iter().filter(|t| !t.value.is_empty());
    let lines: Vec<u8> = values.flat_map(|t| line(&t.value)).collect();
    print(&lines)
}

/// A value alone: as it is, unless something in it would be hidden or move a cursor.
fn line(bytes: &[u8]) -> Vec<u8> {
    let odd = |c: char| is_hidden(c) && !matches!(c, '\n' | '\t');
    let plain = std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(odd));
    let mut line = match plain {
        true => bytes.to_vec(),
        false => quote(bytes).into_bytes(),
    };
    line.push(b'\n');
    line
}

fn print(text: &[u8]) -> Result<u8> {
    let mut out = Writer::new(std::io::stdout().lock());
    out.raw(text)?;
    out.flush().map(|()| 0)
}

/// Lets the user edit the file, and says what is wrong with it then.
fn edit(place: &Place) -> Result<u8> {
    let name = place.path.as_os_str().as_bytes();
    if place.path.symlink_metadata().is_err() {
        change::write(&place.path, BEGINNING)?;
    }
    let given = |name| std::env::var(name).ok().filter(|v| !v.trim().is_empty());
    let editor = given("VISUAL").or_else(|| given("EDITOR"));
    let editor = editor.unwrap_or_else(|| "vi".into());
    // As git does it: the variable is a command line, the file its last word.
    let status = Command::new("/bin/sh")
        .arg("-c")
        .arg(format!("{editor} \"$@\""))
        .arg(&editor)
        .arg(&place.path)
        .status()
        .map_err(|e| Error::io("cannot run the editor", &editor, e))?;
    if !status.success() {
        let message = format!("the editor failed ({status}); the file is as it left it");
        return Err(Error::at(ErrorKind::Failed, editor.as_bytes(), message));
    }
    if let Some(text) = config::text(place)? {
        parse(&place.path, &text).map_err(|e| {
            let message = format!("{}; \"fsync config --edit\" opens it again", e.cause());
            Error::at(e.kind(), name, message)
        })?;
    }
    Ok(0)
}

/// Refuses a directory whose path the file could not name.
pub fn section(directory: &Path) -> Result<&str> {
    directory.to_str().ok_or_else(|| {
        let name = quote(directory.as_os_str().as_bytes());
        let message = format!("config: {name} is not UTF-8, so the settings cannot name it");
        Error::new(ErrorKind::Usage, message)
    })
}
