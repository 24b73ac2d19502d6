//! Through Debian's sshd on a loopback port, with a key of its own.

use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Sandbox, Told, assert_same};
use crate::world::furnish;

/// A server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const SSHD: &str = "/usr/sbin/sshd";

/// Starts one whose only key runs `serve`; the port.
fn start(s: &Sandbox, serve: &str) -> Option<(Server, u16)> {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    s.sh("mkdir -m 700 ssh && ssh-keygen -qt ed25519 -N '' -f ssh/host && ssh-keygen -qt ed25519 -N '' -f ssh/key").code(0);
    let programs = Sandbox::programs();
    let there = s.path("there");
    let key = std::fs::read_to_string(s.path("ssh/key.pub")).unwrap();
    let variables = format!("HOME={0} FSYNC_REPO={0}/.repo", there.display());
    let line = format!(
        "restrict,command=\"cd {} && {variables} exec {}/{serve}\" {key}",
        there.display(),
        programs.display()
    );
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nAuthorizedKeysFile {0}/authorized\nStrictModes no\nUsePAM no\n\
         PidFile none\nPasswordAuthentication no\n",
        s.path("ssh").display()
    );
    std::fs::write(s.path("ssh/authorized"), line).unwrap();
    std::fs::write(s.path("ssh/config"), config).unwrap();
    std::fs::create_dir_all(&there).unwrap();
    let mut server = s.plain(SSHD);
    server.args(["-D", "-e", "-f"]).arg(s.path("ssh/config"));
    let log = std::fs::File::create(s.path("ssh/log")).unwrap();
    let child = server
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let server = Server(child);
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        if begun.elapsed() > Duration::from_secs(20) {
            eprintln!(
                "skipped: sshd does not start: {}",
                std::fs::read_to_string(s.path("ssh/log")).unwrap()
            );
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Some((server, port))
}

fn run(s: &Sandbox, script: &str) -> assert_cmd::assert::Assert {
    let rsh = "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR";
    s.sh(&format!(
        "export FSYNC_RSH=\"{rsh} -i $PWD/ssh/key\"; {script}"
    ))
}

#[test]
fn there_and_back_through_ssh() {
    let s = Sandbox::new();
    if !std::path::Path::new(SSHD).exists() {
        return eprintln!("skipped: no {SSHD}");
    }
    furnish(&s, "src");
    // It wants this folder, and only root can make it.
    let _ = std::fs::create_dir_all("/run/sshd");
    let Some((_server, port)) = start(&s, "fsync serve") else {
        return;
    };
    let url = format!("ssh://127.0.0.1:{port}/~");
    run(&s, &format!("fsync -q cp src {url}/dst"))
        .code(0)
        .stdout("")
        .stderr("");
    assert_same(s.path("src"), s.path("there/dst"));
    run(&s, &format!("fsync -q cp {url}/dst back"))
        .code(0)
        .stdout("")
        .stderr("");
    assert_same(s.path("src"), s.path("back"));
    s.sh("echo 2 >src/a; rm src/empty").code(0);
    run(
        &s,
        &format!("fsync -q cp --delete src {url}/dst && fsync -q rv -d {url}/dst"),
    )
    .code(0);
    assert_same(s.path("back"), s.path("there/dst"));
    let told = run(
        &s,
        &format!("FSYNC_RSH=\"ssh -F none -o BatchMode=yes -i /dev/null\" fsync cp {url}/dst x"),
    )
    .code(9)
    .complaint();
    assert!(
        told.contains("cannot be reached; what ssh says stands above"),
        "{told}"
    );
}

#[test]
fn a_key_that_is_restricted_leads_nowhere_else() {
    let s = Sandbox::new();
    if !std::path::Path::new(SSHD).exists() {
        return eprintln!("skipped: no {SSHD}");
    }
    s.tree("src").file("a", "1").settle();
    let _ = std::fs::create_dir_all("/run/sshd");
    let Some((_server, port)) = start(&s, "fsync serve --restrict .") else {
        return;
    };
    let url = format!("ssh://127.0.0.1:{port}");
    run(&s, &format!("fsync -q cp src {url}/~/dst")).code(0);
    run(&s, &format!("fsync cp {url}/etc got")).failure();
    run(&s, &format!("fsync cp src {url}/tmp/fsync-out")).code(4);
    assert!(s.path("there/dst/a").exists() && !s.path("got").exists());
}

#[test]
fn another_host_in_the_place_of_a_known_one_is_refused() {
    let s = Sandbox::new();
    if !std::path::Path::new(SSHD).exists() {
        return eprintln!("skipped: no {SSHD}");
    }
    s.tree("src").file("a", "1").settle();
    let _ = std::fs::create_dir_all("/run/sshd");
    let Some((_server, port)) = start(&s, "fsync serve") else {
        return;
    };
    s.sh("ssh-keygen -qt ed25519 -N '' -f ssh/other").code(0);
    let run = |key: &str| {
        let script = format!(
            "echo \"[127.0.0.1]:{port} $(cat ssh/{key}.pub)\" >ssh/known; \
             export FSYNC_RSH=\"ssh -F none -o BatchMode=yes -o UserKnownHostsFile=$PWD/ssh/known -i $PWD/ssh/key\"; \
             fsync cp src ssh://127.0.0.1:{port}/~/dst"
        );
        s.sh(&script)
    };
    let told = run("other").code(9).complaint();
    assert!(told.contains("cannot be reached"), "{told}");
    assert!(!s.path("there/dst").exists());
    run("host").code(0);
    assert!(s.path("there/dst/a").exists());
}
