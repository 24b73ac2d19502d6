//! Servers that tests start, and that end with them, whatever happens to the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::dialogue::Place;

/// A server below a shell that ends it when its own input ends: when the test does.
pub struct Server {
    shell: Child,
    pub port: u16,
    pub environment: Vec<(String, String)>,
}

/// A port where nobody listens.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Server {
    /// Starts a script that prints READY when it serves on the port, and ends when its input does.
    /// `None`, with the reason, where it cannot.
    pub fn start(script: &mut Command, port: u16, keys: (&str, &str)) -> Option<Server> {
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
                panic!("the server has not started");
            }
            if line.trim_end() == "READY" {
                break;
            }
            if let Some(reason) = line.strip_prefix("skipped: ") {
                eprintln!("skipped: {}", reason.trim_end());
                shell.wait().unwrap();
                return None;
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
        Some(Server {
            shell,
            port,
            environment,
        })
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
    let output = Command::new("curl")
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
        .arg(format!("http://127.0.0.1:{}/{name}", server.port))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
