//! Limits as code for [`tollgate`]: files of limits, their checks, and services that watch them.
//!
//! A [`Manifest`] is a YAML file with the limits of one namespace. The format is that of the Python
//! library zae-limiter. [`Manifest::parse`] checks everything and tells all faults at once, each
//! with its place. The rules for names, limits and schedules are those of [`tollgate`].
//!
//! ```
//! use tollgate_manifest::Manifest;
//!
//! let manifest = Manifest::parse(
//!     "limits.yaml",
//!     "
//! namespace: default
//! system:
//!   on_unavailable: block
//!   limits:
//!     rpm: {capacity: 60}
//! resources:
//!   gpt-4:
//!     limits:
//!       tpm: {capacity: 100_000, refill_amount: 50_000}
//! entities:
//!   customer-7:
//!     resources:
//!       gpt-4: {disabled: true}
//! ",
//! )?;
//! assert_eq!(manifest.entries().len(), 3);
//!
//! let faults = Manifest::parse("limits.yaml", "namespace: default\nsistem: {}\n").unwrap_err();
//! assert!(faults.to_string().starts_with("limits.yaml:2:1: unknown key `sistem`"));
//! # Ok::<(), tollgate_manifest::ManifestFaults>(())
//! ```
//!
//! Without a table, [`install`] gives a limiter the limits of a manifest, and [`watch`] keeps them
//! as the file is. With a table, the command `tollgate limits` compares and writes it.

mod fault;
mod file;
mod install;
mod manifest;
mod read;
mod source;
mod text;
mod watch;
mod write;
mod yaml;

pub use fault::{ManifestFault, ManifestFaults};
pub use file::{MOST_BYTES, ManifestError};
pub use install::install;
pub use manifest::{Manifest, ManifestEntry};
pub use watch::{ManifestEvent, watch};
