//! The gRPC protocols, and how a request's protocol is detected.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, Version,
    header::{CONTENT_TYPE, TE},
};

/// A gRPC protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// gRPC over HTTP/2. If there are no messages, the trailers are the response's headers.
    Grpc,
    /// gRPC-Web over any version of HTTP. The trailers are in the body, because scripts of other
    /// origins see only the headers that are exposed to them.
    Web,
    /// The same as `Web`, in base64.
    WebText,
}

const GRPC: &[u8] = b"application/grpc";
const WEB: &[u8] = b"-web";
const TEXT: &[u8] = b"-text";

/// The first byte of a frame that holds trailers.
const TRAILERS: u8 = 0x80;

impl Protocol {
    /// Returns the protocol of a POST request, if it is a gRPC request.
    ///
    /// Clients can send any `content-type`. So `application/grpc` counts only if the request came
    /// over HTTP/2 or says that its client reads trailers. Everything else gets an HTTP status,
    /// which caches, proxies and scripts understand.
    pub(crate) fn of(version: Version, headers: &HeaderMap) -> Option<Self> {
        let rest = after(headers.get(CONTENT_TYPE)?.as_bytes(), GRPC)?;
        let (protocol, rest) = match after(rest, WEB) {
            None => (Self::Grpc, rest),
            Some(rest) => after(rest, TEXT).map_or((Self::Web, rest), |rest| (Self::WebText, rest)),
        };
        if !matches!(rest.first(), None | Some(b'+' | b';' | b' ' | b'\t')) {
            return None;
        }
        let reads_trailers =
            protocol != Self::Grpc || version >= Version::HTTP_2 || says_trailers(headers);
        reads_trailers.then_some(protocol)
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Grpc => "application/grpc",
            Self::Web => "application/grpc-web+proto",
            Self::WebText => "application/grpc-web-text+proto",
        }
    }

    /// Returns the headers and the body of a response that consists of trailers only.
    pub(super) fn head_and_body(self, trailers: HeaderMap) -> (HeaderMap, Bytes) {
        match self {
            Self::Grpc => (trailers, Bytes::new()),
            Self::Web => (HeaderMap::new(), frame(&trailers).into()),
            Self::WebText => (HeaderMap::new(), STANDARD.encode(frame(&trailers)).into()),
        }
    }
}

/// Returns the frame of the trailers: a byte that marks it as one, the length in four bytes, and a
/// line for each trailer.
fn frame(trailers: &HeaderMap) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in trailers {
        for part in [name.as_str().as_bytes(), b":", value.as_bytes(), b"\r\n"] {
            lines.extend_from_slice(part);
        }
    }
    let length = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    [&[TRAILERS], &length.to_be_bytes()[..], &lines].concat()
}

/// Returns the rest of `text` after `start`, if it begins with `start` in upper or lower case.
fn after<'a>(text: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    let (begin, rest) = text.split_at_checked(start.len())?;
    begin.eq_ignore_ascii_case(start).then_some(rest)
}

/// Returns true if `te` lists `trailers`.
fn says_trailers(headers: &HeaderMap) -> bool {
    let mut codings = headers
        .get_all(TE)
        .into_iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    codings.any(|coding| {
        let name = coding
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"trailers")
    })
}
