//! Pipelines: plumbing programs joined by the system's pipes, as a shell would join them.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use crate::cli::progress;
use crate::model::{Error, Result};
use crate::porcelain::shell;
use crate::porcelain::signal::Relay;
use crate::porcelain::verdict::{Ended, Finish};
use crate::protocol::progress::ProgressRecord;

/// One program and its arguments.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its name, as people type it.
    pub name: String,
    /// Where it is.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

impl Stage {
    /// Options, then `positional` arguments, behind `--` where one could be taken for an option.
    pub fn push(&mut self, options: Vec<OsString>, positional: &[OsString]) {
        self.args.extend(options);
        if positional.iter().any(|p| p.as_bytes().starts_with(b"-")) {
            self.args.push("--".into());
        }
        self.args.extend_from_slice(positional);
    }

    /// As a shell reads it.
    pub fn shown(&self) -> String {
        let name = OsString::from(&self.name);
        shell::line(std::iter::once(&name).chain(&self.args))
    }
}

/// What becomes of the last stage's output.
pub enum Output<'a> {
    /// It is the porcelain's own.
    Ours,
    /// The function reads it, to its end unless it fails.
    Read(&'a mut dyn FnMut(ChildStdout) -> Result<()>),
}

/// Stages, first to last.
#[derive(Debug, Default)]
pub struct Pipeline {
    /// At least one.
    pub stages: Vec<Stage>,
    /// Variables that every stage gets.
    pub variables: Vec<(&'static str, OsString)>,
    /// What the first stage reads; `None`: what we read.
    pub input: Option<File>,
}

impl Pipeline {
    /// As a shell reads it.
    pub fn shown(&self) -> String {
        let mut stages: Vec<_> = self.stages.iter().map(Stage::shown).collect();
        if let (Some(first), true) = (stages.first_mut(), self.input.is_some()) {
            first.push_str(" <\"$plan\"");
        }
        stages.join(" | ")
    }

    /// Runs all stages at once and waits for all.
    ///
    /// A single stage talks for itself; what several say on stderr is kept until it is known whom to believe.
    ///
    /// # Errors
    /// A stage that cannot be started, or whatever `output` fails with; the stages have ended by then.
    pub fn run(mut self, output: Output<'_>) -> Result<Finish> {
        let relay = Relay::new()?;
        let mut running = Running::default();
        let started = self.start(matches!(output, Output::Read(_)), &relay, &mut running);
        // Dropping the reader is what ends stages that still write.
        let read = match (started, output) {
            (Ok(Some(stdout)), Output::Read(reader)) => reader(stdout),
            (started, _) => started.map(drop),
        };
        let finish = running.wait(&relay)?;
        // What a stage prints that is killed on the way ends anywhere.
        let cut = finish.ended.last().is_some_and(|e| e.signal().is_some());
        match read {
            Err(e) if !cut => Err(e),
            _ => Ok(finish),
        }
    }

    fn start(
        &mut self,
        piped: bool,
        relay: &Relay,
        running: &mut Running,
    ) -> Result<Option<ChildStdout>> {
        let mut input = self.input.take().map(Stdio::from);
        for (at, stage) in self.stages.iter().enumerate() {
            let last = at + 1 == self.stages.len();
            let mut command = Command::new(&stage.program);
            command
                .args(&stage.args)
                .envs(self.variables.iter().cloned());
            if self.stages.len() > 1 {
                command.env(progress::VARIABLE, progress::of_stages().word());
            }
            if let Some(input) = input.take() {
                command.stdin(input);
            }
            if piped || !last {
                command.stdout(Stdio::piped());
            }
            // Before the stage, which must not run when nobody can hear it.
            let mut listener = None;
            if self.stages.len() > 1 {
                command.stderr(Stdio::piped());
                listener = Some(Listener::start()?);
            }
            let mut child = command
                .spawn()
                .map_err(|e| Error::io("cannot run", stage.program.as_os_str().as_bytes(), e))?;
            relay.add(child.id());
            let stdout = child.stdout.take();
            running.add(&stage.name, child, listener);
            match last {
                true => return Ok(stdout),
                false => input = stdout.map(Stdio::from),
            }
        }
        Ok(None)
    }
}

/// A stage that has been started.
struct Live {
    name: String,
    child: Child,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

/// A thread that gathers what a stage says.
struct Listener {
    pipe: Sender<ChildStderr>,
    thread: JoinHandle<Vec<u8>>,
}

impl Listener {
    fn start() -> Result<Self> {
        let (pipe, come) = channel::<ChildStderr>();
        let work = move || {
            let mut said = Vec::new();
            if let Ok(pipe) = come.recv() {
                hear(BufReader::new(pipe), &mut said);
            }
            said
        };
        let thread = thread::Builder::new()
            .spawn(work)
            .map_err(|e| Error::refused("cannot start a thread", e))?;
        Ok(Listener { pipe, thread })
    }

    /// Without a pipe there is nothing to hear.
    fn listen(self, pipe: Option<ChildStderr>) -> JoinHandle<Vec<u8>> {
        if let Some(pipe) = pipe {
            // The thread waits for it.
            let _ = self.pipe.send(pipe);
        }
        self.thread
    }
}

/// Gathers what a stage says. What it says of its progress is shown at once, and not kept.
fn hear(mut pipe: impl BufRead, said: &mut Vec<u8>) {
    loop {
        let from = said.len();
        // What was said before a failing read is kept.
        let read = pipe.read_until(b'\n', said);
        if let Some(record) = ProgressRecord::parse(&said[from..]) {
            progress::of_stage(&record);
            said.truncate(from);
        }
        if !matches!(read, Ok(1..)) {
            return;
        }
    }
}

#[derive(Default)]
struct Running(Vec<Live>);

impl Running {
    fn add(&mut self, name: &str, mut child: Child, listener: Option<Listener>) {
        let pipe = child.stderr.take();
        let stderr = listener.map(|l| l.listen(pipe));
        let name = name.to_string();
        self.0.push(Live {
            name,
            child,
            stderr,
        });
    }

    fn wait(self, relay: &Relay) -> Result<Finish> {
        let mut ended = Vec::new();
        let mut failure = None;
        for mut live in self.0 {
            let said = live.stderr.and_then(|t| t.join().ok()).unwrap_or_default();
            let status = wait_for(&mut live.child, relay);
            match status {
                Ok(status) => ended.push(Ended {
                    pid: live.child.id(),
                    name: live.name,
                    status,
                    said,
                }),
                Err(e) => failure = Some(Error::io("cannot wait for", &live.name, e)),
            }
        }
        match failure {
            Some(error) => Err(error),
            None => Ok(Finish { ended }),
        }
    }
}

fn wait_for(child: &mut Child, relay: &Relay) -> std::io::Result<ExitStatus> {
    let status = child.wait();
    relay.remove(child.id());
    status
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn shell_pipeline(scripts: &[&str]) -> Pipeline {
        let stage = |script: &&str| Stage {
            name: "sh".into(),
            program: "/bin/sh".into(),
            args: vec!["-c".into(), (*script).into()],
        };
        Pipeline {
            stages: scripts.iter().map(stage).collect(),
            variables: vec![("WORD", "here".into())],
            input: None,
        }
    }

    fn output(scripts: &[&str]) -> (String, Finish) {
        let mut text = String::new();
        let mut read = |mut pipe: ChildStdout| {
            pipe.read_to_string(&mut text)
                .map(drop)
                .map_err(|e| Error::io("read", "x", e))
        };
        let finish = shell_pipeline(scripts)
            .run(Output::Read(&mut read))
            .unwrap();
        (text, finish)
    }

    #[test]
    fn joins_stages() {
        let (text, finish) = output(&[
            "echo $WORD; echo one >&2",
            "cat; echo two >&2",
            "tr a-z A-Z",
        ]);
        assert_eq!(text, "HERE\n");
        let said: Vec<_> = finish.ended.iter().map(|e| &e.said[..]).collect();
        assert_eq!(said, [&b"one\n"[..], b"two\n", b""]);
        assert_eq!(finish.code(), 0);
    }

    #[test]
    fn much_output_and_talk_do_not_block() {
        let loud = "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2";
        let (text, finish) = output(&[loud, "cat; head -c 300000 /dev/zero >&2"]);
        assert_eq!(text.len(), 300_000);
        assert_eq!(finish.ended[1].said.len(), 300_000);
    }

    #[test]
    fn what_cannot_start_ends_the_others() {
        let mut pipeline = shell_pipeline(&["yes", "cat"]);
        pipeline.stages[1].program = "/nowhere".into();
        let error = pipeline.run(Output::Ours).err().unwrap();
        assert!(error.to_string().contains("\"/nowhere\": cannot run"));
    }

    #[test]
    fn dashes_are_kept_from_options() {
        let mut stage = shell_pipeline(&["x"]).stages.remove(0);
        stage.args.clear();
        stage.push(vec!["--json".into()], &["-a".into(), "b".into()]);
        assert_eq!(stage.shown(), "sh --json -- -a b");
    }
}
