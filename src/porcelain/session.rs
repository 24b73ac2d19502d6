//! What every command needs: the global options, made ready.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::cli::{Talk, progress};
use crate::model::{Error, Result};
use crate::porcelain::arguments::Global;
use crate::porcelain::pipeline::{Output, Pipeline, Stage};
use crate::porcelain::program::{self, Search};
use crate::porcelain::verdict::Finish;
use crate::porcelain::{NAME, shell};

/// A run of the porcelain, in its directory and with its paths made absolute.
#[derive(Debug)]
pub struct Session {
    global: Global,
    search: Search,
    /// The porcelain's voice.
    pub talk: Talk,
}

impl Session {
    /// Enters `-C`, and takes `--repo` and `--exec-path` as seen from there.
    ///
    /// # Errors
    /// When the directory cannot be entered.
    pub fn new(mut global: Global) -> Result<Self> {
        global.common.enter()?;
        global.common.repo = global.common.repo.map(absolute).transpose()?;
        global.exec_path = global.exec_path.map(absolute).transpose()?;
        Ok(Session {
            search: Search::new(global.exec_path.as_deref()),
            talk: global.common.talk(NAME),
            global,
        })
    }

    /// Where programs are looked for.
    pub fn search(&self) -> &Search {
        &self.search
    }

    /// Where the repository is.
    ///
    /// # Errors
    /// When nothing says so, not even a home directory.
    pub fn repository(&self) -> Result<PathBuf> {
        self.global.common.repository()
    }

    /// A stage that runs one of fsync's programs with the options that every one takes.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn stage(&self, name: &str) -> Result<Stage> {
        let common = &self.global.common;
        let mut args = Vec::new();
        if let Some(repo) = &common.repo {
            args.push("--repo".into());
            args.push(repo.clone().into());
        }
        if common.quiet {
            args.push("--quiet".into());
        }
        if common.verbose {
            args.push("--verbose".into());
        }
        Ok(Stage {
            name: name.to_string(),
            program: self.search.require(name)?,
            args,
        })
    }

    /// Variables that let every program see `--exec-path` and `--repo`.
    pub fn variables(&self) -> Vec<(&'static str, OsString)> {
        let variable = |name, value: &Option<PathBuf>| Some((name, value.clone()?.into()));
        let exec_path = variable(program::VARIABLE, &self.global.exec_path);
        let repo = variable("FSYNC_REPO", &self.global.common.repo);
        let shown = self.global.common.progress;
        let shown = shown.map(|wanted| (progress::VARIABLE, wanted.word().into()));
        exec_path.into_iter().chain(repo).chain(shown).collect()
    }

    /// Prints what is about to run, if `--trace` asks for it.
    pub fn trace(&self, pipeline: &str) {
        if !self.global.trace {
            return;
        }
        let line = match &self.global.common.directory {
            Some(dir) => format!("cd {} && {pipeline}\n", shell::word(dir.as_os_str())),
            None => format!("{pipeline}\n"),
        };
        self.talk.pass_on(line.as_bytes());
    }

    /// Traces and runs stages, and waits for them.
    ///
    /// # Errors
    /// As [`Pipeline::run`].
    pub fn run(&self, stages: Vec<Stage>, output: Output<'_>) -> Result<Finish> {
        let pipeline = Pipeline {
            stages,
            variables: self.variables(),
        };
        self.trace(&pipeline.shown());
        pipeline.run(output)
    }

    /// Runs one stage whose output is the command's; its exit code.
    ///
    /// # Errors
    /// As [`Pipeline::run`].
    pub fn run_one(&self, stage: Stage) -> Result<u8> {
        let finish = self.run(vec![stage], Output::Ours)?;
        finish.report(self.talk, None);
        Ok(finish.code())
    }

    /// The beginning of a command line for another run on the same repository, and `dir` as seen from
    /// where the user is.
    ///
    /// # Errors
    /// When the current directory is unknown.
    pub fn advice(&self, dir: &Path) -> Result<(String, PathBuf)> {
        let mut words = vec![OsString::from(NAME)];
        if let Some(repo) = &self.global.common.repo {
            words.push("--repo".into());
            words.push(repo.into());
        }
        let dir = match self.global.common.directory {
            Some(_) => absolute(dir.to_path_buf())?,
            None => dir.to_path_buf(),
        };
        Ok((shell::line(words), dir))
    }
}

/// From the root, links left as they are.
///
/// # Errors
/// When the current directory is unknown, or the path is empty.
pub fn absolute(path: PathBuf) -> Result<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    std::path::absolute(&path)
        .map_err(|e| Error::io("cannot be made absolute", path.as_os_str().as_bytes(), e))
}
