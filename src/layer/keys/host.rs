//! Keys from the host that a request names.

use http::{header::HOST, uri::Authority};

use super::{Key, KeyExtractor, MissingKey, form::only};
use crate::layer::RequestHead;

/// The extractor that [`uri_host`] and [`host_header`] return.
#[derive(Clone, Copy, Debug)]
pub struct Host(HostSource);

#[derive(Clone, Copy, Debug)]
enum HostSource {
    Uri,
    Header,
}

/// Extracts the host of the URI, where HTTP/2 and HTTP/3 clients put it. The key is in lower case,
/// without the port and without a dot at the end.
///
/// HTTP/1.1 clients mostly name the host in a header only. To read both, in the order of
/// precedence:
///
/// ```
/// use tollgate::layer::{KeyExtractor, keys};
///
/// let tenant = keys::uri_host().or(keys::host_header());
/// # tollgate::layer::Policy::builder().entity(tenant);
/// ```
///
/// Clients choose the host that they send. Use it for tenants only if requests for hosts that are
/// not yours never reach the layer.
pub fn uri_host() -> Host {
    Host(HostSource::Uri)
}

/// Extracts the host of the `Host` header, and of no other place: see [`uri_host`].
pub fn host_header() -> Host {
    Host(HostSource::Header)
}

impl KeyExtractor for Host {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        let (host, what) = match self.0 {
            HostSource::Uri => (head.uri.authority().and_then(host), "host in the URI"),
            HostSource::Header => {
                let value = only(head.headers.get_all(HOST).iter());
                let authority =
                    value.and_then(|value| Authority::try_from(value.as_bytes().trim_ascii()).ok());
                (authority.as_ref().and_then(host), "header: host")
            }
        };
        host.map(Key::untrusted)
            .ok_or_else(|| MissingKey::absent(what))
    }
}

fn host(authority: &Authority) -> Option<String> {
    // No honest client sends a user name in the authority.
    if authority.as_str().contains('@') {
        return None;
    }
    let host = authority.host();
    let host = host.strip_suffix('.').unwrap_or(host);
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}
