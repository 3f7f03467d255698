//! Limits as code: compares a [`Manifest`] with a table, and writes it there.
//!
//! [`plan`] reads, and returns what [`apply`] would change: old and new values, and what is left
//! alone. [`export`] returns a manifest of what is stored.
//!
//! # Who owns what
//! An apply changes and deletes only what a manifest of the namespace has declared before, or
//! declares now. The table keeps the list, in the item of the Python client's provisioner: a
//! namespace can move from one to the other and back. Everything else is
//! [unmanaged](Plan::unmanaged), and only a plan with `prune` deletes it.
//!
//! # What happens if an apply is interrupted
//! Configs are written by transactions of up to forty, each with its event and its entry in the
//! lists of the table. Before it is written, the buckets that have to follow are recorded as items
//! of their own, as the Python client's provisioner does. The next apply writes what is still
//! missing, and the buckets of an apply that is certainly gone.
//!
//! # What happens if two applies run at once
//! The record names the apply that has it. An apply that finds another name there, before each
//! transaction and at the end, stops. It adds what it has stored to the list of what is managed, so
//! that the next plan of the other manifest shows it as a difference.

mod apply;
mod catch_up;
mod change;
mod difference;
mod error;
mod export;
mod hash;
mod level;
mod live;
mod managed;
mod options;
mod owed;
mod part;
mod pending;
mod plan;
mod shares;
mod target;

pub use apply::{Applied, ApplyOptions, apply};
pub use change::{ChangeAction, PlannedChange};
pub use difference::Difference;
pub use error::LimitsError;
pub use export::export;
pub use options::PlanOptions;
pub use owed::OwedFanOut;
pub use plan::{Plan, plan};
pub use shares::end_leases;
pub use target::Target;
pub use tollgate_manifest::{
    Manifest, ManifestEntry, ManifestError, ManifestFault, ManifestFaults,
};
