//! Customary limit names.

/// Requests per second.
pub const RPS: &str = "rps";
/// Requests per minute.
pub const RPM: &str = "rpm";
/// Requests per hour.
pub const RPH: &str = "rph";
/// Requests per day.
pub const RPD: &str = "rpd";
/// Tokens (of a language model) per minute.
pub const TPM: &str = "tpm";
/// Tokens (of a language model) per hour.
pub const TPH: &str = "tph";
/// Tokens (of a language model) per day.
pub const TPD: &str = "tpd";
