//! The catalog as it was at one moment, for as long as somebody needs it so.

use crate::model::Result;
use crate::repo::store::Repo;

/// The catalog stands still ([`Repo::reading`]).
pub struct Still(Repo);

impl Repo {
    /// Reads the catalog as it is now for as long as what is returned lives, or until this process writes to it.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn reading(&self) -> Result<Still> {
        self.ask(|c| c.read_still())?;
        Ok(Still(self.clone()))
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        // What fails here fails again, and is told, when the catalog is used next.
        let _ = self.0.catalog().read_on();
    }
}
