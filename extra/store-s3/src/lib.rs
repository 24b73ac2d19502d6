//! Object storage for fsync, by the dialogue of fsync-store(7).
//!
//! It is one program for `s3://`, `gs://` and `az://`, under the names `fsync-store-s3`, `fsync-store-gs` and `fsync-store-az`:
//! the address that it is greeted with says which of them is meant.

mod address;
mod amazon;
mod azure;
mod dialogue;
mod google;
mod input;
mod key;
mod large;
mod open;
mod process;
mod profile;
mod put;
mod store;
mod trouble;
mod wire;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use input::Cut;
use large::Unfinished;
use store::Store;

const HELP: &str = "\
Reaches repositories on object storage: s3://BUCKET/FOLDER, gs://BUCKET/FOLDER and
az://CONTAINER/FOLDER

fsync starts this program where a repository has such a name (--repo, FSYNC_REPO),
and speaks fsync-store(7) with it.

Usage: fsync-store-s3
       fsync-store-gs
       fsync-store-az

Options:
  -h, --help     Print help
  -V, --version  Print version

Credentials, region and endpoint come from AWS_* and the profiles in ~/.aws, from
GOOGLE_* and from AZURE_*; \"man fsync-store-s3\" lists them.
";

/// The name under which it was started, or its own.
fn name() -> String {
    let started = std::env::args().next().unwrap_or_default();
    let name = started.rsplit('/').next().unwrap_or_default();
    match name {
        "fsync-store-gs" | "fsync-store-az" => name.to_string(),
        _ => "fsync-store-s3".to_string(),
    }
}

/// What the program does.
pub fn start() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    match given.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => speak(),
        ["-h" | "--help"] => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        ["-V" | "--version"] => {
            println!("{} {}", name(), env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{}: it takes no arguments; --help says more", name());
            ExitCode::from(2)
        }
    }
}

fn speak() -> ExitCode {
    // It fails only when there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return ended(&Cut(error.to_string())),
    };
    let handle = runtime.handle().clone();
    let told = dialogue::run(handle.clone(), |store, unfinished| {
        handle.spawn(stopped(store, unfinished));
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(cut) => ended(&cut),
    }
}

fn ended(cut: &Cut) -> ExitCode {
    eprintln!("{}: {}", name(), cut.0);
    ExitCode::FAILURE
}

/// When it is told to end, what was begun is taken back first, as far as a few seconds allow.
async fn stopped(store: Arc<Store>, unfinished: Arc<Unfinished>) {
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        return;
    };
    let number = tokio::select! {
        _ = interrupt.recv() => 2,
        _ = terminate.recv() => 15,
        _ = hangup.recv() => 1,
    };
    let _ = tokio::time::timeout(Duration::from_secs(5), unfinished.take_back(&store)).await;
    std::process::exit(128 + number);
}
