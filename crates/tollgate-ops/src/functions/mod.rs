//! The functions of a stack on AWS: their logs, and the connection of the table's stream to one.
//!
//! The few calls of CloudWatch Logs and Lambda are signed requests, made with what the SDK's client
//! of DynamoDB brings. The clients of these services would be large parts of every function.

mod call;
mod code;
mod endpoint;
mod event_source;
mod hand_over;
mod log;
mod refusal;

pub use endpoint::configured_endpoint;
pub use event_source::{EventSourceState, StreamSource, StreamSources};
pub use hand_over::HandOver;
pub use log::{FunctionLog, LogEvent};
pub use refusal::is_denied;
