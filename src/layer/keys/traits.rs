//! The trait.

use super::{And, Hmac, HmacSecret, Key, MissingKey, Or};
use crate::layer::RequestHead;

/// Takes a key out of a request's head. Closures are extractors; [`from_fn`] knows the type of their parameter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say where a request's key is found",
    label = "expected a key, such as `keys::header(\"x-api-key\")` or `keys::fixed(\"api\")`",
    note = "a closure needs the type of its parameter: `|head: &RequestHead<'_>| ...`, or `keys::from_fn(|head| ...)`"
)]
pub trait KeyExtractor: Send + Sync + 'static {
    /// The key, or why there is none.
    ///
    /// # Errors
    /// [`MissingKey`]: the policy decides what becomes of the request.
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey>;

    /// The key where it is the same for all requests: one that is no name builds no policy.
    fn constant(&self) -> Option<Key> {
        None
    }

    /// This key and another one together: whoever differs in one of them has a bucket of their
    /// own. It is missing where either is; where both are, the first one's answer is given, unless
    /// the other is a mistake in the server's setup.
    ///
    /// ```
    /// use tollgate::layer::{KeyExtractor, keys};
    ///
    /// // GET and POST of a path are limited apart.
    /// let resource = keys::method().and(keys::header("x-model"));
    /// # tollgate::layer::Policy::builder().resource(resource);
    /// ```
    fn and<K: KeyExtractor>(self, other: K) -> And<Self, K>
    where
        Self: Sized,
    {
        And::new(self, other)
    }

    /// This key, or where the request lacks it another one. A mistake in the server's setup is no
    /// reason to look further.
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

    /// This key, hashed with `secret`: who knows the table but not the secret cannot try out
    /// which key it is. See [`HmacSecret`].
    fn hmac(self, secret: &HmacSecret) -> Hmac<Self>
    where
        Self: Sized,
    {
        Hmac::new(self, secret)
    }
}

/// A key from a closure, whose parameter needs no type.
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
