//! The tower layer, its service, its response future and its response body.

pub(super) mod body;
mod ending;
mod future;
mod layer;
mod service;
#[cfg(feature = "tower")]
mod service_builder_ext;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::RateLimitLayer;
pub use service::RateLimit;
#[cfg(feature = "tower")]
pub use service_builder_ext::ServiceBuilderExt;
