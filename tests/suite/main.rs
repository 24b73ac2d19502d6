//! The black-box suite: every test runs the built programs and looks at exit codes, output and trees.
//!
//! One test program, not one for each file: the parts share [`support`], and one pool of threads keeps
//! both slow and quick tests going. `cargo test --test suite diff::` runs one part.
//!
//! Names: `holds_N_…` is item N of "what must hold" in the issue that asked for the toolkit. The behaviours that
//! users of other tools rely on are in `tests/conformance`.

mod amend;
mod apply;
mod archive;
mod busy;
mod catalog;
mod choose;
mod circles;
mod clock;
mod closed;
mod cost;
mod damage;
mod deep;
mod diff;
mod diff_more;
mod durable;
mod export;
mod faithful;
mod filter;
mod forged;
mod forget;
mod full;
mod guard;
mod guarded;
mod history;
mod import;
mod input;
mod keep;
mod kill;
mod kinds;
mod link;
mod look;
mod lost;
mod merged;
mod mounts;
mod moves;
mod names;
mod patch;
mod pipeline;
mod property;
mod prune;
mod race;
mod restore;
mod revert;
mod sample;
mod second;
mod snap;
mod space;
mod stale;
mod support;
mod tag;
mod terms;
mod torn;
mod user;
