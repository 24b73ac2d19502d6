//! Hosts that have nothing in common but a network: each is a network namespace with a home of its own, and Ceph is in
//! one of its own, too. Two keep a directory each in step through ssh, a third one restores from the bucket alone.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::ceph::{self, KEYS};
use crate::server::{Server, made_bucket_at};
use crate::support::{Oracle, Sandbox, Tree};

const SSHD: &str = "/usr/sbin/sshd";
/// What the addresses of all hosts begin with.
const NET: &str = "10.213.78";

/// A network namespace, which is there as long as this process.
struct Namespace {
    keeper: Child,
}

impl Namespace {
    /// `None`, and the reason, where there can be none.
    fn new() -> Option<Namespace> {
        let mut keeper = Command::new("unshare")
            .args([
                "--net",
                "sh",
                "-c",
                "ip link set lo up && echo up && exec cat >/dev/null",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut line = String::new();
        let _ = BufReader::new(keeper.stdout.take()?).read_line(&mut line);
        if line != "up\n" {
            let _ = keeper.wait();
            eprintln!("skipped: no network namespaces here");
            return None;
        }
        Some(Namespace { keeper })
    }

    /// What begins a command in it.
    fn inside(&self) -> [String; 4] {
        let number = self.keeper.id().to_string();
        ["nsenter", "-t", &number, "-n"].map(String::from)
    }

    /// Runs ip(8) in it, and says whether that could be done.
    fn ip(&self, line: &str) -> bool {
        let [program, args @ ..] = self.inside();
        let output = Command::new(program)
            .args(args)
            .arg("ip")
            .args(line.split(' '))
            .output()
            .unwrap();
        let done = output.status.success();
        if !done {
            let said = String::from_utf8_lossy(&output.stderr);
            eprintln!("skipped: ip {line}: {}", said.trim_end());
        }
        done
    }

    /// Makes it the switch that others are joined to, with an address of its own.
    fn switch(&self) -> bool {
        let lines = [
            "link add name switch type bridge",
            &format!("addr add {NET}.1/24 dev switch"),
            "link set switch up",
        ];
        lines.iter().all(|line| self.ip(line))
    }

    /// Joins it to the switch.
    fn join(&self, switch: &Namespace, number: usize) -> bool {
        let own = self.keeper.id();
        let wire = format!("wire{number}");
        switch.ip(&format!(
            "link add name {wire} type veth peer name line netns {own}"
        )) && switch.ip(&format!("link set {wire} master switch up"))
            && self.ip(&format!("addr add {NET}.{}/24 dev line", number + 1))
            && self.ip("link set line up")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A host.
struct Host<'s> {
    s: &'s Sandbox,
    name: &'static str,
    address: String,
    namespace: Namespace,
    sshd: Option<Child>,
}

impl<'s> Host<'s> {
    /// One that reaches the bucket as users of S3 do, by what is in its home.
    fn new(
        s: &'s Sandbox,
        name: &'static str,
        number: usize,
        switch: &Namespace,
        port: u16,
    ) -> Option<Host<'s>> {
        let namespace = Namespace::new()?;
        if !namespace.join(switch, number) {
            return None;
        }
        let aws = s.tree(name).at(".aws");
        fs::create_dir(&aws).unwrap();
        let config =
            format!("[default]\nregion = us-east-1\nendpoint_url = http://{NET}.1:{port}\n");
        fs::write(aws.join("config"), config).unwrap();
        let credentials = format!(
            "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            KEYS.0, KEYS.1
        );
        fs::write(aws.join("credentials"), credentials).unwrap();
        Some(Host {
            s,
            name,
            address: format!("{NET}.{}", number + 1),
            namespace,
            sshd: None,
        })
    }

    fn home(&self) -> PathBuf {
        self.s.path(self.name)
    }

    /// The variables that its programs see, in words.
    fn variables(&self) -> [(&'static str, String); 3] {
        [
            ("HOME", self.home().display().to_string()),
            ("FSYNC_MACHINE", self.name.into()),
            ("FSYNC_REPO", "s3://bucket/shared".into()),
        ]
    }

    fn command(&self, program: &str) -> Command {
        let [nsenter, args @ ..] = self.namespace.inside();
        let mut command = self.s.plain(&nsenter);
        command
            .args(args)
            .arg(program)
            .envs(self.variables())
            .current_dir(self.home());
        command
    }

    /// Runs a script in its home; what it printed.
    #[track_caller]
    fn run(&self, script: &str) -> String {
        let key = self.s.path("ssh/key");
        let rsh = format!(
            "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
             -o LogLevel=ERROR -i {}",
            key.display()
        );
        let output = self
            .command("sh")
            .args(["-ec", script])
            .env("FSYNC_RSH", rsh)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {script}: {said}", self.name);
        String::from_utf8(output.stdout).unwrap().trim_end().into()
    }

    /// Lets others in: their key starts fsync, as this host's user.
    fn serve(&mut self) {
        let there = self.home().join("ssh");
        fs::create_dir(&there).unwrap();
        let variables: Vec<String> = self
            .variables()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let key = fs::read_to_string(self.s.path("ssh/key.pub")).unwrap();
        let line = format!(
            "restrict,command=\"cd {} && PATH={}:$PATH {} exec fsync serve\" {key}",
            self.home().display(),
            Sandbox::programs().display(),
            variables.join(" ")
        );
        fs::write(there.join("authorized"), line).unwrap();
        let config = format!(
            "Port 22\nListenAddress {}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n\
             PasswordAuthentication no\n",
            self.address,
            self.s.path("ssh/host").display(),
            there.join("authorized").display()
        );
        fs::write(there.join("config"), config).unwrap();
        let log = fs::File::create(there.join("log")).unwrap();
        let sshd = self
            .command(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(there.join("config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.sshd = Some(sshd);
        let listens = format!(
            "for n in $(seq 600); do : 2>/dev/null </dev/tcp/{}/22 && exit; sleep 0.1; done; exit 1",
            self.address
        );
        let up = self
            .command("bash")
            .args(["-c", &listens])
            .status()
            .unwrap();
        let log = fs::read_to_string(there.join("log")).unwrap();
        assert!(up.success(), "sshd does not start: {log}");
    }

    /// How others name a directory in its home through ssh.
    fn far(&self, dir: &str) -> String {
        format!("ssh://{}{}/{dir}", self.address, self.home().display())
    }

    /// How others name one in the repository.
    fn recorded(&self, dir: &str) -> String {
        format!("//{}{}/{dir}", self.name, self.home().display())
    }
}

impl Drop for Host<'_> {
    fn drop(&mut self) {
        if let Some(mut sshd) = self.sshd.take() {
            let _ = sshd.kill();
            let _ = sshd.wait();
        }
    }
}

/// A tree with one of everything.
fn furnish(tree: &Tree) {
    tree.menagerie()
        .file("a", "one\n")
        .file("sub/deep/b", "two\n")
        .file("sub/script", "#!/bin/sh\n")
        .mode("sub/script", 0o4750)
        .file("odd \u{e9}\n\"name", "odd")
        .link("link", "sub/deep/b")
        .hard("sub/again", "a")
        .sparse("sparse", 9 << 20, 5 << 20, b"in the middle")
        .file("large", crate::dialogue::noise(5, 11_000_000))
        .device("device", 3)
        .settle();
    for (name, seconds, nanos) in [("a", -5, 1), ("sub/deep/b", 1 << 33, 999_999_999)] {
        tree.mtime(name, seconds, nanos);
    }
    tree.xattr("a", "user.colour", b"red\0")
        .xattr("sub", "trusted.of", b"root")
        .owner("link", 7, 8);
}

/// Two directories are the same, for rsync(1) and for the comparer of these tests.
#[track_caller]
fn assert_exact(s: &Sandbox, one: &Path, other: &Path) {
    // What a directory is made from is its own affair.
    let without = |root: &Path| Oracle::of(root).without(".fsync-sync");
    let differs = without(one).differences(&without(other));
    assert!(
        differs.is_empty(),
        "{} and {}:\n{differs}",
        one.display(),
        other.display()
    );
    let output = s
        .plain("rsync")
        .args(["-aHAXnic", "--delete", "--exclude=/.fsync-*"])
        .arg(one.join(""))
        .arg(other)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "", "{} and {}", one.display(), other.display());
    let blocks = |root: &Path| {
        std::os::unix::fs::MetadataExt::blocks(&fs::metadata(root.join("sparse")).unwrap())
    };
    assert!(
        blocks(one) < 8 << 11 && blocks(other) < 8 << 11,
        "holes are holes"
    );
}

/// Why that cannot be tried here.
fn obstacle() -> Option<String> {
    if !Sandbox::programs().join("fsync").exists() {
        return Some("fsync itself is not built".into());
    }
    if !rustix::process::geteuid().is_root() {
        return Some("only root can make hosts of network namespaces".into());
    }
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths: Vec<PathBuf> = std::env::split_paths(&paths)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .collect();
    let is_there = |name: &&str| paths.iter().any(|path| path.join(name).exists());
    let mut needed = [
        "ip",
        "nsenter",
        "unshare",
        "rsync",
        "ssh",
        "sshd",
        "ssh-keygen",
    ]
    .iter();
    needed
        .find(|name| !is_there(name))
        .map(|name| format!("no {name} here; .ci/run installs it"))
}

#[test]
fn two_hosts_are_kept_in_step_and_a_third_restores_either_from_the_bucket_alone() {
    if let Some(why) = obstacle() {
        return eprintln!("skipped: {why}");
    }
    let Some(switch) = Namespace::new().filter(Namespace::switch) else {
        return;
    };
    let [nsenter, args @ ..] = switch.inside();
    let script = |port: u16| {
        let inner = ceph::script(port);
        let mut script = Command::new(&nsenter);
        script
            .args(&args)
            .arg(inner.get_program())
            .args(inner.get_args());
        let environment = inner
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        script.envs(environment);
        script.env("FSYNC_CEPH_ADDRESS", format!("{NET}.1"));
        script
    };
    let Some(server) = Server::start(KEYS, script) else {
        return;
    };
    made_bucket_at(&switch.inside(), server.port, "bucket", KEYS);
    let s = Sandbox::new();
    s.sh("mkdir -m 700 ssh && ssh-keygen -qt ed25519 -N '' -f ssh/host && ssh-keygen -qt ed25519 -N '' -f ssh/key")
        .code(0);
    // sshd wants this folder.
    let _ = fs::create_dir_all("/run/sshd");
    let host = |name, number| Host::new(&s, name, number, &switch, server.port);
    let (Some(mut one), Some(mut two), Some(three)) =
        (host("one", 1), host("two", 2), host("three", 3))
    else {
        return;
    };
    one.serve();
    two.serve();
    keeps_in_step(&s, &one, &two);
    third_restores(&s, &one, &two, &three);
    a_change_and_its_revert(&s, &one, &two, &three);
}

/// One directory is pulled as its SYNC file says, the other one pushed.
fn keeps_in_step(s: &Sandbox, one: &Host<'_>, two: &Host<'_>) {
    furnish(&s.tree("one/work"));
    furnish(&s.tree("one/push"));
    s.tree("one/push").file("push", "only here").settle();
    // What is there already is recorded before it goes.
    s.tree("two/work").file("old", "was here").settle();
    s.tree("two/push").file("old", "was here, too").settle();
    let far = one.far("work");
    two.run(&format!(
        "fsync -q mksync work {far} && fsync -q sync --xattrs --delete work"
    ));
    one.run(&format!(
        "fsync -q cp --xattrs --delete push {} && fsync-snap push >snapshot",
        two.far("push")
    ));
    one.run("fsync-snap work >>snapshot");
    two.run("fsync-snap work >snapshot && fsync-snap push >>snapshot");
    for dir in ["work", "push"] {
        assert_exact(s, &one.home().join(dir), &two.home().join(dir));
    }
}

/// Restores a directory of another host's on the third one, as it was recorded last; where.
fn restored(three: &Host<'_>, of: &Host<'_>, dir: &str) -> PathBuf {
    let to = format!("{}-{dir}", of.name);
    three.run(&format!(
        "rm -rf {to}; fsync -q rv -d {} --to {to} --verify",
        of.recorded(dir)
    ));
    three.home().join(to)
}

fn third_restores(s: &Sandbox, one: &Host<'_>, two: &Host<'_>, three: &Host<'_>) {
    // It can reach neither of the others by ssh: it has no key.
    three.run(&format!(
        "! ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no {} true 2>/dev/null",
        one.address
    ));
    let told = three.run("fsync repo list");
    for host in [one, two] {
        for dir in ["work", "push"] {
            assert!(told.contains(&host.recorded(dir)), "{told}");
            let back = restored(three, host, dir);
            assert_exact(s, &host.home().join(dir), &back);
        }
    }
    three.run("fsync -q verify --read-data");
}

fn a_change_and_its_revert(s: &Sandbox, one: &Host<'_>, two: &Host<'_>, three: &Host<'_>) {
    let before = Oracle::of(two.home().join("work"));
    let work = s.tree("one/work");
    work.remove("sub/script").remove("link").link("link", "a");
    work.edit("a", "another\n").file("more/of", "it");
    two.run("fsync -q sync --xattrs --delete work && fsync-snap work");
    one.run("fsync-snap work");
    let changed = Oracle::of(two.home().join("work"));
    assert_ne!(before, changed);
    for host in [one, two] {
        let back = restored(three, host, "work");
        assert_exact(s, &host.home().join("work"), &back);
    }
    // The snapshot of the change is the head: the state before it is one further.
    two.run("fsync -q rv -d work && fsync -q rv -d work");
    before.assert_is(two.home().join("work"));
    two.run("fsync-snap work");
    let back = restored(three, two, "work");
    before.assert_is(&back);
    three.run("fsync -q verify");
}
