//! `fsync-revert --to`: writes a snapshot, or some paths of it, to a directory of its own.

use std::path::Path;

use crate::cli::place::Places;
use crate::cli::result::{self, Told};
use crate::cli::revert::Args;
use crate::cli::stop::Stop;
use crate::cli::store::folder;
use crate::cli::{Program, progress};
use crate::disk::Root;
use crate::disk::lock::{PATIENCE, lock};
use crate::model::meter::{self, Phase};
use crate::model::{Counts, Exit, Result};
use crate::ops::aim::only;
use crate::ops::apply::{Job, apply, total};
use crate::ops::check;
use crate::ops::diff::diff;
use crate::ops::guard;
use crate::ops::revert::options;
use crate::ops::space::check_capacity;
use crate::repo::{Info, Repo};
use crate::tree::local::Local;

impl Args {
    /// Writes a snapshot of a directory, or some paths of it, to a directory of its own.
    pub(super) fn write_to(
        &self,
        places: &Places,
        repo: &Repo,
        (target, dir): (&Info, &Path),
        new: &Path,
    ) -> Result<Exit> {
        let new = guard::absolute(new)?;
        guard::roots(&[], &new, Some(&folder(places.repository())))?;
        guard::empty(&new)?;
        if self.paths.is_empty() {
            check_capacity(new.parent().unwrap_or(&new), &target.counts)?;
        }
        let paths = self.paths(dir)?;
        let plan = self.plan(repo, target, None, &paths)?;
        if self.dry_run {
            return self.print_plan(target, &new, &plan);
        }
        guard::make_destination(&new, false)?;
        let root = Root::open(&new)?;
        let _held = lock(root.handle(), true, &new, PATIENCE)?;
        // Another run may have been first.
        guard::empty(&new)?;
        let tree = repo.tree(target.id)?;
        self.tell_missing(&plan);
        let missing = plan.errors + plan.skipped;
        let changes: Vec<_> = plan.into_changes().collect();
        let mut counts = Counts::default();
        changes.iter().for_each(|c| counts.add(c));
        let options = options(target, root.is_privileged())?.on(root.medium());
        let stop = Stop::watch();
        let job = Job {
            sources: &[&tree],
            root: &root,
            policy: root.able(),
            terms: options.terms(),
            unrecorded: &[],
            dry_run: false,
            durable: true,
            stop: stop.flag(),
        };
        meter::begin(Phase::Restoring, Some(total(&changes)));
        let mut reports = apply(&job, &changes);
        progress::done();
        let made = Local::open(&new)?;
        check::changed(&made, &changes, &mut reports, job.terms);
        let mut differing = 0;
        if self.verify {
            let mut left = diff(&tree, Some(&made), &options)?;
            only(&mut left, &paths);
            for change in left.changes() {
                let problem = check::differs(&change.path);
                self.talk()
                    .error(&format!("{}: {}", problem.path, problem.message));
                differing += 1;
            }
        }
        let told = Told {
            talk: self.talk(),
            json: self.json,
            snapshot: None,
            counts,
            troubles: missing + differing,
            stopped: stop.is_asked(),
        };
        let exit = result::print(&told, result::rows(&changes, &reports))?;
        stop.obey();
        Ok(exit)
    }
}
