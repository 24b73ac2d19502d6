//! A tree on another machine: asked through a connection whose far end has it open.
//!
//! | module | job |
//! |---|---|
//! | [`block`] | what goes over the wire |
//! | [`delta`] | a file of which the other side has an older one |
//! | [`greet`] | who each side is |
//! | [`link`] | one connection, many conversations |
//! | [`talk`] | messages in them |
//! | [`wire`] | how entries are written |
//! | [`ask`] | what is asked |
//! | [`tree`] | the tree, as everybody else sees it |
//! | [`ahead`] | answers that come before they are asked for |
//!
//! Every question takes the time that a message needs there and back, so nearly none is asked singly: a comparison has the
//! other side walk its whole tree and say what it finds, and who performs a plan says beforehand which entries it will read.

pub mod ahead;
pub mod ask;
pub mod block;
pub mod delta;
pub mod greet;
pub mod link;
pub mod talk;
pub mod tree;
pub mod wire;

pub use tree::{Far, Wish};
