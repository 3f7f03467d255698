//! This crate and the Python client on one table at the same time.
//!
//! The tests need a Python with zae-limiter 0.17.0 and a script that drives it over JSON lines:
//! `TOLLGATE_PEER_PYTHON` and `TOLLGATE_PEER_SCRIPT` name them. Without these variables the tests
//! are skipped, and print that.
//!
//! | one client | the other client sees | module |
//! |---|---|---|
//! | acquires, is denied | tokens, the denial | `buckets` |
//! | adjusts, consumes, releases, commits, rolls back, goes into debt | tokens of both limits, buckets | `leases` |
//! | acquires for a child | the parent charged, whichever client made the buckets; a denial undone | `cascade` |
//! | creates, deletes entities | the entity, its children; nothing after a deletion | `records` |
//! | sets, replaces, deletes limits of the four levels | the limits, their source, the lists | `records` |
//! | sets an entity's limits | them in buckets that already exist | `records` |
//! | sets the mode for an unavailable store | the mode | `records` |
//! | registers namespaces | the same ids; nothing of another namespace | `records` |
//! | changes anything that the history records | the same events, newest first | `records` |
//! | any of these calls | the same attributes, types and values in each item | `same_items` |
//! | evaluates and decodes schedules | the same answers | `schedules` |

mod buckets;
mod cascade;
mod flood;
mod leases;
mod mixed;
mod one_table;
mod peer;
mod quotas;
mod records;
mod same_items;
mod schedules;
mod usage;
