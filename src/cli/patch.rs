//! The plan as a patch.

use std::io::Stdout;

use crate::cli::talk::Talk;
use crate::model::Result;
use crate::ops::diff::Plan;
use crate::ops::patch::Patch;
use crate::protocol::Writer;
use crate::tree::Tree;

/// Writes what changes text as a patch; how many entries could not be read, each of which is said.
///
/// # Errors
/// When standard output cannot be written.
pub fn write(
    out: &mut Writer<Stdout>,
    plan: &Plan,
    source: &dyn Tree,
    destination: Option<&dyn Tree>,
    talk: Talk,
) -> Result<u64> {
    let mut patch = Patch::new(source, destination);
    let mut failed = 0;
    for change in plan.changes() {
        match patch.of(change) {
            Ok(text) => out.raw(&text)?,
            Err(error) => {
                talk.error(&format!("{}: {}", change.path, error.cause()));
                failed += 1;
            }
        }
    }
    Ok(failed)
}
