//! One table with the Python client, at the same time.
//!
//! The tests need a Python with zae-limiter 0.17.0 and a script that drives it over JSON lines:
//! `TOLLGATE_PEER_PYTHON` and `TOLLGATE_PEER_SCRIPT` name them. Without them they are skipped, and
//! say so.

mod buckets;
mod cascade;
mod flood;
mod leases;
mod peer;
mod records;
mod same_items;
