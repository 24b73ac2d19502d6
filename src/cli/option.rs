//! Options that several programs share, each group once. A group knows how to say itself again as
//! arguments, which is how the porcelain hands it to the plumbing.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Args;

use crate::cli::choose::ChooseArgs;
use crate::cli::colour::Colour;
use crate::cli::config;
use crate::cli::progress::{self, Shown, Wanted};
use crate::cli::talk::Talk;
use crate::model::{Error, ErrorKind, Filter, Result, Rule};
use crate::ops::guard::MaxDelete;
use crate::protocol::gather::gather;

/// Options that every program takes.
#[derive(Args, Clone, Debug, Default)]
pub struct Common {
    /// Work as if started in DIR [default: where it is started]
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub directory: Option<PathBuf>,
    /// The repository, a folder or SCHEME://... [default: $FSYNC_REPO, else the settings' (fsync config), else $XDG_DATA_HOME/fsync, else
    /// ~/.local/share/fsync]
    #[arg(long, value_name = "DIR", global = true)]
    pub repo: Option<PathBuf>,
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Show how far the work has come: auto (a line, on a terminal), never, or json (records on standard error) [default: auto]
    ///
    /// SIGUSR1 makes any program that is at work say it once, in a line.
    #[arg(long, value_name = "WHEN", global = true, hide_possible_values = true)]
    pub progress: Option<Wanted>,
    /// Colour what is printed: auto (on a terminal, unless NO_COLOR is set), always or never [default: auto]
    #[arg(long, value_name = "WHEN", global = true, hide_possible_values = true)]
    pub color: Option<Colour>,
}

impl Common {
    /// The voice that these options ask for.
    pub fn talk(&self, name: &'static str) -> Talk {
        if let Some(colour) = self.color {
            colour.set();
        }
        Talk::new(name, self.quiet, self.verbose)
    }

    /// Begins to show how far the program called `name` has come.
    pub fn show_progress(&self, name: &'static str) -> Shown {
        progress::start(name, self.progress, self.quiet)
    }

    /// Goes where `-C` says.
    ///
    /// # Errors
    /// When it is no directory that can be entered.
    pub fn enter(&self) -> Result<()> {
        match &self.directory {
            Some(dir) => std::env::set_current_dir(dir)
                .map_err(|e| Error::io("cannot enter", dir.as_os_str().as_bytes(), e)),
            None => Ok(()),
        }
    }

    /// Where the repository is: `--repo`, `$FSYNC_REPO`, what the settings say for every directory, or the user's data
    /// directory.
    ///
    /// # Errors
    /// When there is neither an option nor a home, or the settings cannot be read.
    pub fn repository(&self) -> Result<PathBuf> {
        if let Some(dir) = self.named_repository() {
            return Ok(dir);
        }
        match config::load()?.repository(None)? {
            Some((dir, _)) => Ok(dir),
            None => usual_repository(),
        }
    }

    /// The repository that an option or `$FSYNC_REPO` names.
    pub fn named_repository(&self) -> Option<PathBuf> {
        let variable = || std::env::var_os("FSYNC_REPO").filter(|v| !v.is_empty());
        self.repo.clone().or_else(|| variable().map(PathBuf::from))
    }
}

/// Where the repository is when nothing says so: in the user's data directory.
///
/// # Errors
/// When there is no home.
pub fn usual_repository() -> Result<PathBuf> {
    use etcetera::BaseStrategy;
    let dirs = etcetera::base_strategy::Xdg::new().ok();
    // A home that is no absolute path would be another one in every directory.
    let dir = dirs.map(|dirs| dirs.data_dir().join("fsync"));
    dir.filter(|dir| dir.is_absolute()).ok_or_else(|| {
        Error::new(
            ErrorKind::Usage,
            "there is no home directory to keep a repository in; name one with --repo",
        )
    })
}

/// Options that choose what belongs to a run.
#[derive(Args, Clone, Debug, Default)]
pub struct FilterArgs {
    /// Leave out what matches a gitignore PATTERN; may be given again, the last match decides [default: none]
    #[arg(long, value_name = "PATTERN", help_heading = "Filters")]
    pub exclude: Vec<String>,
    /// Keep what matches PATTERN although an --exclude leaves it out [default: none]
    #[arg(long, value_name = "PATTERN", help_heading = "Filters")]
    pub include: Vec<String>,
    /// Read patterns from FILE, one a line, as in a gitignore file (- is standard input) [default: none]
    #[arg(long, value_name = "FILE", help_heading = "Filters")]
    pub exclude_from: Vec<PathBuf>,
}

impl FilterArgs {
    /// Whether patterns come on standard input.
    pub fn reads_input(&self) -> bool {
        self.exclude_from.iter().any(|f| f.as_os_str() == "-")
    }

    /// The compiled rules: files first, then `--exclude`, then `--include`, so that what is named later in this list wins.
    ///
    /// # Errors
    /// An unreadable file, or a pattern that is none.
    pub fn filter(&self) -> Result<Filter> {
        let mut rules = Vec::new();
        for file in &self.exclude_from {
            let bytes = file.as_os_str().as_bytes();
            let text = match bytes == b"-" {
                true => gather(&mut std::io::stdin().lock(), b'\n'),
                false => fs::File::open(file).and_then(|mut f| gather(&mut f, b'\n')),
            };
            let text = text.and_then(|text| {
                String::from_utf8(text).map_err(|_| std::io::ErrorKind::InvalidData.into())
            });
            let text = text.map_err(|e| {
                Error::io("cannot read patterns from", bytes, e).as_kind(ErrorKind::Usage)
            })?;
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            for (at, line) in text.lines().enumerate() {
                if !line.trim().is_empty() && !line.starts_with('#') {
                    rules.push(Rule {
                        pattern: line.to_string(),
                        origin: file.to_string_lossy().into_owned(),
                        line: at as u32 + 1,
                    });
                }
            }
        }
        let given = |pattern: &str, origin: &str, prefix: &str| Rule {
            pattern: format!("{prefix}{pattern}"),
            origin: origin.to_string(),
            line: 0,
        };
        rules.extend(self.exclude.iter().map(|p| given(p, "--exclude", "")));
        rules.extend(self.include.iter().map(|p| given(p, "--include", "!")));
        Filter::new(rules)
    }

    /// The same where no file is here: what files hold, as patterns.
    ///
    /// # Errors
    /// As [`Self::filter`].
    pub fn here(&self) -> Result<FilterArgs> {
        let mut here = FilterArgs::default();
        for rule in self.filter()?.rules() {
            match rule.pattern.strip_prefix('!') {
                Some(pattern) => here.include.push(pattern.into()),
                None => here.exclude.push(rule.pattern.clone()),
            }
        }
        Ok(here)
    }

    /// The same as arguments.
    pub fn to_args(&self) -> Vec<OsString> {
        let mut args = Vec::new();
        let mut push = |name: &str, value: &std::ffi::OsStr| {
            let mut arg = OsString::from(name);
            arg.push("=");
            arg.push(value);
            args.push(arg);
        };
        self.exclude
            .iter()
            .for_each(|p| push("--exclude", p.as_ref()));
        self.include
            .iter()
            .for_each(|p| push("--include", p.as_ref()));
        self.exclude_from
            .iter()
            .for_each(|p| push("--exclude-from", p.as_ref()));
        args
    }
}

/// Options that say what counts as a difference.
#[derive(Args, Clone, Debug, Default)]
pub struct CompareArgs {
    /// Plan the deletion of what no source has
    #[arg(long, help_heading = "Comparing")]
    pub delete: bool,
    /// Delete excluded entries of the destination too (implies --delete)
    ///
    /// Of such a plan in the line form, fsync-apply refuses what the source has as well; with --json it does not.
    #[arg(long, help_heading = "Comparing")]
    pub delete_excluded: bool,
    /// Compare contents whenever sizes are equal, whatever the times say
    #[arg(short, long, help_heading = "Comparing", conflicts_with = "size_only")]
    pub checksum: bool,
    /// Take equal sizes for equal contents
    #[arg(long, help_heading = "Comparing")]
    pub size_only: bool,
    /// Take times that differ by at most DURATION for equal (2s, 1500ms, 100us; a bare number is seconds) [default: 0]
    ///
    /// A destination whose file system keeps coarser times than it is given, such as FAT, is recognised and needs no window.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, help_heading = "Comparing")]
    pub modify_window: Option<u64>,
    /// Compare extended attributes (ACLs among them)
    #[arg(long, help_heading = "Comparing")]
    pub xattrs: bool,
    /// Compare owners and groups [default: only when run as root]
    #[arg(long, help_heading = "Comparing", conflicts_with = "no_owner")]
    pub owner: bool,
    /// Find renames: a deleted and an added entry of equal content (needs --delete)
    #[arg(long, help_heading = "Comparing")]
    pub renames: bool,
    /// What is left out of comparing and setting.
    #[command(flatten)]
    pub lax: LaxArgs,
    /// What of the trees takes part.
    #[command(flatten)]
    pub choose: ChooseArgs,
}

/// Options that say which metadata count for nothing.
#[derive(Args, Clone, Debug, Default)]
pub struct LaxArgs {
    /// Neither compare nor set owners and groups; a changed file keeps its own
    #[arg(long, help_heading = "Metadata")]
    pub no_owner: bool,
    /// Neither compare nor set permission bits and ACLs; a new entry gets what the umask leaves of the source's
    #[arg(long, help_heading = "Metadata")]
    pub no_perms: bool,
    /// Neither compare nor set modification times; where they differ, contents are compared
    #[arg(long, help_heading = "Metadata")]
    pub no_times: bool,
}

impl LaxArgs {
    /// The same as arguments.
    pub fn to_args(&self) -> Vec<OsString> {
        flags(&[
            ("--no-owner", self.no_owner),
            ("--no-perms", self.no_perms),
            ("--no-times", self.no_times),
        ])
    }
}

impl CompareArgs {
    /// The same as arguments.
    pub fn to_args(&self) -> Vec<OsString> {
        let mut args = flags(&[
            ("--delete", self.delete),
            ("--delete-excluded", self.delete_excluded),
            ("--checksum", self.checksum),
            ("--size-only", self.size_only),
            ("--xattrs", self.xattrs),
            ("--owner", self.owner),
            ("--renames", self.renames),
        ]);
        if let Some(ns) = self.modify_window {
            args.push(format!("--modify-window={ns}ns").into());
        }
        args.extend(self.lax.to_args());
        args.extend(self.choose.to_args());
        args
    }
}

/// Options that lift a guard (exit code 4).
#[derive(Args, Clone, Debug, Default)]
pub struct GuardArgs {
    /// Allow N deletions, or N% of the destination's entries [default: 50%, and always 10]
    #[arg(long, value_name = "N[%]", value_parser = parse_max_delete, help_heading = "Guards")]
    pub max_delete: Option<MaxDelete>,
    /// Allow deletions although the source is empty
    #[arg(long, help_heading = "Guards")]
    pub allow_empty_source: bool,
    /// Allow a source that was a mount point at the last run and is none now
    #[arg(long, help_heading = "Guards")]
    pub allow_unmounted: bool,
    /// Allow deletions in / or in a home directory
    #[arg(long, help_heading = "Guards")]
    pub allow_root: bool,
    /// Make missing parents of the destination
    #[arg(long, help_heading = "Guards")]
    pub parents: bool,
    /// Ask at the terminal before more than N entries are deleted; anything but yes refuses [default: nobody is asked]
    #[arg(long, value_name = "N", help_heading = "Guards")]
    pub ask: Option<u64>,
}

impl GuardArgs {
    /// The same as arguments.
    pub fn to_args(&self) -> Vec<OsString> {
        let mut args = flags(&[
            ("--allow-empty-source", self.allow_empty_source),
            ("--allow-unmounted", self.allow_unmounted),
            ("--allow-root", self.allow_root),
            ("--parents", self.parents),
        ]);
        match self.max_delete {
            Some(MaxDelete::Count(n)) => args.push(format!("--max-delete={n}").into()),
            Some(MaxDelete::Percent(n)) => args.push(format!("--max-delete={n}%").into()),
            None => {}
        }
        args.extend(self.ask.map(|n| format!("--ask={n}").into()));
        args
    }
}

/// The names of those options that are on.
pub fn flags(list: &[(&str, bool)]) -> Vec<OsString> {
    list.iter()
        .filter(|(_, on)| *on)
        .map(|(name, _)| OsString::from(name))
        .collect()
}

/// Nanoseconds of `2s`, `1500ms`, `10us`, `7ns` or `2`.
pub(super) fn parse_duration(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "s" => 1_000_000_000,
        "ms" => 1_000_000,
        "us" => 1_000,
        "ns" => 1,
        unit => return Err(format!("unknown unit {unit:?}: use s, ms, us or ns")),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
        .ok_or_else(|| "not a whole number and a unit, such as 2s".to_string())
}

fn parse_max_delete(text: &str) -> Result<MaxDelete, String> {
    let bad = |_| "not a whole number, or one with %".to_string();
    match text.strip_suffix('%') {
        Some(n) => match n.parse().map_err(bad)? {
            n @ 0..=100 => Ok(MaxDelete::Percent(n)),
            _ => Err("more than 100%".into()),
        },
        None => Ok(MaxDelete::Count(text.parse().map_err(bad)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations() {
        assert_eq!(parse_duration("2s"), Ok(2_000_000_000));
        assert_eq!(parse_duration("2"), Ok(2_000_000_000));
        assert_eq!(parse_duration("5ms"), Ok(5_000_000));
        assert!(parse_duration("5 fortnights").is_err());
        assert!(parse_duration("s").is_err());
    }

    #[test]
    fn reads_limits() {
        assert_eq!(parse_max_delete("7"), Ok(MaxDelete::Count(7)));
        assert_eq!(parse_max_delete("7%"), Ok(MaxDelete::Percent(7)));
        assert!(parse_max_delete("101%").is_err());
        assert!(parse_max_delete("-1").is_err());
    }
}
