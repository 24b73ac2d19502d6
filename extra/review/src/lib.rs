//! `fsync-review`: a filter between two programs that work with plans. A person chooses, at the terminal, what goes on.
//!
//! | module | job |
//! |---|---|
//! | [`plan`] | reads the plan, and passes on what was chosen |
//! | [`bond`] | which change cannot be made without which other |
//! | [`choice`] | what is chosen, and what that comes to |
//! | [`tree`] | the changes as a tree that can be folded |
//! | [`text`] | what differs in a file, read on a thread of its own |
//! | [`desk`] | what keys do |
//! | [`view`] | what is seen |
//! | [`device`] | where that is drawn |
//! | [`keys`] | what is typed |
//! | [`screen`] | the terminal: taken, and always given back |

pub mod bond;
pub mod choice;
pub mod desk;
pub mod device;
pub mod keys;
pub mod plan;
pub mod screen;
pub mod text;
pub mod tree;
pub mod view;

use std::io::{IsTerminal, stdin, stdout};

use clap::Parser;
use fsync::cli::option::Common;
use fsync::cli::{Program, progress};
use fsync::model::{Error, ErrorKind, Exit};

use crate::choice::Choice;
use crate::desk::{Answer, Desk};
use crate::plan::Plan;
use crate::screen::Screen;
use crate::text::Texts;

/// Choose at the terminal what of a plan goes on
///
/// The plan comes on standard input as records (fsync-diff --json), and is shown as a tree at the terminal. Enter passes
/// exactly what is chosen on to standard output, for fsync-snap --through and fsync-apply; q passes nothing on, not even
/// a header, and exits with 4. Nothing is changed anywhere. At the beginning everything is chosen; ? lists the keys.
#[derive(Parser, Clone, Debug)]
#[command(name = "fsync-review", version)]
pub struct Args {
    /// Begin with nothing chosen [default: with everything]
    #[arg(long)]
    pub none: bool,
    /// Options of every program.
    #[command(flatten)]
    pub common: Common,
}

impl Program for Args {
    const NAME: &'static str = "fsync-review";

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(self) -> anyhow::Result<Exit> {
        self.common.enter()?;
        if stdin().is_terminal() {
            let message = "standard input is the terminal, and no plan; it goes between two programs: \
                           fsync-diff --json SRC DST | fsync-review | fsync-snap --through | fsync-apply";
            return Err(Error::new(ErrorKind::Usage, message).into());
        }
        let mut plan = Plan::read(stdin().lock())?;
        let mut choice = Choice::new(&plan.changes);
        if self.none {
            choice.set(0..plan.changes.len(), false);
        }
        if !plan.changes.is_empty() {
            progress::done();
            choice = self.ask(&plan, choice)?;
        }
        plan.pass(&choice, stdout())?;
        Ok(Exit::Done)
    }
}

impl Args {
    /// Shows the plan until somebody has decided.
    fn ask(&self, plan: &Plan, choice: Choice) -> anyhow::Result<Choice> {
        let mut screen = Screen::open()?;
        let texts = Texts::new(self.common.clone(), &plan.header);
        let mut desk = Desk::new(plan, choice, texts, screen.colour());
        let answer = screen.run(&mut desk);
        // Before a word is said.
        drop(screen);
        match answer? {
            Answer::Go => Ok(desk.into_choice()),
            Answer::Leave => {
                let message = "left without a choice; nothing was passed on";
                Err(Error::new(ErrorKind::Refused, message).into())
            }
        }
    }
}
