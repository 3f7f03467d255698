//! Keys from the extensions that earlier middleware adds to the request.

use std::{any::type_name, fmt, marker::PhantomData};

use super::{Key, KeyExtractor, MissingKey};
use crate::{error::code, layer::RequestHead};

/// The extractor that [`extension`] returns.
pub struct Extension<T, F> {
    key: F,
    of: PhantomData<fn(&T)>,
}

impl<T, F> fmt::Debug for Extension<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extension<{}>", type_name::<T>())
    }
}

/// Extracts a key from a `T` that earlier middleware has put into the request's extensions, such as
/// an authenticated user. If the request has no `T`, that middleware is missing or runs after this
/// layer. A missing `T` is a misconfiguration of the server, answered with 500.
///
/// ```
/// use tollgate::layer::{Key, keys};
///
/// #[derive(Clone)]
/// struct User {
///     id: u64,
/// }
///
/// let entity = keys::extension(|user: &User| Key::name(format!("user-{}", user.id)));
/// # tollgate::layer::Policy::builder().entity(entity);
/// ```
pub fn extension<T, F>(key: F) -> Extension<T, F>
where
    T: Send + Sync + 'static,
    F: Fn(&T) -> Key + Send + Sync + 'static,
{
    Extension {
        key,
        of: PhantomData,
    }
}

impl<T, F> KeyExtractor for Extension<T, F>
where
    T: Send + Sync + 'static,
    F: Fn(&T) -> Key + Send + Sync + 'static,
{
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        match head.extensions.get::<T>() {
            Some(value) => Ok((self.key)(value)),
            None => Err(MissingKey::mistake(
                code::NO_EXTENSION,
                format!(
                    "the request has no extension {}: the layer that puts it there must be outside the rate limit layer",
                    type_name::<T>()
                ),
            )),
        }
    }
}
