//! Servers that tests start, and that end with them, whatever happens to the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::dialogue::Place;

/// A server below a shell that ends it when its own input ends: when the test does.
pub struct Server {
    shell: Child,
    pub port: u16,
    pub environment: Vec<(String, String)>,
}

/// A port where nobody listens. None of those that the system gives to whoever asks for any, so that none of these
/// takes it meanwhile, and never the same again.
pub fn free_port() -> u16 {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    let next = NEXT.get_or_init(|| {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        AtomicU16::new(((time.subsec_nanos() ^ std::process::id()) % u32::from(COUNT)) as u16)
    });
    loop {
        let port = FIRST + next.fetch_add(1, Ordering::Relaxed) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Server {
    /// Starts a script that prints READY when it serves on the port that it was given, and ends when its input does.
    /// `None`, with the reason, where it says that something is missing. One that fails is started once more.
    pub fn start(keys: (&str, &str), script: impl Fn(u16) -> Command) -> Option<Server> {
        for _ in 0..2 {
            let port = free_port();
            if let Ok(server) = Server::try_start(&mut script(port), port, keys) {
                return server;
            }
            eprintln!("the server has not started; what it says stands above");
        }
        panic!("the server has not started, twice");
    }

    fn try_start(
        script: &mut Command,
        port: u16,
        keys: (&str, &str),
    ) -> Result<Option<Server>, ()> {
        let mut shell = script
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(shell.stdout.take().unwrap());
        let mut line = String::new();
        loop {
            line.clear();
            if output.read_line(&mut line).unwrap() == 0 {
                shell.wait().unwrap();
                return Err(());
            }
            if line.trim_end() == "READY" {
                break;
            }
            if let Some(reason) = line.strip_prefix("skipped: ") {
                eprintln!("skipped: {}", reason.trim_end());
                shell.wait().unwrap();
                return Ok(None);
            }
        }
        // What else it prints must not stop it.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        let set = |name: &str, value: &str| (name.to_string(), value.to_string());
        let environment = vec![
            set("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{port}")),
            set("AWS_ACCESS_KEY_ID", keys.0),
            set("AWS_SECRET_ACCESS_KEY", keys.1),
            set("AWS_REGION", "us-east-1"),
        ];
        Ok(Some(Server {
            shell,
            port,
            environment,
        }))
    }

    /// A bucket on it, through our program.
    pub fn place(&self, bucket: &str) -> Place {
        Place {
            program: PathBuf::from(env!("CARGO_BIN_EXE_fsync-store-s3")),
            address: format!("s3://{bucket}/deep/folder"),
            missing: "s3://nowhere-at-all/x".into(),
            environment: self.environment.clone(),
            directory: None,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Waits until somebody answers on a port.
pub fn answers(port: u16) {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "nobody answers on {port}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A plain request, unsigned, for servers that ask for no credentials: the whole answer.
pub fn http(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let text = format!(
        "{request} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The digest of nothing, which the signature covers.
const EMPTY: &str =
    "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Makes a bucket with curl, which signs as S3 wants it.
pub fn made_bucket(server: &Server, name: &str, keys: (&str, &str)) {
    made_bucket_at(&["env".to_string()], server.port, name, keys);
}

/// The same behind a command that leads to where the server is.
pub fn made_bucket_at(inside: &[String], port: u16, name: &str, keys: (&str, &str)) {
    let output = Command::new(&inside[0])
        .args(&inside[1..])
        .arg("curl")
        .args([
            "-sS",
            "--fail",
            "-X",
            "PUT",
            "--aws-sigv4",
            "aws:amz:us-east-1:s3",
            "-H",
            EMPTY,
            "--user",
        ])
        .arg(format!("{}:{}", keys.0, keys.1))
        .arg(format!("http://127.0.0.1:{port}/{name}"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
