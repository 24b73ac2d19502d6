//! `-i`: before anything is done, a person chooses in fsync-review what of the plan it is to be.
//!
//! The plan is made first and waits in a file: whoever chooses takes their time, and what they did not choose is never
//! shown to a hook or handed to a stage.

use crate::model::{Error, ErrorKind, Result};
use crate::porcelain::pipeline::Stage;
use crate::porcelain::session::Session;

/// The program, which is no part of fsync itself.
const PROGRAM: &str = "fsync-review";

/// The stage that lets somebody choose, if that is `wanted`.
///
/// # Errors
/// [`ErrorKind::Usage`] where the program is not installed.
pub fn stage(session: &Session, wanted: bool) -> Result<Option<Stage>> {
    if !wanted {
        return Ok(None);
    }
    if session.search().find(PROGRAM.as_ref()).is_none() {
        let message = "-i needs this program, which is not installed beside fsync or on PATH";
        return Err(Error::at(ErrorKind::Usage, PROGRAM, message));
    }
    session.stage(PROGRAM).map(Some)
}
