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
//! | acquires several resources | the tokens of each, the parent's too; a denial undone; each settled on its own | `several_resources` |
//! | creates, deletes entities | the entity, its children; nothing after a deletion | `records` |
//! | sets, replaces, deletes limits of the four levels | the limits, their source, the lists | `records` |
//! | sets an entity's limits | them in buckets that already exist | `records` |
//! | sets the mode for an unavailable store | the mode | `records` |
//! | registers namespaces | the same ids; nothing of another namespace | `records` |
//! | changes anything that the history records | the same events, newest first | `records` |
//! | any of these calls | the same attributes, types and values in each item | `same_items` |
//! | disables, bypasses, makes soft or cascading | the refusal, the bypass, the debt, the parent charged | `flags` |
//! | evaluates and decodes schedules | the same answers | `schedules` |
//! | charges, holds and settles for a month | exact sums in every period | `month` |
//! | charges and stores limits with schedules | the numbers of now, the same items | `tariffs` |

mod buckets;
mod cascade;
mod flags;
mod flood;
mod leases;
mod mixed;
mod month;
mod one_table;
mod operations;
mod peer;
mod quotas;
mod quotas_of_shards;
mod records;
mod same_items;
mod schedules;
mod several_resources;
mod tariffs;
mod turns;
mod usage;
