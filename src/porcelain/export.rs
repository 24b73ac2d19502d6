//! `fsync export`: a whole snapshot as one file.

use std::ffi::OsString;

use clap::Args;

use crate::cli::export::ExportArgs;
use crate::model::Result;
use crate::porcelain::named::Named;
use crate::porcelain::session::Session;

/// Arguments of `fsync export`.
#[derive(Args, Debug)]
pub struct Export {
    /// Where to and how.
    #[command(flatten)]
    pub to: ExportArgs,
    /// The snapshot.
    #[command(flatten)]
    pub named: Named,
}

impl Export {
    /// Runs it; the exit code.
    ///
    /// # Errors
    /// When there is no such snapshot, or `fsync-snap` cannot be started.
    pub fn run(self, session: &Session) -> Result<u8> {
        // The repository is closed again before the program that writes opens it.
        let (_, id) = self.named.open(session)?;
        let mut stage = session.stage("fsync-snap")?;
        let mut args: Vec<OsString> = vec!["--export".into(), id.to_string().into()];
        if self.to.tar {
            args.push("--tar".into());
        }
        if let Some(path) = self.to.output {
            let mut output = OsString::from("--output=");
            output.push(path);
            args.push(output);
        }
        stage.push(args, &[]);
        session.run_one(stage)
    }
}
