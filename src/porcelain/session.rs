//! What every command needs: the global options, made ready.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ChildStdout;

use crate::cli::config::{self, Config};
use crate::cli::option::usual_repository;
use crate::cli::search::{self, Search};
use crate::cli::store;
use crate::cli::{Talk, connect, progress};
use crate::model::{Error, Result};
use crate::ops::guard;
use crate::porcelain::arguments::Global;
use crate::porcelain::far::Reach;
use crate::porcelain::pipeline::{Output, Pipeline, Stage};
use crate::porcelain::setting::Settings;
use crate::porcelain::verdict::Finish;
use crate::porcelain::{NAME, shell};

/// A run of the porcelain, in its directory and with its paths made absolute.
#[derive(Clone, Debug)]
pub struct Session {
    global: Global,
    search: Search,
    /// The porcelain's voice.
    pub talk: Talk,
    /// Whose settings hold, a real path.
    directory: Option<PathBuf>,
    /// Read when it is needed, so that what needs none works whatever it says.
    config: OnceCell<Config>,
    /// Where programs find the connections to other machines.
    links: Option<PathBuf>,
    /// By which programs of this run know each other.
    run: String,
}

impl Session {
    /// Enters `-C`, and takes `--repo` and `--exec-path` as seen from there.
    ///
    /// # Errors
    /// When the directory cannot be entered.
    pub fn new(mut global: Global) -> Result<Self> {
        global.common.enter()?;
        let seen = |repo: PathBuf| match store::is_far(&repo) {
            true => Ok(repo),
            false => absolute(repo),
        };
        global.common.repo = global.common.repo.map(seen).transpose()?;
        global.exec_path = global.exec_path.map(absolute).transpose()?;
        Ok(Session {
            search: Search::new(global.exec_path.as_deref()),
            talk: global.common.talk(NAME),
            global,
            directory: None,
            config: OnceCell::new(),
            links: None,
            run: std::env::var(store::RUN).unwrap_or_else(|_| store::run()),
        })
    }

    /// The same with connections that the programs share.
    #[must_use]
    pub fn reaching(&self, reach: Option<&Reach>) -> Session {
        let links = reach.map(|reach| reach.folder().to_path_buf());
        Session {
            links: links.or_else(|| self.links.clone()),
            ..self.clone()
        }
    }

    /// Where programs are looked for.
    pub fn search(&self) -> &Search {
        &self.search
    }

    /// Where the repository is.
    ///
    /// # Errors
    /// When nothing says so, not even a home directory, or the settings cannot be read.
    pub fn repository(&self) -> Result<PathBuf> {
        if let Some(dir) = self.global.common.named_repository() {
            return Ok(dir);
        }
        match self.config()?.repository(self.directory.as_deref())? {
            Some((dir, _)) => Ok(dir),
            None => usual_repository(),
        }
    }

    /// The same for a command that is about `directory`, whose settings hold.
    ///
    /// # Errors
    /// When the current directory is unknown.
    pub fn of(&self, directory: &Path) -> Result<Session> {
        Ok(Session {
            directory: Some(guard::absolute(directory)?),
            ..self.clone()
        })
    }

    /// The file of settings, as it was when it was first asked for.
    ///
    /// # Errors
    /// As [`config::load`].
    pub fn config(&self) -> Result<&Config> {
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let config = match self.global.no_config {
            true => Config::default(),
            false => config::load()?,
        };
        Ok(self.config.get_or_init(|| config))
    }

    /// What the settings say for the directory that the command is about.
    ///
    /// # Errors
    /// As [`Self::config`].
    pub fn settings(&self) -> Result<Settings<'_>> {
        Ok(Settings::new(self.config()?, self.directory.as_deref()))
    }

    /// The directory that the command is about, a real path.
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// The options that every command takes.
    pub fn global(&self) -> &Global {
        &self.global
    }

    /// The repository that programs must be told of: what they read themselves says nothing of it.
    fn told_repository(&self) -> Result<Option<PathBuf>> {
        let common = &self.global.common;
        if common.repo.is_some() || common.named_repository().is_some() || self.directory.is_none()
        {
            return Ok(common.repo.clone());
        }
        let set = self.config()?.repository(self.directory.as_deref())?;
        Ok(set.filter(|(_, own)| *own).map(|(path, _)| path))
    }

    /// A stage that runs one of fsync's programs with the options that every one takes.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn stage(&self, name: &str) -> Result<Stage> {
        let common = &self.global.common;
        let mut args = Vec::new();
        if let Some(repo) = self.told_repository()? {
            args.push("--repo".into());
            args.push(repo.into());
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
        let exec_path = variable(search::VARIABLE, &self.global.exec_path);
        let repo = variable("FSYNC_REPO", &self.global.common.repo);
        let none = self
            .global
            .no_config
            .then(|| (config::VARIABLE, OsString::new()));
        let shown = self.global.common.progress;
        let shown = shown.map(|wanted| (progress::VARIABLE, wanted.word().into()));
        let links = variable(connect::SOCKETS, &self.links);
        let far = self.repository().is_ok_and(|repo| store::is_far(&repo));
        let run = far.then(|| (store::RUN, self.run.clone().into()));
        let all = exec_path.into_iter().chain(repo).chain(none).chain(links);
        let all = all.chain(run);
        all.chain(shown).collect()
    }

    /// Prints what is about to run, if `--trace` asks for it.
    pub fn trace(&self, pipeline: &str) {
        if !self.global.trace {
            return;
        }
        let mut line = format!("{pipeline}\n");
        if self.global.no_config {
            line.insert_str(0, &format!("export {}= && ", config::VARIABLE));
        }
        if let Some(dir) = &self.global.common.directory {
            line.insert_str(0, &format!("cd {} && ", shell::word(dir.as_os_str())));
        }
        self.talk.pass_on(line.as_bytes());
    }

    /// Traces and runs stages, and waits for them.
    ///
    /// # Errors
    /// As [`Pipeline::run`].
    pub fn run(&self, stages: Vec<Stage>, output: Output<'_>) -> Result<Finish> {
        self.run_on(None, stages, output)
    }

    /// The same where the first stage reads `input`, a plan.
    ///
    /// # Errors
    /// As [`Pipeline::run`].
    pub fn run_on(
        &self,
        input: Option<File>,
        stages: Vec<Stage>,
        output: Output<'_>,
    ) -> Result<Finish> {
        let pipeline = Pipeline {
            stages,
            variables: self.variables(),
            input,
        };
        self.trace(&pipeline.shown());
        pipeline.run(output)
    }

    /// Runs the one stage whose output is a plan that `read` keeps; `input` is one that it thins out.
    ///
    /// # Errors
    /// As [`Pipeline::run`].
    pub fn plan(
        &self,
        input: Option<File>,
        stage: Stage,
        read: &mut dyn FnMut(ChildStdout) -> Result<()>,
    ) -> Result<Finish> {
        let line = stage.shown();
        self.trace(&match input {
            None => format!("plan=$(mktemp) && {line} >\"$plan\""),
            Some(_) => format!("{line} <\"$plan\" >\"$plan+\" && mv \"$plan+\" \"$plan\""),
        });
        let pipeline = Pipeline {
            stages: vec![stage],
            variables: self.variables(),
            input,
        };
        pipeline.run(Output::Read(read))
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
        if self.global.no_config {
            words.push("--no-config".into());
        }
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
