//! Opens a store: where it is, and with which credentials.

use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use crate::address::{Address, Kind};
use crate::profile::variable;
use crate::trouble::{Trouble, hide};
use crate::wire::Wire;
use crate::{amazon, azure, google};

/// The three faces that the library gives a bucket.
pub struct Bucket {
    pub objects: Arc<dyn ObjectStore>,
    pub pages: Arc<dyn PaginatedListStore>,
    pub parts: Arc<dyn MultipartStore>,
    /// The server knows no conditions.
    pub unconditional: Arc<AtomicBool>,
}

impl Bucket {
    fn of<T: ObjectStore + PaginatedListStore + MultipartStore>(
        store: T,
        unconditional: Arc<AtomicBool>,
    ) -> Bucket {
        let store = Arc::new(store);
        Bucket {
            objects: store.clone(),
            pages: store.clone(),
            parts: store,
            unconditional,
        }
    }
}

/// How often anything is tried: as other programs for S3 are told.
pub fn retry() -> RetryConfig {
    let tries = variable("AWS_MAX_ATTEMPTS").and_then(|tries| tries.parse().ok());
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(10),
            base: 3.0,
        },
        max_retries: tries.unwrap_or(12usize).saturating_sub(1),
        retry_timeout: Duration::from_secs(180),
    }
}

/// How servers are asked; not in the clear, unless the user says so.
pub fn options(http: bool) -> ClientOptions {
    ClientOptions::new()
        .with_user_agent(http::HeaderValue::from_static(concat!(
            "fsync/",
            env!("CARGO_PKG_VERSION")
        )))
        .with_allow_http(http)
        .with_connect_timeout(Duration::from_secs(10))
        // A part may take its time; a connection on which nothing comes may not.
        .with_timeout(Duration::from_secs(600))
        .with_read_timeout(Duration::from_secs(60))
}

/// Whether a setting of the environment is on.
pub fn is_on(name: &str) -> bool {
    variable(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
}

/// Whether somebody answers there within a second.
pub fn reaches(place: &str) -> bool {
    let Ok(addresses) = place.to_socket_addrs() else {
        return false;
    };
    let second = Duration::from_secs(1);
    addresses
        .take(2)
        .any(|address| TcpStream::connect_timeout(&address, second).is_ok())
}

/// What the environment holds and nobody may see.
fn hide_environment() {
    for (name, value) in std::env::vars_os() {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        let ours = ["AWS_", "GOOGLE_", "AZURE_"]
            .iter()
            .any(|start| name.starts_with(start));
        if ours && has(&["KEY", "SECRET", "TOKEN", "PASSWORD", "SAS"]) && !name.ends_with("_FILE") {
            hide(&value);
        }
    }
}

/// Opens the bucket. Nothing is asked of the server yet.
pub fn open(address: &Address) -> Result<Bucket, Trouble> {
    hide_environment();
    let unconditional = Arc::new(AtomicBool::new(false));
    let wire = Wire {
        kind: address.kind,
        unconditional: unconditional.clone(),
    };
    let bucket = &address.bucket;
    Ok(match address.kind {
        Kind::S3 => Bucket::of(amazon::open(bucket, wire)?, unconditional),
        Kind::Gs => Bucket::of(google::open(bucket, wire)?, unconditional),
        Kind::Az => Bucket::of(azure::open(bucket, wire)?, unconditional),
    })
}
