//! The response: the settlement by its head, the headers that report the limits, and the layer's
//! own answers.

pub(super) mod answer;
pub(super) mod handler_error;
pub(super) mod headers;
mod settle_head;
pub(super) mod shadow_header;
