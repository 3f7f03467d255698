//! Answers to clients.

mod custom;
mod denied;
mod dialects;
mod errors;
mod exposed;
mod fields;
mod grpc;
mod head;
mod jitter;
mod nested;
mod partition;
mod problems;
mod reasons;
mod report;
mod resets;
mod retry_after;
mod table;
mod units;
