//! The host that a request names.

use http::{header::HOST, uri::Authority};

use super::{Key, KeyExtractor, MissingKey, form::only};
use crate::layer::RequestHead;

/// See [`uri_host`] and [`host_header`].
#[derive(Clone, Copy, Debug)]
pub struct Host(Source);

#[derive(Clone, Copy, Debug)]
enum Source {
    Uri,
    Header,
}

/// The host of the URI: HTTP/2 and HTTP/3 clients put it there. In lower case, without a port and
/// a dot at its end.
///
/// HTTP/1.1 clients mostly name the host in a header only. For both, in the order in which they
/// count:
///
/// ```
/// use tollgate::layer::{KeyExtractor, keys};
///
/// let tenant = keys::uri_host().or(keys::host_header());
/// # tollgate::layer::Policy::builder().entity(tenant);
/// ```
///
/// Clients choose what they send: take it for tenants only where hosts that are not yours never
/// reach the layer.
pub fn uri_host() -> Host {
    Host(Source::Uri)
}

/// The host of the `Host` header, and no other: see [`uri_host`].
pub fn host_header() -> Host {
    Host(Source::Header)
}

impl KeyExtractor for Host {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        let (host, what) = match self.0 {
            Source::Uri => (head.uri.authority().and_then(host), "host in the URI"),
            Source::Header => {
                let value = only(head.headers.get_all(HOST).iter());
                let authority = value.and_then(|value| Authority::try_from(value.as_bytes().trim_ascii()).ok());
                (authority.as_ref().and_then(host), "header: host")
            }
        };
        host.map(Key::untrusted).ok_or_else(|| MissingKey::absent(what))
    }
}

fn host(authority: &Authority) -> Option<String> {
    // Nobody but a liar sends user names along.
    if authority.as_str().contains('@') {
        return None;
    }
    let host = authority.host();
    let host = host.strip_suffix('.').unwrap_or(host);
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}
