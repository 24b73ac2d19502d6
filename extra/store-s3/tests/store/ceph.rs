//! Ceph, a real distributed engine that speaks S3.

use std::process::Command;
use std::sync::OnceLock;

use crate::conformance;
use crate::dialogue::{Answer, test_file};
use crate::server::{Server, free_port, made_bucket};
use crate::whole::machines_share;

pub const KEYS: (&str, &str) = ("AKCEPH7EXAMPLE", "sk-ceph-K7MDENG-bPxRfiCYEXAMPLEKEY");

/// A command that starts a cluster in a folder of its own, which goes with it.
pub fn script(port: u16) -> Command {
    let folder = format!("/dev/shm/fsync-ceph-{}-{port}", std::process::id());
    let mut script = Command::new("bash");
    script.arg(test_file("ceph-up")).arg(folder);
    for port in [port, free_port(), free_port()] {
        script.arg(port.to_string());
    }
    script
        .env("FSYNC_CEPH_KEY", KEYS.0)
        .env("FSYNC_CEPH_SECRET", KEYS.1);
    script
}

/// The cluster of all tests here, which ends with them; `None`, and a reason, where there is no Ceph.
pub fn cluster() -> Option<&'static Server> {
    static CLUSTER: OnceLock<Option<Server>> = OnceLock::new();
    CLUSTER
        .get_or_init(|| {
            let server = Server::start(KEYS, script)?;
            made_bucket(&server, "bucket", KEYS);
            Some(server)
        })
        .as_ref()
}

/// How many requests a cluster's gateway has had.
pub fn requests(server: &Server) -> Option<u64> {
    let script = format!(
        "for socket in /dev/shm/fsync-ceph-{}-{}/run/client.gateway.*.asok; do ceph --admin-daemon $socket perf dump; done",
        std::process::id(),
        server.port
    );
    let output = Command::new("sh").args(["-c", &script]).output().ok()?;
    let counters: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    counters["rgw"]["req"].as_u64()
}

#[test]
fn object_storage_conforms_on_ceph() {
    let Some(server) = cluster() else {
        return;
    };
    let place = server.place("bucket");
    conformance::all(&place);
    machines_share(&place);
    wrong_secret(server);
}

/// Who has the wrong secret is told so, and it is not.
fn wrong_secret(server: &Server) {
    let mut place = server.place("bucket");
    place
        .environment
        .retain(|(name, _)| name != "AWS_SECRET_ACCESS_KEY");
    let secret = "sk-wrong-K7MDENG-bPxRfiCYEXAMPLEKEY";
    place
        .environment
        .push(("AWS_SECRET_ACCESS_KEY".into(), secret.into()));
    let dialogue = place.open("secret");
    for answer in [
        dialogue.put("a", b"x"),
        dialogue.get(0, 1, "a"),
        dialogue.say("list - -"),
        dialogue.say("delete a"),
        dialogue.say("size a"),
    ] {
        assert_eq!(answer.word(), "denied");
        let Answer::Failed(_, text) = answer else {
            unreachable!()
        };
        assert!(!text.contains(secret) && !text.contains(KEYS.0), "{text}");
    }
}
