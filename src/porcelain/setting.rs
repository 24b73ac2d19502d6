//! What the settings mean for a command: options that it was not given.

use std::ffi::OsString;
use std::path::Path;

use clap::Args;

use crate::cli::config::Config;
use crate::cli::option::{CompareArgs, FilterArgs, flags};
use crate::cli::setting::{Key, Value};
use crate::repo::policy::{Period, Policy, parse_span};

/// Options that say no to a setting.
#[derive(Args, Clone, Debug, Default)]
pub struct UnsetArgs {
    /// Delete nothing, whatever the settings say [the default without settings]
    #[arg(long, help_heading = "Comparing", conflicts_with_all = ["delete", "delete_excluded"])]
    pub no_delete: bool,
    /// Compare sizes and times, and contents only where these leave it open [the default without settings]
    #[arg(long, help_heading = "Comparing", conflicts_with_all = ["checksum", "size_only"])]
    pub quick: bool,
}

impl UnsetArgs {
    /// The same as arguments.
    pub fn to_args(&self) -> Vec<OsString> {
        flags(&[("--no-delete", self.no_delete), ("--quick", self.quick)])
    }
}

/// The settings that hold for a directory, or for none in particular.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'c> {
    config: &'c Config,
    directory: Option<&'c Path>,
}

impl<'c> Settings<'c> {
    /// Those of `config` for `directory`, a real path.
    pub fn new(config: &'c Config, directory: Option<&'c Path>) -> Self {
        Settings { config, directory }
    }

    /// What a key is set to; `None`: nothing says so.
    fn get(&self, key: Key) -> Option<&'c Value> {
        let (_, setting) = self.config.find(self.directory, key)?;
        Some(&setting.value)
    }

    fn word(&self, key: Key) -> &'c str {
        let word = self.get(key).and_then(Value::text);
        word.unwrap_or_else(|| key.default())
    }

    fn number(&self, key: Key) -> u64 {
        let number = self.get(key).and_then(Value::number);
        number.unwrap_or_else(|| key.default().parse().unwrap_or_default())
    }

    fn list(&self, key: Key) -> Vec<String> {
        self.get(key).map(Value::words).unwrap_or_default()
    }

    /// The options of comparing that were given, and what the settings say where they say nothing.
    pub fn compare(&self, given: &CompareArgs, unset: &UnsetArgs) -> CompareArgs {
        let mut compare = given.clone();
        if !compare.checksum && !compare.size_only && !unset.quick {
            compare.checksum = self.word(Key::Compare) == "checksum";
            compare.size_only = self.word(Key::Compare) == "size-only";
        }
        // With --delete-excluded there is nothing left to imply.
        compare.delete |=
            self.word(Key::Delete) == "always" && !unset.no_delete && !compare.delete_excluded;
        compare
    }

    /// The filters that were given, behind those of the settings, so that the former win.
    pub fn filter(&self, given: &FilterArgs) -> FilterArgs {
        let mut filter = given.clone();
        filter.exclude.splice(0..0, self.list(Key::Exclude));
        filter
    }

    /// Whether snapshots hold the whole tree.
    pub fn full(&self) -> bool {
        self.word(Key::Snapshots) == "full"
    }

    /// The number of deletions above which a terminal is asked.
    pub fn ask(&self) -> u64 {
        self.number(Key::Ask)
    }

    /// Whether old snapshots are removed after a run.
    pub fn prunes(&self) -> bool {
        self.word(Key::Prune) == "auto"
    }

    /// Which snapshots stay; empty: nothing says so.
    pub fn keep(&self) -> Policy {
        let count = |key| Some(self.number(key) as usize).filter(|n| *n > 0);
        let periods = [
            (Period::Hourly, Key::KeepHourly),
            (Period::Daily, Key::KeepDaily),
            (Period::Weekly, Key::KeepWeekly),
            (Period::Monthly, Key::KeepMonthly),
            (Period::Yearly, Key::KeepYearly),
        ];
        let periods = periods
            .into_iter()
            .filter_map(|(p, key)| Some((p, count(key)?)));
        Policy {
            last: count(Key::KeepLast),
            periods: periods.collect(),
            within: parse_span(self.word(Key::KeepWithin)).ok(),
            tags: self.list(Key::KeepTag),
        }
    }

    /// The command of a hook; `None`: there is none.
    pub fn hook(&self, key: Key) -> Option<&'c str> {
        Some(self.word(key)).filter(|command| !command.trim().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::parse;

    #[test]
    fn options_win_over_settings() {
        let text = "delete = \"always\"\ncompare = \"size-only\"\nexclude = [\"a\"]\n";
        let config = parse(Path::new("/c"), text).unwrap();
        let settings = Settings::new(&config, None);
        let none = UnsetArgs::default();
        let plain = settings.compare(&CompareArgs::default(), &none);
        assert!(plain.delete && plain.size_only && !plain.checksum);
        let given = CompareArgs {
            checksum: true,
            ..CompareArgs::default()
        };
        let unset = UnsetArgs {
            no_delete: true,
            quick: false,
        };
        let given = settings.compare(&given, &unset);
        assert!(!given.delete && !given.size_only && given.checksum);
        let quick = UnsetArgs {
            no_delete: false,
            quick: true,
        };
        let quick = settings.compare(&CompareArgs::default(), &quick);
        assert!(!quick.size_only && !quick.checksum);
        let filter = FilterArgs {
            exclude: vec!["b".into()],
            ..FilterArgs::default()
        };
        assert_eq!(settings.filter(&filter).exclude, ["a", "b"]);
    }

    #[test]
    fn a_policy_has_the_rules_that_are_set() {
        let text = "keep = { last = 3, daily = 7, weekly = 0, within = \"30d\", tag = [\"v*\"] }";
        let config = parse(Path::new("/c"), text).unwrap();
        let policy = Settings::new(&config, None).keep();
        assert_eq!(policy.last, Some(3));
        assert_eq!(policy.periods, [(Period::Daily, 7)]);
        assert!(policy.within.is_some() && policy.tags == ["v*"]);
        let none = Config::default();
        assert!(Settings::new(&none, None).keep().is_empty());
    }
}
