//! Settlement by the response and by the handler.
//!
//! A request is charged 10 of 100 tokens before its real use is known.

mod bad_values;
mod cut_off;
mod debt;
mod estimate;
mod handle;
mod header;
mod learn;
mod outcome;
mod quotas;
mod refund;
mod response_head;
mod top_up;
mod trailer;
mod trailer_sockets;
mod without_cost;
mod zero;

/// The tokens left if the estimate is kept.
pub(super) const AS_ESTIMATED: i64 = 90;
