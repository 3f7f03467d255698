//! The trait of key extractors.

use super::{And, Hmac, HmacSecret, Key, MissingKey, Or};
use crate::layer::RequestHead;

/// Extracts a key from a request's head. Closures are extractors. With [`from_fn`], a closure's
/// parameter needs no type annotation.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say where a request's key is found",
    label = "expected a key, such as `keys::header(\"x-api-key\")` or `keys::fixed(\"api\")`",
    note = "a closure needs the type of its parameter: `|head: &RequestHead<'_>| ...`, or `keys::from_fn(|head| ...)`"
)]
pub trait KeyExtractor: Send + Sync + 'static {
    /// Returns the key.
    ///
    /// # Errors
    /// [`MissingKey`] says why the request has no key. The policy decides what happens to the
    /// request.
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey>;

    /// Returns the key, if it is the same for all requests. If it is not a valid name, the policy
    /// cannot be built.
    fn constant(&self) -> Option<Key> {
        None
    }

    /// Combines this key with another one. Requests that differ in one of the keys have different
    /// buckets. The combined key is missing if either of them is. If both are missing, the first
    /// one's error is returned, unless the other one is a misconfiguration of the server.
    ///
    /// ```
    /// use tollgate::layer::{KeyExtractor, keys};
    ///
    /// // Each model has one bucket for GET and one for POST.
    /// let resource = keys::method().and(keys::header("x-model"));
    /// # tollgate::layer::Policy::builder().resource(resource);
    /// ```
    fn and<K: KeyExtractor>(self, other: K) -> And<Self, K>
    where
        Self: Sized,
    {
        And::new(self, other)
    }

    /// Uses another key if the request lacks this one. If the error is a misconfiguration of the
    /// server, the other key is not tried.
    ///
    /// ```
    /// use tollgate::layer::{KeyExtractor, keys};
    ///
    /// let entity = keys::bearer_token().or(keys::hashed_cookie("session"));
    /// # tollgate::layer::Policy::builder().entity(entity);
    /// ```
    fn or<K: KeyExtractor>(self, other: K) -> Or<Self, K>
    where
        Self: Sized,
    {
        Or::new(self, other)
    }

    /// Hashes this key with `secret`. Somebody who knows the table, but not the secret, cannot find
    /// the key by trying. See [`HmacSecret`].
    fn hmac(self, secret: &HmacSecret) -> Hmac<Self>
    where
        Self: Sized,
    {
        Hmac::new(self, secret)
    }
}

/// Returns a closure as an extractor. The closure's parameter needs no type annotation.
///
/// ```
/// use tollgate::layer::{Key, MissingKey, Policy, keys};
///
/// let tenant = keys::from_fn(|head| match head.headers.get("x-tenant") {
///     Some(tenant) => Ok(Key::untrusted(tenant.as_bytes())),
///     None => Err(MissingKey::absent("the header x-tenant")),
/// });
/// # Policy::builder().entity(tenant);
/// ```
pub fn from_fn<F>(extract: F) -> F
where
    F: Fn(&RequestHead<'_>) -> Result<Key, MissingKey> + Send + Sync + 'static,
{
    extract
}

impl<F> KeyExtractor for F
where
    F: Fn(&RequestHead<'_>) -> Result<Key, MissingKey> + Send + Sync + 'static,
{
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        self(head)
    }
}
