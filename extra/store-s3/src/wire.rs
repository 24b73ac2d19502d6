//! The way to the server, with what the library leaves out: large objects too are made only if absent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use http::header::{HeaderName, HeaderValue, IF_NONE_MATCH};
use http::{Method, StatusCode};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};

use crate::address::Kind;

/// Makes the clients.
#[derive(Debug)]
pub struct Wire {
    pub kind: Kind,
    /// The server knows no conditions: it has refused one.
    pub unconditional: Arc<AtomicBool>,
}

impl HttpConnector for Wire {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Client {
            inner: ReqwestConnector::default().connect(options)?,
            kind: self.kind,
            unconditional: self.unconditional.clone(),
        }))
    }
}

#[derive(Debug)]
struct Client {
    inner: HttpClient,
    kind: Kind,
    unconditional: Arc<AtomicBool>,
}

/// What makes a request hold only where nothing is there yet.
fn condition(kind: Kind) -> Option<(HeaderName, HeaderValue)> {
    match kind {
        Kind::S3 => Some((IF_NONE_MATCH, HeaderValue::from_static("*"))),
        Kind::Gs => Some((
            HeaderName::from_static("x-goog-if-generation-match"),
            HeaderValue::from_static("0"),
        )),
        // There it would have to be signed.
        Kind::Az => None,
    }
}

/// Whether it is the request that makes an object of its parts.
fn completes(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == Method::POST && query.split('&').any(|word| word.starts_with("uploadId="))
}

#[async_trait]
impl HttpService for Client {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let condition = condition(self.kind);
        // Headers that are not signed may be added behind the signature.
        if let Some((name, value)) = condition.clone()
            && completes(&request)
            && !self.unconditional.load(Ordering::Relaxed)
        {
            request.headers_mut().insert(name, value);
        }
        let conditional = condition.is_some_and(|(name, _)| request.headers().contains_key(name));
        let mut response = self.inner.execute(request).await?;
        if conditional && response.status() == StatusCode::NOT_IMPLEMENTED {
            // It will not be otherwise the next time, so it is not to be tried again, as what begins with 5 is.
            self.unconditional.store(true, Ordering::Relaxed);
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        }
        Ok(response)
    }
}
