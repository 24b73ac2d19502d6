//! Directories and files that begin as a word does.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::porcelain::complete::offer::Offer;
use crate::porcelain::complete::spot::home;

/// No more are offered, nor listed.
const MOST: usize = 10_000;

/// What lies below `base` and begins with `word`, sorted; directories end in a slash.
pub fn list(base: &Path, word: &str, only_directories: bool) -> Vec<Offer> {
    let (above, name) = word.rsplit_once('/').map_or(("", word), |(_, name)| {
        (&word[..word.len() - name.len()], name)
    });
    let folder = base.join(home(OsStr::new(above)));
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => &folder,
    };
    let entries = folder.read_dir().into_iter().flatten().flatten().take(MOST);
    let mut offers: Vec<Offer> = entries
        .filter_map(|entry| {
            let found = entry.file_name();
            let fits = found.as_bytes().starts_with(name.as_bytes());
            let hidden = found.as_bytes().starts_with(b".") && !name.starts_with('.');
            if !fits || hidden {
                return None;
            }
            let is_dir = entry.path().is_dir();
            let end = if is_dir { "/" } else { "" };
            match is_dir || !only_directories {
                true => Offer::new(format!("{above}{}{end}", found.to_str()?), ""),
                false => None,
            }
        })
        .collect();
    offers.sort();
    offers
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn lists_what_begins_so() {
        let base = tempfile::tempdir().unwrap();
        for dir in ["one/two", "own", ".hid"] {
            fs::create_dir_all(base.path().join(dir)).unwrap();
        }
        fs::write(base.path().join("only"), "").unwrap();
        let of = |word: &str, dirs: bool| {
            let found = list(base.path(), word, dirs).into_iter().map(|o| o.text);
            found.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of("", true), "one/ own/");
        assert_eq!(of("on", false), "one/ only");
        assert_eq!(of("one/", true), "one/two/");
        assert_eq!(of("./o", true), "./one/ ./own/");
        assert_eq!(of(".", true), ".hid/");
        assert_eq!(of("x/", true), "");
    }
}
