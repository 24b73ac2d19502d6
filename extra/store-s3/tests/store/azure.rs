//! An emulator of Azure.

use std::process::Command;

use crate::conformance;
use crate::dialogue::test_file;
use crate::server::Server;

#[test]
fn object_storage_conforms_on_an_emulator_of_azure() {
    let script = |port: u16| {
        let mut script = Command::new("bash");
        script.arg(test_file("azurite-up")).arg(port.to_string());
        script
    };
    let Some(server) = Server::start(("", ""), script) else {
        return;
    };
    let port = server.port;
    let mut place = server.place("bucket");
    place.address = "az://bucket/deep/folder".into();
    place.missing = "az://nowhere-at-all/x".into();
    let set = |name: &str, value: String| (name.to_string(), value);
    place.environment = vec![
        set("AZURE_STORAGE_USE_EMULATOR", "true".into()),
        set(
            "AZURITE_BLOB_STORAGE_URL",
            format!("http://127.0.0.1:{port}"),
        ),
    ];
    conformance::all(&place);
}
