//! A tree on another machine: asked through a connection whose far end has it open.
//!
//! | module | job |
//! |---|---|
//! | [`block`] | what goes over the wire, and when it is compressed |
//! | [`delta`] | a file of which the other side has an older one |
//! | [`greet`] | who each side is |
//! | [`trunk`] | one connection, several programs |
//! | [`link`] | one program, many conversations |
//! | [`talk`] | messages in them |
//! | [`crew`] | who answers |
//! | [`wire`] | how entries are written |
//! | [`ask`] | what is asked |
//! | [`tree`] | the tree, as everybody else sees it |
//! | [`walk`], [`ahead`] | answers that come before they are asked for |
//!
//! Every question takes the time that a message needs there and back, so nearly none is asked singly: a comparison has the
//! other side walk its whole tree and say what it finds, and who performs a plan says beforehand which entries it will read.

pub mod ahead;
pub mod ask;
pub mod block;
pub mod crew;
pub mod delta;
pub mod greet;
pub mod link;
pub mod talk;
pub mod tree;
pub mod trunk;
pub mod walk;
pub mod wire;

pub use tree::{Far, Wish};
