//! What the tests stand on: a sandbox for each, trees to build, and a comparer of trees of their own.

#[allow(dead_code)]
mod canary;
mod moved;
mod oracle;
mod page;
mod person;
#[allow(dead_code)]
mod racer;
mod sandbox;
mod step;
#[allow(dead_code)]
mod terminal;
mod thorough;
mod told;
mod tree;
mod way;

#[allow(unused_imports)]
pub use canary::{Canary, SECRET};
#[allow(unused_imports)]
pub use moved::{Moves, moves, pairs, put};
pub use oracle::{Oracle, Traces, assert_same};
#[allow(unused_imports)]
pub use page::example;
pub use person::Person;
#[allow(unused_imports)]
pub use racer::{exchange, meanwhile};
pub use sandbox::{Sandbox, as_root};
#[allow(unused_imports)]
pub use step::{Step, Stepped};
#[allow(unused_imports)]
pub use terminal::Screen;
#[allow(unused_imports)]
pub use thorough::{long, quick_or_long, strace};
pub use told::{Told, change, outcomes, plan_line, records};
pub use tree::{T0, Tree};
#[allow(unused_imports)]
pub use way::{FREE, faithful, faithfully, judge, quiet, trees};
