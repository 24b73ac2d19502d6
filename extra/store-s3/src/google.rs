//! Google Cloud Storage: where it is, and with which credentials.

use std::path::Path;

use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};

use crate::open::{options, reaches, retry};
use crate::profile::variable;
use crate::trouble::{NO_CREDENTIALS, Trouble, Word};
use crate::wire::Wire;

/// Where credentials may come from, or none are needed.
const GIVEN: [&str; 6] = [
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_BEARER_TOKEN",
    "GOOGLE_SKIP_SIGNATURE",
];

/// What gcloud(1) leaves, below the home directory.
const LEFT: &str = ".config/gcloud/application_default_credentials.json";

pub fn open(bucket: &str, wire: Wire) -> Result<GoogleCloudStorage, Trouble> {
    let base = variable("GOOGLE_BASE_URL").or_else(|| variable("STORAGE_EMULATOR_HOST"));
    let given = GIVEN.iter().any(|name| variable(name).is_some());
    let left = variable("HOME").is_some_and(|home| Path::new(&home).join(LEFT).exists());
    if !given && !left && !reaches("metadata.google.internal:80") {
        return Err(Trouble::new(Word::Denied, NO_CREDENTIALS));
    }
    let plain = base
        .as_ref()
        .is_some_and(|base| base.starts_with("http://"));
    let mut builder = GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(bucket)
        .with_client_options(options(plain))
        .with_retry(retry())
        .with_http_connector(wire);
    if let Some(base) = base {
        builder = builder.with_base_url(&base);
    }
    Ok(builder.build()?)
}
