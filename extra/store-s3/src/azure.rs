//! Azure Blob Storage: where it is, and with which credentials.

use object_store::azure::{MicrosoftAzure, MicrosoftAzureBuilder};

use crate::open::{is_on, options, retry};
use crate::profile::variable;
use crate::trouble::{Trouble, Word};
use crate::wire::Wire;

pub fn open(container: &str, wire: Wire) -> Result<MicrosoftAzure, Trouble> {
    let endpoint = variable("AZURE_STORAGE_ENDPOINT").or_else(|| variable("AZURE_ENDPOINT"));
    let emulated = is_on("AZURE_STORAGE_USE_EMULATOR");
    if !emulated && variable("AZURE_STORAGE_ACCOUNT_NAME").is_none() {
        let text = "there is no account: set AZURE_STORAGE_ACCOUNT_NAME (fsync-store-s3(1))";
        return Err(Trouble::new(Word::Denied, text));
    }
    let plain = emulated || endpoint.is_some_and(|url| url.starts_with("http://"));
    let builder = MicrosoftAzureBuilder::from_env()
        .with_container_name(container)
        .with_client_options(options(plain))
        .with_retry(retry())
        .with_http_connector(wire);
    Ok(builder.build()?)
}
