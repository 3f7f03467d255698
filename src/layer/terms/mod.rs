//! The words that all rooms of the layer share. No room is needed to say them.

mod amount;
mod header_name;
mod invalid_policy;
mod policy_limits;
mod request_head;

pub use invalid_policy::InvalidPolicy;
pub use request_head::RequestHead;

#[cfg(test)]
pub(super) use amount::MOST_AMOUNT;
pub(super) use amount::{BadAmount, amount, in_bounds, single_amount};
pub(super) use header_name::{header_name, header_names};
pub(super) use policy_limits::PolicyLimits;
