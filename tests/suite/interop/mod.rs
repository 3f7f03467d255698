//! One table with the Python client, at the same time.
//!
//! The tests need a Python with zae-limiter 0.17.0 and a script that drives it over JSON lines:
//! `TOLLGATE_PEER_PYTHON` and `TOLLGATE_PEER_SCRIPT` name them. Without them they are skipped, and
//! say so.
//!
//! | what one does | what the other sees | where |
//! |---|---|---|
//! | acquires, is denied | tokens, the denial | `buckets` |
//! | adjusts, consumes, releases, commits, rolls back, goes into debt | tokens of both limits, buckets | `leases` |
//! | acquires for a child | the parent charged, whoever has made which bucket; a denial undone | `cascade` |
//! | creates, deletes entities | the entity, its children, nothing left of it | `records` |
//! | sets, replaces, deletes limits of the four levels | the limits, where they come from, the lists | `records` |
//! | sets an entity's limits | the buckets that are there already | `records` |
//! | sets what happens while the store is unavailable | the mode | `records` |
//! | registers namespaces | the same ids; nothing of another namespace | `records` |
//! | anything that is noted | the same events, newest first | `records` |
//! | any of it, item by item | the same attributes, types and values | `same_items` |
//! | floods, and dies of it | its share; the rest goes on | `flood` |

mod buckets;
mod cascade;
mod flood;
mod leases;
mod mixed;
mod peer;
mod records;
mod same_items;
mod usage;
