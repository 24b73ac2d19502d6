//! Opens a store: where it is, and with which credentials.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::{BackoffConfig, Certificate, ClientOptions, ObjectStore, RetryConfig};

use crate::address::{Address, Kind};
use crate::process::Process;
use crate::profile::{Profile, variable};
use crate::trouble::{NO_CREDENTIALS, Trouble, Word, hide};
use crate::wire::Wire;

/// Where credentials may come from before a profile is asked.
const ELSEWHERE: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

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
fn retry() -> RetryConfig {
    let tries = variable("AWS_MAX_ATTEMPTS").and_then(|tries| tries.parse().ok());
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(10),
            base: 3.0,
        },
        max_retries: tries.unwrap_or(8usize).saturating_sub(1),
        retry_timeout: Duration::from_secs(180),
    }
}

fn options(http: bool) -> ClientOptions {
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

/// What the environment holds and nobody may see.
fn hide_environment() {
    for (name, value) in std::env::vars() {
        let ours = ["AWS_", "GOOGLE_", "AZURE_"]
            .iter()
            .any(|start| name.starts_with(start));
        let secret = ["KEY", "SECRET", "TOKEN", "PASSWORD", "SAS"]
            .iter()
            .any(|word| name.contains(word));
        if ours && secret && !name.ends_with("_FILE") {
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
        Kind::S3 => Bucket::of(s3(bucket, wire)?, unconditional),
        Kind::Gs => {
            let base = variable("GOOGLE_BASE_URL").or_else(|| variable("STORAGE_EMULATOR_HOST"));
            let mut builder = GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(bucket)
                .with_client_options(options(
                    base.as_ref()
                        .is_some_and(|base| base.starts_with("http://")),
                ))
                .with_retry(retry())
                .with_http_connector(wire);
            if let Some(base) = base {
                builder = builder.with_base_url(&base);
            }
            Bucket::of(builder.build()?, unconditional)
        }
        Kind::Az => {
            let endpoint =
                variable("AZURE_STORAGE_ENDPOINT").or_else(|| variable("AZURE_ENDPOINT"));
            let emulated = variable("AZURE_STORAGE_USE_EMULATOR").is_some();
            let http = emulated || endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
            let builder = MicrosoftAzureBuilder::from_env()
                .with_container_name(bucket)
                .with_client_options(options(http))
                .with_retry(retry())
                .with_http_connector(wire);
            Bucket::of(builder.build()?, unconditional)
        }
    })
}

/// Whether a setting of the environment is on.
fn is_on(name: &str) -> bool {
    variable(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
}

/// Certificates that are believed beside those of the system.
fn believing(mut options: ClientOptions, bundle: Option<String>) -> Result<ClientOptions, Trouble> {
    let Some(path) = bundle else {
        return Ok(options);
    };
    let bad = |why: &dyn std::fmt::Display| {
        let text =
            format!("cannot read certificates from {path:?} (AWS_CA_BUNDLE or ca_bundle): {why}");
        Trouble::new(Word::Bad, text)
    };
    let pem = std::fs::read(&path).map_err(|e| bad(&e))?;
    for certificate in Certificate::from_pem_bundle(&pem).map_err(|_| bad(&"it holds none"))? {
        options = options.with_root_certificate(certificate);
    }
    Ok(options)
}

/// The endpoint, where it is not Amazon's.
fn endpoint(profile: &Profile) -> Result<Option<String>, Trouble> {
    let given = variable("AWS_ENDPOINT_URL_S3")
        .or_else(|| variable("AWS_ENDPOINT_URL"))
        .or_else(|| variable("AWS_ENDPOINT"))
        .or_else(|| profile.endpoint.clone());
    match given {
        Some(url) if !url.starts_with("http://") && !url.starts_with("https://") => {
            let text = "the endpoint (AWS_ENDPOINT_URL or endpoint_url) begins neither with https:// nor with http://";
            Err(Trouble::new(Word::Bad, text))
        }
        given => Ok(given.map(|url| url.trim_end_matches('/').to_string())),
    }
}

/// S3: what the environment says comes before what the profile says.
fn s3(bucket: &str, wire: Wire) -> Result<AmazonS3, Trouble> {
    let profile = Profile::chosen()?;
    let endpoint = endpoint(&profile)?;
    let plain = endpoint
        .as_ref()
        .is_some_and(|url| url.starts_with("http://"));
    let bundle = variable("AWS_CA_BUNDLE").or_else(|| profile.bundle.clone());
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_disable_bulk_delete(true)
        .with_client_options(believing(options(plain), bundle)?)
        .with_retry(retry())
        .with_http_connector(wire);
    if let Some(endpoint) = endpoint {
        builder = builder.with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
    }
    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    if let Some(region) = region.or_else(|| profile.region.clone()) {
        builder = builder.with_region(region);
    }
    Ok(with_credentials(builder, profile)?.build()?)
}

/// Those of the environment, then those of the profile; what is left is the role of the machine.
fn with_credentials(
    builder: AmazonS3Builder,
    profile: Profile,
) -> Result<AmazonS3Builder, Trouble> {
    let given = ELSEWHERE.iter().any(|name| variable(name).is_some());
    Ok(match (profile.key_id, profile.secret, profile.process) {
        _ if given || is_on("AWS_SKIP_SIGNATURE") => builder,
        (Some(key_id), Some(secret), _) => {
            let builder = builder
                .with_access_key_id(key_id)
                .with_secret_access_key(secret);
            match profile.token {
                Some(token) => builder.with_token(token),
                None => builder,
            }
        }
        (_, _, Some(command)) => builder.with_credentials(Arc::new(Process::new(command))),
        _ if is_on("AWS_EC2_METADATA_DISABLED") => {
            return Err(Trouble::new(Word::Denied, NO_CREDENTIALS));
        }
        _ => builder,
    })
}
