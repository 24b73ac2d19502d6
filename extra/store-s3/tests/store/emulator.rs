//! An emulator of S3.

use std::process::Command;

use crate::conformance;
use crate::server::{Server, answers, http};

/// The emulator with a bucket; `None`, and a reason, where it is not installed.
pub fn emulator() -> Option<Server> {
    let script = |port: u16| {
        let mut script = Command::new("bash");
        script
            .arg(crate::dialogue::test_file("emulator-up"))
            .arg(port.to_string());
        script
    };
    let keys = (
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY",
    );
    let server = Server::start(keys, script)?;
    let port = server.port;
    answers(port);
    let made = http(port, "PUT /bucket");
    assert!(made.starts_with("HTTP/1.1 200"), "{made}");
    Some(server)
}

#[test]
fn object_storage_conforms_on_an_emulator() {
    if let Some(server) = emulator() {
        conformance::all(&server.place("bucket"));
    }
}
