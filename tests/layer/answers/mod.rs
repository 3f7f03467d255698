//! What clients are told.

mod denied;
mod fields;
mod nested;
mod report;
mod retry_after;
