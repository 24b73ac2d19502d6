//! Trees on other machines. The other machine is a home directory of its own, which a script in the place of ssh(1) enters;
//! `sshd` goes through the real one.

#[allow(dead_code, unused_imports)]
#[path = "../suite/support/mod.rs"]
mod support;

mod broken;
mod hostile;
mod pull;
mod push;
mod race;
mod restrict;
mod sshd;
mod world;
