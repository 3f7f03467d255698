//! The head of a request.

use std::fmt;

use http::{Extensions, HeaderMap, Method, Request, Uri, Version};

/// The part of a request that key extractors and cost estimates see: everything but the body.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The URI.
    pub uri: &'a Uri,
    /// The protocol version.
    pub version: Version,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The extensions, which earlier middleware has filled.
    pub extensions: &'a Extensions,
}

/// Leaves out the query, headers and extensions: they may hold secrets.
impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", self.method)
            .field("path", &self.uri.path())
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl<'a, B> From<&'a Request<B>> for RequestHead<'a> {
    fn from(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}
