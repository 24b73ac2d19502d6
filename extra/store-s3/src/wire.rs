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

/// Whether it asks for a list.
fn lists(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let is_list = |word| word == "list-type=2" || word == "comp=list";
    request.method() == Method::GET && query.split('&').any(is_list)
}

/// A list without what others have put there under names that the library would misread, or take for an error: those that
/// end with a slash, as folders that people have made, and those with an empty component.
fn without_odd(kind: Kind, list: &str) -> String {
    let (start, end, name) = match kind {
        Kind::S3 | Kind::Gs => ("<Contents>", "</Contents>", "<Key>"),
        Kind::Az => ("<Blob>", "</Blob>", "<Name>"),
    };
    let mut parts = list.split(start);
    let mut left = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let (object, rest) = part.split_once(end).unwrap_or((part, ""));
        let named = object
            .split(name)
            .nth(1)
            .and_then(|rest| rest.split('<').next());
        let component = |c: &str| c.is_empty() || c == "." || c == "..";
        if !named.is_some_and(|named| named.split('/').any(component)) {
            left.extend([start, object, end]);
        }
        left += rest;
    }
    left
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
        let (listing, kind) = (lists(&request), self.kind);
        let conditional = condition.is_some_and(|(name, _)| request.headers().contains_key(name));
        let mut response = self.inner.execute(request).await?;
        if conditional && response.status() == StatusCode::NOT_IMPLEMENTED {
            // It will not be otherwise the next time, so it is not to be tried again, as what begins with 5 is.
            self.unconditional.store(true, Ordering::Relaxed);
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        }
        if listing && response.status().is_success() {
            let (parts, body) = response.into_parts();
            let body = body.bytes().await?;
            let list = without_odd(kind, &String::from_utf8_lossy(&body));
            return Ok(HttpResponse::from_parts(parts, list.into()));
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_people_have_made_are_no_objects() {
        let object = |name: &str| format!("<Contents><Key>{name}</Key><Size>1</Size></Contents>");
        let list = |names: &[&str]| {
            let all: String = names.iter().map(|name| object(name)).collect();
            format!("<List><Prefix>a/</Prefix>{all}<X>y</X></List>")
        };
        let odd = ["a/", "a/b", "a//b", "/a", "a/./b", "a/../b", "a/.b", "c"];
        assert_eq!(
            without_odd(Kind::S3, &list(&odd)),
            list(&["a/b", "a/.b", "c"])
        );
        assert_eq!(without_odd(Kind::Gs, &list(&[])), list(&[]));
        let blob = "<Blobs><Blob><Name>a/</Name></Blob><Blob><Name>b</Name></Blob></Blobs>";
        assert_eq!(
            without_odd(Kind::Az, blob),
            "<Blobs><Blob><Name>b</Name></Blob></Blobs>"
        );
    }
}
