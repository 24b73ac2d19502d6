//! What the arguments and the settings ask for, as it is when the program starts.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use fsync::cli::option::FilterArgs;
use fsync::model::{Error, ErrorKind, Filter, Result};
use fsync::ops::guard::absolute;
use fsync::porcelain::arguments::Global;
use fsync::porcelain::session::Session;

use crate::Watch;
use crate::place::{Places, here};
use crate::round::Orders;

/// What to run, and what to watch.
///
/// # Errors
/// A directory without a SYNC file where it needs one, settings or patterns that are none.
pub fn read(watch: &Watch) -> Result<(Orders, Places)> {
    let global = Global {
        common: watch.common.clone(),
        ..Global::default()
    };
    // Enters -C.
    let session = Session::new(global)?;
    here(&watch.dir)?;
    let dir = absolute(&watch.dir)?;
    let session = session.of(&dir)?;
    let (filter, keep) = {
        let settings = session.settings()?;
        let keep = watch.keep.to_args();
        // What "fsync sync" removes by itself it has removed.
        let wanted = !keep.is_empty() || watch.snap && settings.prunes();
        (settings.filter(&watch.filter), wanted.then_some(keep))
    };
    let mut options: Vec<OsString> = match (watch.as_given, watch.snap) {
        (true, _) => Vec::new(),
        (false, true) => filter.to_args(),
        (false, false) => watch.filter.to_args(),
    };
    options.extend(watch.more.iter().cloned());
    let rules = rules(watch, &filter)?;
    let places = Places::new(&dir, watch.snap, rules, &session.repository()?)?;
    let orders = Orders {
        session,
        dir,
        snap: watch.snap,
        options,
        as_given: watch.as_given,
        keep,
    };
    Ok((orders, places))
}

/// What is not looked after. Of options that are handed on behind `--` nothing is known but their names.
fn rules(watch: &Watch, filter: &FilterArgs) -> Result<Filter> {
    if filter.reads_input() {
        let message =
            "patterns are wanted for every round, so they cannot be read from standard input";
        return Err(Error::at(ErrorKind::Usage, "--exclude-from", message));
    }
    let about_names = |word: &&OsString| {
        let options: [&[u8]; 3] = [b"--include", b"--exclude", b"--ignore"];
        options
            .iter()
            .any(|option| word.as_bytes().starts_with(option))
    };
    match watch.as_given || !watch.more.iter().any(|word| about_names(&word)) {
        true => filter.filter(),
        false => Ok(Filter::default()),
    }
}
