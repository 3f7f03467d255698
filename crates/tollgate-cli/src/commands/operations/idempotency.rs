//! The key that makes a repeat harmless.

use clap::Args;

/// The option for the key.
#[derive(Debug, Args)]
pub(super) struct Idempotency {
    /// A repeat with the same key within three days changes nothing
    #[arg(long = "idempotency-key", value_name = "KEY")]
    pub(super) key: Option<String>,
}
