//! What a request has really cost, by its response and by the handler.
//!
//! A request costs 10 of 100 tokens before anything is known.

mod bad_values;
mod cut_off;
mod debt;
mod estimate;
mod handle;
mod header;
mod learn;
mod outcome;
mod refund;
mod response_head;
mod top_up;
mod trailer;
mod trailer_sockets;
mod without_cost;
mod zero;

/// What is left where the estimate stands.
pub(super) const AS_ESTIMATED: i64 = 90;
