//! Credentials: where they come from, and that nobody sees them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::dialogue::{Answer, Place};
use crate::emulator::emulator;

const KEY: &str = "AKIASECRETEXAMPLE123";
const SECRET: &str = "zq7-very-secret/K7MDENG+bPxRfiCY";
const TOKEN: &str = "FwoGZXIvYXdz-session-token-example";

/// A server that answers each request, whose head it is given, as it likes.
struct Fake {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn start(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (mut bytes, mut byte) = (Vec::new(), [0]);
                while !bytes.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1)
                {
                    bytes.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&bytes).to_lowercase();
                let length = head
                    .split("content-length: ")
                    .nth(1)
                    .and_then(|rest| rest.lines().next()?.parse().ok());
                let mut body = vec![0; length.unwrap_or(0)];
                let _ = stream.read_exact(&mut body);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let answer = answer(&text);
                seen.lock().unwrap().push(text);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Fake { port, asked }
    }

    fn place(&self) -> Place {
        let set = |name: &str, value: String| (name.to_string(), value);
        Place {
            program: PathBuf::from(env!("CARGO_BIN_EXE_fsync-store-s3")),
            address: "s3://bucket/f".into(),
            missing: String::new(),
            environment: vec![
                set(
                    "AWS_ENDPOINT_URL_S3",
                    format!("http://127.0.0.1:{}/", self.port),
                ),
                set("AWS_ACCESS_KEY_ID", KEY.into()),
                set("AWS_SECRET_ACCESS_KEY", SECRET.into()),
                set("AWS_SESSION_TOKEN", TOKEN.into()),
                set("RUST_LOG", "trace".into()),
                set("RUST_BACKTRACE", "full".into()),
                set("AWS_MAX_ATTEMPTS", "3".into()),
            ],
            directory: None,
        }
    }

    /// The first lines of the requests that came.
    fn lines(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .map(|head| head.lines().next().unwrap_or_default().to_string())
            .collect()
    }
}

fn reply(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A server that is mean, or only careless, and puts into its answers all that it was sent, and more.
fn mean(status: &'static str) -> Fake {
    Fake::start(move |head| {
        let body = format!(
            "<Error><Code>Denied{KEY}</Code><Message>for {SECRET}\n\x1b[2J{TOKEN} {head}</Message><AWSAccessKeyId>{KEY}</AWSAccessKeyId></Error>"
        );
        reply(status, "", &body)
    })
}

const ALL: &str = "1 put 1 a\nx2 get 0 5 a\n3 size a\n4 list - -\n5 delete a\n6 put 17000000 b\n";

#[track_caller]
fn nothing_seen(text: &str) {
    for secret in [KEY, SECRET, TOKEN, "Signature=", "\x1b"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn credentials_are_never_shown() {
    for status in [
        "403 Forbidden",
        "400 Bad Request",
        "500 Oh",
        "301 Moved",
        "200 OK",
        "404 Not Found",
    ] {
        let fake = mean(status);
        let mut input = format!("fsync-store 1 s3://bucket/f\n{ALL}").into_bytes();
        input.extend(vec![0; 17_000_000]);
        let (stdout, stderr, code) = fake.place().says(&input);
        nothing_seen(&stdout);
        nothing_seen(&stderr);
        assert_eq!(code, 0, "{status}: {stdout}{stderr}");
        let failed = stdout
            .lines()
            .filter(|line| line.contains(" failed "))
            .count();
        assert!(
            failed >= 4 || status.starts_with("404") || status.starts_with("200"),
            "{status}: {stdout}"
        );
    }
    // Nor where nobody answers, nor what is in an address.
    let mut place = mean("403 x").place();
    place.environment[0].1 = "http://127.0.0.1:1".into();
    let (stdout, stderr, _) = place.says(b"fsync-store 1 s3://bucket/f\n1 size a\n");
    assert!(stdout.contains("1 failed broken "), "{stdout}");
    nothing_seen(&(stdout + &stderr));
    let address = format!("fsync-store 1 s3://{KEY}:{SECRET}@bucket/f\n");
    let (stdout, stderr, _) = place.says(address.as_bytes());
    assert!(stdout.starts_with("failed bad "), "{stdout}");
    nothing_seen(&(stdout + &stderr));
}

#[test]
fn who_has_no_credentials_is_told_so() {
    for (address, variables, wanted) in [
        (
            "s3://bucket/f",
            &[
                ("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1"),
                ("AWS_MAX_ATTEMPTS", "1"),
            ][..],
            "1 failed denied cannot read \"a\" in s3://bucket/f: there are no credentials",
        ),
        (
            "s3://bucket/f",
            &[("AWS_EC2_METADATA_DISABLED", "true")],
            "failed denied there are no credentials",
        ),
        ("az://bucket/f", &[], "failed denied there is no account"),
    ] {
        let mut place = mean("403 x").place();
        place.environment = variables
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let (stdout, stderr, code) =
            place.says(format!("fsync-store 1 {address}\n1 size a\n").as_bytes());
        assert!(stdout.contains(wanted), "{stdout}");
        assert_eq!((stderr.as_str(), code), ("", 0));
    }
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    let count = Mutex::new(0);
    let fake = Fake::start(move |_| {
        let mut count = count.lock().unwrap();
        *count += 1;
        match *count {
            1 => reply("503 Slow Down", "", "<Error><Code>SlowDown</Code></Error>"),
            2 => reply("429 Too Many Requests", "", ""),
            _ => reply("200 OK", "ETag: \"x\"\r\n", ""),
        }
    });
    assert_eq!(fake.place().open("busy").put("a", b"x"), Answer::Made);
    assert_eq!(fake.lines().len(), 3);
}

#[test]
fn a_store_without_conditions_is_looked_at_first() {
    let there = Mutex::new(false);
    let fake = Fake::start(move |head| {
        let mut there = there.lock().unwrap();
        let found = if *there { "200 OK" } else { "404 Not Found" };
        match head.to_lowercase() {
            head if head.contains("if-none-match") => reply(
                "501 Not Implemented",
                "",
                "<Error><Code>NotImplemented</Code></Error>",
            ),
            head if head.starts_with("put") => {
                *there = true;
                reply("200 OK", "ETag: \"x\"\r\n", "")
            }
            head if head.starts_with("head") => {
                format!(
                    "HTTP/1.1 {found}\r\nConnection: close\r\nETag: \"x\"\r\nLast-Modified: Mon, 23 Nov 2026 12:00:00 GMT\r\nContent-Length: 5\r\n\r\n"
                )
            }
            _ => reply("200 OK", "", "<ListBucketResult></ListBucketResult>"),
        }
    });
    let dialogue = fake.place().open("plain");
    assert_eq!(dialogue.put("a", b"12345"), Answer::Made);
    assert_eq!(dialogue.put("a", b"54321"), Answer::Exists);
    let puts = fake
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("PUT "))
        .count();
    assert_eq!(puts, 2, "{:?}", fake.lines());
}

#[test]
fn a_large_object_too_is_made_only_if_there_is_none() {
    let looks = Mutex::new(0);
    let fake = Fake::start(move |head| {
        let first = head.lines().next().unwrap_or_default().to_string();
        let mut looks = looks.lock().unwrap();
        match first.split(' ').next().unwrap_or_default() {
            "HEAD" => {
                *looks += 1;
                // Another's object is there once the parts have become one.
                let found = if *looks > 2 {
                    "200 OK"
                } else {
                    "404 Not Found"
                };
                let meta = "ETag: \"x\"\r\nLast-Modified: Mon, 23 Nov 2026 12:00:00 GMT\r\nx-amz-meta-fsyncput: theirs\r\n";
                format!(
                    "HTTP/1.1 {found}\r\nConnection: close\r\n{meta}Content-Length: 17825792\r\n\r\n"
                )
            }
            "POST" if first.contains("?uploads") => {
                let body = "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>";
                reply("200 OK", "", body)
            }
            "POST" => reply(
                "412 Precondition Failed",
                "",
                "<Error><Code>PreconditionFailed</Code></Error>",
            ),
            "PUT" => reply("200 OK", "ETag: \"p\"\r\n", ""),
            "DELETE" => reply("204 No Content", "", ""),
            _ => reply("200 OK", "", "<ListBucketResult></ListBucketResult>"),
        }
    });
    let dialogue = fake.place().open("large");
    let put = dialogue.ask("put 17825792 a", &vec![7; 17 << 20]);
    assert_eq!(put.get(), Answer::Exists);
    let asked = fake.asked.lock().unwrap();
    let with = |start: &str, word: &str| {
        let all = asked
            .iter()
            .filter(|head| head.starts_with(start) && head.lines().next().unwrap().contains(word));
        all.cloned().collect::<Vec<_>>()
    };
    let completed = with("POST ", "uploadId=u1");
    assert_eq!(completed.len(), 1);
    assert!(
        completed[0]
            .to_lowercase()
            .contains("\r\nif-none-match: *\r\n"),
        "{completed:?}"
    );
    assert_eq!(with("PUT ", "partNumber=").len(), 3);
    assert_eq!(with("DELETE ", "uploadId=u1").len(), 1);
}

#[test]
fn credentials_come_from_where_users_of_s3_keep_them() {
    let Some(server) = emulator() else { return };
    let home = tempfile::tempdir_in("/dev/shm").unwrap();
    let aws = home.path().join(".aws");
    fs::create_dir(&aws).unwrap();
    let endpoint = format!("http://127.0.0.1:{}", server.port);
    let config = format!(
        "[default]\nregion = us-east-1\nendpoint_url = http://127.0.0.1:1\n[profile work]\nregion = us-east-1\nservices = mine\n\
         [services mine]\ns3 =\n  endpoint_url = {endpoint}\n[profile run]\nendpoint_url = {endpoint}\n\
         credential_process = echo '{{\"Version\":1,\"AccessKeyId\":\"K\",\"SecretAccessKey\":\"S\"}}'\n[profile fails]\nendpoint_url = {endpoint}\ncredential_process = echo {SECRET} >&2; false\n"
    );
    fs::write(aws.join("config"), config).unwrap();
    fs::write(
        aws.join("credentials"),
        format!("[work]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"),
    )
    .unwrap();
    let mut place = server.place("bucket");
    let ask = |place: &Place| {
        place
            .says(format!("fsync-store 1 {}\n1 list - -\n", place.below("profile")).as_bytes())
            .0
    };
    let base = [
        ("HOME".to_string(), home.path().display().to_string()),
        ("AWS_MAX_ATTEMPTS".into(), "1".into()),
        ("AWS_EC2_METADATA_DISABLED".into(), "true".into()),
    ];
    let with = |more: &[(&str, &str)]| {
        let more = more
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        base.iter().cloned().chain(more).collect::<Vec<_>>()
    };
    for (environment, wanted) in [
        (
            with(&[("AWS_PROFILE", "work")]),
            "fsync-store 1\n1 keys 0\n",
        ),
        (with(&[("AWS_PROFILE", "run")]), "fsync-store 1\n1 keys 0\n"),
        (
            with(&[
                ("AWS_PROFILE", "work"),
                ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ]),
            "1 failed broken ",
        ),
        (with(&[("AWS_PROFILE", "fails")]), "1 failed denied "),
        (
            with(&[("AWS_PROFILE", "none")]),
            "failed denied there is no profile \"none\"",
        ),
        (
            with(&[("AWS_ENDPOINT_URL", &endpoint)]),
            "failed denied there are no credentials",
        ),
        (
            with(&[("AWS_ENDPOINT_URL", "127.0.0.1:80")]),
            "failed bad the endpoint",
        ),
    ] {
        place.environment = environment;
        let told = ask(&place);
        assert!(told.contains(wanted), "{:?}: {told}", place.environment);
        nothing_seen(&told);
    }
}

/// A server of the other kind: it speaks TLS, with a certificate of an authority that nobody knows, and has no objects.
const TLS: &str = r#"
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(404); self.end_headers()
    def do_GET(self):
        body = b"<ListBucketResult></ListBucketResult>"
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
import threading
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
"#;

#[test]
fn a_server_must_be_who_it_says() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let made = |words: &str| {
        let command = Command::new("openssl")
            .args(words.split(' '))
            .current_dir(folder.path())
            .output();
        command.is_ok_and(|output| output.status.success())
    };
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    let signed = "-CA ca.pem -CAkey ca.key -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE";
    if !made(&format!(
        "{new} -keyout ca.key -out ca.pem -subj /CN=authority"
    )) || !made(&format!(
        "{new} -keyout key.pem -out cert.pem -subj /CN=store {signed}"
    )) {
        eprintln!("skipped: no openssl(1) here that can sign");
        return;
    }
    let mut server = Command::new("/usr/bin/python3")
        .args(["-c", TLS])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut port)
        .unwrap();
    let mut place = mean("403 x").place();
    place.environment[0].1 = format!("https://127.0.0.1:{}", port.trim());
    let ask = |place: &Place| place.says(b"fsync-store 1 s3://bucket/f\n1 size a\n").0;
    let told = ask(&place);
    assert!(
        told.contains("1 failed broken ") && told.contains("certificate"),
        "{told}"
    );
    // Nor does it help to ask for it.
    place
        .environment
        .push(("AWS_ALLOW_INVALID_CERTIFICATES".into(), "true".into()));
    assert!(ask(&place).contains("1 failed broken "));
    place.environment.push((
        "AWS_CA_BUNDLE".into(),
        folder.path().join("ca.pem").display().to_string(),
    ));
    assert_eq!(ask(&place), "fsync-store 1\n1 none\n");
    place
        .environment
        .push(("AWS_CA_BUNDLE".into(), "/nonexistent".into()));
    assert!(ask(&place).starts_with("failed bad cannot read certificates"));
    drop(server.stdin.take());
    server.wait().unwrap();
}
