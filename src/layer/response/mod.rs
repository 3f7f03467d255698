//! The response: the settlement by its head, the report of the limits, and the layer's own answers.

pub(super) mod answer;
pub(super) mod handler_error;
mod report;
mod settle_head;
mod shadow_header;
