//! S3: where it is, and with which credentials.

use std::sync::Arc;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{Certificate, ClientOptions};

use crate::open::{is_on, options, reaches, retry};
use crate::process::Process;
use crate::profile::{Profile, variable};
use crate::trouble::{NO_CREDENTIALS, Trouble, Word};
use crate::wire::Wire;

/// Where credentials may come from before a profile is asked.
const ELSEWHERE: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

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

/// What the environment says comes before what the profile says.
pub fn open(bucket: &str, wire: Wire) -> Result<AmazonS3, Trouble> {
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
        _ if !may_have_role() => return Err(Trouble::new(Word::Denied, NO_CREDENTIALS)),
        _ => builder,
    })
}

/// Whether this may be a machine of Amazon's, which has a role; elsewhere nobody answers, and that takes long.
fn may_have_role() -> bool {
    let asked = !is_on("AWS_EC2_METADATA_DISABLED");
    asked && (variable("AWS_METADATA_ENDPOINT").is_some() || reaches("169.254.169.254:80"))
}
