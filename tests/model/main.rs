//! Random sequences of everything that people and programs do, held against a naive model after each step.
//!
//! `FSYNC_MODEL_SEED=N` runs the one sequence again that N stands for; `FSYNC_LONG=1` runs many more. A sequence that
//! fails is made as short as can be, and printed as a script.

#[allow(dead_code, unused_imports)]
#[path = "../suite/support/mod.rs"]
mod support;

mod back;
mod cut;
mod dice;
mod edit;
mod found;
mod keep;
mod past;
mod plan;
mod run;
mod state;
mod work;
mod world;
