//! Two machines in one sandbox: here, where `src` and `copy` are, and far away, where there is `far` and the bundle.

use std::fs;

use crate::support::{Oracle, Sandbox, Told};

/// A sandbox with a bundle in it, and what `far` is to be.
pub struct Land {
    pub s: Sandbox,
    pub wanted: Oracle,
}

/// Builds `src` and `copy` with `build`, bundles them with `options` as `F.zip`, makes `far` a copy of `copy`, and takes
/// away all that is not carried.
pub fn land(options: &str, build: impl FnOnce(&Sandbox)) -> Land {
    let s = Sandbox::new();
    build(&s);
    s.run(&format!("fsync bundle {options} -o F.zip src copy"))
        .code(0)
        .nothing();
    s.twin("copy", "far");
    let wanted = Oracle::of(s.path("src"));
    for gone in ["src", "copy", "repo"] {
        if s.path(gone).exists() {
            fs::rename(s.path(gone), s.path(&format!("left behind {gone}"))).expect("a rename");
        }
    }
    Land { s, wanted }
}
