//! `fsync mount`: the snapshots of a repository as read-only directories, by way of FUSE.
//!
//! | module | job |
//! |---|---|
//! | [`name`] | names of directories, tags and times as names of files |
//! | [`stock`] | which snapshots there are, and what they are called |
//! | [`shelf`] | the repository, opened when it is asked and let go when it is idle |
//! | [`node`] | what is behind an inode number |
//! | [`scene`] | what is where, and what it has to show |
//! | [`attribute`] | an entry as the kernel's protocol has it |
//! | [`body`] | the bytes of an open file |
//! | [`handle`] | what is open |
//! | [`voice`] | what went wrong, said once |
//! | [`show`] | what the kernel asks, answered |
//! | [`point`] | the mount point: checked, mounted, shown |
//! | [`leave`] | unmounted by signals, and never left dead |

use std::path::PathBuf;

use clap::Parser;
use fsync::cli::option::Common;
use fsync::cli::{Program, Talk};
use fsync::model::Exit;

pub mod attribute;
pub mod body;
pub mod handle;
pub mod leave;
pub mod name;
pub mod node;
pub mod point;
pub mod scene;
pub mod shelf;
pub mod show;
pub mod stock;
pub mod voice;

/// Show snapshots as read-only directories
///
/// Below MOUNTPOINT are by-time, by-tag and by-id; in them each snapshot is a directory with the names, contents, modes,
/// owners, times, links and extended attributes that it recorded. New snapshots appear while it is mounted. With --dir the
/// snapshots are those of DIR; otherwise by-time and by-tag have a folder for each directory in the repository.
///
/// It runs until it is interrupted (SIGINT, SIGTERM, SIGHUP) or MOUNTPOINT is unmounted (fusermount3 -u MOUNTPOINT).
#[derive(Parser, Debug)]
#[command(name = "fsync-mount", version)]
pub struct Mount {
    #[command(flatten)]
    common: Common,
    /// The empty directory where the snapshots are shown
    #[arg(value_name = "MOUNTPOINT")]
    mountpoint: PathBuf,
    /// Show the snapshots of DIR alone, which may be gone [default: those of all directories]
    #[arg(short, long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Let other users in, as modes and ACLs say; who is not root needs user_allow_other in /etc/fuse.conf
    #[arg(long)]
    allow_other: bool,
    /// Return as soon as the snapshots are shown, and go on in the background
    #[arg(short, long)]
    background: bool,
    /// A part of the program itself, started by it.
    #[arg(long, hide = true, value_name = "PART")]
    part: Option<point::Part>,
}

impl Program for Mount {
    const NAME: &'static str = "fsync-mount";

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(self) -> anyhow::Result<Exit> {
        let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        self.common.enter()?;
        let talk: Talk = self.talk();
        match self.part {
            Some(point::Part::Keeper) => Ok(leave::keep(&self.mountpoint)),
            part => Ok(point::run(self.wish(part, here)?, talk)?),
        }
    }
}

impl Mount {
    fn wish(self, part: Option<point::Part>, here: PathBuf) -> fsync::model::Result<point::Wish> {
        Ok(point::Wish {
            repository: self.common.repository()?,
            directory: self.dir.as_deref().map(fsync::porcelain::prune::named),
            here,
            mountpoint: self.mountpoint,
            allow_other: self.allow_other,
            background: self.background,
            part,
        })
    }
}
