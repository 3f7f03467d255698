//! The response: the settlement by its head, the report of the limits and its headers, and the
//! layer's own answers.

pub(super) mod answer;
pub(super) mod handler_error;
pub(super) mod headers;
mod report;
mod settle_head;
pub(super) mod shadow_header;
