//! Targets: a limiter, a URL.

mod amount;
mod connector;
mod http;
mod keys;
mod limiter;
mod rate_limit_headers;
mod stream;

pub use amount::Amount;
pub use http::{HttpTarget, InvalidRequest};
pub use keys::Keys;
pub use limiter::LimiterTarget;
pub use stream::TokenStream;
