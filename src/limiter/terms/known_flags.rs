//! The flags of stored configs that a request knows.

/// The flags of stored configs, as the look-up of a request has found them. They may be as old as
/// the cache allows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KnownFlags {
    /// `true` if the configs bypass the limits.
    pub(crate) bypassed: bool,
    /// `true` if some of the stored limits are soft, and the request uses the stored limits.
    pub(crate) soft: bool,
    /// The time at which they were looked up, epoch ms; 0 if nothing was looked up.
    pub(crate) looked_at: i64,
}
